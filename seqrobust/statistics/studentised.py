"""Differences of groups in units of their own standard error, for names that are exchanged.

A permutation test of plain means takes two groups that differ in spread, or in size of their clusters, for groups that
differ in the mean. Divided by an error that is read off each group by itself, the statistic keeps its level there too
(Janssen 1997; Chung & Romano 2013). What is exchanged are the names of whole units.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from seqrobust.statistics.units import Floats, Units, numbered

_CELLS = 1 << 23
"""Names that are held at once."""
_FLOOR = 1e-3
"""Least variance of a group's values, as a share of all values': two or three may be alike by chance."""


@dataclass(frozen=True, eq=False)
class Sums:
    """Each unit's sum of values and its number of records: (G,) both; one unit a record where there are no clusters."""

    total: Floats
    size: Floats

    @classmethod
    def of(cls, values: Floats, units: Units) -> Sums:
        """Of (n,) values."""
        place = numbered(len(values), units)
        return cls(np.bincount(place, values).astype(np.float64), np.bincount(place).astype(np.float64))

    def means(self, member: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """(D,) mean and its variance of the units that (D, G) names take; sums over units (CR1, Liang & Zeger 1986)."""
        inside = member.astype(np.float64)
        count, size = inside.sum(1), inside @ self.size
        mean = inside @ self.total / size
        squares = (
            inside @ self.total**2 - 2 * mean * (inside @ (self.total * self.size)) + mean**2 * (inside @ self.size**2)
        )
        least = _FLOOR * self._spread * (inside @ self.size**2)
        variance = count / np.maximum(count - 1, 1) * np.maximum(squares, least) / size**2
        return mean, variance

    @property
    def _spread(self) -> float:
        mean = self.total.sum() / self.size.sum()
        return float(((self.total / self.size - mean) ** 2).mean())


def two_groups(sums: Sums, first: NDArray[np.bool_]) -> Floats:
    """(D,) Welch's t of the units that (D, G) names put into the first group, against the others."""
    (one, spread), (other, more) = sums.means(first), sums.means(~first)
    error = np.sqrt(spread + more)
    t: Floats = np.divide(one - other, error, out=np.zeros_like(error), where=error > 0)
    return t


def many_groups(sums: Sums, groups: NDArray[np.int64]) -> Floats:
    """(D,) Welch's (1951) statistic of (D, G) group numbers: weighted squares of means about their weighted mean."""
    parts = [sums.means(groups == group) for group in range(int(groups.max()) + 1)]
    means, variances = (np.stack(part) for part in zip(*parts, strict=True))
    weights = 1 / np.maximum(variances, 1e-300)
    middle = (weights * means).sum(0) / weights.sum(0)
    spread: Floats = (weights * (means - middle) ** 2).sum(0)
    return spread


def exchanged(
    names: NDArray[np.int64], strata: NDArray[np.int64], draws: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """(draws, G) names exchanged among the units of each stratum, a few draws at a time."""
    places = [np.flatnonzero(strata == one) for one in np.unique(strata)]
    size = max(_CELLS // max(len(names), 1), 1)
    for start in range(0, draws, size):
        rows = np.tile(names, (min(size, draws - start), 1))
        for place in places:
            rows[:, place] = rng.permuted(rows[:, place], axis=1)
        yield rows


def arrangements(names: NDArray[np.int64], strata: NDArray[np.int64]) -> float:
    """How many different ways there are to give out the names."""
    logs = 0.0
    for one in np.unique(strata):
        counts = np.unique(names[strata == one], return_counts=True)[1]
        logs += float(gammaln(counts.sum() + 1) - gammaln(counts + 1).sum())
    return float(np.exp(min(logs, 700.0)))


def symmetries(names: NDArray[np.int64], strata: NDArray[np.int64]) -> int:
    """How many ways of naming the groups anew leave as many of each in every stratum, so that no two-sided statistic
    changes.

    >>> symmetries(np.array([0, 0, 1, 1]), np.zeros(4, int)), symmetries(np.array([0, 0, 1]), np.zeros(3, int))
    (2, 1)
    """
    counts = np.array([[int(((strata == one) & (names == name)).sum()) for one in np.unique(strata)]
                       for name in np.unique(names)])  # fmt: skip
    return math.prod(math.factorial(int(times)) for times in np.unique(counts, axis=0, return_counts=True)[1])
