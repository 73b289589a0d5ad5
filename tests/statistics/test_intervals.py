"""Intervals: closed forms, coverage by simulation, and what they say where there is next to nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap, norm, ttest_1samp, ttest_ind

from seqrobust.statistics import (
    auroc,
    auroc_interval,
    clopper_pearson,
    difference_interval,
    group_difference,
    jackknife_interval,
    mean_interval,
    ratio_interval,
    share_difference,
    share_interval,
    unit_numbers,
    wilson,
)

Rng = np.random.Generator
DRAWS = 400
SLACK = 4 * (0.95 * 0.05 / DRAWS) ** 0.5


def coverage(draw: Callable[[Rng], list[float] | None], truth: float) -> float:
    rng = np.random.default_rng(0)
    ends = [one for one in (draw(rng) for _ in range(DRAWS)) if one is not None]
    assert len(ends) > DRAWS / 2
    return float(np.mean([low <= truth <= high for low, high in ends]))


def clusters(rng: Rng, count: int = 12, within: float = 0.6) -> tuple[Any, Any]:
    """Values with a spread of 1 that resemble each other within clusters of unequal size."""
    units = np.repeat(np.arange(count), rng.integers(1, 8, count))
    return within**0.5 * rng.normal(size=count)[units] + (1 - within) ** 0.5 * rng.normal(size=len(units)), units


def test_a_mean_of_independent_records_has_students_interval_widened_where_they_are_skewed() -> None:
    values = np.random.default_rng(1).normal(size=30)
    even = np.concatenate([values, -values])
    expected = ttest_1samp(even, 0).confidence_interval()
    assert mean_interval(even) == pytest.approx([expected.low, expected.high])
    student, ours = ttest_1samp(np.exp(values), 0).confidence_interval(), mean_interval(np.exp(values))
    assert ours is not None
    assert ours[0] == pytest.approx(student.low)
    assert ours[1] > student.high
    assert mean_interval([*values, np.nan, np.inf]) == mean_interval(values)


@pytest.mark.parametrize("count", [5, 10, 20])
def test_a_mean_of_skewed_values_is_covered(count: int) -> None:
    assert coverage(lambda rng: mean_interval(rng.exponential(size=count)), 1) > 0.94 - SLACK
    assert coverage(lambda rng: mean_interval(rng.normal(size=count)), 0) < 0.96 + SLACK


def test_a_difference_of_means_has_welchs_interval() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=9), rng.normal(2, 4, size=30)
    expected = ttest_ind(one, other, equal_var=False).confidence_interval()
    assert difference_interval(one, other) == pytest.approx([expected.low, expected.high])


@pytest.mark.parametrize("n", [1, 2, 7, 100])
def test_shares_have_the_intervals_that_scipy_gives(n: int) -> None:
    for hits in {0, 1, n // 3, n}:
        for method, ours in (("wilson", wilson), ("exact", clopper_pearson)):
            expected = binomtest(hits, n).proportion_ci(method=method)
            assert ours(hits, n) == pytest.approx([expected.low, expected.high], abs=1e-9)


def test_equal_clusters_make_the_interval_of_their_means() -> None:
    values, units = np.random.default_rng(2).normal(size=40), np.repeat(np.arange(8), 5)
    assert mean_interval(values, units) == pytest.approx(mean_interval(values.reshape(8, 5).mean(1)))


@pytest.mark.parametrize("values", [[], [1.0], [1.0, 2.0, 3.0, 4.0], [0.5] * 50, [np.nan] * 9])
def test_nothing_is_claimed_of_too_few_or_of_values_all_alike(values: list[float]) -> None:
    assert mean_interval(values) is None


def test_few_clusters_are_too_few_however_many_records_they_hold() -> None:
    rng, units = np.random.default_rng(0), np.repeat(np.arange(4), 100)
    assert mean_interval(rng.normal(size=400), units) is None
    assert share_interval(rng.random(400) < 0.5, units) is None


def test_bounds_are_not_left() -> None:
    low, high = mean_interval([0.9, 1, 1, 1, 1], bounds=(0, 1)) or [-1, 2]
    assert 0 < low < 0.98 < high < 1
    assert mean_interval([0.9, 1, 1, 1, 1])[1] > 1  # type: ignore[index]
    # All alike they may still be flags: the interval is that of five of five.
    assert mean_interval([1.0] * 5, bounds=(0, 1)) == pytest.approx(wilson(5, 5))
    assert mean_interval([-1.0] * 5, bounds=(-1, 1)) == pytest.approx([2 * end - 1 for end in wilson(0, 5) or []])


def test_independent_shares_keep_wilsons_interval_and_clusters_of_one_resemble_it() -> None:
    flags = np.arange(40) < 13
    assert share_interval(flags) == wilson(13, 40)
    one, other = share_interval(flags, np.arange(40)), wilson(13, 40)
    assert one == pytest.approx(other, abs=0.01)
    assert share_interval([]) is None
    assert share_interval([1, 0, np.nan, 1], None) == wilson(2, 3)


def test_records_that_are_copies_count_once() -> None:
    flags, units = np.repeat(np.arange(10) < 4, 50), np.repeat(np.arange(10), 50)
    low, high = share_interval(flags, units) or [0, 0]
    alone_low, alone_high = wilson(4, 10) or [0, 0]
    assert low < alone_low + 0.01
    assert high > alone_high - 0.01
    # Where all are alike nothing tells how alike clusters are: each is one record.
    assert share_interval(np.ones(500), units) == pytest.approx(wilson(10, 10))


def test_the_area_at_perfect_separation_is_no_certainty() -> None:
    low, high = auroc_interval(np.arange(5.0), np.arange(5.0) + 10) or [1, 1]
    assert (low < 0.75, high) == (True, 1)
    assert auroc_interval(np.arange(5.0), np.arange(5.0) + 10) == pytest.approx(
        [1 - end for end in reversed(auroc_interval(np.arange(5.0) + 10, np.arange(5.0)) or [])]
    )
    assert auroc_interval(np.arange(4.0), np.arange(50.0)) is None


def test_scores_all_alike_leave_the_area_open() -> None:
    own = np.arange(20)
    for units in ((None, None), (own, own)):
        low, high = auroc_interval(np.ones(20), np.ones(20), units) or [0.5, 0.5]
        assert low < 0.4
        assert high > 0.6


def test_the_area_counts_pairs() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.integers(0, 5, 30).astype(float), rng.integers(1, 6, 20).astype(float)
    pairs = (other[:, None] > one).mean() + 0.5 * (other[:, None] == one).mean()
    assert auroc(one, other) == pytest.approx(pairs)


@pytest.mark.parametrize("n", [5, 20, 100])
def test_coverage_of_means_shares_and_areas(n: int) -> None:
    found = {
        "mean": coverage(lambda rng: mean_interval(rng.normal(size=n)), 0),
        "bounded": coverage(lambda rng: mean_interval(rng.beta(9, 3, size=n), bounds=(0, 1)), 0.75),
        "share": coverage(lambda rng: share_interval(rng.random(n) < 0.7), 0.7),
        "area": coverage(lambda rng: auroc_interval(rng.normal(size=n), rng.normal(1, 1, size=n)), norm.cdf(0.5**0.5)),
        "difference": coverage(lambda rng: difference_interval(rng.normal(size=n), 3 * rng.normal(size=2 * n)), 0),
    }
    assert {name: value for name, value in found.items() if value < 0.95 - SLACK} == {}


def test_coverage_where_records_come_in_clusters() -> None:
    def mean(rng: Rng) -> list[float] | None:
        return mean_interval(*clusters(rng))

    def naive(rng: Rng) -> list[float] | None:
        return mean_interval(clusters(rng)[0])

    def share(rng: Rng) -> list[float] | None:
        values, units = clusters(rng)
        return share_interval(values < 0.5244, units)

    def area(rng: Rng) -> list[float] | None:
        (low, first), (high, second) = clusters(rng), clusters(rng)
        return auroc_interval(low, high + 1, (first, second + 100))

    assert coverage(mean, 0) > 0.95 - SLACK
    assert coverage(naive, 0) < 0.8
    assert coverage(share, 0.7) > 0.95 - SLACK
    assert coverage(area, norm.cdf(0.5**0.5)) > 0.95 - SLACK


def test_two_scores_of_one_record_are_one_unit() -> None:
    own = np.arange(15)

    def area(rng: Rng) -> list[float] | None:
        base = rng.normal(size=15)
        return auroc_interval(base + rng.normal(size=15), base + rng.normal(1, 1, size=15), (own, own))

    assert coverage(area, norm.cdf(0.5)) > 0.95 - SLACK


def test_groups_that_share_clusters_are_compared_within_them() -> None:
    rng = np.random.default_rng(0)
    units = np.arange(12)
    base = 5 * rng.normal(size=12)
    one, other = base + 0.1 * rng.normal(size=12), base
    low, high = difference_interval(one, other, (units, units)) or [-9, 9]
    assert (low, high) == pytest.approx(ttest_1samp(one - other, 0).confidence_interval(), abs=1e-9)


def test_flags_of_two_groups_have_newcombes_interval() -> None:
    # The example of Newcombe (1998), table II: 56/70 against 48/80.
    one, other = (np.arange(70) < 56).astype(float), (np.arange(80) < 48).astype(float)
    assert share_difference(one, other, (None, None)) == pytest.approx([0.0524, 0.3339], abs=5e-5)
    assert group_difference(one, other) == share_difference(one, other, (None, None))


def test_the_jackknife_of_a_mean_is_students_and_of_others_like_a_bootstrap() -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(size=60)
    expected = ttest_1samp(values, 0).confidence_interval()
    found = jackknife_interval(lambda rows: float(values[rows].mean()), 60)
    assert found == pytest.approx([expected.low, expected.high])
    ends = jackknife_interval(lambda rows: float(values[rows].std()), 60) or [0, 0]
    other = bootstrap((values,), np.std, n_resamples=2000, method="BCa", rng=rng).confidence_interval
    assert ends == pytest.approx([other.low, other.high], abs=0.1)
    assert jackknife_interval(lambda rows: float(rows.sum() > 0), 60) is None
    assert jackknife_interval(lambda rows: 0.5, 4) is None


def test_a_ratio_of_means_covers_and_is_none_of_nothing() -> None:
    def ratio(rng: Rng) -> list[float] | None:
        other = rng.gamma(4, 1, 25)
        return ratio_interval(other * rng.gamma(9, 2 / 9, 25), other)

    assert coverage(ratio, 2) > 0.95 - SLACK
    assert ratio_interval(np.ones(9), np.zeros(9)) is None


def test_clusters_are_told_by_their_names() -> None:
    assert unit_numbers(None) is None
    assert unit_numbers(["a", "b", "c"]) is None
    found = unit_numbers(np.array(["b", "a", "b"]))
    assert found is not None
    assert found.tolist() == [1, 0, 1]
