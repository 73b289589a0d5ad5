"""What a model's outputs say of a record: the signals that a membership attack compares.

A model is often better on what it was trained on. How much better is told by the loss at the true target, by the margin
between the true answer and the rest, and by how unsure the model is. All are taken from logits in float64: a
probability of 1 - 1e-12 is 1 in float32, and the records that leak most are those that the model is surest of.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr, log_expit, log_softmax, logsumexp

from seqrobust.errors import DataError
from seqrobust.sequences import Task
from seqrobust.tasks import task_of

Floats: TypeAlias = NDArray[np.float64]
Labels: TypeAlias = Literal["sum", "mean"]
"""How several labels or values of one record are put together."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Signals:
    """Signals of N records; leading axes, such as models or queries, may stand before N.

    Attributes:
        loss: (..., N) of the true target: cross-entropy in nats; for a regression half the squared standardised error.
        margin: (..., N) phi: the logit of the true answer's probability, log p_y - log (1 - p_y), which is z_y less the
            logsumexp of the others (Carlini et al. 2022); for a regression the Gaussian log density.
        log_confidence: (..., N) logarithm of the true answer's probability (density).
        entropy: (..., N) of the prediction, in nats; None for a regression.
        modified_entropy: (..., N) the entropy that knows the true answer (Song & Mittal 2021, "Systematic evaluation
            of privacy risks"): 0 where that is certain, infinite where another is; None for a regression.
    """

    loss: Floats
    margin: Floats
    log_confidence: Floats
    entropy: Floats | None
    modified_entropy: Floats | None

    @property
    def confidence(self) -> Floats:
        """(..., N) probability (density) of the true answer."""
        found: Floats = np.exp(self.log_confidence)
        return found

    def as_scores(self) -> Mapping[str, Floats]:
        """Name to (..., N) score that is large where a record looks like a member."""
        scores = {"loss": -self.loss, "confidence": self.confidence, "margin": self.margin}
        if self.entropy is not None and self.modified_entropy is not None:
            scores |= {"entropy": -self.entropy, "modified_entropy": -self.modified_entropy}
        return scores


def signals(
    logits: ArrayLike,
    targets: ArrayLike,
    task: Task,
    *,
    labels: Labels = "sum",
    spread: ArrayLike = 1.0,
    residual: float = 1.0,
) -> Signals:
    """The signals of a model's outputs.

    Args:
        logits: (..., N, outputs) logits, or values of a regression.
        targets: (N,) classes, (N,) or (N, 1) 0 or 1 of a binary task, (N, T) labels or values.
        task: what they are.
        labels: ``sum`` over labels (values), as if they were independent, or their ``mean``.
        spread: (T,) standard deviation of a regression's targets, by which errors are divided.
        residual: standard deviation of a regression's standardised errors under its Gaussian density.

    Raises DataError for outputs that are not finite or do not fit the targets.
    """
    values, wanted = np.asarray(logits, np.float64), np.asarray(targets)
    _check(values, wanted, task)
    _check_targets(wanted, task)
    if task_of(task).measured:
        return _regression(values, wanted, np.asarray(spread, np.float64), residual, labels)
    if task_of(task).softmax:
        return _classes(values, wanted.astype(np.int64))
    wanted = wanted.reshape(len(wanted), values.shape[-1])
    reduce = np.sum if labels == "sum" else np.mean
    each = _each_label((2 * wanted.astype(np.float64) - 1) * values)
    return Signals(**{name: reduce(part, axis=-1) for name, part in each.items()})


def phi_from_confidence(confidence: ArrayLike) -> Floats:
    """(N,) phi of plain probabilities, for a model that gives no logits.

    A probability that is 1 stands for all that are rounded to it, and is taken to be half-way to the next smaller
    number of its type: 1 - 2^-54, and 1 - 2^-25 in single precision; phi is then 37.4 and 17.3. Those below 2^-54 are
    raised to it. All others stay as they are, whatever stands beside them. Where logits are to be had, use
    :func:`signals`, which needs no such thing.

    Raises DataError for what is no probability.
    """
    given = np.asarray(confidence)
    p = np.asarray(given, np.float64)
    if not ((p >= 0) & (p <= 1)).all():
        odd = p[~((p >= 0) & (p <= 1))]
        raise DataError("a confidence is a probability", expected="0 to 1", found=str(odd.ravel()[0]))
    # What is left to 1, in floats that are closer together there.
    kind = given.dtype if given.dtype.kind == "f" else p.dtype
    rest = np.maximum(1 - p, np.finfo(kind).eps / 4)
    found: Floats = np.log(np.maximum(p, 2.0**-54)) - np.log(rest)
    return found


