"""Ensembles against their members, by hand; from files; and as the command line loads them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import special
from torch import Tensor, nn

from seqrobust.alphabet import DNA, RNA
from seqrobust.errors import ModelError
from seqrobust.models import (
    Ensemble,
    ModelCard,
    MonteCarloDropout,
    Predictor,
    SequenceModel,
    build_model,
    ensemble_of,
    load_module,
    save_checkpoint,
)
from seqrobust.neighbours import Edits, NeighbourScores, apply_edits
from seqrobust.sequences import Task

WIDTH = 18
LENGTHS = torch.tensor([WIDTH, 11, 5])
SIZES = {"channels": 6, "first_kernel": 5, "hidden": 8, "blocks": 2}
OUTPUTS: dict[Task, int] = {"classification": 3, "binary": 1, "multilabel": 3, "regression": 3}


def member(seed: int, task: Task = "classification", dropout: float = 0.2) -> SequenceModel:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return build_model(
            "cnn", alphabet_size=4, outputs=OUTPUTS[task], input_length=WIDTH, dropout=dropout, **SIZES
        ).eval()


def tokens() -> Tensor:
    drawn = torch.randint(4, (len(LENGTHS), WIDTH), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    return drawn.where(torch.arange(WIDTH) < LENGTHS[:, None], torch.tensor(DNA.padding, dtype=torch.uint8))


def encoded() -> Tensor:
    inside = tokens() < 4
    return (nn.functional.one_hot(tokens().long().clamp(max=3), 4) * inside[:, :, None]).transpose(1, 2).float()


def card(net: SequenceModel, task: Task = "classification") -> ModelCard:
    return ModelCard(
        alphabet=DNA,
        task=task,
        labels=("a", "b") if task == "binary" else ("a", "b", "c"),
        architecture=net.architecture,
        hyperparameters=net.hyperparameters,
        input_length=WIDTH,
    )


@pytest.mark.parametrize("task", OUTPUTS)
def test_logits_are_the_mean_of_the_members(task: Task) -> None:
    members = [member(seed, task) for seed in range(3)]
    with torch.no_grad():
        each = np.stack([net(encoded(), LENGTHS).numpy() for net in members])
        found = Ensemble(members, task=task)(encoded(), LENGTHS)
    np.testing.assert_allclose(found.numpy(), each.mean(0), rtol=1e-5, atol=1e-6)
    assert each.std(0).min() > 1e-4


@pytest.mark.parametrize("task", ["classification", "binary", "multilabel"])
def test_probabilities_are_the_mean_of_the_members(task: Task) -> None:
    members = [member(seed, task) for seed in range(3)]
    chances = special.softmax if task == "classification" else lambda x, axis: special.expit(x)
    with torch.no_grad():
        each = np.stack([chances(net(encoded(), LENGTHS).numpy(), axis=1) for net in members])
        ensemble = Ensemble(members, task=task, average="probabilities")
        found = chances(ensemble(encoded(), LENGTHS).numpy(), axis=1)
        spread = ensemble.uncertainty(encoded(), LENGTHS).numpy()
    np.testing.assert_allclose(found, each.mean(0), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(spread, each.std(0), rtol=1e-4, atol=1e-6)


def test_uncertainty_of_values_is_in_their_units() -> None:
    members = [member(seed, "regression") for seed in range(4)]
    with torch.no_grad():
        each = np.stack([100 * net(encoded(), LENGTHS).numpy() for net in members])
        for net in members:
            net.set_output_scale(torch.zeros(3), torch.full((3,), 100.0))
        found = Ensemble(members, task="regression").uncertainty(encoded(), LENGTHS)
    np.testing.assert_allclose(found.numpy(), each.std(0), rtol=1e-4)


def test_copies_of_one_model_do_not_differ() -> None:
    with torch.no_grad():
        same = Ensemble([member(1), member(1)], task="classification").uncertainty(encoded(), LENGTHS)
    assert same.max() == 0


@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_padding_and_neighbours(average: str) -> None:
    """A padded record is scored as it is alone, and single edits are answered from caches."""
    net = Ensemble([member(0), member(1)], task="classification", average=average).eval()  # type: ignore[arg-type]
    with torch.no_grad():
        alone = torch.cat([net(encoded()[[row], :, : int(size)]) for row, size in enumerate(LENGTHS)])
        torch.testing.assert_close(net(encoded(), LENGTHS), alone, rtol=1e-4, atol=1e-5)
    predictor = Predictor(net, alphabet=DNA, task="classification", device="cpu", scale="logits")
    base = tokens()[:1]
    edits = Edits(torch.zeros(WIDTH, dtype=torch.int64), torch.arange(WIDTH)[:, None], torch.zeros(WIDTH, 1).long())
    with predictor.attached():
        predictor.check(base)
        scores = NeighbourScores(predictor, way="incremental")
        torch.testing.assert_close(
            scores.logits(base, edits), predictor.logits(apply_edits(base, edits)), rtol=1e-4, atol=1e-5
        )
    assert scores.counts["incremental"] > 0
    assert not scores.notices


FACTORY = """\
from seqrobust.models import ensemble_of

