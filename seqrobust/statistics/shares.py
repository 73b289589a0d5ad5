"""Intervals of shares: Wilson's where records are independent, with a design effect where they come in clusters."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import beta, norm
from scipy.stats import t as student

from seqrobust.statistics.jackknife import spread_of_mean
from seqrobust.statistics.units import LEAST, Floats, Units, count_units, units_of

Interval: TypeAlias = list[float] | None
"""Ends of a 95 % interval; None where there is none."""
TAIL = 0.975


def proportion(hits: int, n: int) -> float | None:
    """Share of hits; None of nothing."""
    return hits / n if n else None


def wilson(hits: int, n: int) -> Interval:
    """95 % Wilson score interval of a proportion of independent records (Wilson 1927); None of nothing.

    >>> [round(bound, 4) for bound in wilson(0, 10)]
    [0.0, 0.2775]
    """
    if not n:
        return None
    return wilson_of(hits / n, n, float(norm.ppf(TAIL)))


def clopper_pearson(hits: int, n: int) -> list[float]:
    """95 % exact interval of a proportion, which covers it at least as often (Clopper & Pearson 1934); n at least 1.

    >>> [round(end, 4) for end in clopper_pearson(0, 10)]
    [0.0, 0.3085]
    """
    low = 0.0 if hits == 0 else float(beta.ppf(1 - TAIL, hits, n - hits + 1))
    return [low, 1.0 if hits == n else float(beta.ppf(TAIL, hits + 1, n - hits))]


def share_interval(flags: ArrayLike, units: Units = None) -> Interval:
    """95 % interval of the mean of (n,) flags, or of shares between 0 and 1, of records in clusters.

    Without clusters it is :func:`wilson` of as many records (a record's own share, of several draws say, counts as one
    outcome). With clusters it is Wilson's formula for the number of independent records that would be as uncertain,
    with Student's quantile for as many clusters (Korn & Graubard 1998): the variance comes from sums over clusters, and
    is never taken for smaller than that of independent records. Where all are alike clusters tell no variance, and each
    counts as one record. Unknown ones (NaN) are left
    out. None of nothing, and of fewer than :data:`LEAST` clusters.
    """
    given = np.asarray(flags, np.float64)
    known = np.isfinite(given)
    values, units, n = given[known], units_of(units, known), int(known.sum())
    if units is None or not n:
        return wilson(round(float(values.sum())), n)
    clusters = count_units(n, units)
    return None if clusters < LEAST else wilson_of(float(values.mean()), *effective(values, units, clusters))


def effective(values: Floats, units: Units, clusters: int) -> tuple[float, float]:
    """How many independent records say as much about a share, and the quantile that goes with its variance."""
    share = float(values.mean())
    quantile = float(student.ppf(TAIL, clusters - 1))
    if not 0 < share < 1:
        return float(clusters), float(norm.ppf(TAIL))
    variance = spread_of_mean(values, units)
    alone = share * (1 - share)
    return alone / max(variance, alone / len(values)), quantile


def wilson_of(share: float, n: float, quantile: float) -> list[float]:
    """Wilson's interval for a number of records that need not be whole, with a quantile of choice.

    >>> [round(bound, 4) for bound in wilson_of(0.0, 10, 1.959964)]
    [0.0, 0.2775]
    """
    square = quantile**2
    middle = (share + square / (2 * n)) / (1 + square / n)
    half = quantile / (1 + square / n) * np.sqrt(share * (1 - share) / n + square / (4 * n**2))
    low, high = float(middle - half), float(middle + half)
    return [0.0 if share <= 0 else max(low, 0.0), 1.0 if share >= 1 else min(high, 1.0)]


def share_difference(one: NDArray[np.float64], other: NDArray[np.float64], units: tuple[Units, Units]) -> Interval:
    """95 % interval of the share of one group less that of another, from each one's own (Newcombe 1998, method 10).

    None where either has none. The groups share no cluster; where they do, see :mod:`seqrobust.statistics.paired`.
    """
    ends = [share_interval(values, unit) for values, unit in zip((one, other), units, strict=True)]
    if ends[0] is None or ends[1] is None:
        return None
    first, second = float(one.mean()), float(other.mean())
    below = np.hypot(first - ends[0][0], ends[1][1] - second)
    above = np.hypot(ends[0][1] - first, second - ends[1][0])
    return [float(first - second - below), float(first - second + above)]
