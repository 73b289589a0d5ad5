"""The area under an ROC with an interval that holds at few records, in clusters, and for scores of the same records."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm, rankdata
from scipy.stats import t as student

from seqrobust.statistics.jackknife import jackknife_variance
from seqrobust.statistics.shares import TAIL
from seqrobust.statistics.units import LEAST, Floats, Units, count_units, numbered

_NONE = 1e-9
"""Share of a variance that is none but for rounding."""


def auroc(negatives: Floats, positives: Floats) -> float:
    """Chance that a positive scores above a negative, ties half (Mann and Whitney 1947); NaN of nothing.

    >>> auroc(np.array([0.0, 1.0]), np.array([1.0, 2.0]))
    0.875
    """
    n, m = len(negatives), len(positives)
    if not n or not m:
        return float("nan")
    ranks = rankdata(np.concatenate([negatives, positives]))
    return float((ranks[n:].sum() - m * (m + 1) / 2) / (n * m))


def auroc_interval(
    negatives: Floats, positives: Floats, units: tuple[Units, Units] = (None, None)
) -> list[float] | None:
    """95 % score interval of the area (Newcombe 2006, method 5), which holds at perfect separation too.

    Its ends are the areas from which the one found lies as far off as chance allows, under the variance that Hanley &
    McNeil (1982) give an area of that size, times the factor by which that variance is off at the area found: their
    formula knows nothing of unequal spreads and of clusters (of both kinds numbered together: the two scores of one
    record have one number), which the jackknife over units does. None of fewer than :data:`LEAST` units on either side.
    """
    sides = list(zip((negatives, positives), units, strict=True))
    counts = [count_units(len(scores), unit) for scores, unit in sides]
    if min(counts) < LEAST:
        return None
    value, n, m = auroc(negatives, positives), len(negatives), len(positives)
    place = numbered(n + m, np.concatenate([_placed(n, units[0], 0), _placed(m, units[1], n)]))
    together = int(place.max()) + 1
    if not 0 < value < 1:
        return _score_ends(value, counts[0], counts[1], float(norm.ppf(TAIL)), 1.0)
    actual = area_variance(negatives, positives, (place[:n], place[n:]))
    quantile = float(student.ppf(TAIL, min(together, 2 * min(counts)) - 1))
    # Only what two scores have in common makes them surer than independent ones; a factor below 1 is noise elsewhere.
    effect = actual / _hanley(value, n, m)
    if not effect > _NONE or together == sum(counts):
        effect = max(effect, 1.0)
    return _score_ends(value, n, m, quantile, effect)


def _placed(n: int, units: Units, start: int) -> NDArray[np.int64]:
    """Numbers of clusters; those of records without any are below all others."""
    return -1 - start - np.arange(n) if units is None else units


def area_variance(negatives: Floats, positives: Floats, units: tuple[NDArray[np.int64], NDArray[np.int64]]) -> float:
    """Variance of the area from what each unit adds to it, units of both kinds included (Obuchowski 1997)."""
    n, m = len(negatives), len(positives)
    together = rankdata(np.concatenate([negatives, positives]))
    beaten = (together[n:] - rankdata(positives)) / n
    beating = 1 - (together[:n] - rankdata(negatives)) / m
    value = float(beaten.mean())
    count = int(max(units[0].max(), units[1].max())) + 1
    low = np.bincount(units[0], minlength=count)
    high = np.bincount(units[1], minlength=count)
    # The area without a unit, to first order: its own records of either kind are taken out of their mean.
    without = value - (
        np.bincount(units[0], beating - value, minlength=count) / np.maximum(n - low, 1)
        + np.bincount(units[1], beaten - value, minlength=count) / np.maximum(m - high, 1)
    )
    return jackknife_variance(without)


def _hanley(value: float, n: int, m: int) -> float:
    """Variance of an area between n and m independent scores, after Newcombe's (2006) method 5."""
    mean = (n + m) / 2 - 1
    return value * (1 - value) * (1 + mean * (1 - value) / (2 - value) + mean * value / (1 + value)) / (n * m)


def area_ends(value: float, variance: float, sizes: tuple[int, int], freedom: float) -> list[float]:
    """95 % score interval of an area between so many scores of either kind whose variance is known from elsewhere."""
    quantile = float(student.ppf(TAIL, max(freedom, 1)))
    hanley = _hanley(value, *sizes) if 0 < value < 1 else 0.0
    return _score_ends(value, *sizes, quantile, max(variance / hanley, 1.0) if hanley > 0 else 1.0)


def _score_ends(value: float, n: int, m: int, quantile: float, effect: float) -> list[float]:
    def beyond(end: float) -> float:
        return (value - end) ** 2 - quantile**2 * effect * _hanley(end, n, m)

    # Where the two are separated the area found is an end itself, and no other one is looked for beyond it.
    tiny = 1e-9
    low = 0.0 if value <= tiny or beyond(tiny) <= 0 else float(brentq(beyond, tiny, min(value, 1 - tiny)))
    high = 1.0 if value >= 1 - tiny or beyond(1 - tiny) <= 0 else float(brentq(beyond, max(value, tiny), 1 - tiny))
    return [low, high]
