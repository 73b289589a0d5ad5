"""What validation counts beside plain accuracy: how each class fares, and how records are ranked.

Counted over devices: each adds up what it saw, and all of it is put together before a score is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat

from seqrobust.measures import against_the_rest, average_precision, matthews, mean_known, roc_area
from seqrobust.sequences import Task
from seqrobust.tasks import task_of
from seqrobust.training.metrics import confusions

_CELLS = 1 << 24
"""Logits that are kept of a validation, at most; of larger ones ranking is not scored after every epoch."""


class BalancedAccuracy(Metric):
    """Mean recall over classes; of several labels, the mean over them of recall and specificity.

    Classes, and labels, that validation cannot speak of are left out; NaN where fewer than two classes are there.
    """

    full_state_update = False
    hits: Tensor
    sizes: Tensor

    def __init__(self, task: Task, classes: int) -> None:
        super().__init__()
        self._task = task
        shape = (2, classes) if task_of(task).independent else (classes,)
        for name in ("hits", "sizes"):
            self.add_state(name, torch.zeros(shape), dist_reduce_fx="sum")

    def update(self, logits: Tensor, targets: Tensor) -> None:
        """Count (B, outputs) logits with their targets."""
        if task_of(self._task).independent:
            sides = torch.stack([targets < 0.5, targets > 0.5])
            right = torch.where(sides[1], logits > 0, logits < 0)
            self.sizes += sides.sum(1)
            self.hits += (sides & right).sum(1)
            return
        truth = targets.long()
        own = torch.nn.functional.one_hot(truth, len(self.sizes))
        self.sizes += own.sum(0)
        self.hits += (own * task_of(self._task).right(logits, truth)[:, None]).sum(0)

    def compute(self) -> Tensor:
        """The score so far."""
        rates = self.hits / self.sizes
        if task_of(self._task).independent:
            rates = rates.mean(0)
            return rates[~rates.isnan()].mean()
        there = rates[self.sizes > 0]
        return there.mean() if len(there) > 1 else rates.new_tensor(torch.nan)


class Rankings(Metric):
    """Areas under the ROC and the precision-recall curve, and Matthews' coefficient: what no threshold, or all four
    cells of the table, have a part in."""

    full_state_update = False
    logits: list[Tensor]
    truth: list[Tensor]

    def __init__(self, task: Task, classes: int) -> None:
        super().__init__()
        self._task: Task = task
        self._classes = classes
        self.add_state("logits", [], dist_reduce_fx="cat")
        self.add_state("truth", [], dist_reduce_fx="cat")

    def update(self, logits: Tensor, targets: Tensor) -> None:
        """Keep (B, outputs) logits with their targets."""
        self.logits.append(logits.detach().float())
        self.truth.append(targets)

    def compute(self) -> dict[str, float]:
        """``auroc``, ``average_precision`` and ``mcc``, means over classes or labels; NaN where one means nothing."""
        logits, truth = dim_zero_cat(self.logits).cpu().numpy(), dim_zero_cat(self.truth).cpu().numpy()
        sides = [roc_area, average_precision]
        found = [mean_known(side(*one) for one in _against_the_rest(self._task, logits, truth)) for side in sides]
        found.append(mean_known(matthews(table) for table in confusions(self._task, logits, truth, self._classes)))
        values = [torch.nan if value is None else value for value in found]
        return dict(zip(("auroc", "average_precision", "mcc"), values, strict=True))


def _against_the_rest(
    task: Task, logits: NDArray[Any], truth: NDArray[Any]
) -> Iterator[tuple[NDArray[np.bool_], NDArray[Any]]]:
    """Of each label, or each class against the rest, which records have it and how they score."""
    if task_of(task).softmax:
        logits, truth = against_the_rest(logits), truth[:, None] == np.arange(logits.shape[1])
    yield from zip((truth.reshape(logits.shape) > 0).T, logits.T, strict=True)


def rankings_of(task: Task, classes: int, records: int) -> Rankings | None:
    """What ranks, or None for regressions and for more logits than are kept."""
    if task_of(task).measured or records * classes > _CELLS:
        return None
    return Rankings(task, classes)
