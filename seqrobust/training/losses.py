"""Losses per record, by task; attacks inside training climb the same loss that training descends."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from seqrobust.errors import DataError
from seqrobust.sequences import Targets
from seqrobust.training.settings import TrainingSettings

RecordLoss: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From logits (B, outputs) and targets (B,) or (B, T) to losses (B,)."""


def record_loss(targets: Targets, settings: TrainingSettings) -> RecordLoss:
    """The loss of a task.

    Args:
        targets: of the training records, for class frequencies and the spread of regression values.
        settings: weights, smoothing and the regression's loss.

    Raises DataError for a class without a training record, when classes are weighed.
    """
    task, smoothing = targets.task, settings.label_smoothing
    if task == "regression":
        spread = torch.from_numpy(regression_scale(targets)[1])
        function = functional.mse_loss if settings.regression_loss == "mse" else functional.huber_loss
        return lambda logits, wanted: function(
            logits / spread.to(logits.device), wanted / spread.to(logits.device), reduction="none"
        ).mean(1)
    weights = _class_weights(targets) if settings.class_weights == "balanced" else None
    if task == "classification":
        return lambda logits, wanted: functional.cross_entropy(
            logits,
            wanted,
            weight=None if weights is None else weights.to(logits.device),
            label_smoothing=smoothing,
            reduction="none",
        )
    if task == "binary":
        return lambda logits, wanted: _binary(logits[:, 0], wanted.float(), weights, smoothing)
    return lambda logits, wanted: _binary(logits, wanted, weights, smoothing).mean(1)


def _binary(logits: Tensor, wanted: Tensor, weights: Tensor | None, smoothing: float) -> Tensor:
    smooth = wanted * (1 - smoothing) + smoothing / 2
    loss = functional.binary_cross_entropy_with_logits(logits, smooth, reduction="none")
    if weights is None:
        return loss
    weights = weights.to(logits.device)
    return loss * torch.where(wanted > 0.5, weights[1], weights[0])


def _class_weights(targets: Targets) -> Tensor:
    """Inverse frequencies with mean 1 over records: (C,), or (2,) or (2, T) for absent and present labels."""
    values = targets.values
    if targets.task == "multilabel":
        present = values.mean(0)
        counts = np.stack([1 - present, present]) * len(values)
    else:
        classes = 2 if targets.task == "binary" else len(targets.labels)
        counts = np.bincount(values.astype(np.int64), minlength=classes).astype(np.float64)
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
