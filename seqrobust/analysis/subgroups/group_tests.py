"""Whether groups of records differ: permutation tests, within classes where asked, and a correction for many.

Under the null hypothesis the group's name says nothing about a record's outcome, so that names may be exchanged among
records (of one class, should classes be held apart: a group that holds more of a hard class is then no weaker for it).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from seqrobust.statistics import Units
from seqrobust.statistics.studentised import Sums, arrangements, exchanged, many_groups, symmetries, two_groups

_WORK = 2 * 10**8
"""Multiplications beyond which the exact distribution of a difference is drawn from instead."""
_ROUNDING = 1e-9

How = Literal["exact", "permutations"]


@dataclass(frozen=True, kw_only=True)
class GroupTest:
    """What a test says.

    Attributes:
        statistic: of all groups, eta squared: the share of the variance (within strata) that lies between groups; of
            two groups, the difference of means, the first less the second, each stratum weighed by what it tells.
        p_value: of no difference, two-sided.
        how: ``exact`` where every exchange of names was counted.
        smallest: the smallest p-value that could have come out.
    """

    statistic: float
    p_value: float
    how: How
    smallest: float


def all_groups(
    values: NDArray[np.float64],
    groups: NDArray[np.int64],
    strata: NDArray[np.int64],
    *,
    draws: int,
    seed: int = 0,
    units: Units = None,
) -> GroupTest:
    """Whether any of G groups differs.

    Args:
        values: (n,) outcomes.
        groups: (n,) group numbers.
        strata: (n,) numbers of strata within which names are exchanged; all the same for one.
        draws: random exchanges; the p-value is (b + 1) / (draws + 1) (Davison and Hinkley 1997, section 4.3).
        seed: of those.
        units: (n,) clusters; names of whole ones are exchanged, or, where groups meet within clusters, names in each.

    The statistic is Welch's (1951) of outcomes less their stratum's mean, which spreads do not disturb; the effect size
    that is told is eta squared.
    """
    rest, names = _centred(values, strata), np.unique(groups, return_inverse=True)[1].astype(np.int64)
    layout = _layout(names, strata, units)
    total = float((rest**2).sum())
    between = sum(float(rest[names == one].sum()) ** 2 / int((names == one).sum()) for one in range(names.max() + 1))
    effect = between / total if total > 0 else 0.0
    if not layout.decidable or not total:
        return GroupTest(statistic=effect, p_value=1.0, how="permutations", smallest=1.0)
    sums = Sums.of(rest, layout.units)
    observed = float(many_groups(sums, layout.names[None])[0])
    limit = observed - _ROUNDING * max(observed, 1.0)
    rows = exchanged(layout.names, layout.strata, draws, np.random.default_rng(seed))
    reached = sum(int((many_groups(sums, row) >= limit).sum()) for row in rows)
    return GroupTest(
        statistic=effect, p_value=(reached + 1) / (draws + 1), how="permutations", smallest=layout.smallest(draws)
    )


def compare_two(
    values: NDArray[np.float64],
    first: NDArray[np.bool_],
    strata: NDArray[np.int64],
    *,
    unit: float | None,
    draws: int,
    seed: int = 0,
    units: Units = None,
) -> GroupTest:
    """Whether the outcomes of two groups differ in the mean.

    Args:
        values: (n,) outcomes of both.
        first: (n,) which are of the first group.
        strata, units: (n,) as in :func:`all_groups`.
        unit: of which outcomes are whole multiples; None for other ones.
        draws, seed: of random exchanges.

    Of outcomes that take two values alone, of independent records, the test is Fisher's exact one (1935, section 21),
    two-sided by distance from the mean: where two such groups agree in the mean they agree in all. Of others it is a
    permutation test of Welch's t, for groups may differ in spread and not in the mean.
    """
    rest = _centred(values, strata)
    # The stratified difference: by how much the first group's sum is off, over what one unit of difference would make.
    weight = sum(_weight(first[strata == one]) for one in np.unique(strata))
    difference = float(rest[first].sum()) / weight if weight else 0.0
    exact = (
        None
        if unit is None or units is not None or len(np.unique(values)) > 2
        else _exact(values / unit, first, strata)
    )
    if exact is not None and unit is not None:
        return _fisher(difference, abs(float(rest[first].sum())), rest, exact, unit)
    layout = _layout(first.astype(np.int64), strata, units)
    if not layout.decidable or not weight:
        return GroupTest(statistic=difference, p_value=1.0, how="permutations", smallest=1.0)
    sums = Sums.of(rest, layout.units)
    observed = abs(float(two_groups(sums, layout.names[None] == 1)[0]))
    limit = observed - _ROUNDING * max(observed, 1.0)
    rows = exchanged(layout.names, layout.strata, draws, np.random.default_rng(seed))
    reached = sum(int((np.abs(two_groups(sums, row == 1)) >= limit).sum()) for row in rows)
    return GroupTest(
        statistic=difference, p_value=(reached + 1) / (draws + 1), how="permutations", smallest=layout.smallest(draws)
    )


def _fisher(
    difference: float,
    observed: float,
    rest: NDArray[np.float64],
    exact: tuple[NDArray[np.float64], NDArray[np.float64]],
    unit: float,
) -> GroupTest:
    """From every sum of the first group and its chance."""
    sums, chance = np.abs(exact[0] * unit), exact[1]
    slack = _ROUNDING * max(float(np.abs(rest).sum()), 1e-300)
    p_value = min(float(chance[sums >= observed - slack].sum()), 1.0)
    # Both ends may be as far off as each other: the smallest p-value then counts both.
    smallest = float(chance[sums >= sums.max() - slack].sum()) if len(sums) else 1.0
    return GroupTest(statistic=difference, p_value=p_value, how="exact", smallest=smallest)


@dataclass(frozen=True, kw_only=True)
class _Layout:
    """Whose names are exchanged: of whole clusters, or of records within strata.

    Attributes:
        names: (G,) group of each unit.
        strata: (G,) within which they are exchanged.
        units: (n,) unit of each record; None for one a record.
        decidable: whether every group has two units, without which no group has an error of its own.
    """

    names: NDArray[np.int64]
    strata: NDArray[np.int64]
    units: Units
    decidable: bool

    def smallest(self, draws: int) -> float:
        """The smallest p-value that can come out: groups of equal sizes may change names, and nothing is told apart."""
        alike = symmetries(self.names, self.strata)
        return min(max(1 / (draws + 1), alike / arrangements(self.names, self.strata)), 1.0)


def _layout(names: NDArray[np.int64], strata: NDArray[np.int64], units: Units) -> _Layout:
    if units is None:
        least = int(np.unique(names, return_counts=True)[1].min())
        return _Layout(names=names, strata=strata, units=None, decidable=least > 1)
    place = np.unique(units, return_inverse=True)[1].astype(np.int64)
    first = np.unique(place, return_index=True)[1]
    if (names == names[first][place]).all():
        own = names[first]
        least = int(np.unique(own, return_counts=True)[1].min())
        # Outcomes are less their stratum's mean already; a cluster has no one stratum.
        return _Layout(names=own, strata=np.zeros(len(own), np.int64), units=place, decidable=least > 1)
    both = np.unique(place * (int(strata.max()) + 1) + strata, return_inverse=True)[1].astype(np.int64)
    return _Layout(names=names, strata=both, units=None, decidable=True)


def cliffs_delta(one: NDArray[np.float64], other: NDArray[np.float64]) -> float | None:
    """P(one > other) - P(one < other) of two records drawn at random (Cliff 1993); None where a group is empty.

    >>> cliffs_delta(np.array([1.0, 1.0]), np.array([0.0, 1.0]))
    0.5
    """
    if not len(one) or not len(other):
        return None
    ordered = np.sort(other)
    below, upto = np.searchsorted(ordered, one, "left"), np.searchsorted(ordered, one, "right")
    return float((below - (len(other) - upto)).mean() / len(other))


def _weight(first: NDArray[np.bool_]) -> float:
    n, m = len(first), int(first.sum())
    return m * (n - m) / n


def _centred(values: NDArray[np.float64], strata: NDArray[np.int64]) -> NDArray[np.float64]:
    _, index = np.unique(strata, return_inverse=True)
    means: NDArray[np.float64] = np.bincount(index, values) / np.bincount(index)
    return values - means[index]


def _exact(
    values: NDArray[np.float64], first: NDArray[np.bool_], strata: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Every sum of the first group, less its mean, that an exchange of names can give, and its chance.

    None where outcomes are no whole numbers or there are too many combinations.
    """
    whole = np.round(values)
    if np.abs(values - whole).max(initial=0) > 1e-6:
        return None
    chance, mean, lowest = np.ones(1), 0.0, 0
    for one in np.unique(strata):
        inside = strata == one
        numbers = whole[inside].astype(np.int64)
        base, taken = int(numbers.min()), int(first[inside].sum())
        mean += taken * float(numbers.mean())
        lowest += taken * base
        part = _sums(numbers - base, taken)
        if part is None or len(part) * len(chance) > _WORK:
            return None
        chance = np.convolve(chance, part)
    sums: NDArray[np.float64] = lowest - mean + np.arange(len(chance), dtype=np.float64)
    possible = chance > 0
    return sums[possible], chance[possible]


def _sums(numbers: NDArray[np.int64], taken: int) -> NDArray[np.float64] | None:
    """(S,) chance of each sum of ``taken`` of the numbers, which are not negative, drawn without replacement."""
    largest = int(np.sort(numbers)[len(numbers) - taken :].sum())
    if len(numbers) * (taken + 1) * (largest + 1) > _WORK:
        return None
    counts = np.zeros((taken + 1, largest + 1))
    counts[0, 0] = 1
    for number, count in zip(*np.unique(numbers, return_counts=True), strict=True):
        j = np.arange(min(count, taken) + 1)
        logs = gammaln(count + 1) - gammaln(j + 1) - gammaln(count - j + 1)
        raised = np.zeros_like(counts)
        for many, weight in zip(j.tolist(), np.exp(logs - logs.max()), strict=True):
            shift = many * int(number)
            if shift <= largest:
                raised[many:, shift:] += weight * counts[: taken + 1 - many, : largest + 1 - shift]
        counts = raised / raised.max()
    chance: NDArray[np.float64] = counts[taken] / counts[taken].sum()
    return chance
