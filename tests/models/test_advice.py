"""What to do about a model that cannot be used is what helps: each piece of advice names things that are there."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from wrapped_models import Linear, second, tokens, wrap

from seqrobust.analysis.attribution import METHODS
from seqrobust.attacks import ATTACKS
from seqrobust.errors import ModelError
from seqrobust.models.gradients import slope
from seqrobust.models.loading import load_module
from seqrobust.models.wrappers import BPDA


class Ends(Linear):
    """A model whose answer ends in something else."""

    def __init__(self, end: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.end = end

    def forward(self, x: Tensor) -> Any:
        return self.end(super().forward(x))


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (lambda out: out.detach().numpy(), "leave out .numpy()"),
        (lambda out: np.float64(out.sum().item()), "leave out .numpy()"),
        (lambda out: 1.0, "leave out .numpy()"),
        (lambda out: None, "return the tensor of outputs at its end"),
        (lambda out: (out, 1), "self.inner(x)[0]"),
        (lambda out: {"attention": None, "logits": out}, "self.inner(x)['logits']"),
    ],
)
def test_an_answer_that_is_no_tensor(end: Callable[[Tensor], Any], words: str) -> None:
    with pytest.raises(ModelError, match="does not return a tensor") as caught:
        wrap(Ends(end))
    assert words in str(caught.value.fix)


@pytest.mark.parametrize(("made", "words"), [("None", "return model"), ("len", "torch.nn.Module")])
def test_a_factory_of_no_module(tmp_path: Path, made: str, words: str) -> None:
    (tmp_path / "code.py").write_text(f"def build():\n    return {made}\n")
    with pytest.raises(ModelError, match="does not return a torch module") as caught:
        load_module(f"{tmp_path / 'code.py'}:build")
    assert words in str(caught.value.fix)


def test_a_gradient_that_is_not_finite() -> None:
    class Rooted(Linear):
        def forward(self, x: Tensor) -> Tensor:
            return super().forward(x.sqrt())

    predictor, rows = wrap(Rooted()), tokens()
    with predictor.attached(), pytest.raises(ModelError, match="gradient is not finite") as caught:
        predictor.gradient(predictor.encode(rows), predictor.lengths(rows), lambda out, _: second(out))
    assert "square root of zero" in str(caught.value.fix)


def test_what_needs_no_gradient_is_there() -> None:
    """And works without one: named attacks and methods exist."""
    for name in ("greedy_all", "genetic"):
        assert name in BPDA
        assert name in ATTACKS
    for name in ("ism", "occlusion"):
        assert name in BPDA
        assert name in METHODS
    with pytest.raises(ModelError) as caught:
        slope(torch.ones(1).sum(), nn.Parameter(torch.ones(1)))
    assert "greedy_all" in str(caught.value.fix)
