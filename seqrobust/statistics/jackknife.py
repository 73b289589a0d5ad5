"""The jackknife over units: what a figure is without each of them in turn, and how uncertain that makes it.

One idea serves independent records and clusters alike (Tukey 1958; over clusters it is the estimator that Bell &
McCaffrey 2002 call CR3, which stays honest where clusters are few and of unequal size). The mean of n independent
records gets exactly Student's interval.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from seqrobust.statistics.units import LEAST, Floats, Units, count_units, numbered

Bounds = tuple[float, float]
"""Between which values a figure must lie: a share has (0, 1), a correlation (-1, 1)."""
MOST_PARTS = 200
"""Parts that are left out in turn where a figure is computed anew for each."""
NOTHING = 1e-9
"""Relative spread below which values are alike but for rounding."""


def spread_of_mean(values: Floats, units: Units = None) -> float:
    """Variance of the mean of (n,) values: of the means without each unit in turn. At least two units."""
    return jackknife_variance(means_without(values, units))


def means_without(values: Floats, units: Units = None) -> Floats:
    """(G,) means of (n,) values without each unit in turn."""
    place = numbered(len(values), units)
    sizes, total = np.bincount(place), float(values.sum())
    without: Floats = (total - np.bincount(place, values)) / np.maximum(len(values) - sizes, 1)
    return without


def jackknife_variance(without: Floats) -> float:
    """Variance of a figure from (G,) values of it, each without one unit."""
    count = len(without)
    return (count - 1) / count * float(((without - without.mean()) ** 2).sum())


def t_interval(value: float, variance: float, freedom: float, bounds: Bounds | None = None) -> list[float] | None:
    """Student's 95 % interval; between bounds on the scale of log odds, where it cannot leave them.

    None where there is no variance, or the value lies on a bound: neither says how far it may be off.
    """
    scale = max(abs(value), 1e-12) if bounds is None else bounds[1] - bounds[0]
    if not math.isfinite(variance) or math.sqrt(max(variance, 0.0)) <= NOTHING * scale:
        return None
    reach = float(student.ppf(0.975, freedom)) * math.sqrt(variance)
    if bounds is None:
        return [value - reach, value + reach]
    low, width = bounds[0], scale
    share = (value - low) / width
    if not 0 < share < 1:
        return None
    middle, half = math.log(share / (1 - share)), reach / width / (share * (1 - share))
    return [low + width * _share(middle - half), low + width * _share(middle + half)]


def _share(odds: float) -> float:
    """Inverse of the log odds, without overflow."""
    return 0.5 * (1 + math.tanh(odds / 2))


def jackknife_interval(
    statistic: Callable[[NDArray[np.int64]], float],
    n: int,
    units: Units = None,
    bounds: Bounds | None = None,
    *,
    seed: int = 0,
) -> list[float] | None:
    """95 % interval of any smooth figure of n records, such as an average precision or a correlation coefficient.

    Args:
        statistic: of record numbers (m,), the figure; NaN where these records have none.
        n: how many records there are.
        units: see :data:`seqrobust.statistics.units.Units`.
        bounds: of the figure.
        seed: of the parts: more than :data:`MOST_PARTS` units are put together into as many parts at random.

    None of fewer than :data:`LEAST` units, where a figure is not known, does not vary or lies on a bound.
    """
    count = count_units(n, units)
    if count < LEAST:
        return None
    part = numbered(n, units)
    if count > MOST_PARTS:
        part = (np.random.default_rng(seed).permutation(count) % MOST_PARTS)[part]
    rows = np.arange(n)
    without = np.array([statistic(rows[part != one]) for one in range(int(part.max()) + 1)], np.float64)
    value = float(statistic(rows))
    if not (np.isfinite(without).all() and math.isfinite(value)):
        return None
    return t_interval(value, jackknife_variance(without), len(without) - 1, bounds)
