"""Two figures of the same records: of two models, two attacks, two variants, two places in one record.

What records have in common cancels in their differences, so that these tell far more than two separate intervals.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import binom, norm
from scipy.stats import t as student

from seqrobust.statistics.jackknife import spread_of_mean
from seqrobust.statistics.means import mean_interval
from seqrobust.statistics.units import LEAST, Floats, Units, count_units, unit_sums, units_of

How = Literal["exact", "permutations"]
DRAWS = 9999
"""Random exchanges, where they are too many to count."""
_COUNTED = 12
"""Units whose exchanges are all counted."""
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """What a test of exchanges says.

    Attributes:
        p_value: of no difference, two-sided.
        how: ``exact`` where every exchange was counted.
        smallest: the smallest p-value that could have come out.
    """

    p_value: float
    how: How
    smallest: float


@dataclass(frozen=True, kw_only=True)
class Paired:
    """The mean of one figure less that of another, of the same records.

    Attributes:
        n: records where both are known.
        units: independent ones among them.
        difference: None of nothing.
        interval: 95 %; None where there are too few units, or all differences are alike (of no flags).
        test: of no difference.
    """

    n: int
    units: int
    difference: float | None
    interval: list[float] | None
    test: Exchange

    def plain(self) -> dict[str, Any]:
        """Under the keys that ``metrics.json`` uses for a paired comparison."""
        return {
            "n": self.n,
            "units": self.units,
            "difference": self.difference,
            "difference_ci": self.interval,
            "p_value": self.test.p_value,
            "how": self.test.how,
            "smallest": self.test.smallest,
        }


def paired(one: ArrayLike, other: ArrayLike, units: Units = None, *, seed: int = 0) -> Paired:
    """One figure against another of the same (n,) records; records where either is NaN are left out.

    Flags (0 and 1) are compared by McNemar's exact test (1947) with Bonett & Price's interval (2012); other figures by
    Fisher's exchange of signs (1935, section 21) with Student's interval. With clusters, whole ones are exchanged.
    """
    first, second = np.asarray(one, np.float64), np.asarray(other, np.float64)
    known = np.isfinite(first) & np.isfinite(second)
    first, second, kept = first[known], second[known], units_of(units, known)
    flags = bool(np.isin(first, (0, 1)).all() and np.isin(second, (0, 1)).all())
    change = first - second
    return Paired(
        n=len(change),
        units=count_units(len(change), kept),
        difference=float(change.mean()) if len(change) else None,
        interval=flag_change_interval(change, kept) if flags else mean_interval(change, kept),
        test=sign_flips(change, kept, seed=seed),
    )


def flag_change_interval(change: Floats, units: Units = None) -> list[float] | None:
    """95 % interval of the mean of changes of a flag, each -1, 0 or 1 (Bonett & Price 2012).

    Half a record is added to either kind of change, so that it has a width where none was seen. Of clusters, as many
    independent records count as would be as uncertain; none of fewer than :data:`LEAST` units.
    """
    n, clusters = len(change), count_units(len(change), units)
    if clusters < LEAST:
        return None
    size, quantile = float(n), float(norm.ppf(0.975))
    if units is not None:
        variance, alone = spread_of_mean(change, units), float(change.var())
        size = alone / max(variance, alone / n) if alone > 0 else float(clusters)
        quantile = float(student.ppf(0.975, clusters - 1)) if alone > 0 else quantile
    up, down = ((float((change == sign).mean()) * size + 1) / (size + 2) for sign in (1, -1))
    middle, half = up - down, quantile * np.sqrt((up + down - (up - down) ** 2) / (size + 2))
    return [max(float(middle - half), -1.0), min(float(middle + half), 1.0)]


def mcnemar(only_one: int, only_other: int) -> float:
    """Exact two-sided p-value of as many records that only one, or only the other, gets (McNemar 1947).

    >>> mcnemar(5, 0), mcnemar(0, 0)
    (0.0625, 1.0)
    """
    return min(2 * float(binom.cdf(min(only_one, only_other), only_one + only_other, 0.5)), 1.0)


def sign_flips(change: Floats, units: Units = None, *, seed: int = 0) -> Exchange:
    """Whether changes are as often up as down: signs of whole units are exchanged (Fisher 1935, section 21).

    Exact where all changes are of one size (that is McNemar's test) or few, else by :data:`DRAWS` random exchanges.
    """
    sums = unit_sums(change, units)
    sums = sums[np.abs(sums) > _ROUNDING * max(float(np.abs(sums).max(initial=0)), 1e-300)]
    count = len(sums)
    smallest = min(2.0 ** (1 - count), 1.0)
    if not count:
        return Exchange(p_value=1.0, how="exact", smallest=1.0)
    if np.ptp(np.abs(sums)) <= _ROUNDING * np.abs(sums).max():
        ups = int((sums > 0).sum())
        return Exchange(p_value=mcnemar(ups, count - ups), how="exact", smallest=smallest)
    limit = abs(float(sums.sum())) - _ROUNDING * float(np.abs(sums).sum())
    if count <= _COUNTED:
        signs = np.array(list(product((-1.0, 1.0), repeat=count)))
        return Exchange(p_value=float((np.abs(signs @ sums) >= limit).mean()), how="exact", smallest=smallest)
    rng, reached = np.random.default_rng(seed), 0
    for _ in range(9):
        signs = 2.0 * rng.integers(0, 2, size=(DRAWS // 9, count), dtype=np.int8) - 1
        reached += int((np.abs(signs @ sums) >= limit).sum())
    return Exchange(p_value=(reached + 1) / (DRAWS + 1), how="permutations", smallest=max(1 / (DRAWS + 1), smallest))
