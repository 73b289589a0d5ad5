"""Intervals of proportions and means, with the numbers they rest on."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

Interval: TypeAlias = list[float] | None

RESAMPLES = 2000
"""Bootstrap samples of an interval."""
_CELLS = 1 << 22
"""Values drawn at once."""


def proportion(hits: int, n: int) -> float | None:
    """Share of hits; None of nothing."""
    return hits / n if n else None


def wilson(hits: int, n: int) -> Interval:
    """95 % Wilson score interval of a proportion (Wilson 1927); None of nothing.

    >>> [round(bound, 4) for bound in wilson(0, 10)]
    [0.0, 0.2775]
    """
    if not n:
        return None
    interval = binomtest(hits, n).proportion_ci(method="wilson")
    return [float(interval.low), float(interval.high)]


def mean_of(values: NDArray[np.float64]) -> float | None:
    """Mean of the finite ones; None of nothing."""
    kept = values[np.isfinite(values)]
    return float(kept.mean()) if len(kept) else None


def bootstrap_mean(values: NDArray[np.float64], *, seed: int = 0, least: int = 1) -> Interval:
    """95 % percentile interval of the mean of the finite ones (Efron & Tibshirani 1993, chapter 13).

    Values are drawn with replacement, the same draws for the same number of them; None of fewer than ``least``.
    """
    kept = values[np.isfinite(values)]
    if len(kept) < max(least, 1):
        return None
    means = bootstrap_means(kept, np.random.default_rng(seed))
    return [float(end) for end in np.quantile(means, [0.025, 0.975])]


def bootstrap_means(values: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    """(RESAMPLES,) means of values drawn anew; there must be one."""
    rows = max(1, _CELLS // len(values))
    return np.concatenate(
        [
            values[rng.integers(len(values), size=(min(rows, RESAMPLES - done), len(values)))].mean(1)
            for done in range(0, RESAMPLES, rows)
        ]
    )
