"""Logits and probabilities are told apart by what a module does and says, not by records or the order of layers."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqrobust.alphabet import DNA
from seqrobust.errors import ModelError
from seqrobust.models import Predictor
from seqrobust.models.checks.spans import span_of
from seqrobust.sequences import Task
from seqrobust.sequences.encoding import one_hot

LENGTH = 24


class Net(nn.Module):
    """Raw outputs (N, outputs) of one-hot (N, 4, L), of a spread of some units around a shift."""

    def __init__(self, outputs: int = 1, shift: float = 0.0, gain: float = 6.0) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.conv = nn.Conv1d(4, 8, 5, padding=2)
            self.head = nn.Linear(8, outputs)
        self.shift, self.gain = shift, gain

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(F.relu(self.conv(x)).amax(2)) * self.gain + self.shift
        return out


class Ends(Net):
    """Raw outputs that go on into a function."""

    def __init__(self, end: Callable[[Tensor], Any], outputs: int = 1, **more: float) -> None:
        super().__init__(outputs, **more)
        self.end = end
        self.mixing = nn.Parameter(torch.tensor([0.2, 0.3, 0.5]))

    def forward(self, x: Tensor) -> Any:
        return self.end(super().forward(x))


class SigmoidFirst(Net):
    """A sigmoid is registered, used at the end, and is not the last layer that was registered."""

    def __init__(self) -> None:
        super().__init__()
        self.last = nn.Sigmoid()
        self.head, self.last = nn.Sigmoid(), self.head  # type: ignore[assignment]

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.last(F.relu(self.conv(x)).amax(2)) * self.gain)
        return out


class SigmoidUnused(Net):
    """A sigmoid registered last that only a training loop uses."""

    def __init__(self) -> None:
        super().__init__(gain=0.1, shift=0.5)
        self.activation = nn.Sigmoid()


def tokens(n: int = 10, seed: int = 1) -> Tensor:
    return torch.randint(4, (n, LENGTH), generator=torch.Generator().manual_seed(seed)).to(torch.uint8)


def checked(module: nn.Module, task: Task, n: int = 10, **more: Any) -> Predictor:
    predictor = Predictor(module, **{"alphabet": DNA, "task": task, "device": "cpu"} | more)
    predictor.check(tokens(n))
    return predictor


def logits(predictor: Predictor, rows: Tensor) -> Tensor:
    with predictor.attached():
        return predictor.logits(rows)


def _outer(out: Tensor) -> Tensor:
    filled = torch.zeros(len(out), 2)
    filled[:, 0], filled[:, 1] = 1 - out[:, 0].sigmoid(), out[:, 0].sigmoid()
    return filled


LONE: dict[str, tuple[Callable[[Tensor], Tensor], int]] = {
    "function": (torch.sigmoid, 1),
    "flat": (lambda out: out[:, 0].sigmoid(), 1),
    "in place": (lambda out: out.sigmoid_(), 1),
    "by hand": (lambda out: 1 / (1 + torch.exp(-out)), 1),
    "clamped": (lambda out: out.sigmoid().clamp(1e-6, 1 - 1e-6), 1),
    "column of a softmax": (lambda out: out.softmax(1)[:, 1], 2),
    "exp of log_softmax": (lambda out: out.log_softmax(1).exp()[:, 1], 2),
    "mean of sigmoids": (lambda out: out.sigmoid().mean(1, keepdim=True), 3),
    "mean of a stack": (lambda out: torch.stack([out.sigmoid(), (out + 1).sigmoid()]).mean(0), 1),
    "half a sum": (lambda out: (out[:, 0].sigmoid() + out[:, 1].sigmoid()) / 2, 2),
    "weighted": (lambda out: 0.3 * out[:, 0].sigmoid() + 0.7 * out[:, 1].sigmoid(), 2),
    "product": (lambda out: out[:, 0].sigmoid() * out[:, 1].sigmoid(), 2),
    "complement": (lambda out: 1 - out.sigmoid(), 1),
    "noisy or": (lambda out: 1 - (1 - out.sigmoid()).prod(1), 3),
    "half precision": (lambda out: out.half().sigmoid(), 1),
    "rounded": (lambda out: (out.sigmoid() * 1000).round() / 1000, 1),
    "hard sigmoid": (F.hardsigmoid, 1),
    "no grad": (torch.no_grad()(torch.sigmoid), 1),
}


@pytest.mark.parametrize(("n", "shift"), [(1, 0.0), (64, -6.0)], ids=["one record", "a rare class"])
@pytest.mark.parametrize("case", LONE)
def test_a_lone_probability_is_known_by_its_operations(case: str, n: int, shift: float) -> None:
    """However many records there are, and however rare the class; and its logit is log p - log(1 - p)."""
    end, outputs = LONE[case]
    module = Ends(end, outputs, shift=shift, gain=2.0)
    predictor = checked(module, "binary", n)
    assert predictor.scale == "probabilities"
    with torch.no_grad():
        p = module(one_hot(tokens(5), DNA)).double().reshape(5, 1)
    inside = (p > 1e-6) & (p < 1 - 1e-6)
    found = logits(predictor, tokens(5))
    torch.testing.assert_close(found[inside].double(), torch.logit(p)[inside], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("wrapped", ["scripted", "traced"])
def test_torchscript_is_looked_into(wrapped: str) -> None:
    module = nn.Sequential(Net(), nn.Sigmoid()).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = wrapped == "scripted"
        made: Any = torch.jit.script(module) if scripted else torch.jit.trace(module, one_hot(tokens(3), DNA))
    assert checked(made, "binary").scale == "probabilities"


def test_the_order_of_registration_says_nothing() -> None:
    assert checked(SigmoidFirst(), "binary").scale == "probabilities"
    assert checked(SigmoidUnused(), "binary", 64).scale == "logits"


@pytest.mark.parametrize("task", ["binary", "multilabel"])
def test_logits_that_happen_to_lie_between_0_and_1(task: Task) -> None:
    module = Ends(lambda out: out, 1 if task == "binary" else 3, gain=0.1, shift=0.5)
    predictor = checked(module, task, 64)
    assert predictor.scale == "logits"
    with torch.no_grad():
        expected = module(one_hot(tokens(64), DNA))
    assert bool(((expected > 0) & (expected < 1)).all())
    torch.testing.assert_close(logits(predictor, tokens(64)), expected)


def test_labels_are_probabilities_of_their_own() -> None:
    module = Ends(torch.sigmoid, 20)
    predictor = checked(module, "multilabel")
    assert predictor.scale == "probabilities"
    torch.testing.assert_close(
        logits(predictor, tokens()), logits(checked(Net(20), "multilabel"), tokens()), atol=1e-3, rtol=1e-3
    )


UNSURE: dict[str, Callable[[Tensor], Tensor]] = {
    "numpy": lambda out: torch.tensor(out.detach().sigmoid().numpy()),
    "ratio": lambda out: out.exp() / (1 + out.exp()),
    "half a sigmoid": lambda out: out.sigmoid() / 2,
    "smoothed labels": lambda out: out.sigmoid() * 0.6 + 0.2,
    "scatter": lambda out: torch.zeros_like(out).index_put((torch.arange(len(out)),), out.sigmoid()),
}


@pytest.mark.parametrize("n", [1, 64])
@pytest.mark.parametrize("case", UNSURE)
def test_what_cannot_be_told_is_refused_and_can_be_said(case: str, n: int) -> None:
    with pytest.raises(ModelError, match="cannot be told") as caught:
        checked(Ends(UNSURE[case]), "binary", n)
    assert "--outputs" in str(caught.value.fix)
    for said in ("logits", "probabilities"):
        assert checked(Ends(UNSURE[case]), "binary", n, scale=said).scale == said


def test_values_elsewhere_settle_it() -> None:
    """Logits from NumPy between 0 and 1 on the records, and beyond on other sequences."""

    def through_numpy(out: Tensor) -> Tensor:
        return torch.tensor(out.detach().numpy())

    module = Ends(through_numpy, gain=1.0)
    rows = one_hot(tokens(400), DNA)
    with torch.no_grad():
        inside = torch.nonzero(((module(rows) > 0) & (module(rows) < 1))[:, 0]).flatten()[:3]
    predictor = Predictor(module, alphabet=DNA, task="binary", device="cpu")
    if len(inside):
        predictor.check(tokens(400)[inside])
        assert predictor.scale == "logits"


def test_log_probabilities() -> None:
    """Of a lone output they are refused, for none is ever positive; of two their difference is the logit."""
    for end, outputs in ((F.logsigmoid, 1), (lambda out: out.log_softmax(1)[:, 1], 2)):
        with pytest.raises(ModelError, match="log-probabilities"):
            checked(Ends(end, outputs), "binary")
    pair = checked(Ends(lambda out: out.log_softmax(1), 2), "binary")
    expected = Net(2)(one_hot(tokens(), DNA)).detach()
    torch.testing.assert_close(logits(pair, tokens()), expected[:, 1:] - expected[:, :1], rtol=1e-4, atol=1e-4)


NEVER_NEGATIVE: dict[str, Callable[[Tensor], Tensor]] = {
    "percent": lambda out: 100 * out.sigmoid(),
    "exponential": lambda out: (out + 2).exp(),
    "rectified": lambda out: (out + 2).relu(),
    "softplus": lambda out: F.softplus(out + 2),
}


@pytest.mark.parametrize("case", NEVER_NEGATIVE)
def test_what_is_never_negative_is_no_logit(case: str) -> None:
    """Read as logits all would be positive; whoever means that can say so."""
    with pytest.raises(ModelError, match="never below 0") as caught:
        checked(Ends(NEVER_NEGATIVE[case]), "binary")
    assert "--outputs logits" in str(caught.value.fix)
    assert checked(Ends(NEVER_NEGATIVE[case]), "binary", scale="logits").scale == "logits"
    assert checked(Ends(NEVER_NEGATIVE[case]), "regression").task == "regression"


def test_probabilities_among_logits_are_told() -> None:
    mixed = Ends(lambda out: torch.cat([out[:, :1].sigmoid(), out[:, 1:]], 1), 3)
    assert any("outputs 0 (of 0 to 2)" in notice for notice in checked(mixed, "multilabel").notices)
    assert not any("outputs" in notice for notice in checked(Net(3), "multilabel").notices)


@pytest.mark.parametrize(
    "end", [lambda out: out.softmax(1), lambda out: torch.tensor(out.detach().softmax(1).numpy()), _outer]
)
@pytest.mark.parametrize("n", [1, 10])
def test_rows_that_add_up_to_one_are_probabilities(end: Callable[[Tensor], Tensor], n: int) -> None:
    predictor = checked(Ends(end, 2), "binary", n)
    assert predictor.scale == "probabilities"
    p = Ends(end, 2)(one_hot(tokens(), DNA)).detach()
    torch.testing.assert_close(
        logits(predictor, tokens()), torch.logit(p[:, 1:].double()).float(), rtol=1e-3, atol=1e-3
    )


def test_hard_decisions_are_decisions() -> None:
    """Read either way the answer is the same; that nothing guides a search is said."""
    predictor = checked(Ends(lambda out: (out > 0).float()), "binary")
    raw = Net()(one_hot(tokens(), DNA))
    assert torch.equal(logits(predictor, tokens()) > 0, raw > 0)
    assert any("saturated" in notice for notice in predictor.notices)


def test_probabilities_that_are_none_are_told() -> None:
    with pytest.raises(ModelError, match="not between 0 and 1"):
        checked(Net(), "binary", scale="probabilities")


def test_saturated_probabilities_are_told_whoever_says_that_they_are_such() -> None:
    for scale in ("auto", "probabilities"):
        predictor = checked(Ends(lambda out: 1 / (1 + torch.exp(-out)), gain=5000.0), "binary", scale=scale)
        assert any("10 of 10 records are saturated" in notice for notice in predictor.notices)
        assert logits(predictor, tokens()).isfinite().all()


def test_a_sigmoid_said_to_be_logits_is_doubted() -> None:
    assert any(
        "every prediction is positive" in notice
        for notice in checked(Ends(torch.sigmoid), "binary", scale="logits").notices
    )


def test_a_model_that_says_the_same_of_everything_is_constant() -> None:
    assert checked(Ends(lambda out: out * 0 - 3), "binary").constant == "0"
    assert checked(Ends(lambda out: out.softmax(1), 1), "binary").constant == "1", "a softmax of one column is 1"
    varied = checked(Net(), "binary", 64, labels=("off", "on"))
    assert varied.constant is None
    rows = tokens(64)
    positive = rows[logits(varied, rows)[:, 0] > 0]
    some = Predictor(Net(), alphabet=DNA, task="binary", device="cpu")
    some.check(positive)
    assert some.constant is None, "records of one class are no constant model"
    assert any(f"each of the {len(positive)} records tried is predicted 1" == notice for notice in some.notices)


def test_spans_hold_every_value() -> None:
    """What interval arithmetic allows includes what random weights and inputs give."""
    torch.manual_seed(4)
    steps: list[Callable[[Tensor], Tensor]] = [
        torch.sigmoid,
        torch.tanh,
        torch.relu,
        torch.exp,
        lambda x: -x,
        lambda x: 1 - x,
        lambda x: x + 2,
        lambda x: 3 * x - 1,
        lambda x: x.clamp(-0.5, 0.8),
        lambda x: x.mean(1, keepdim=True),
        lambda x: x.sum(1, keepdim=True),
        lambda x: x.prod(1, keepdim=True),
        lambda x: x.abs(),
        lambda x: x.abs().sqrt(),
        lambda x: x / 4,
        lambda x: x * x,
        lambda x: x.softmax(1),
        lambda x: torch.cat([x, x.sigmoid()], 1),
        lambda x: 1 / (1 + x.exp()),
        lambda x: x[:, :1],
    ]
    weight = torch.randn(4, 3)
    known = 0
    for _ in range(300):
        chosen = [steps[i] for i in torch.randint(len(steps), (4,)).tolist()]

        def function(x: Tensor, chosen: list[Callable[[Tensor], Tensor]] = chosen) -> Tensor:
            out = x @ weight
            for step in chosen:
                out = step(out)
            return out

        found = span_of(function, torch.randn(3, 4), [weight]).span
        values = function(torch.randn(200, 4) * 3)
        values = values[values.isfinite()]
        if found is None or not len(values):
            continue
        known += 1
        slack = 1e-5 * max(1.0, float(values.abs().max()))
        assert found.low - slack <= values.min()
        assert values.max() <= found.high + slack
    assert known > 150
