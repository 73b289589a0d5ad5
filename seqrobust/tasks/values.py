"""The task of measured values: expression, fitness, an affinity. A prediction is near or far, not right or wrong."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from seqrobust.tasks.base import TaskValue
from seqrobust.tasks.names import Task


class Regression(TaskValue):
    """A number for each of one or more values."""

    name: ClassVar[Task] = "regression"
    measured = True
    score = "r2"
    quantity = "the value"
    output_words = ""

    def predictions(self, logits: Tensor) -> Tensor:
        """The values."""
        return logits

    def attackable(self, logits: Tensor, targets: Tensor) -> Tensor:
        """All: any value can be shifted."""
        return torch.ones(len(logits), dtype=torch.bool, device=logits.device)

    def lead(self, logits: Tensor) -> Tensor:
        """The largest spread of a value over the records, the same for all."""
        return logits.std(0, correction=0).max().expand(len(logits))

    def differ(self, one: Tensor, other: Tensor) -> Tensor:
        """Never."""
        return torch.zeros(len(one), dtype=torch.bool, device=one.device)

    def unusable(self, outputs: Tensor) -> Tensor:
        """NaN, or infinite."""
        return ~outputs.isfinite()

    def comparable(self, logits: Tensor) -> Tensor:
        """The values, in their own units."""
        return logits

    def centred(self, logits: Tensor) -> Tensor:
        """Less each value's mean over the records."""
        return logits - logits.mean(0)

    def explained_output(self, logits: Tensor) -> Tensor:
        """The first value."""
        return torch.zeros(len(logits), dtype=torch.int64)
