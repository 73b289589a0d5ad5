"""What a predictor cannot use is refused with the reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from predictor_toys import (
    LENGTH,
    Convolution,
    Ending,
    gradient,
    logits,
    made,
    tokens,
    wrap,
)
from torch import Tensor

from seqrobust.alphabet import PROTEIN
from seqrobust.errors import ModelError
from seqrobust.models.devices import resolve_device
from seqrobust.sequences import Task

# --- what cannot be used is told


def _nan(out: Tensor) -> Tensor:
    return out * torch.nan


BAD: dict[str, tuple[Task, Callable[[Tensor], Any], str]] = {
    "tuple": ("classification", lambda out: (out, None), "found: tuple"),
    "dictionary": ("classification", lambda out: {"logits": out}, "found: dict"),
    "nothing": ("regression", lambda out: None, "found: NoneType"),
    "three axes": ("classification", lambda out: out[:, :, None], "found: (20, 3, 1)"),
    "flat classes": ("classification", lambda out: out.argmax(1), "two or more classes"),
    "one class": ("classification", lambda out: out[:, :1], "two or more classes"),
    "one record": (
        "classification",
        lambda out: out.mean(0, keepdim=True),
        "expected: a tensor of shape (20, outputs)",
    ),
    "a single number": ("regression", lambda out: out.mean(), "found: ()"),
    "three for binary": ("binary", lambda out: out, "one output (or two)"),
    "nan": ("classification", _nan, "in row 1 of a batch"),
    "infinite": ("regression", lambda out: out / 0, "not finite"),
    "runtime": ("classification", lambda out: out @ out, "found: RuntimeError"),
    "index": ("classification", lambda out: [][0], "found: IndexError"),
    "type": ("classification", lambda out: out + "a", "found: TypeError"),
    "silent": ("classification", lambda out: torch.reshape(out, (7, 7)), "one-hot (20, 4, 12)"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_answers(case: str) -> None:
    task, end, said = BAD[case]
    module = Ending(end)
    with pytest.raises(ModelError) as caught:
        wrap(module, task)
    assert said in str(caught.value)
    assert caught.value.expected or caught.value.fix
    assert module.training, "given back all the same"


@pytest.mark.parametrize("error", [AssertionError, AttributeError, KeyError, ZeroDivisionError, ImportError])
def test_whatever_the_module_raises_is_told(error: type[Exception]) -> None:
    def fail(out: Tensor) -> Tensor:
        raise error("expected sequences of length 1000")

    with pytest.raises(ModelError, match=error.__name__) as caught:
        wrap(Ending(fail))
    assert "length 1000" in str(caught.value)


@pytest.mark.parametrize("cut", [Tensor.detach, lambda out: (out > 0).float()], ids=["detach", "step"])
def test_a_model_without_a_gradient_is_told(cut: Callable[[Tensor], Tensor]) -> None:
    """One that looks letters up by arg-max, say."""
    predictor = wrap(Ending(cut), scale="logits")
    with pytest.raises(ModelError, match="gradient"):
        gradient(predictor, tokens())


@pytest.mark.parametrize(
    ("task", "labels", "said"),
    [
        ("classification", "ab", "found: 3 outputs"),
        ("multilabel", "abcd", "4 outputs"),
        ("regression", "a", "1 output"),
    ],
)
def test_outputs_must_fit_their_labels(task: Task, labels: str, said: str) -> None:
    with pytest.raises(ModelError, match="do not fit its labels") as caught:
        wrap(made("convolution"), task, labels=labels)
    assert said in str(caught.value)


def test_another_alphabet_is_told() -> None:
    with pytest.raises(ModelError, match=r"one-hot \(20, 20, 12\)") as caught:
        wrap(made("convolution"), alphabet=PROTEIN)
    assert "alphabet" in str(caught.value.fix)


def test_values_that_turn_bad_after_the_check_are_told() -> None:
    class Fragile(Convolution):
        def forward(self, encoded: Tensor) -> Tensor:
            return super().forward(encoded) / (encoded[:, 0].sum(1, keepdim=True) > 0)

    rows = torch.zeros(9, LENGTH, dtype=torch.uint8)
    predictor = wrap(Fragile(), checked=False)
    predictor.check(rows)
    rows[6] = 1
    with pytest.raises(ModelError, match="not finite"):
        logits(predictor, rows)


def test_a_gradient_that_is_not_finite_is_told() -> None:
    """The root of a zero has a value, but no slope."""

    class Rooted(Convolution):
        def forward(self, encoded: Tensor) -> Tensor:
            return super().forward(encoded) + (encoded[:, 3].sum(1, keepdim=True)).sqrt()

    rows = torch.full((9, LENGTH), 3, dtype=torch.uint8)
    rows[6] = 1
    with pytest.raises(ModelError, match="gradient is not finite") as caught:
        gradient(wrap(Rooted()), rows)
    assert "row 7" in str(caught.value)


@pytest.mark.parametrize("name", ["cuda:77", "abacus"])
def test_a_device_that_is_not_there(name: str) -> None:
    with pytest.raises(ModelError, match="device cannot be used") as caught:
        resolve_device(name)
    assert name in str(caught.value)
    assert resolve_device("auto").type in ("cpu", "cuda")
