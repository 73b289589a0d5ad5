"""Paired comparisons: closed forms, false alarms, and what pairing is worth."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from scipy.stats import binomtest, permutation_test

from seqrobust.statistics import mcnemar, mean_interval, paired, sign_flips, wilson


@pytest.mark.parametrize(("only_one", "only_other"), [(0, 0), (5, 0), (7, 3), (20, 20)])
def test_flags_are_compared_by_mcnemar(only_one: int, only_other: int) -> None:
    total = only_one + only_other
    expected = binomtest(only_one, total, 0.5).pvalue if total else 1.0
    assert mcnemar(only_one, only_other) == pytest.approx(expected)
    one = np.repeat([1, 0, 1, 0], [only_one, only_other, 6, 4])
    other = np.repeat([0, 1, 1, 0], [only_one, only_other, 6, 4])
    found = paired(one, other)
    assert found.test.p_value == pytest.approx(expected)
    assert found.difference == pytest.approx((only_one - only_other) / (total + 10))
    assert found.test.how == "exact"


def test_other_figures_are_compared_by_exchanging_signs() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.normal(0.5, 1, 9), rng.normal(size=9)
    found = paired(one, other)
    truth = permutation_test((one - other,), np.sum, permutation_type="samples", n_resamples=np.inf).pvalue
    assert found.test.p_value == pytest.approx(truth)
    assert found.interval == mean_interval(one - other)


def test_the_smallest_p_value_is_one_that_can_come_out() -> None:
    change = np.array([1.0, 2.0, 4.0])
    every = [sign_flips(change * signs).p_value for signs in product((-1, 1), repeat=3)]
    assert min(every) == sign_flips(change).smallest == 0.25


def test_nothing_known_is_no_difference() -> None:
    found = paired([np.nan] * 6, [1.0] * 6)
    assert (found.n, found.difference, found.interval, found.test.p_value) == (0, None, None, 1.0)


def test_flags_all_alike_leave_the_difference_open() -> None:
    low, high = paired(np.ones(20), np.ones(20)).interval or [0, 0]
    assert low < -0.05
    assert high > 0.05
    assert paired(np.ones(4), np.ones(4)).interval is None


def test_whole_clusters_change_sign() -> None:
    change, units = np.repeat([1.0, 1.0, 1.0, 1.0], 50), np.repeat(np.arange(4), 50)
    assert sign_flips(change).p_value < 1e-10
    assert sign_flips(change, units).p_value == 0.125


def test_false_alarms_and_power_of_clusters() -> None:
    rng, units = np.random.default_rng(0), np.repeat(np.arange(15), 6)

    def found(shift: float, *, told: bool) -> float:
        p = []
        for _ in range(100):
            change = shift + rng.normal(size=15)[units] + rng.normal(size=90)
            p.append(sign_flips(change, units if told else None).p_value)
        return float(np.mean(np.array(p) <= 0.05))

    assert found(0, told=True) < 0.05 + 3 * (0.05 * 0.95 / 100) ** 0.5
    assert found(0, told=False) > 0.2
    assert found(1, told=True) > 0.8


def test_pairing_tells_what_two_intervals_do_not() -> None:
    one, other = np.arange(100) < 60, np.arange(100) < 48
    low, _ = paired(one, other).interval or [0, 0]
    assert low > 0.04
    ends = [wilson(60, 100) or [0, 0], wilson(48, 100) or [0, 0]]
    assert ends[0][0] < ends[1][1]


def test_coverage_of_paired_flags() -> None:
    rng, held = np.random.default_rng(0), 0
    for _ in range(400):
        one = rng.random(40) < 0.7
        other = np.where(rng.random(40) < 0.6, one, rng.random(40) < 0.5)
        low, high = paired(one, other).interval or [1, 1]
        held += low <= 0.4 * 0.2 <= high
    assert held / 400 > 0.95 - 4 * (0.05 * 0.95 / 400) ** 0.5
