"""Every interval and test of the package under its null and under a known effect: coverage, type-I error, power.

Run ``python benchmarks/calibration.py [DRAWS [WORD ...]]``; it writes ``calibration.md`` beside itself. Records are
independent, in equal clusters, or in clusters of very unequal size (geometric); values are normal, skewed or bounded.
Each row says how often a 95 % interval holds the truth, or how often a test at 5 % raises an alarm, over so many draws,
and how wide the interval or how strong the test is beside the usual one. ``None`` is counted apart: nothing was claimed
there.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import levene, mannwhitneyu, norm, ttest_ind, ttest_rel

from seqrobust.analysis.attribution.null import placement_null, turned_areas
from seqrobust.analysis.attribution.others import others_null
from seqrobust.analysis.membership import permutation_p_value, target_shift
from seqrobust.analysis.subgroups.group_tests import all_groups, compare_two
from seqrobust.measures.ends import balanced_ends, matthews_ends
from seqrobust.measures.points import confusion_of
from seqrobust.statistics import (
    auroc_interval,
    clopper_pearson,
    difference_interval,
    jackknife_interval,
    mean_interval,
    paired,
    ratio_interval,
    share_difference,
    share_interval,
    sign_flips,
)

Rng = np.random.Generator
Interval = Callable[[Rng], list[float] | None]
Wanted = Callable[[str], bool]
"""Whether the rows of an interval or a test are computed."""
LEVEL = 0.05
SIZES = (5, 20, 100)
EXCHANGES = 399
"""Random exchanges of a permutation test here; the package draws more."""


def clustered(rng: Rng, count: int, *, like: float = 0.5, unequal: bool = True) -> tuple[Any, Any]:
    """Normal values with a spread of 1, correlated by ``like`` within clusters of about five, and their clusters."""
    sizes = rng.geometric(0.2, count) if unequal else np.full(count, 5)
    units = np.repeat(np.arange(count), sizes)
    return like**0.5 * rng.normal(size=count)[units] + (1 - like) ** 0.5 * rng.normal(size=len(units)), units


def intervals() -> Iterator[tuple[str, str, Interval, float]]:
    """(what, of which records, interval of one draw, truth)."""
    for n in SIZES:
        yield "mean", f"normal, n = {n}", lambda rng, n=n: mean_interval(rng.normal(size=n)), 0
        yield "mean", f"exponential, n = {n}", lambda rng, n=n: mean_interval(rng.exponential(size=n)), 1
        yield (
            "mean between 0 and 1",
            f"beta(9, 1), n = {n}",
            lambda rng, n=n: mean_interval(rng.beta(9, 1, n), bounds=(0, 1)),
            0.9,
        )
        for share in (0.5, 0.9):
            yield "share", f"{share:g}, n = {n}", lambda rng, n=n, p=share: share_interval(rng.random(n) < p), share
        for shift in (0, 1, 2):
            yield (
                "AUROC",
                f"{norm.cdf(shift / 2**0.5):.2f}, n = {n} and {n}",
                lambda rng, n=n, d=shift: auroc_interval(rng.normal(size=n), rng.normal(d, 1, n)),
                norm.cdf(shift / 2**0.5),
            )
        yield (
            "AUROC",
            f".76, n = {4 * n} and {n}, unequal spread",
            lambda rng, n=n: _uneven_area(rng, n),
            norm.cdf(0.5**0.5),
        )
        yield "AUROC", f".69, two scores of {n} records", lambda rng, n=n: _paired_area(rng, n), norm.cdf(0.5)
        yield (
            "difference of means",
            f"n = {n} and {3 * n}, spread 3 and 1",
            lambda rng, n=n: difference_interval(rng.normal(0, 3, n), rng.normal(size=3 * n)),
            0,
        )
        yield (
            "difference of shares",
            f".7 and .9, n = {n} and {3 * n}",
            lambda rng, n=n: share_difference(
                (rng.random(n) < 0.7) * 1.0, (rng.random(3 * n) < 0.9) * 1.0, (None, None)
            ),
            -0.2,
        )
        yield "paired shares", f"n = {n}", lambda rng, n=n: paired(*_paired_flags(rng, n)).interval, 0.4 * 0.2
        yield "ratio of means", f"n = {n}", lambda rng, n=n: _ratio(rng, n), 2
        yield "Matthews' coefficient", f".8 right, n = {n} and {n}", lambda rng, n=n: _matthews(rng, n), 0.6
        yield "balanced accuracy", f".6 and .9, n = {n} and {3 * n}", lambda rng, n=n: _balanced(rng, n), 0.75
        yield "share (Clopper-Pearson)", f".9, n = {n}", lambda rng, n=n: clopper_pearson(rng.binomial(n, 0.9), n), 0.9
        yield "jackknife (correlation)", f".5, n = {n}", lambda rng, n=n: _correlation(rng, n), 0.5
    for count in (5, 10, 20, 50):
        for unequal in (False, True):
            said = f"{count} clusters, {'unequal' if unequal else 'of 5'}"
            yield "mean", said, lambda rng, c=count, u=unequal: mean_interval(*clustered(rng, c, unequal=u)), 0
            yield "share", f"{said}, .7", lambda rng, c=count, u=unequal: _clustered_share(rng, c, u), 0.7
            yield (
                "AUROC",
                f"{said}, .76",
                lambda rng, c=count, u=unequal: _clustered_area(rng, c, u),
                norm.cdf(0.5**0.5),
            )
            yield "paired shares", said, lambda rng, c=count, u=unequal: _clustered_pair(rng, c, u), 0


def _matthews(rng: Rng, n: int) -> list[float] | None:
    truth = np.arange(2 * n) % 2
    answers = np.where(rng.random(2 * n) < 0.8, truth, 1 - truth)
    return matthews_ends(confusion_of(truth, answers, 2))


def _balanced(rng: Rng, n: int) -> list[float] | None:
    truth = (np.arange(4 * n) >= n).astype(int)
    answers = np.where(rng.random(4 * n) < np.where(truth, 0.9, 0.6), truth, 1 - truth)
    return balanced_ends(confusion_of(truth, answers, 2))


def _uneven_area(rng: Rng, n: int) -> list[float] | None:
    shift = 0.5**0.5 * 5**0.5
    return auroc_interval(rng.normal(size=4 * n), rng.normal(shift, 2, n))


def _paired_area(rng: Rng, n: int) -> list[float] | None:
    base, own = rng.normal(size=n), np.arange(n)
    return auroc_interval(base + rng.normal(size=n), base + rng.normal(1, 1, n), (own, own))


def _paired_flags(rng: Rng, n: int) -> tuple[Any, Any]:
    one = rng.random(n) < 0.7
    return one, np.where(rng.random(n) < 0.6, one, rng.random(n) < 0.5)


def _ratio(rng: Rng, n: int) -> list[float] | None:
    other = rng.gamma(4, 1, n)
    return ratio_interval(other * rng.gamma(9, 2 / 9, n), other)


def _correlation(rng: Rng, n: int) -> list[float] | None:
    one = rng.normal(size=n)
    other = 0.5 * one + 0.75**0.5 * rng.normal(size=n)
    return jackknife_interval(lambda rows: float(np.corrcoef(one[rows], other[rows])[0, 1]), n, None, (-1, 1))


def _clustered_share(rng: Rng, count: int, unequal: bool) -> list[float] | None:
    values, units = clustered(rng, count, unequal=unequal)
    return share_interval(values < norm.ppf(0.7), units)


def _clustered_area(rng: Rng, count: int, unequal: bool) -> list[float] | None:
    (low, first), (high, second) = (clustered(rng, count, unequal=unequal) for _ in range(2))
    return auroc_interval(low, high + 1, (first, second + count))


def _clustered_pair(rng: Rng, count: int, unequal: bool) -> list[float] | None:
    one, units = clustered(rng, count, unequal=unequal)
    change = 0.5**0.5 * rng.normal(size=count)[units] + 0.5**0.5 * rng.normal(size=len(units))
    return paired(one < 1, 0.8 * one + 0.6 * change < 1, units).interval


Test = Callable[[Rng, float], tuple[float, float]]


def tests() -> Iterator[tuple[str, str, Test, float]]:
    """(what, of which records, p-value and that of the usual test for an effect, the effect)."""
    yield "paired, flags (McNemar)", "n = 40", lambda rng, d: _flags(rng, d, 40), 0.25
    yield "paired, values (signs)", "n = 10, normal", lambda rng, d: _values(rng, d, 10), 1.0
    yield "paired, values (signs)", "n = 40, normal", lambda rng, d: _values(rng, d, 40), 0.5
    yield "paired, values (signs)", "20 clusters, unequal", _cluster_signs, 0.8
    yield "two groups, flags (Fisher)", "n = 30 and 30", lambda rng, d: _fisher(rng, d), 0.35
    yield "two groups", "n = 20 and 20, normal", lambda rng, d: _two(rng, d, 20, 20, 1), 0.9
    yield "two groups", "n = 10 and 100, spread 4 and 1", lambda rng, d: _two(rng, d, 10, 100, 4), 4.0
    yield "two groups", "12 and 12 clusters, unequal", _cluster_groups, 1.2
    yield "two groups", "meet in 12 clusters", _within, 0.5
    yield "any of three groups", "n = 10, 20, 40, spread 3, 1, 1", _three, 1.5
    yield "regions placed elsewhere", "20 records of 60 letters", _placed, 1.0
    yield "other records' importances", "40 records, regions about the middle", _others, 0.6
    yield "membership (exchange)", "40 members, 40 others", lambda rng, d: _membership(rng, d, 1), 0.6
    yield "membership (exchange)", "8 families of 5 a side", lambda rng, d: _membership(rng, d, 5), 1.2
    yield "shift of targets", "60 and 60 values, spread", _shifted, 1.2


def _flags(rng: Rng, effect: float, n: int) -> tuple[float, float]:
    one, keep = rng.random(n) < 0.5, rng.random(n) < 0.6
    other = np.where(keep, one, rng.random(n) < 0.5)
    other = np.where(rng.random(n) < effect, True, other)
    return paired(one, other).test.p_value, float(ttest_rel(one * 1.0, other * 1.0).pvalue)


def _values(rng: Rng, effect: float, n: int) -> tuple[float, float]:
    base = rng.normal(size=n)
    one, other = base + effect + rng.normal(0, 0.7, n), base + rng.normal(0, 0.7, n)
    return paired(one, other).test.p_value, float(ttest_rel(one, other).pvalue)


def _cluster_signs(rng: Rng, effect: float) -> tuple[float, float]:
    change, units = clustered(rng, 20)
    return sign_flips(change + effect, units).p_value, float(ttest_rel(change + effect, 0 * change).pvalue)


def _fisher(rng: Rng, effect: float) -> tuple[float, float]:
    values, first = (rng.random(60) < np.where(np.arange(60) < 30, 0.5 + effect, 0.5)) * 1.0, np.arange(60) < 30
    p_value = compare_two(values, first, np.zeros(60, int), unit=1.0, draws=EXCHANGES).p_value
    return p_value, float(mannwhitneyu(values[first], values[~first]).pvalue)


def _two(rng: Rng, effect: float, n: int, m: int, spread: float) -> tuple[float, float]:
    values, first = np.concatenate([rng.normal(effect, spread, n), rng.normal(size=m)]), np.arange(n + m) < n
    seed = int(rng.integers(2**31))
    p_value = compare_two(values, first, np.zeros(n + m, int), unit=None, draws=EXCHANGES, seed=seed).p_value
    return p_value, float(ttest_ind(values[first], values[~first], equal_var=False).pvalue)


def _cluster_groups(rng: Rng, effect: float) -> tuple[float, float]:
    values, units = clustered(rng, 24)
    first, seed = units < 12, int(rng.integers(2**31))
    values = values + effect * first
    strata = np.zeros(len(values), int)
    p_value = compare_two(values, first, strata, unit=None, draws=EXCHANGES, seed=seed, units=units).p_value
    return p_value, float(ttest_ind(values[first], values[~first], equal_var=False).pvalue)


def _within(rng: Rng, effect: float) -> tuple[float, float]:
    values, units = clustered(rng, 12, like=0.8, unequal=False)
    first, seed = rng.random(len(values)) < 0.5, int(rng.integers(2**31))
    values = values + effect * first
    strata = np.zeros(len(values), int)
    p_value = compare_two(values, first, strata, unit=None, draws=EXCHANGES, seed=seed, units=units).p_value
    return p_value, float(ttest_ind(values[first], values[~first], equal_var=False).pvalue)


def _three(rng: Rng, effect: float) -> tuple[float, float]:
    groups = np.repeat([0, 1, 2], [10, 20, 40])
    values = rng.normal(size=70) * np.array([3, 1, 1])[groups] + effect * (groups == 1)
    seed = int(rng.integers(2**31))
    return all_groups(values, groups, np.zeros(70, int), draws=EXCHANGES, seed=seed).p_value, float("nan")


def _placed(rng: Rng, effect: float) -> tuple[float, float]:
    start, inside = int(rng.integers(0, 50)), np.zeros(60, bool)
    inside[start : start + 10] = True
    pattern = np.convolve(rng.normal(size=90), np.ones(8) / 8, "same")[15:75]
    everywhere = np.ones(60, bool)
    areas = [
        turned_areas(np.abs(pattern + 0.1 * rng.normal(size=60)) + effect * inside, inside, everywhere, 60)
        for _ in range(20)
    ]
    low, high = mean_interval([area[0] for area in areas]) or [0.0, 1.0]
    return float(placement_null(np.array(areas).T)["p_value"]), 1.0 if low <= 0.5 <= high else 0.0


def _others(rng: Rng, effect: float) -> tuple[float, float]:
    inside = np.zeros((40, 60), bool)
    for row, start in enumerate(rng.integers(18, 33, 40)):
        inside[row, start : start + 8] = True
    strength = rng.exponential(size=(40, 60)) + 2 * inside.mean(0) + effect * inside
    found = others_null(strength.astype(np.float32), inside, np.ones((40, 60), bool), None)
    return float(found["p_value"]), float("nan")


def _membership(rng: Rng, effect: float, family: int) -> tuple[float, float]:
    count = 80 // family
    clusters = np.repeat(np.arange(count), family)
    members = clusters < count // 2
    shared = 0.0 if family == 1 else 0.7
    scores = shared**0.5 * rng.normal(size=count)[clusters] + (1 - shared) ** 0.5 * rng.normal(size=80)
    scores, seed = scores + effect * members, int(rng.integers(2**31))
    units = None if family == 1 else clusters
    p_value = permutation_p_value(scores, members, clusters=units, draws=EXCHANGES, seed=seed)
    return p_value, float(mannwhitneyu(scores[members], scores[~members], alternative="greater").pvalue)


def _shifted(rng: Rng, effect: float) -> tuple[float, float]:
    one, other = rng.normal(0, 1 + effect, (60, 1)), rng.normal(size=(60, 1))
    found = target_shift((one, other), seed=int(rng.integers(2**31)))
    return 0.0 if found.warning else 1.0, float(levene(one[:, 0], other[:, 0]).pvalue)


def interval_rows(draws: int, wanted: Wanted) -> Iterator[str]:
    """A line per interval."""
    for what, records, draw, truth in intervals():
        if not wanted(what):
            continue
        rng = np.random.default_rng(0)
        ends = [draw(rng) for _ in range(draws)]
        known = np.array([one for one in ends if one is not None])
        if not len(known):
            yield f"| {what} | {records} | none given | 100 % | |"
            continue
        held = ((known[:, 0] <= truth + 1e-12) & (truth - 1e-12 <= known[:, 1])).mean()
        none = 1 - len(known) / draws
        yield f"| {what} | {records} | {held:.3f} | {100 * none:.0f} % | {np.ptp(known, axis=1).mean():.3f} |"


def test_rows(draws: int, wanted: Wanted) -> Iterator[str]:
    """A line per test."""
    for what, records, p_values, effect in tests():
        if not wanted(what):
            continue
        rng = np.random.default_rng(0)
        null = np.array([p_values(rng, 0.0) for _ in range(draws)])
        found = np.array([p_values(rng, effect) for _ in range(max(draws // 4, 1))])
        cells = [_share(part[:, column]) for part in (null, found) for column in (0, 1)]
        yield f"| {what} | {records} | {' | '.join(cells)} |"


def _share(p_values: np.ndarray[Any, Any]) -> str:
    return "" if np.isnan(p_values).all() else f"{(p_values <= LEVEL).mean():.3f}"


_INTERVALS = "## Intervals: how often 95 % hold the truth"
_TESTS = "## Tests at 5 %: false alarms and power, beside the usual test"


def joined(before: list[str], rows: list[str]) -> list[str]:
    """Earlier rows with those that were computed anew in their places, new ones last."""
    keys = {tuple(row.split(" | ")[:2]): row for row in rows}
    kept = [keys.pop(tuple(row.split(" | ")[:2]), row) for row in before]
    return [*kept, *keys.values()]


def earlier(path: Path, title: str) -> list[str]:
    """The rows of a table of an earlier run."""
    if not path.exists():
        return []
    section = path.read_text(encoding="utf-8").split(title, 1)[-1].split("\n## ", 1)[0]
    return [line for line in section.splitlines() if line.startswith("| ")][1:]


def main(draws: int, words: list[str]) -> None:
    """Write the tables; with words, only rows whose first cell holds one are computed, the others kept."""
    path = Path(__file__).with_suffix(".md")

    def wanted(what: str) -> bool:
        return not words or any(word in what for word in words)

    intervals_found = joined(earlier(path, _INTERVALS) if words else [], list(interval_rows(draws, wanted)))
    tests_found = joined(earlier(path, _TESTS) if words else [], list(test_rows(draws, wanted)))
    error = (0.95 * 0.05 / draws) ** 0.5
    lines = [
        "# Calibration of intervals and tests",
        "",
        f"`python benchmarks/calibration.py {draws}`, {date.today().isoformat()}, Python {platform.python_version()}, "
        f"NumPy {np.__version__}. {draws:,} draws a row (a quarter of that for power); a share near 5 % has a standard "
        f"error of {100 * error:.1f} points.",
        "",
        "What lies beyond .93 to .97: intervals of an AUROC, of paired shares and of differences of shares are wider "
        "than they need be at five records or clusters (they cover more than they say), Clopper and Pearson's always "
        "is; Wilson's covers a little less where nine in ten of five records are hits; exact tests of flags raise "
        "fewer false alarms than 5 %. The shift of targets is called by a one-sided interval, at half the level.",
        "",
        _INTERVALS,
        "",
        "| interval | records | coverage | none | mean width |",
        "|---|---|---|---|---|",
        *intervals_found,
        "",
        _TESTS,
        "",
        "The usual test takes records for independent (t-tests, Mann-Whitney); of placements it is whether an interval "
        "of the mean AUROC leaves out one half.",
        "",
        "| test | records | false alarms | of the usual | power | of the usual |",
        "|---|---|---|---|---|---|",
        *tests_found,
        "",
    ]
    path.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 2000, sys.argv[2:])
