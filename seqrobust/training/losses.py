"""Losses per record, by task; attacks inside training climb the same loss that training descends.

Only a margin loss is climbed without its floor: it is flat for records that are right by far, and an adversary has to
move just those.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from seqrobust.errors import DataError
from seqrobust.sequences import Targets
from seqrobust.tasks import TaskValue, task_of
from seqrobust.training.settings import TrainingSettings

RecordLoss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From logits (B, outputs) and targets (B,) or (B, T) to losses (B,)."""

RecordDivergence: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From reference logits and other logits (B, outputs) to divergences (B,)."""


def record_loss(targets: Targets, settings: TrainingSettings) -> RecordLoss:
    """The loss of a task.

    Args:
        targets: of the training records, for class frequencies and the spread of regression values.
        settings: weights, smoothing and the regression's loss.

    Raises DataError for a class without a training record, when classes are weighed.
    """
    task, smoothing = task_of(targets.task), settings.label_smoothing
    if task.measured:
        spread = torch.from_numpy(regression_scale(targets)[1])
        function = functional.mse_loss if settings.regression_loss == "mse" else functional.huber_loss
        return lambda logits, wanted: function(
            logits / spread.to(logits.device), wanted / spread.to(logits.device), reduction="none"
        ).mean(1)
    weights = _class_weights(targets) if settings.class_weights == "balanced" else None
    if settings.classification_loss == "margin":
        return lambda logits, wanted: _margin_loss(task, logits, wanted, weights, floor=0.0)
    return lambda logits, wanted: task.log_loss(logits, wanted, weights, smoothing)


def climbed_loss(targets: Targets, settings: TrainingSettings) -> RecordLoss | None:
    """What an adversary climbs; None where it is the loss itself."""
    task = task_of(targets.task)
    if settings.classification_loss != "margin" or task.measured:
        return None
    weights = _class_weights(targets) if settings.class_weights == "balanced" else None
    return lambda logits, wanted: _margin_loss(task, logits, wanted, weights, floor=-torch.inf)


def _margin_loss(task: TaskValue, logits: Tensor, wanted: Tensor, weights: Tensor | None, *, floor: float) -> Tensor:
    lead = task.margins(logits, wanted)
    if task.softmax:
        lead = lead.amin(1, keepdim=True)
    loss = (1 - lead).clamp(min=floor)
    if weights is not None:
        weights = weights.to(logits.device)
        if task.softmax:
            loss = loss * weights[wanted][:, None]
        else:
            loss = loss * torch.where(wanted.reshape(logits.shape) > 0.5, weights[1], weights[0])
    return loss.mean(1)


def record_divergence(targets: Targets) -> RecordDivergence:
    """How far outputs moved: Kullback-Leibler between class probabilities, its mean over labels as the loss is a mean
    over them, or for regression the mean squared difference of standardised values.
    """
    task = task_of(targets.task)
    if task.measured:
        spread = torch.from_numpy(regression_scale(targets)[1])
        return lambda before, after: ((before - after) / spread.to(before.device)).square().mean(1)
    return task.divergence


def told(targets: Targets) -> Callable[[Tensor], Tensor]:
    """From logits (B, outputs) to (B,) how much they tell: the entropy that is missing from its largest, in nats (its
    mean over labels); for regression the mean squared distance of standardised values from the training mean.
    """
    task = task_of(targets.task)
    if task.measured:
        mean, spread = (torch.from_numpy(part) for part in regression_scale(targets))
        return lambda logits: ((logits - mean.to(logits.device)) / spread.to(logits.device)).square().mean(1)
    return lambda logits: task.divergence(logits, torch.zeros_like(logits))


def _class_weights(targets: Targets) -> Tensor:
    """Inverse frequencies with mean 1 over records: (C,), or (2,) or (2, T) for absent and present labels."""
    values = targets.values
    if task_of(targets.task).independent:
        present = values.mean(0)
        counts = np.stack([1 - present, present]) * len(values)
    else:
        counts = np.bincount(values.astype(np.int64), minlength=len(targets.labels)).astype(np.float64)
    if (counts == 0).any():
        missing = [name for name, count in zip(targets.labels, np.atleast_2d(counts).min(0), strict=False) if not count]
        raise DataError(
            "a class has no training record, so it cannot be weighed", found=", ".join(missing) or "an empty class"
        )
    return torch.from_numpy((len(values) / (counts.shape[0] * counts)).astype(np.float32))


def regression_scale(targets: Targets) -> tuple[np.ndarray, np.ndarray]:
    """(T,) mean and standard deviation of regression targets; 1 in place of a spread of 0."""
    mean, spread = targets.values.mean(0), targets.values.std(0)
    return mean.astype(np.float32), np.where(spread > 0, spread, 1).astype(np.float32)