def _classes(logits: Floats, wanted: NDArray[np.int64]) -> Signals:
    logs: Floats = log_softmax(logits, axis=-1)
    absent = _log_of_rest(logits, logs)
    true = np.broadcast_to(wanted[..., None], (*logits.shape[:-1], 1))
    log_p, log_rest = (np.take_along_axis(part, true, -1)[..., 0] for part in (logs, absent))
    p = np.exp(logs)
    others = -p * absent
    np.put_along_axis(others, true, 0.0, -1)
    modified = -np.exp(log_rest) * log_p + others.sum(-1)
    return Signals(
        loss=-log_p,
        margin=log_p - log_rest,
        log_confidence=log_p,
        entropy=entr(p).sum(-1),
        modified_entropy=modified,
    )


def _log_of_rest(logits: Floats, logs: Floats) -> Floats:
    """(..., C) log (1 - p) of every class. Of the largest from the logits of the rest, for 1 - p would lose it."""
    top = logits.argmax(-1)[..., None]
    rest = logits.copy()
    np.put_along_axis(rest, top, -np.inf, -1)
    # Where the largest two are alike, p is 1/2 or less and either way is exact.
    absent: Floats = np.log1p(-np.minimum(np.exp(logs), 0.5))
    of_top = logsumexp(rest, axis=-1, keepdims=True) - logsumexp(logits, axis=-1, keepdims=True)
    np.put_along_axis(absent, top, of_top, -1)
    return absent


def _each_label(margin: Floats) -> dict[str, Floats]:
    """Signals of yes or no answers, given (..., N, T) logits of the true one."""
    log_p, log_rest = log_expit(margin), log_expit(-margin)
    p, rest = np.exp(log_p), np.exp(log_rest)
    return {
        "loss": -log_p,
        "margin": margin,
        "log_confidence": log_p,
        "entropy": -(p * log_p + rest * log_rest),
        # Two classes: that of the other is as large as that of the true one.
        "modified_entropy": -2 * rest * log_p,
    }


def _regression(values: Floats, wanted: NDArray[Any], spread: Floats, residual: float, labels: Labels) -> Signals:
    if not (residual > 0 and (spread > 0).all()):
        raise DataError("spread and residual are standard deviations", expected="above 0")
    wanted = wanted.reshape(len(wanted), values.shape[-1]).astype(np.float64)
    squared = ((values - wanted) / spread) ** 2
    density = -squared / (2 * residual**2) - math.log(residual) - 0.5 * math.log(2 * math.pi)
    reduce = np.sum if labels == "sum" else np.mean
    logs: Floats = reduce(density, axis=-1)
    return Signals(
        loss=reduce(squared, axis=-1) / 2, margin=logs, log_confidence=logs, entropy=None, modified_entropy=None
    )


def _check_targets(wanted: NDArray[Any], task: Task) -> None:
    if wanted.dtype.kind not in "biuf" or not np.isfinite(wanted).all():
        raise DataError("a target is not a number", found=str(wanted.dtype), fix="leave records without a target out")
    value = task_of(task)
    if value.softmax and not (wanted == np.floor(wanted)).all():
        raise DataError("a class is the number of an output", expected="whole numbers", found=str(wanted.dtype))
    if not (value.softmax or value.measured) and not np.isin(wanted, (0, 1)).all():
        raise DataError(
            f"targets of a {task} task", expected="0 and 1", found=str(wanted[~np.isin(wanted, (0, 1))].ravel()[:3])
        )


def _check(values: Floats, wanted: NDArray[Any], task: Task) -> None:
    outputs = 1 if wanted.ndim == 1 else wanted.shape[1]
    fits = values.ndim >= 2 and values.shape[-2] == len(wanted)
    if fits and task_of(task).softmax:
        fits = wanted.ndim == 1 and values.shape[-1] >= 2
        fits = fits and (not len(wanted) or bool((wanted >= 0).all() and (wanted < values.shape[-1]).all()))
    elif fits:
        fits = values.shape[-1] == outputs
    if not fits:
        raise DataError(
            f"the outputs do not fit the targets of a {task} task",
            expected="a row of outputs for each record, an output for each class, label or value",
            found=f"outputs {values.shape}, targets {wanted.shape}",
        )
    if not np.isfinite(values).all():
        raise DataError("a model's output is not finite", fix="membership cannot be judged by a model that diverged")
