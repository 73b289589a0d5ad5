"""The other strand, and steps without a derivative, give what is computed by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from Bio.Seq import reverse_complement as biopython_reverse_complement
from torch import Tensor, nn
from wrapped_models import (
    LENGTH,
    Dropless,
    Linear,
    Then,
    every_edit,
    gradient,
    logits,
    second,
    texts,
    tokens,
    wrap,
)

from seqrobust.alphabet import DNA, PROTEIN, RNA
from seqrobust.errors import ConfigError, ModelError
from seqrobust.models import Predictor, StraightThrough, build_model, reverse_complement
from seqrobust.neighbours import NeighbourScores
from seqrobust.neighbours.edits import apply_edits
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.encoding import one_hot

# --- the other strand


@pytest.mark.parametrize("kind", ["without lengths", "fixed input", "cnn", "cnn_gru"])
@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
def test_strands_are_averaged_as_by_hand(kind: str, ragged: bool) -> None:
    """Records one by one, turned round by Biopython; so only the letters of each are, and padding stays behind."""
    module: nn.Module = Linear(length=15)
    if kind in ("cnn", "cnn_gru"):
        module = build_model(kind, alphabet_size=4, outputs=3).eval()
    fixed = 15 if kind == "fixed input" else None
    predictor = wrap(module, average_strands=True, input_length=fixed)

    def alone(text: str) -> Tensor:
        encoded = one_hot(torch.tensor(SequenceSet.from_texts([text], DNA).tokens), DNA)
        out: Tensor = module(encoded if fixed is None else nn.functional.pad(encoded, (0, fixed - len(text))))
        return out

    with torch.no_grad():
        expected = torch.cat(
            [(alone(text) + alone(biopython_reverse_complement(text))) / 2 for text in texts(ragged=ragged)]
        )
    torch.testing.assert_close(logits(predictor, tokens(ragged=ragged)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
def test_the_gradient_of_averaged_strands_of_a_linear_model(ragged: bool) -> None:
    """Half its weights, and half those of the complementary letter counted from the record's end."""
    module, rows = Linear(), tokens(ragged=ragged)
    found = gradient(wrap(module, average_strands=True), rows, second).gradient
    weight = module.weight.detach()[1]
    for row, record in enumerate(rows):
        size = int((record != DNA.padding).sum())
        expected = (weight[:, :size] + weight[:, :size].flip(0, 1)) / 2
        torch.testing.assert_close(found[row, :, :size], expected)
        assert not found[row, :, size:].any()


def test_turning_round_twice_changes_nothing() -> None:
    rows = tokens(ragged=True)
    encoded, lengths = one_hot(rows, DNA), (rows != DNA.padding).sum(1)
    there = reverse_complement(encoded, lengths, DNA)
    assert not torch.equal(there, encoded)
    assert torch.equal(reverse_complement(there, lengths, DNA), encoded)
    assert torch.equal(reverse_complement(encoded, None, RNA), encoded.flip(1, 2))


def test_probabilities_of_both_strands_are_turned_back_first() -> None:
    plain = wrap(Linear(), average_strands=True, scale="logits")
    ended = wrap(Then(Linear(), lambda out: out.softmax(1)), average_strands=True)
    found, expected = logits(ended, tokens()), logits(plain, tokens())
    torch.testing.assert_close(found.diff(dim=1), expected.diff(dim=1), rtol=1e-3, atol=1e-3)


def test_protein_has_one_strand() -> None:
    with pytest.raises(ModelError, match="no other strand"):
        Predictor(Linear(), alphabet=PROTEIN, task="classification", device="cpu", average_strands=True)
    with pytest.raises(ConfigError, match="no complement"):
        reverse_complement(torch.zeros(1, 20, 3), None, PROTEIN)


