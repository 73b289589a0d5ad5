"""What is explained: the function that attacks see, in the model's own way, or nothing with the reason."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
import torch
from attribution_toys import Pooled, checked, found_by, records, weights_of
from torch import Tensor, nn
from torch.nn import functional

from seqrobust.alphabet import DNA
from seqrobust.analysis.attribution import (
    METHODS,
    AttributionSettings,
    applicable,
    explain,
    methods_named,
    position_importance,
)
from seqrobust.errors import ConfigError, ModelError
from seqrobust.models import StraightThrough
from seqrobust.sequences import SequenceSet, Task


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
