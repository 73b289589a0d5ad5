"""Random models are averaged over their own draws, which nothing but the seed decides."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from wrapped_models import (
    DEVICES,
    LENGTH,
    Dropping,
    ElsewhereRandom,
    Linear,
    Multiplied,
    NoisyRecurrence,
    Then,
    every_edit,
    gradient,
    logits,
    second,
    squares,
    tokens,
    wrap,
)

from seqrobust.alphabet import DNA
from seqrobust.attacks import Problem, Untargeted, attacks_named, run_shard
from seqrobust.errors import ModelError
from seqrobust.models.expectation import sample_seed
from seqrobust.neighbours import NeighbourScores
from seqrobust.neighbours.edits import apply_edits
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.encoding import one_hot
from seqrobust.threats import Budget, SubstitutionThreat


def drawn_noise(samples: int, seed: int) -> Tensor:
    """(samples, K, L) factors that a record standing alone meets."""
    with torch.random.fork_rng():
        factors = []
        for sample in range(samples):
            torch.manual_seed(sample_seed(seed, sample))
            factors.append(1 + torch.randn(4, LENGTH))
    return torch.stack(factors)


@pytest.mark.parametrize(("samples", "seed"), [(1, 0), (7, 5)])
def test_expectation_over_multiplicative_noise_is_the_mean_over_its_draws(samples: int, seed: int) -> None:
    module, rows = Multiplied(), tokens()
    predictor = wrap(module, samples=samples, seed=seed)
    assert predictor.stochastic
    weight = module.weight.detach() * drawn_noise(samples, seed).mean(0)
    expected = torch.einsum("nkl,okl->no", one_hot(rows, DNA), weight)
    torch.testing.assert_close(logits(predictor, rows), expected, rtol=1e-5, atol=1e-5)
    found = gradient(predictor, rows, second)
    torch.testing.assert_close(found.gradient, weight[1].expand_as(found.gradient), rtol=1e-5, atol=1e-5)
    # Of the objective of the mean, not the mean of objectives.
    slope = torch.einsum("no,okl->nkl", 2 * expected, weight)
    found = gradient(predictor, rows, squares)
    torch.testing.assert_close(found.value, expected.square().sum(1), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(found.gradient, slope, rtol=1e-4, atol=1e-4)


def test_the_mean_over_many_draws_is_the_model_without_noise() -> None:
    rows, plain = tokens(6), logits(wrap(Linear()), tokens(6))
    few, many = (logits(wrap(Multiplied(), samples=count), rows) - plain for count in (4, 1000))
    assert many.abs().max() < 0.5 < few.abs().max(), "noise of standard deviation 3 shrinks to 0.1"


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
def test_draws_do_not_depend_on_the_batch(ragged: bool, device: str) -> None:
    rows, rounding = tokens(53, ragged=ragged), 1e-6 if device == "cpu" else 1e-4
    whole = wrap(Dropping(), samples=3, batch_size=256, device=device)
    assert "the same for all sequences" in whole.notices[0]
    expected, slopes = logits(whole, rows), gradient(whole, rows, squares).gradient
    order = torch.randperm(53, generator=torch.Generator().manual_seed(2))
    torch.testing.assert_close(logits(whole, rows[order]), expected[order], rtol=0, atol=rounding)
    torch.testing.assert_close(logits(whole, rows[9:10]), expected[9:10], rtol=0, atol=rounding)
    small = wrap(Dropping(), samples=3, batch_size=16, device=device)
    torch.testing.assert_close(logits(small, rows), expected, rtol=0, atol=rounding)
    torch.testing.assert_close(gradient(small, rows, squares).gradient, slopes, rtol=0, atol=rounding)
    assert not torch.allclose(logits(wrap(Dropping(), samples=3, seed=1, device=device), rows), expected, atol=1e-3)


def test_where_records_cannot_stand_alone_the_batch_is_seeded() -> None:
    module, rows = NoisyRecurrence(), tokens(16)
    predictor = wrap(module, samples=3)
    assert "place in its batch" in predictor.notices[0]
    with torch.random.fork_rng(), torch.no_grad():
        draws = []
        for sample in range(3):
            torch.manual_seed(sample_seed(0, sample))
            draws.append(module(one_hot(rows, DNA)))
    found = logits(predictor, rows)
    torch.testing.assert_close(found, torch.stack(draws).mean(0))
    assert torch.equal(found, logits(predictor, rows))
    torch.testing.assert_close(gradient(predictor, rows, squares).logits, found)


@pytest.mark.parametrize("samples", [None, 2])
@pytest.mark.parametrize("module", [Dropping(), NoisyRecurrence(), Linear()], ids=lambda module: type(module).__name__)
def test_torchs_generators_are_left_alone(module: nn.Module, samples: int | None) -> None:
    """Only fresh draws, asked for as such, move on."""
    before = torch.get_rng_state()
    predictor = wrap(module, samples=samples)
    assert torch.equal(torch.get_rng_state(), before)
    if samples is not None or not predictor.stochastic:
        logits(predictor, tokens())
        gradient(predictor, tokens(), squares)
        assert torch.equal(torch.get_rng_state(), before)


def test_what_was_noticed_is_said_once() -> None:
    predictor = wrap(Dropping(), samples=2)
    said = list(predictor.notices)
    predictor.check(tokens())
    assert predictor.notices == said != []


def test_every_draw_is_counted() -> None:
    predictor = wrap(Dropping(), samples=4)
    logits(predictor, tokens(5))
    gradient(predictor, tokens(3), squares)
    assert (predictor.draws, predictor.forwards, predictor.gradients) == (4, 20, 12)


def test_a_model_that_is_not_random_is_asked_once() -> None:
    plain, many = wrap(Linear()), wrap(Linear(), samples=9)
    assert (many.stochastic, many.notices, many.draws) == (False, [], 1)
    assert torch.equal(logits(many, tokens()), logits(plain, tokens()))
    assert many.forwards == 20


def test_without_samples_every_answer_is_a_fresh_draw_and_that_is_said() -> None:
    predictor = wrap(Dropping())
    assert predictor.stochastic
    assert "--samples" in predictor.notices[0]
    assert not torch.equal(logits(predictor, tokens()), logits(predictor, tokens()))


def test_random_numbers_that_are_not_torchs_are_noticed() -> None:
    predictor = wrap(ElsewhereRandom(), samples=2)
    assert "not torch's own" in predictor.notices[1]


def test_probabilities_of_a_random_model_are_turned_back_draw_by_draw() -> None:
    """The mean of logits, not the logit of mean probabilities."""
    inner = Multiplied()
    plain = wrap(inner, samples=5, scale="logits")
    ended = wrap(Then(inner, lambda out: out.softmax(1)), samples=5)
    assert ended.scale == "probabilities"
    assert sum("turned back" in notice for notice in ended.notices) == 1
    rows = tokens()
    expected, found = logits(plain, rows), logits(ended, rows)
    torch.testing.assert_close(found.diff(dim=1), expected.diff(dim=1), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("samples", [None, 2])
def test_neighbours_of_a_random_model_are_scored_plainly_and_loudly(samples: int | None) -> None:
    predictor, base = wrap(Dropping(), samples=samples), tokens(2)
    edits = every_edit(base, repeat=15)
    with predictor.attached():
        service = NeighbourScores(predictor)
        found = service.logits(base, edits)
        again = predictor.logits(apply_edits(base, edits))
    assert service.counts == {"plain": len(found), "incremental": 0}
    assert "random" in service.notices[0]
    assert (samples is None) != torch.allclose(found, again, atol=1e-5)


@pytest.mark.parametrize("module", [Dropping(), NoisyRecurrence()], ids=lambda module: type(module).__name__)
def test_a_random_module_is_given_back_as_it_came(module: nn.Module) -> None:
    module.train()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    gradient(wrap(module, samples=2), tokens(), squares)
    assert all(part.training for part in module.modules())
    assert all(weight.requires_grad and weight.grad is None for weight in module.parameters())
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_mean_is_over_something() -> None:
    with pytest.raises(ModelError, match="at least one sample"):
        wrap(Linear(), samples=0)


def test_strands_of_a_random_model_meet_the_mean_of_its_draws() -> None:
    """Both strands of a draw take their noise one after the other."""
    rows = tokens()
    with torch.random.fork_rng():
        torch.manual_seed(sample_seed(0, 0))
        own, other = (1 + torch.randn(1, 4, LENGTH) for _ in range(2))
    weight, encoded = Linear().weight.detach(), one_hot(rows, DNA)
    expected = torch.einsum("nkl,okl->no", encoded * own + encoded.flip(1, 2) * other, weight) / 2
    found = logits(wrap(Multiplied(), average_strands=True, samples=1), rows)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_what_was_found_on_some_draws_is_judged_on_others() -> None:
    sequences = SequenceSet.from_texts(["ACGTTGCAAC", "TTGACCATGA", "GGGTACCATT", "CATGCATGCA"], DNA)
    module = Dropping()
    found, fresh = [], []
    for samples in (1, 40):
        predictor = wrap(module, samples=samples, seed=3)
        problem = Problem(
            predictor=predictor,
            sequences=sequences,
            targets=None,
            threat=SubstitutionThreat(budget=Budget(2)),
            budgets=(Budget(1), Budget(2)),
            goal=Untargeted(),
            seed=1,
            search_on=True,
        )
        with predictor.attached():
            run = run_shard(problem, attacks_named(["greedy_all"]), np.arange(4))
            flat = run.tokens.flatten(0, 1)
            found.append(predictor.logits(flat))
            with predictor.fresh_draws():
                fresh.append(predictor.logits(flat))
        torch.testing.assert_close(run.logits.flatten(0, 1), fresh[-1])
    # One draw flatters its search; a mean of forty hardly does.
    gaps = [float((searched - judged).abs().mean()) for searched, judged in zip(found, fresh, strict=True)]
    assert gaps[0] > 2 * gaps[1] > 0