@pytest.mark.parametrize("kind", ["cnn", "gru", "cnn_gru"])
def test_neighbours_of_averaged_strands_are_scored_incrementally_and_exactly(kind: str) -> None:
    """Both strands are traced; the caches of the one are read backwards."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = build_model(kind, alphabet_size=4, outputs=3)
    generator = torch.Generator().manual_seed(5)
    base = torch.randint(4, (2, 60), generator=generator).to(torch.uint8)
    predictor = wrap(module, average_strands=True, first=base)
    edits = every_edit(base)
    with predictor.attached():
        service = NeighbourScores(predictor, way="incremental")
        found = service.logits(base, edits)
        expected = predictor.logits(apply_edits(base, edits))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert (service.counts, service.notices) == ({"plain": 0, "incremental": len(found)}, [])


# --- steps without a derivative


def quantised(x: Tensor) -> Tensor:
    return torch.round(4 * x) / 4


def test_a_straight_through_step_is_the_step_forwards_and_its_substitute_backwards() -> None:
    generator = torch.Generator().manual_seed(1)
    points = torch.rand(5, 4, LENGTH, generator=generator).requires_grad_(True)
    weight = torch.randn(5, 4, LENGTH, generator=generator)
    for substitute, slope in ((None, torch.ones_like(points)), (torch.tanh, 1 - points.tanh().square())):
        step = StraightThrough(quantised, substitute)
        out = step(points)
        assert torch.equal(out, quantised(points))
        (found,) = torch.autograd.grad((out * weight).sum(), points)
        torch.testing.assert_close(found, weight * slope.detach())
        with torch.no_grad():
            assert torch.equal(step(points), quantised(points))


def test_a_step_may_leave_torch_and_return_integers() -> None:
    def letters(x: Tensor) -> Tensor:
        return torch.tensor(np.eye(4, dtype=np.int64)[x.numpy().argmax(1)]).transpose(1, 2)

    points = one_hot(tokens(3), DNA).requires_grad_(True)
    out = StraightThrough(letters)(points)
    assert out.dtype == torch.float32
    (found,) = torch.autograd.grad(out.sum(), points)
    assert torch.equal(found, torch.ones_like(found))


def test_a_substitute_of_another_shape_is_told() -> None:
    crop = StraightThrough(lambda x: x[:, :, 2:].round())
    with pytest.raises(ModelError, match="differ in shape") as caught:
        crop(torch.rand(2, 4, 9, requires_grad=True))
    assert "(2, 4, 7)" in str(caught.value)
    assert StraightThrough(lambda x: x[:, :, 2:].round(), lambda x: x[:, :, 2:])(torch.rand(2, 4, 9)).shape == (2, 4, 7)


class Prepared(nn.Module):
    """A model with a step before it, as a user writes it."""

    def __init__(self, step: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.step = step
        self.inner = Linear()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(self.step(x))
        return out


@pytest.mark.parametrize("outside", [False, True])
def test_the_gradient_behind_a_wrapped_step_is_the_substitutes(outside: bool) -> None:
    step = StraightThrough(quantised, torch.sin)
    predictor = wrap(Linear(), preprocess=step) if outside else wrap(Prepared(step))
    assert predictor.notices == []
    rows = tokens()
    found = gradient(predictor, rows, second).gradient
    expected = Linear().weight.detach()[1] * torch.cos(one_hot(rows, DNA))
    torch.testing.assert_close(found, expected)


def as_letters(x: Tensor) -> Tensor:
    return nn.functional.one_hot(x.argmax(1), 4).transpose(1, 2).float()


def through_numpy(x: Tensor) -> Tensor:
    return torch.tensor(x.numpy().round())


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (quantised, "exactly zero"),
        (as_letters, "passes no gradient"),
        (through_numpy, "fails when its gradient is taken"),
        (Tensor.detach, "passes no gradient"),
    ],
)
def test_an_unwrapped_step_is_noticed_and_the_remedy_named(step: Callable[[Tensor], Tensor], said: str) -> None:
    """By the check, for attacks that ask only for scores go on; and by whoever asks for a gradient."""
    predictor = wrap(Prepared(step))
    assert said in predictor.notices[0]
    assert "StraightThrough" in predictor.notices[0]
    assert "BPDA" in predictor.notices[0]
    assert wrap(Prepared(StraightThrough(step))).notices == []
    if step is quantised:
        assert not gradient(predictor, tokens(), second).gradient.any()
        return
    with pytest.raises(ModelError, match=said) as caught:
        gradient(predictor, tokens(), second)
    assert "StraightThrough" in str(caught.value.fix)


def test_a_model_with_a_gradient_for_some_records_only_is_not_blamed() -> None:
    """One that is flat for most letters."""

    class Flat(Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) * (x[:, 0].sum(1, keepdim=True) - 5).relu()

    rows = torch.ones(20, LENGTH, dtype=torch.uint8)
    assert "exactly zero" in wrap(Flat(), first=rows).notices[0]
    rows[17] = 0
    assert wrap(Flat(), first=rows).notices == []


@pytest.mark.parametrize("fixed", [None, 15])
def test_preprocessing_sees_records_without_padding(fixed: int | None) -> None:
    """What it makes of them is padded: a mean over positions would know the difference, and a step that crops."""

    def step(x: Tensor) -> Tensor:
        return (x - x.mean(2, keepdim=True))[:, :, 1:]

    module = Linear(length=15)
    predictor = wrap(module, preprocess=step, input_length=fixed)
    rows = tokens(ragged=True)
    with torch.no_grad():
        expected = torch.cat([module(step(one_hot(r[r != DNA.padding][None], DNA))) for r in rows])
    torch.testing.assert_close(logits(predictor, rows), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("step", [lambda x: x[0], lambda x: x[:3], lambda x: x.tolist()])
def test_preprocessing_that_returns_something_else_is_told(step: Callable[[Tensor], Tensor]) -> None:
    with pytest.raises(ModelError, match="the preprocessing returns something else"):
        wrap(Linear(), preprocess=step)


def test_neighbours_behind_preprocessing_are_exact() -> None:
    """A step that torch can trace is traced; one that leaves torch is not, and that is said."""
    base = tokens(2)
    edits = every_edit(base, repeat=12)
    for step in (quantised, lambda x: torch.tensor(np.round(x.numpy()))):
        predictor = wrap(Dropless(), preprocess=StraightThrough(step))
        with predictor.attached():
            service = NeighbourScores(predictor, way="incremental")
            found = service.logits(base, edits)
            expected = predictor.logits(apply_edits(base, edits))
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        assert bool(service.notices) == (step is not quantised)
        assert (service.counts["incremental"] > 0) == (step is quantised)


def test_a_preprocessing_module_is_attached_and_given_back() -> None:
    step = nn.Sequential(nn.Conv1d(4, 4, 3, padding=1), nn.Dropout(0.5)).train()
    predictor = wrap(Linear(), preprocess=step)
    assert not predictor.stochastic
    with predictor.attached():
        assert not step.training
        assert not step[0].weight.requires_grad
    assert step.training
    assert all(weight.requires_grad for weight in step.parameters())
