"""A step before a model keeps its own derivative as if a module held it; one that has none is passed, and said."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from wrapped_models import Linear, gradient, second, tokens, wrap

from seqrobust.models import Predictor
from seqrobust.models.steps import Step

Function = Callable[[Tensor], Tensor]


class Inner(nn.Module):
    """Logits that bend, so that gradients depend on what the step made."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(2)
            self.first, self.head = nn.Conv1d(4, 6, 3, padding=1), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(torch.tanh(2 * self.first(x.float())).mean(2))
        return out


class Holding(nn.Module):
    """A step and a model, as a user writes them into one module."""

    def __init__(self, step: Function) -> None:
        super().__init__()
        self.step, self.inner = step, Inner()

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(self.step(x))
        return out


class OwnBackward(torch.autograd.Function):
    """A rounding that its author passes straight through."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return (3 * x).round() / 3

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return 2 * grads[0]


def own_estimator(x: Tensor) -> Tensor:
    out: Tensor = OwnBackward.apply(x)  # type: ignore[no-untyped-call]
    return out


def in_place(x: Tensor) -> Tensor:
    x *= torch.linspace(-1, 2, x.shape[2])
    return x


def smoothed(x: Tensor) -> Tensor:
    return nn.functional.avg_pool1d(x, 3, 1, padding=1)


def half_rounded(x: Tensor) -> Tensor:
    return torch.cat([2 * x[:, :2], x[:, 2:].round()], 1)


def half_detached(x: Tensor) -> Tensor:
    return x.detach() + x.flip(2)


def through_numpy(x: Tensor) -> Tensor:
    return torch.tensor(x.numpy())


def scaled_by_numpy(x: Tensor) -> Tensor:
    return torch.tensor(2 * x.numpy())


def as_letters(x: Tensor) -> Tensor:
    return nn.functional.one_hot(x.argmax(1), 4).transpose(1, 2)


@torch.no_grad()
def without_gradients(x: Tensor) -> Tensor:
    return x.flip(2)


OWN: list[Function] = [
    lambda x: x,
    lambda x: -3 * x.flip(2),
    lambda x: x**3 - x.mean(2, keepdim=True),
    lambda x: torch.softmax(4 * x, 1),
    lambda x: x.clamp(-0.1, 0.8),
    lambda x: nn.functional.pad(x, (3, 3), value=0.25),
    lambda x: torch.where(x.sum((1, 2), keepdim=True) > 4, 2 * x, x.round()),
    lambda x: x.double() * 1.5,
    smoothed,
    in_place,
    nn.Conv1d(4, 4, 3),
]


@pytest.mark.parametrize("step", [*OWN, half_rounded, half_detached, own_estimator])
@pytest.mark.parametrize("ragged", [False, True], ids=["full", "ragged"])
def test_gradients_are_those_of_a_module_that_holds_the_step(step: Function, ragged: bool) -> None:
    rows = tokens(ragged=ragged)
    if isinstance(step, nn.Module):
        step.requires_grad_(False)
    outside = checked(Inner(), rows, Step(step, "step"))
    held = wrap(Holding(lambda x: step(x.clone()).float()), first=rows)
    found, expected = gradient(outside, rows, second), gradient(held, rows, second)
    assert expected.gradient.any()
    torch.testing.assert_close(found.logits, expected.logits)
    torch.testing.assert_close(found.gradient, expected.gradient)


@pytest.mark.parametrize("step", OWN)
def test_a_true_derivative_is_told_without_a_doubt(step: Function) -> None:
    assert said(step) == "gradients pass step by its own derivative"


@pytest.mark.parametrize(
    ("step", "doubt"),
    [
        (half_rounded, "of what an edit changes is in parts of which it is zero"),
        (half_detached, "finite differences depart from it by"),
        (own_estimator, "finite differences depart from it by 100 %"),
    ],
)
def test_a_derivative_that_misses_a_part_is_used_and_the_part_is_told(step: Function, doubt: str) -> None:
    found = said(step)
    assert found.startswith("gradients pass step by its own derivative, but")
    assert doubt in found
    assert "--backward" in found


@pytest.mark.parametrize(
    ("step", "why"),
    [
        (scaled_by_numpy, "RuntimeError: Can't call numpy() on Tensor that requires grad"),
        (lambda x: (4 * x).round() / 4 + 1, "exactly zero wherever tried"),
        (lambda x: 2 * as_letters(x).float(), "not depend on its input in a way torch can follow"),
        (without_gradients, "not depend on its input in a way torch can follow"),
        (lambda x: (2 * x).sqrt(), "infinite or undefined"),
    ],
)
def test_a_step_without_a_derivative_is_passed_by_the_identitys(step: Function, why: str) -> None:
    rows = tokens()
    outside = checked(Linear(), rows, Step(step, "step"))
    notice = outside.notices[0]
    assert notice.startswith("step has no derivative of its own (")
    assert why in notice
    assert "BPDA" in notice
    found = gradient(outside, rows, second).gradient
    torch.testing.assert_close(found, Linear().weight.detach()[1].expand_as(found))


@pytest.mark.parametrize("step", [through_numpy, torch.round, torch.sqrt, as_letters])
def test_what_leaves_sequences_as_they_are_is_said_to(step: Function) -> None:
    rows = torch.randint(4, (20, 12), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    assert "leaves sequences as they are" in said(step, rows)
    assert "BPDA" not in said(step, rows)


def test_what_leaves_records_but_not_their_edits_is_no_identity() -> None:
    rows = torch.zeros(20, 12, dtype=torch.uint8)
    assert "BPDA" in said(lambda x: torch.stack([torch.ones_like(x[:, 0])] + 3 * [torch.zeros_like(x[:, 0])], 1), rows)


def test_a_derivative_that_is_there_for_some_records_only_is_used() -> None:
    """Zero for records of few A, which come first."""
    step: Function = lambda x: torch.where(x[:, :1].sum(2, keepdim=True) > 3, 2 * x, x.round())  # noqa: E731
    rows = tokens(30)
    few = (rows == 0).sum(1) <= 3
    assert few.sum() > 20
    rows = torch.cat([rows[few], rows[~few]])
    assert said(step, rows).startswith("gradients pass step by its own derivative")


def checked(module: nn.Module, rows: Tensor, step: Step) -> Predictor:
    return wrap(module, preprocess=step, first=rows)


def said(step: Function, rows: Tensor | None = None) -> str:
    """What is told of the step, first of all."""
    if isinstance(step, nn.Module):
        step.requires_grad_(False)
    rows = tokens() if rows is None else rows
    return checked(Inner(), rows, Step(step, "step")).notices[0]
