"""Intervals of means, of their differences between two groups, and of ratios of means."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm
from scipy.stats import t as student

from seqrobust.statistics.jackknife import Bounds, jackknife_variance, means_without, spread_of_mean, t_interval
from seqrobust.statistics.shares import TAIL, share_difference, wilson_of
from seqrobust.statistics.units import LEAST, Floats, Units, count_units, numbered, units_of

_FEW_UNITS, _SKEWED_TAIL = 11, 0.981
"""Units below which their skewness is hardly known, and the quantile that then makes up for it (by simulation)."""


def mean_of(values: ArrayLike) -> float | None:
    """Mean of the finite ones; None of nothing."""
    kept = np.asarray(values, np.float64)
    kept = kept[np.isfinite(kept)]
    return float(kept.mean()) if len(kept) else None


def mean_interval(
    values: ArrayLike, units: Units = None, bounds: Bounds | None = None, *, least: int = LEAST
) -> list[float] | None:
    """95 % interval of the mean of the finite values, over units: Student's, widened where values are skewed.

    Of values without bounds it is the hull of Student's and of Hall's (1992, J. R. Statist. Soc. B 54:221), which takes
    the skewness of the units into account: the mean of a few counts or costs lies below the truth more often than not.

    Args:
        values: (n,) one of each record.
        units: (n,) their clusters; the variance and the degrees of freedom are then those of clusters.
        bounds: between which each value lies.
        least: units below which there is no interval; at least 2.

    None of fewer than ``least`` units, and of unbounded values that are all alike: neither tells how far the mean may
    be off. Where values that have bounds are all alike, they are taken for the widest spread ones with that mean, which
    lie on the bounds, and the interval is Wilson's for as many units.

    >>> [round(end, 4) for end in mean_interval([1.0, 2.0, 3.0, 4.0, 5.0])]  # 3 -+ 2.7764 * sqrt(2.5 / 5)
    [1.0368, 4.9632]
    """
    given = np.asarray(values, np.float64)
    known = np.isfinite(given)
    kept, units = given[known], units_of(units, known)
    count = count_units(len(kept), units)
    if count < least:
        return None
    if _alike(kept):
        return None if bounds is None else _of_alike(float(kept.mean()), count, bounds)
    if bounds is not None:
        return t_interval(float(kept.mean()), spread_of_mean(kept, units), count - 1, bounds)
    return _hull(float(kept.mean()), means_without(kept, units))


def _hull(value: float, without: Floats) -> list[float] | None:
    """Student's and Hall's intervals of a mean together, from the (G,) means without each unit."""
    count, error = len(without), float(np.sqrt(jackknife_variance(without)))
    tail = _SKEWED_TAIL if count < _FEW_UNITS else TAIL
    ends = t_interval(value, error**2, count - 1)
    changes = without.mean() - without
    spread = float(np.sqrt((changes**2).mean()))
    if ends is None or spread <= 0 or count < LEAST:
        # Two to four values, where a caller asks for those, say nothing of skewness.
        return ends
    skewness, reach = float((changes**3).mean()) / spread**3, float(student.ppf(tail, count - 1))
    if abs(skewness) < 1e-9:
        return ends
    low, high = (value - error * _hall(skewness, count, sign * reach) for sign in (1, -1))
    return [min(ends[0], low), max(ends[1], high)]


def _hall(skewness: float, count: int, quantile: float) -> float:
    """The studentised mean that Hall's cubic takes to a quantile: skewness is undone, monotonously."""
    inner = 1 + skewness / np.sqrt(count) * (quantile - skewness / (6 * np.sqrt(count)))
    return float(np.sqrt(count) * 3 / skewness * (np.cbrt(inner) - 1))


def difference_interval(
    one: Floats, other: Floats, units: tuple[Units, Units] = (None, None), bounds: Bounds | None = None
) -> list[float] | None:
    """95 % interval of mean(one) - mean(other) of two groups of records.

    Groups without a cluster in common are independent: the interval is Welch's (1947), over clusters. Where they share
    clusters, whole clusters are left out of both in turn. ``bounds`` are those of the difference. None as in
    :func:`mean_interval`, of either group.
    """
    counts = [count_units(len(values), unit) for values, unit in zip((one, other), units, strict=True)]
    if min(counts) < LEAST or (_alike(one) and _alike(other)):
        return None
    value = float(one.mean() - other.mean())
    if units[0] is not None and units[1] is not None and len(np.intersect1d(units[0], units[1])):
        return _shared(one, other, np.concatenate([units[0], units[1]]), value, bounds)
    parts = [spread_of_mean(values, unit) for values, unit in zip((one, other), units, strict=True)]
    freedom = sum(parts) ** 2 / sum(part**2 / (count - 1) for part, count in zip(parts, counts, strict=True))
    return t_interval(value, sum(parts), freedom, bounds)


def _of_alike(value: float, count: int, bounds: Bounds) -> list[float]:
    low, width = bounds[0], bounds[1] - bounds[0]
    return [low + width * end for end in wilson_of((value - low) / width, count, float(norm.ppf(TAIL)))]


def group_difference(one: Floats, other: Floats, units: tuple[Units, Units] = (None, None)) -> list[float] | None:
    """95 % interval of mean(one) - mean(other), by Newcombe's method where both are flags, else by Welch's."""
    flags = all(bool(np.isin(values, (0, 1)).all()) for values in (one, other))
    apart = units[0] is None or units[1] is None or not len(np.intersect1d(units[0], units[1]))
    if flags and apart:
        return share_difference(one, other, units)
    return difference_interval(one, other, units)


def _shared(
    one: Floats, other: Floats, units: NDArray[np.int64], value: float, bounds: Bounds | None
) -> list[float] | None:
    place = numbered(len(units), units)
    count, sides, means = int(place.max()) + 1, (place[: len(one)], place[len(one) :]), []
    for values, side in zip((one, other), sides, strict=True):
        left = len(values) - np.bincount(side, minlength=count)
        if not left.all():
            return None
        means.append((values.sum() - np.bincount(side, values, minlength=count)) / left)
    return t_interval(value, jackknife_variance(means[0] - means[1]), count - 1, bounds)


def ratio_interval(one: Floats, other: Floats, units: Units = None) -> list[float] | None:
    """95 % interval of mean(one) / mean(other) of the same records, units left out in turn, on the log scale.

    None where either mean is not positive without some unit, and as in :func:`mean_interval`.
    """
    place = numbered(len(one), units)
    if len(np.unique(place)) < LEAST:
        return None
    above, below = (values.sum() - np.bincount(place, values) for values in (one, other))
    if min(float(above.min()), float(below.min())) <= 0:
        return None
    logs = np.log(above / below)
    ends = t_interval(float(np.log(one.sum() / other.sum())), jackknife_variance(logs), len(logs) - 1)
    return None if ends is None else [float(np.exp(end)) for end in ends]


def _alike(values: Floats) -> bool:
    return bool(np.ptp(values) <= 1e-9 * max(float(np.abs(values).max()), 1e-300))
