"""Whether groups of records differ: permutation tests, within classes where asked, and a correction for many.

Under the null hypothesis the group's name says nothing about a record's outcome, so that names may be exchanged among
records (of one class, should classes be held apart: a group that holds more of a hard class is then no weaker for it).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

_CELLS = 1 << 24
"""Permuted values that are held at once."""
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
) -> GroupTest:
    """Whether any of G groups differs.

    Args:
        values: (n,) outcomes.
        groups: (n,) group numbers.
        strata: (n,) numbers of strata within which names are exchanged; all the same for one.
        draws: random exchanges; the p-value is (b + 1) / (draws + 1) (Davison and Hinkley 1997, section 4.3).
        seed: of those.

    The statistic is the sum over groups of (sum of outcomes less their stratum's mean) squared over the group's size.
    """
    rest = _centred(values, strata)
    member = (groups[:, None] == np.unique(groups)).astype(np.float64)
    sizes = member.sum(0)
    total = float((rest**2).sum())

    def between(rows: NDArray[np.float64]) -> NDArray[np.float64]:
        spread: NDArray[np.float64] = ((rows @ member) ** 2 / sizes).sum(1)
        return spread

    observed = float(between(rest[None])[0])
    reached = sum(
        int((between(rows) >= observed - _ROUNDING * max(total, 1e-300)).sum())
        for rows in _permuted(rest, strata, draws, np.random.default_rng(seed))
    )
    return GroupTest(
        statistic=observed / total if total > 0 else 0.0,
        p_value=(reached + 1) / (draws + 1),
        how="permutations",
        smallest=1 / (draws + 1),
    )


def compare_two(
    values: NDArray[np.float64],
    first: NDArray[np.bool_],
    strata: NDArray[np.int64],
    *,
    unit: float | None,
    draws: int,
    seed: int = 0,
) -> GroupTest:
    """Whether the outcomes of two groups differ in the mean.

    Args:
        values: (n,) outcomes of both.
        first: (n,) which are of the first group.
        strata: (n,) as in :func:`all_groups`.
        unit: of which outcomes are whole multiples: the test is then exact where that is cheap; None for other ones.
        draws, seed: of random exchanges where it is not.

    The test is Fisher's permutation test (1935, section 21) of the sum over the first group, which for outcomes of 0
    and 1 is his exact test, two-sided by distance from the mean.
    """
    rest = _centred(values, strata)
    observed = float(rest[first].sum())
    # The stratified difference: by how much the first group's sum is off, over what one unit of difference would make.
    weight = sum(_weight(first[strata == one]) for one in np.unique(strata))
    difference = observed / weight if weight else 0.0
    limit = abs(observed) - _ROUNDING * max(float(np.abs(rest).sum()), 1e-300)
    exact = None if unit is None else _exact(values / unit, first, strata)
    if exact is not None and unit is not None:
        sums, chance = exact
        p_value = float(chance[np.abs(sums * unit) >= limit].sum())
        smallest = float(min(chance[0], chance[-1])) if len(chance) else 1.0
        return GroupTest(statistic=difference, p_value=min(p_value, 1.0), how="exact", smallest=smallest)
    reached = sum(
        int((np.abs(rows[:, first].sum(1)) >= limit).sum())
        for rows in _permuted(rest, strata, draws, np.random.default_rng(seed))
    )
    return GroupTest(
        statistic=difference, p_value=(reached + 1) / (draws + 1), how="permutations", smallest=1 / (draws + 1)
    )


def holm(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """P-values corrected for their number, so that the chance of any false one stays below the level (Holm 1979).

    >>> holm(np.array([0.01, 0.04, 0.03])).round(3).tolist()
    [0.03, 0.06, 0.06]
    """
    order = np.argsort(p_values, kind="stable")
    factors = len(p_values) - np.arange(len(p_values))
    raised = np.maximum.accumulate(p_values[order] * factors)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(raised, 1)
    return corrected


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


def _permuted(
    values: NDArray[np.float64], strata: NDArray[np.int64], draws: int, rng: np.random.Generator
) -> Iterator[NDArray[np.float64]]:
    """(draws, n) values exchanged within strata, a few draws at a time."""
    places = [np.flatnonzero(strata == one) for one in np.unique(strata)]
    size = max(_CELLS // max(len(values), 1), 1)
    for start in range(0, draws, size):
        rows = np.tile(values, (min(size, draws - start), 1))
        for place in places:
            rows[:, place] = rng.permuted(rows[:, place], axis=1)
        yield rows


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
