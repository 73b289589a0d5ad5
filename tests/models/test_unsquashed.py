"""Log-odds read before a last sigmoid or softmax, against the logits that went in; and where they must not be read."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqrobust.alphabet import DNA
from seqrobust.models import Predictor
from seqrobust.sequences import Task

TOKENS = torch.randint(0, 4, (12, 7), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)


class Ends(nn.Module):
    """A linear net with an end."""

    def __init__(self, end: Callable[[Tensor], Tensor], outputs: int) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.inner = nn.Linear(28, outputs)
        self.end = end

    def logits(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(x.flatten(1))
        return out

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.logits(x))


def checked(module: nn.Module, task: Task) -> Predictor:
    predictor = Predictor(module, alphabet=DNA, task=task, device="cpu", scale="probabilities")
    predictor.check(TOKENS)
    return predictor


def _difference(z: Tensor) -> Tensor:
    return z[:, 1:] - z[:, :1]


def _pair(z: Tensor) -> Tensor:
    p = torch.sigmoid(300 * z)
    return torch.stack([1 - p[:, 0], p[:, 0]], 1)


SEEN: dict[str, tuple[Task, int, Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]] = {
    "sigmoid": ("binary", 1, lambda z: torch.sigmoid(300 * z), lambda z: 300 * z),
    "method, flat": ("binary", 1, lambda z: (300 * z)[:, 0].sigmoid(), lambda z: 300 * z),
    "module": ("binary", 1, lambda z: nn.Sigmoid()(300 * z).double(), lambda z: 300 * z),
    "labels": ("multilabel", 3, lambda z: torch.special.expit(300 * z), lambda z: 300 * z),
    "column": ("binary", 2, lambda z: F.softmax(300 * z, dim=1)[:, 1], lambda z: 300 * _difference(z)),
    "columns of two": ("binary", 2, lambda z: nn.Softmax(dim=-1)(300 * z), lambda z: 300 * _difference(z)),
    "column of three": (
        "binary",
        3,
        lambda z: (30 * z).softmax(1)[:, 2:],
        lambda z: 30 * z[:, 2:] - (30 * z[:, :2]).logsumexp(1, keepdim=True),
    ),
    "a pair with its complement": ("binary", 1, _pair, lambda z: 300 * z),
    "an earlier sigmoid": ("binary", 1, lambda z: torch.sigmoid(300 * torch.sigmoid(z) - 150), None),  # type: ignore[dict-item]
}


@pytest.mark.parametrize("case", SEEN)
def test_log_odds_are_those_that_went_in(case: str) -> None:
    task, outputs, end, expected = SEEN[case]
    module = Ends(end, outputs)
    predictor = checked(module, task)
    assert predictor.reads_odds
    with predictor.attached():
        found = predictor.logits(TOKENS)
        slope = predictor.gradient(predictor.encode(TOKENS), predictor.lengths(TOKENS), lambda out, _: out.sum(1))
    x = predictor.encode(TOKENS)
    z = module.logits(x).detach()
    truth = 300 * torch.sigmoid(z) - 150 if expected is None else expected(z)
    torch.testing.assert_close(found, truth, rtol=1e-4, atol=1e-3)
    assert bool((slope.gradient != 0).any())


def test_margins_of_many_classes_are_those_of_logits() -> None:
    module = Ends(lambda z: (1000 * z).softmax(1), 5)
    predictor = checked(module, "classification")
    with predictor.attached():
        found = predictor.logits(TOKENS)
    z = 1000 * module.logits(predictor.encode(TOKENS)).detach()
    top = z.argmax(1, keepdim=True)
    torch.testing.assert_close(found.gather(1, top) - found, z.gather(1, top) - z, rtol=1e-4, atol=1e-2)


UNSEEN: dict[str, tuple[int, Callable[[Tensor], Tensor]]] = {
    "by hand": (1, lambda z: 1 / (1 + torch.exp(-z))),
    "rounded": (1, lambda z: torch.round(torch.sigmoid(z) * 8) / 8),
    "clamped": (1, lambda z: torch.sigmoid(50 * z).clamp(0.1, 0.9)),
    "a mean": (3, lambda z: torch.sigmoid(z).mean(1)),
    "scaled": (1, lambda z: 0.5 * torch.sigmoid(z) + 0.25),
    "another column beside it": (1, lambda z: torch.sigmoid(z) * (1 - 1e-3)),
    "a threshold": (1, lambda z: (torch.sigmoid(z) > 0.5).float()),
}


@pytest.mark.parametrize("case", UNSEEN)
def test_whatever_else_comes_behind_is_taken_as_it_comes(case: str) -> None:
    outputs, end = UNSEEN[case]
    module = Ends(end, outputs)
    predictor = checked(module, "binary")
    assert not predictor.reads_odds
    assert predictor.saturates
    with predictor.attached():
        found = predictor.logits(TOKENS).sigmoid()
    own = module(predictor.encode(TOKENS)).detach().reshape(-1, 1)
    torch.testing.assert_close(found, own, rtol=0, atol=1e-5)


def test_what_is_judged_is_the_models_own_answer() -> None:
    """A probability that is rounded to a half is a tie, whatever its log-odds."""
    module = Ends(lambda z: torch.sigmoid(0 * z + 1e-9), 1)
    predictor = checked(module, "binary")
    with predictor.attached():
        assert bool((predictor.logits(TOKENS) > 0).all())
        assert bool((predictor.judged(TOKENS) == 0).all())
