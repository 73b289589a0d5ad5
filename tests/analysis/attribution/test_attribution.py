"""Attributions against closed forms, loops, finite differences and brute force, and the module left as it was."""

from __future__ import annotations

import copy
import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from seqrobust.alphabet import DNA, PROTEIN, Alphabet
from seqrobust.analysis.attribution import (
    METHODS,
    Attribution,
    AttributionSettings,
    applicable,
    attribute,
    explain,
    methods_named,
    position_importance,
)
from seqrobust.errors import ConfigError, ModelError
from seqrobust.models import StraightThrough
from seqrobust.models.predictor import Predictor
from seqrobust.neighbours import NeighbourScores
from seqrobust.sequences import SequenceSet, Task
from seqrobust.sequences.encoding import one_hot

TEXTS = {
    "DNA": ["ACGTNACGTTGCATTTACGA", "ACGT", "A", "GGGTTTCCCAAANNGTACCATTAGA", "TTGACATATAAT", "GGCA", "NNN"],
    "PROTEIN": ["MKVLAADDGHE", "MXK", "W", "HEHEHSTQQ", "MKVLAXDDGHE"],
}

NO_RULE = ("deeplift", True)


def records(alphabet: Alphabet = DNA) -> SequenceSet:
    return SequenceSet.from_texts(TEXTS[alphabet.name], alphabet)


