"""Outputs that are infinite on purpose, and outputs of very different sizes side by side."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.errors import ModelError
from seqrobust.models.bare import check_finite
from seqrobust.models.expectation import differ
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet, Task

TASKS: tuple[Task, ...] = ("binary", "classification", "multilabel", "regression")


@pytest.mark.parametrize("task", TASKS)
def test_nan_is_never_an_answer(task: Task) -> None:
    with pytest.raises(ModelError, match="not finite"):
        check_finite(torch.tensor([[0.0, torch.nan]]), task)


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("value", [torch.inf, -torch.inf])
def test_infinity_is_a_logit_and_no_value(task: Task, value: float) -> None:
    outputs = torch.tensor([[0.0, value]])
    if task == "regression":
        with pytest.raises(ModelError, match="not finite"):
            check_finite(outputs, task)
    else:
        check_finite(outputs, task)


def test_nothing_but_infinities_is_no_answer() -> None:
    with pytest.raises(ModelError, match="not finite"):
        check_finite(torch.tensor([[0.0, 1.0], [torch.inf, -torch.inf]]), "classification")


@pytest.mark.parametrize("size", [1.0, 1e7, 1e12])
def test_a_small_output_is_compared_by_itself(size: float) -> None:
    rng = np.random.default_rng(0)
    one = torch.tensor(rng.normal(size=(16, 2)), dtype=torch.float32) * torch.tensor([1.0, size])
    noisy = one.clone()
    noisy[3, 0] *= 1.01
    assert not differ(one, one.clone())
    assert not differ(one, one * (1 + 1e-6))
    assert differ(one, noisy)


def test_infinities_of_one_sign_are_the_same_answer() -> None:
    one = torch.tensor([[0.5, -torch.inf], [0.25, -torch.inf]])
    assert not differ(one, one.clone())
    other = one.clone()
    other[1, 1] = 0.0
    assert differ(one, other)


class Noisy(nn.Module):
    """A random value beside a large one that is not."""

    def forward(self, encoded: Tensor) -> Tensor:
        value = encoded[:, 0].sum(1) + 0.1 * torch.randn(len(encoded))
        return torch.stack([value, torch.full_like(value, 1e7)], dim=1)


def test_a_random_value_beside_a_large_one_is_noticed() -> None:
    sequences = SequenceSet.from_texts(["ACGTA", "CCGTA", "GCATC"], DNA)
    predictor = Predictor(Noisy(), alphabet=DNA, task="regression", device="cpu")
    predictor.check(torch.tensor(sequences.tokens))
    assert predictor.stochastic


class BothSigns(nn.Module):
    """A logit of plus infinity on one strand and of minus infinity on the other."""

    def forward(self, encoded: Tensor) -> Tensor:
        return torch.where(encoded[:, :1, 0] > 0, torch.inf, -torch.inf)


def test_infinities_of_both_signs_have_no_mean() -> None:
    predictor = Predictor(BothSigns(), alphabet=DNA, task="binary", device="cpu", scale="logits", average_strands=True)
    with pytest.raises(ModelError, match="not finite"), predictor.attached():
        predictor.logits(torch.tensor(SequenceSet.from_texts(["AAAA"], DNA).tokens))
