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
from seqrobust.sequences import Targets, Task
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
    task, smoothing = targets.task, settings.label_smoothing
    if task == "regression":
        spread = torch.from_numpy(regression_scale(targets)[1])
        function = functional.mse_loss if settings.regression_loss == "mse" else functional.huber_loss
        return lambda logits, wanted: function(
            logits / spread.to(logits.device), wanted / spread.to(logits.device), reduction="none"
        ).mean(1)
    weights = _class_weights(targets) if settings.class_weights == "balanced" else None
    if settings.classification_loss == "margin":
        return lambda logits, wanted: _margin_loss(task, logits, wanted, weights, floor=0.0)
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


def climbed_loss(targets: Targets, settings: TrainingSettings) -> RecordLoss | None:
    """What an adversary climbs; None where it is the loss itself."""
    if settings.classification_loss != "margin" or targets.task == "regression":
        return None
    weights = _class_weights(targets) if settings.class_weights == "balanced" else None
    return lambda logits, wanted: _margin_loss(targets.task, logits, wanted, weights, floor=-torch.inf)


def margins(task: Task, logits: Tensor, wanted: Tensor) -> Tensor:
    """(B, M) leads of the true score: over each other class, the true one's own column infinite; over 0 of a logit."""
    if task == "classification":
        true = wanted[:, None]
        return (logits.gather(1, true) - logits).scatter(1, true, torch.inf)
    return (2 * wanted.reshape(logits.shape).to(logits.dtype) - 1) * logits


def _margin_loss(task: Task, logits: Tensor, wanted: Tensor, weights: Tensor | None, *, floor: float) -> Tensor:
    lead = margins(task, logits, wanted)
    if task == "classification":
        lead = lead.amin(1, keepdim=True)
    loss = (1 - lead).clamp(min=floor)
    if weights is not None:
        weights = weights.to(logits.device)
        if task == "classification":
            loss = loss * weights[wanted][:, None]
        else:
            loss = loss * torch.where(wanted.reshape(logits.shape) > 0.5, weights[1], weights[0])
    return loss.mean(1)


def record_divergence(targets: Targets) -> RecordDivergence:
    """How far outputs moved: Kullback-Leibler between class probabilities, its mean over labels as the loss is a mean
    over them, or for regression the mean squared difference of standardised values.
    """
    if targets.task == "regression":
        spread = torch.from_numpy(regression_scale(targets)[1])
        return lambda before, after: ((before - after) / spread.to(before.device)).square().mean(1)
    if targets.task == "classification":
        return _class_divergence
    return lambda before, after: _label_divergence(before, after).mean(1)


def _class_divergence(before: Tensor, after: Tensor) -> Tensor:
    log_p, log_q = functional.log_softmax(before, 1), functional.log_softmax(after, 1)
    return (log_p.exp() * (log_p - log_q)).sum(1)


def _label_divergence(before: Tensor, after: Tensor) -> Tensor:
    yes = functional.logsigmoid(before) - functional.logsigmoid(after)
    no = functional.logsigmoid(-before) - functional.logsigmoid(-after)
    share = torch.sigmoid(before)
    return share * yes + (1 - share) * no


def told(targets: Targets) -> Callable[[Tensor], Tensor]:
    """From logits (B, outputs) to (B,) how much they tell: the entropy that is missing from its largest, in nats (its
    mean over labels); for regression the mean squared distance of standardised values from the training mean.
    """
    if targets.task == "regression":
        mean, spread = (torch.from_numpy(part) for part in regression_scale(targets))
        return lambda logits: ((logits - mean.to(logits.device)) / spread.to(logits.device)).square().mean(1)
    if targets.task == "classification":
        return lambda logits: _class_divergence(logits, torch.zeros_like(logits))
    return lambda logits: _label_divergence(logits, torch.zeros_like(logits)).mean(1)


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