class Linear(nn.Module):
    """A weight for every letter at every position, of as many positions as a record has."""

    def __init__(self, letters: int = 4, outputs: int = 3) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(outputs, letters, 25, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("nkl,okl->no", x, self.weight[:, :, : x.shape[2]])


class Pooled(nn.Module):
    """Convolution, softplus, mean; smooth, and of any length."""

    def __init__(self, letters: int = 4, outputs: int = 3, *, recurrent: bool = False) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.gru = nn.GRU(letters, letters, batch_first=True) if recurrent else None
            self.convolution = nn.Conv1d(letters, 8, 5, padding=2)
            self.head = nn.Linear(8, outputs)

    def forward(self, x: Tensor) -> Tensor:
        if self.gru is not None:
            x = self.gru(x.transpose(1, 2))[0].transpose(1, 2)
        return self.head(functional.softplus(3 * self.convolution(x)).mean(2))


def checked(module: nn.Module, sequences: SequenceSet, task: Task = "classification", **more: Any) -> Predictor:
    usual: dict[str, Any] = {"device": "cpu", "scale": "logits"}
    predictor = Predictor(module, alphabet=sequences.alphabet, task=task, **{**usual, **more})
    predictor.check(torch.tensor(sequences.tokens))
    return predictor


def found_by(name: str, predictor: Predictor, sequences: SequenceSet, **settings: Any) -> Attribution:
    told = AttributionSettings(**settings)
    with predictor.attached():
        explained = explain(predictor, predictor.logits(torch.tensor(sequences.tokens)), told.output)
        service = NeighbourScores(predictor)
        return attribute(predictor, sequences, explained, METHODS[name], told, service)


def weights_of(predictor: Predictor, sequences: SequenceSet) -> np.ndarray:
    """(N, outputs) of the predicted class less the mean of the others, written out."""
    with predictor.attached():
        chosen = predictor.logits(torch.tensor(sequences.tokens)).argmax(1).numpy()
    weights = np.full((len(sequences), predictor.outputs), -1 / (predictor.outputs - 1))
    weights[np.arange(len(sequences)), chosen] = 1
    return weights


def hot(sequences: SequenceSet) -> np.ndarray:
    return one_hot(torch.tensor(sequences.tokens), sequences.alphabet).numpy()


@pytest.mark.parametrize("alphabet", [DNA, PROTEIN])
@pytest.mark.parametrize("baseline", ["uniform", "zeros", "shuffled"])
@pytest.mark.parametrize("name", METHODS)
def test_a_linear_model_has_closed_forms(name: str, baseline: str, alphabet: Alphabet) -> None:
    sequences = records(alphabet)
    module = Linear(alphabet.size)
    predictor = checked(module, sequences)
    found = found_by(name, predictor, sequences, baseline=baseline, shuffles=3, steps=4, draws=3)
    x = hot(sequences)
    width = x.shape[2]
    slope = np.einsum("no,okl->nkl", weights_of(predictor, sequences), module.weight.detach().numpy()[:, :, :width])
    corrected = slope - slope.mean(1, keepdims=True)
    known = x.sum(1, keepdims=True)
    values = found.values
    if name in ("saliency", "smoothgrad"):
        np.testing.assert_allclose(values, slope * known, atol=1e-5)
    elif name in ("saliency_corrected", "ism"):
        np.testing.assert_allclose(values, corrected * known, atol=1e-5)
    elif name == "input_x_gradient":
        np.testing.assert_allclose(values, slope * x, atol=1e-5)
    elif name == "input_x_gradient_corrected":
        np.testing.assert_allclose(values, corrected * x, atol=1e-5)
    elif baseline == "shuffled":
        assert ((values * x).sum(1)[known[:, 0] == 0] == 0).all()
    else:
        above = corrected if baseline == "uniform" else slope
        np.testing.assert_allclose(values, above * (x if name == "occlusion" else known), atol=1e-5)
    if METHODS[name].adds_up:
        np.testing.assert_allclose((values * x).sum((1, 2)), found.difference, atol=1e-4)
        np.testing.assert_allclose(found.delta, 0, atol=1e-4)
    else:
        assert np.isnan(found.delta).all()


@pytest.mark.parametrize("recurrent", [False, True])
def test_gradients_are_finite_differences(recurrent: bool) -> None:
    sequences = records().take([0, 3, 4])
    module = Pooled(recurrent=recurrent)
    predictor = checked(module, sequences)
    values = found_by("saliency", predictor, sequences).values
    weights, double, eps = weights_of(predictor, sequences), copy.deepcopy(module).double(), 1e-5
    for row, length in enumerate(sequences.lengths):
        x = torch.tensor(hot(sequences)[row : row + 1, :, :length]).double()
        for letter, position in [(0, 0), (1, 3), (3, int(length) - 1)]:
            way = torch.zeros_like(x)
            way[0, letter, position] = eps
            with torch.no_grad():
                rise = (double(x + way) - double(x - way))[0].numpy() @ weights[row] / (2 * eps)
            assert values[row, letter, position] == pytest.approx(rise, abs=1e-5)


def test_integrated_gradients_are_those_of_a_loop() -> None:
    sequences = records().take([0, 3, 4])
    module = Pooled()
    predictor = checked(module, sequences)
    found = found_by("integrated_gradients", predictor, sequences, steps=64)
    weights = torch.tensor(weights_of(predictor, sequences)).float()
    for row, length in enumerate(sequences.lengths):
        x = torch.tensor(hot(sequences)[row : row + 1, :, :length])
        base = torch.where(x.sum(1, keepdim=True) > 0, torch.full_like(x, 0.25), x)
        total = torch.zeros_like(x)
        for share in (np.arange(400) + 0.5) / 400:
            point = (base + float(share) * (x - base)).requires_grad_(True)
            total += torch.autograd.grad((module(point) @ weights[row]).sum(), point)[0] / 400
        expected = ((x - base) * total).sum(1)[0].numpy()
        present = (found.values[row, :, :length] * x[0].numpy()).sum(0)
        np.testing.assert_allclose(present, expected, atol=1e-5)
    np.testing.assert_allclose(found.delta, 0, atol=1e-4)


@pytest.mark.parametrize("task", ["classification", "regression", "binary", "multilabel"])
def test_mutagenesis_is_brute_force(task: Task) -> None:
    sequences = records()
    module = Pooled(outputs=1 if task == "binary" else 3)
    predictor = checked(module, sequences, task)
    values = found_by("ism", predictor, sequences).values
    occluded = found_by("occlusion", predictor, sequences).values
    with torch.no_grad():
        for row, text in enumerate(TEXTS["DNA"]):
            own = module(one_hot(torch.tensor(sequences.tokens[row : row + 1, : len(text)]), DNA))[0]
            chosen = int(own.argmax()) if task in ("classification", "multilabel") else 0

            def number(out: Tensor, chosen: int = chosen) -> float:
                rest = (out.sum() - out[chosen]) / 2 if task == "classification" else 0
                return float(out[chosen] - rest)

            for position, letter in enumerate(text):
                scores = []
                for other in "ACGT":
                    tokens = ["ACGTN".index(one) for one in text[:position] + other + text[position + 1 :]]
                    scores.append(number(module(one_hot(torch.tensor([tokens], dtype=torch.uint8), DNA))[0]))
                expected = np.array(scores) - np.mean(scores) if letter != "N" else np.zeros(4)
                np.testing.assert_allclose(values[row, :, position], expected, atol=2e-6)
                x = one_hot(torch.tensor(sequences.tokens[row : row + 1, : len(text)]), DNA)
                x[0, :, position] = 0.25
                fall = number(own) - number(module(x)[0])
                if letter != "N":
                    assert occluded[row, "ACGT".index(letter), position] == pytest.approx(fall, abs=2e-6)


def test_a_wide_window_takes_positions_away_together() -> None:
    sequences = records().take([4])
    module = Pooled()
    predictor = checked(module, sequences)
    values = found_by("occlusion", predictor, sequences, window=12, baseline="zeros").values
    x = torch.tensor(hot(sequences)[:, :, :12])
    with torch.no_grad():
        whole = float((module(x) - module(torch.zeros_like(x)))[0].numpy() @ weights_of(predictor, sequences)[0])
    np.testing.assert_allclose(values[0, :, :12][x[0].bool().numpy()], whole, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "recurrent"), [(name, kind) for name in METHODS for kind in (False, True) if (name, kind) != NO_RULE]
)
def test_neither_batch_nor_order_matters(name: str, recurrent: bool) -> None:
    sequences = SequenceSet.from_texts([*TEXTS["DNA"], *(text[::-1] for text in 4 * TEXTS["DNA"])], DNA)
    settings: dict[str, Any] = {"steps": 10, "draws": 2, "baseline": "shuffled", "shuffles": 2}
    predictor = checked(Pooled(recurrent=recurrent), sequences)
    whole = found_by(name, predictor, sequences, **settings).values
    order = np.random.default_rng(1).permutation(len(sequences))
    predictor = checked(Pooled(recurrent=recurrent), sequences, batch_size=16)
    other = found_by(name, predictor, sequences.take(order), **settings).values
    np.testing.assert_allclose(whole[order], other, atol=2e-6)
    for row in (0, 2, 3):
        alone = found_by(name, predictor, sequences.take([row]), **settings).values
        np.testing.assert_allclose(whole[[row]], alone, atol=2e-6)
    assert not whole[sequences.tokens[:, None, :].repeat(4, 1) >= 4].any()