def factory():
    return ensemble_of({paths!r}, average="probabilities")
"""


def test_a_factory_makes_an_ensemble_of_checkpoints(tmp_path: Path) -> None:
    members = [member(seed) for seed in range(2)]
    paths = [str(tmp_path / f"{number}.ckpt") for number in range(2)]
    for net, path in zip(members, paths, strict=True):
        save_checkpoint(Path(path), net, card(net))
    (tmp_path / "several.py").write_text(FACTORY.format(paths=paths))
    found = load_module(f"{tmp_path / 'several.py'}:factory")
    assert isinstance(found, Ensemble)
    assert not any(part.training for part in found.modules())
    with torch.no_grad():
        expected = Ensemble(members, task="classification", average="probabilities")(encoded(), LENGTHS)
        assert torch.equal(found(encoded(), LENGTHS), expected)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda one: replace(one, labels=("a", "c", "b")), "labels"),
        (lambda one: replace(one, alphabet=RNA), "alphabet"),
        (lambda one: replace(one, task="multilabel"), "task"),
        (lambda one: replace(one, unknown="uniform"), "unknown"),
    ],
)
def test_members_are_of_one_kind(change: Callable[[ModelCard], ModelCard], said: str, tmp_path: Path) -> None:
    net = member(0)
    save_checkpoint(tmp_path / "one.ckpt", net, card(net))
    save_checkpoint(tmp_path / "other.ckpt", net, change(card(net)))
    with pytest.raises(ModelError, match=f"differ in {said}"):
        ensemble_of([tmp_path / "one.ckpt", tmp_path / "other.ckpt"])
    assert len(ensemble_of(tmp_path / "one.ckpt").members) == 1  # type: ignore[arg-type]


def test_an_ensemble_has_members_and_something_to_average() -> None:
    with pytest.raises(ModelError, match="has members"):
        ensemble_of([])
    with pytest.raises(ModelError, match="has members"):
        Ensemble([], task="binary")
    with pytest.raises(ModelError, match="probabilities of a regression"):
        Ensemble([member(0)], task="regression", average="probabilities")


def test_dropout_stays_on_and_nothing_else() -> None:
    inner = member(0, dropout=0.5)
    net = MonteCarloDropout(inner).eval()
    on = [name for name, part in net.named_modules() if part.training]
    assert on
    assert all(isinstance(net.get_submodule(name), nn.Dropout) for name in on)
    predictor = Predictor(net, alphabet=DNA, task="classification", device="cpu", scale="logits", samples=200)
    predictor.check(tokens())
    assert predictor.stochastic
    with predictor.attached(), torch.random.fork_rng():
        torch.manual_seed(0)
        draws = torch.stack([net(encoded(), LENGTHS) for _ in range(200)])
        error = (predictor.logits(tokens()) - draws.mean(0)).abs() / (draws.std(0) / 200**0.5)
    # Both are means of 200 draws.
    assert error.max() < 5 * 2**0.5


@pytest.mark.parametrize("kind", [nn.Dropout, nn.Dropout1d, nn.AlphaDropout, nn.FeatureAlphaDropout])
def test_dropout_of_any_kind_stays_on(kind: type[nn.Module]) -> None:
    net = MonteCarloDropout(nn.Sequential(nn.Conv1d(4, 8, 3), kind(0.5))).eval()
    assert [part.training for part in net.inner.children()] == [False, True]  # type: ignore[operator]


def test_a_model_without_dropout_has_no_draws() -> None:
    for inner in (member(0, dropout=0.0), nn.Linear(3, 3)):
        with pytest.raises(ModelError, match="no dropout"):
            MonteCarloDropout(inner)


def test_uncertainty_of_draws() -> None:
    net = MonteCarloDropout(member(0, dropout=0.5))
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(3)
        found = net.uncertainty(encoded(), LENGTHS, task="classification", draws=7)
        torch.manual_seed(3)
        each = np.stack([special.softmax(net(encoded(), LENGTHS).numpy(), axis=1) for _ in range(7)])
    np.testing.assert_allclose(found.numpy(), each.std(0), rtol=1e-4, atol=1e-6)
    assert found.min() > 0
    with pytest.raises(ModelError, match="at least one draw"):
        net.uncertainty(encoded(), LENGTHS, task="classification", draws=0)
