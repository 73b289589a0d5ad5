"""Measures of answers and of rankings, as single numbers.

Those of answers are made from a confusion table, (C, C) counts whose rows are true classes and whose columns are
answers. Those of rankings take (N,) scores and which of the N are positive.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Counts = NDArray[np.int64] | NDArray[np.float64]


def confusion_of(truth: NDArray[np.int64], answers: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """(C, C) how often each class (row) was answered by each (column)."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (truth, answers), 1)
    return counts


def recalls(confusion: Counts) -> NDArray[np.float64]:
    """(C,) share of each class that is answered right; NaN of a class without a record."""
    sizes = confusion.sum(1)
    return np.where(sizes > 0, np.diagonal(confusion) / np.maximum(sizes, 1), np.nan)


def balanced_accuracy(confusion: Counts) -> float | None:
    """Mean recall over the classes that are there (Brodersen et al. 2010); None of fewer than two.

    Whoever answers always the same gets 1 / C.
    """
    return mean_known(recalls(confusion)) if several(confusion) else None


def several(confusion: Counts) -> bool:
    """Whether two classes or more are there."""
    return int((confusion.sum(1) > 0).sum()) > 1


def mean_known(values: Iterable[float | None] | NDArray[np.float64]) -> float | None:
    """Mean of those that are numbers; None where none is."""
    known = [float(value) for value in values if value is not None and np.isfinite(value)]
    return sum(known) / len(known) if known else None


def matthews(confusion: Counts) -> float | None:
    """Matthews' correlation coefficient of answers and truth, for any number of classes (Gorodkin 2004).

    0 where one answer is given to all, as for any answer that has nothing to do with the truth; None where one class
    alone is there, of which nothing can be told apart.
    """
    return float(matthews_of(np.asarray(confusion, np.float64))) if several(confusion) else None


def matthews_of(confusion: NDArray[np.float64]) -> NDArray[np.float64]:
    """(...) the coefficient of (..., C, C) tables; 0 where it is not defined."""
    truth, answers = confusion.sum(-1), confusion.sum(-2)
    total, hits = truth.sum(-1), np.trace(confusion, axis1=-2, axis2=-1)
    shared = hits * total - (truth * answers).sum(-1)
    spread = (total**2 - (truth**2).sum(-1)) * (total**2 - (answers**2).sum(-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        found: NDArray[np.float64] = np.where(spread > 0, shared / np.sqrt(np.maximum(spread, 0)), 0.0)
    return found


def roc_area(positive: NDArray[np.bool_], score: NDArray[Any]) -> float | None:
    """Chance that a positive outscores a negative, ties counting half (Mann & Whitney 1947); None without both.

    >>> roc_area(np.array([True, True, False, False]), np.array([3.0, 1.0, 2.0, 1.0]))
    0.625
    """
    return area(score[positive], score[~positive])


def area(positives: NDArray[Any], negatives: NDArray[Any]) -> float | None:
    """:func:`roc_area` of the scores of either kind."""
    n, m = len(positives), len(negatives)
    if not n or not m:
        return None
    ranks = rankdata(np.concatenate([positives, negatives]))
    return float((ranks[:n].sum() - n * (n + 1) / 2) / (n * m))


def average_precision(positive: NDArray[np.bool_], score: NDArray[Any]) -> float | None:
    """Sum over thresholds of precision times the recall gained there; equal scores share a threshold.

    None without a positive, or without a negative: then it is 1 whatever the scores.

    >>> average_precision(np.array([True, True, False, False]), np.array([3.0, 1.0, 2.0, 1.0]))
    0.75
    """
    if positive.all() or not positive.any():
        return None
    order = np.argsort(-score, kind="stable")
    # Compared, not subtracted: two infinities would give NaN.
    ends = np.append(np.flatnonzero(score[order][1:] != score[order][:-1]), len(score) - 1)
    hits = np.cumsum(positive[order])[ends]
    gained = np.diff(hits, prepend=0)
    return float((gained * hits / (ends + 1)).sum() / hits[-1])


_FARTHEST = 1e15


def against_the_rest(logits: NDArray[Any]) -> NDArray[np.float64]:
    """(N, C) log odds of each of C classes by softmax, from their logits.

    They rank records as the shares of the softmax do, which a sure model rounds to 1, all alike.
    """
    scores = np.clip(np.asarray(logits, np.float64), -_FARTHEST, _FARTHEST)
    rows, top = np.arange(len(scores)), scores.argmax(1)
    leading, others = scores[rows, top][:, None], scores.copy()
    others[rows, top] = -np.inf
    second = others.max(1, keepdims=True)
    behind = second + np.log(np.exp(others - second).sum(1, keepdims=True))
    # Of a class that does not lead, the others are all less itself; of the leading one, all behind it.
    rest = leading + np.log1p(np.maximum(np.exp(behind - leading) - np.exp(others - leading), 0))
    odds: NDArray[np.float64] = scores - rest
    odds[rows, top] = (leading - behind)[:, 0]
    return odds