class Handled(nn.Module):
    """One activation used twice, functional pooling, dropout left in training mode, a weight that is not frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Pooled()
        self.activation = nn.ReLU()
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        return self.dropout(self.activation(self.activation(self.inner(x)) - 0.1))


def test_the_module_is_given_back_as_it_was() -> None:
    module = Handled().train()
    module.inner.eval()
    module.inner.head.weight.requires_grad_(False)
    state = {name: value.clone() for name, value in module.state_dict().items()}
    said = {name: sorted(vars(part)) for name, part in module.named_modules()}
    sequences = records()
    predictor = checked(module, sequences)
    for name in METHODS:
        found_by(name, predictor, sequences, steps=3, draws=2)
    assert module.training
    assert module.dropout.training
    assert not module.inner.training
    assert [weight.requires_grad for weight in module.inner.head.parameters()] == [False, True]
    assert all(weight.grad is None for weight in module.parameters())
    for name, part in module.named_modules():
        assert sorted(vars(part)) == said[name]
        assert not [*part._forward_hooks, *part._forward_pre_hooks, *part._backward_hooks]
    assert all(torch.equal(value, state[name]) for name, value in module.state_dict().items())


@pytest.mark.parametrize(
    ("task", "output", "weights", "name"),
    [
        ("classification", "b", [-0.5, 1, -0.5], "b"),
        ("multilabel", "b", [0, 1, 0], "b"),
        ("regression", None, [1, 0, 0], "a"),
        ("regression", "c", [0, 0, 1], "c"),
    ],
)
def test_what_is_explained(task: Task, output: str | None, weights: list[float], name: str) -> None:
    sequences = records()
    predictor = checked(Pooled(), sequences, task, labels=("a", "b", "c"))
    explained = explain(predictor, torch.zeros(2, 3), output)
    assert explained.weights.tolist() == [weights, weights]
    assert explained.names == (name, name)
    with pytest.raises(ConfigError, match="no output has that name"):
        explain(predictor, torch.zeros(2, 3), "d")


def test_what_is_explained_follows_the_prediction() -> None:
    sequences = records()
    logits = torch.tensor([[0.0, 2.0, 1.0], [5.0, 2.0, 1.0]])
    predictor = checked(Pooled(), sequences, labels=("a", "b", "c"))
    explained = explain(predictor, logits)
    assert explained.names == ("b", "a")
    assert explained.of(logits).tolist() == [1.5, 3.5]
    assert explained.of(logits + 100).tolist() == [1.5, 3.5]
    assert explain(checked(Pooled(), sequences, "multilabel"), logits).weights.tolist() == [[0, 1, 0], [1, 0, 0]]


def test_a_raw_logit_can_be_explained() -> None:
    logits = torch.tensor([[0.0, 2.0, 1.0], [5.0, 2.0, 1.0]])
    predictor = checked(Pooled(), records(), labels=("a", "b", "c"))
    for name, values in ((None, [2, 5]), ("c", [1, 1])):
        explained = explain(predictor, logits, name, "logit")
        assert explained.of(logits).tolist() == values
        assert explained.of(logits + 100).tolist() == [value + 100 for value in values]
        assert explained.quantity == "the class's logit"
    with pytest.raises(ConfigError, match="unknown quantity"):
        AttributionSettings(quantity="margin")  # type: ignore[arg-type]


def test_a_binary_model_is_explained_by_its_logit() -> None:
    predictor = checked(Pooled(outputs=1), records(), "binary", labels=("no", "yes"))
    logits = torch.tensor([[-3.0], [2.0]])
    assert explain(predictor, logits).of(logits).tolist() == [-3, 2]
    assert explain(predictor, logits, "no").of(logits).tolist() == [3, -2]
    with pytest.raises(ConfigError, match="no class has that name"):
        explain(predictor, logits, "maybe")


def test_it_is_the_function_that_attacks_see() -> None:
    """Padding, both strands, and probabilities turned back to logits."""

    class Bounded(Pooled):
        def forward(self, x: Tensor) -> Tensor:
            return (super().forward(x) + x[:, :1, :3].sum((1, 2))[:, None] / 9).softmax(1)

    sequences = records().take([0, 3, 4])
    more: dict[str, Any] = {"scale": "probabilities", "average_strands": True, "input_length": 30}
    predictor = checked(Bounded(), sequences, **more)
    weights = torch.tensor(weights_of(predictor, sequences)).float()
    tokens = torch.tensor(sequences.tokens)
    with predictor.attached():
        lengths = predictor.lengths(tokens)
        gradient = predictor.gradient(
            predictor.encode(tokens), lengths, lambda out, row: (out * weights[row.clamp(max=2)]).sum(1)
        )
    expected = gradient.gradient * (tokens < 4)[:, None, :]
    np.testing.assert_allclose(found_by("saliency", predictor, sequences).values, expected, atol=1e-6)
    for name in ("integrated_gradients", "deeplift"):
        found = found_by(name, predictor, sequences)
        np.testing.assert_allclose(found.delta, 0, atol=2e-5)


def test_the_function_itself_is_that_of_the_logits() -> None:
    sequences = records().take([0, 3, 4])
    predictor = checked(Pooled(recurrent=True), sequences, average_strands=True)
    tokens = torch.tensor(sequences.tokens)
    with predictor.attached():
        before = (predictor.forwards, predictor.gradients)
        points, lengths = predictor.encode(tokens), predictor.lengths(tokens)
        logits = predictor.differentiable(points, lengths)
        np.testing.assert_allclose(logits, predictor.logits(tokens), atol=1e-6)
        assert (predictor.forwards, predictor.gradients) == (before[0] + 6, before[1])
        assert predictor.differentiable(points.requires_grad_(True), lengths).requires_grad
        assert predictor.gradients == before[1] + 3


class Rounded(nn.Module):
    """An arg-max, which has no derivative."""

    def forward(self, x: Tensor) -> Tensor:
        return functional.one_hot(x.mean(2).argmax(1), 4).float()


def test_methods_that_do_not_apply_are_left_out() -> None:
    sequences = records()
    everything = methods_named(("all",))
    # Steps have no gradient, but a difference from the baseline to share out.
    without_gradient, recurrent = {"occlusion", "ism", "deeplift"}, set(METHODS) - {"deeplift"}
    for module, kept in ((Rounded(), without_gradient), (Pooled(recurrent=True), recurrent)):
        predictor = checked(module, sequences)
        with predictor.attached():
            explained = explain(predictor, predictor.logits(torch.tensor(sequences.tokens)))
            found, reasons = applicable(predictor, sequences, explained, everything, AttributionSettings(steps=2))
            assert {method.name for method in found} == kept
            assert set(reasons) == set(METHODS) - kept
            assert all("gradient" in reason or "GRU" in reason for reason in reasons.values())
            unfit = next(iter(reasons))
            with pytest.raises(ModelError, match="no method that was asked for applies"):
                applicable(predictor, sequences, explained, methods_named((unfit,)), AttributionSettings(steps=2))


def test_a_step_without_derivative_is_passed_by_its_substitute() -> None:
    sequences = records()
    predictor = checked(Pooled(), sequences, preprocess=StraightThrough(lambda x: torch.round(8 * x) / 8))
    plain = checked(Pooled(), sequences)
    one, other = (found_by("saliency", each, sequences).values for each in (predictor, plain))
    np.testing.assert_allclose(one, other, atol=1e-6)


def test_a_random_model_is_explained_on_average() -> None:
    class Noisy(Pooled):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + torch.randn(3) * x[:, 0].mean(1, keepdim=True)

    sequences = records()
    one, again = (found_by("saliency", checked(Noisy(), sequences, samples=4), sequences).values for _ in range(2))
    np.testing.assert_array_equal(one, again)
    assert METHODS["deeplift"].why_not(checked(Noisy(), sequences, samples=4))


@pytest.mark.parametrize(
    "wrong", [{"baseline": "mean"}, {"steps": 0}, {"draws": 0}, {"shuffles": -1}, {"window": 0}, {"noise": 0.0}]
)
def test_settings_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        dataclasses.replace(AttributionSettings(), **wrong)


@pytest.mark.parametrize("names", [(), ("saliency", "shap")])
def test_methods_that_there_are_not(names: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match="no method"):
        methods_named(names)


def test_importance_of_positions() -> None:
    values = np.array([[[1, -5, 2, 9], [-3, 4, 0, 9]]], np.float32)
    tokens = np.array([[0, 1, 2, 3]], np.uint8)  # two letters, then an unknown one and padding
    np.testing.assert_array_equal(position_importance(values, tokens, 2, "present"), [[1, 4, np.nan, np.nan]])
    np.testing.assert_array_equal(position_importance(values, tokens, 2, "largest"), [[3, 5, np.nan, np.nan]])


def test_a_gradient_that_is_not_finite_is_refused() -> None:
    class Steep(Pooled):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x) + x.mean((1, 2))[:, None].sub(0.25).abs().clamp(min=0).sqrt()

    sequences = SequenceSet.from_texts(["ACGTACGT"], DNA)
    predictor = checked(Steep(), sequences)
    with pytest.raises(ModelError, match="not finite"):
        found_by("saliency", predictor, sequences)
