"""Subgroups: intervals, survival, tests and what is said of them, held to closed forms and other libraries."""

from __future__ import annotations

from itertools import combinations, permutations

import numpy as np
import pytest
from outcome_tables import attack_table
from scipy.stats import CensoredData, ecdf, fisher_exact, kstest

from seqrobust.analysis.subgroups import (
    Outcomes,
    TestSettings,
    corrected,
    describe_group,
    differences,
    grouping,
    read_outcomes,
    verdict,
)
from seqrobust.analysis.subgroups.group_tests import _layout, all_groups, cliffs_delta, compare_two
from seqrobust.analysis.subgroups.survival import median_edits, product_limit
from seqrobust.errors import ConfigError, DataError
from seqrobust.statistics import holm
from seqrobust.statistics.studentised import Sums, many_groups, two_groups


def outcomes_of(fewest: np.ndarray, classes: list[str], **more: tuple[int, ...]) -> Outcomes:
    return read_outcomes([attack_table(fewest, classes, **more)], "classification", labelled=True)


def test_product_limit_agrees_with_scipy() -> None:
    rng = np.random.default_rng(0)
    times, broken = rng.integers(1, 8, 60).astype(float), rng.random(60) < 0.6
    levels, alive = product_limit(times, broken)
    theirs = ecdf(CensoredData(uncensored=times[broken], right=times[~broken])).sf
    assert np.allclose(alive[0], theirs.evaluate(levels))


def test_weights_count_records_as_often() -> None:
    times, broken = np.array([1.0, 2.0, 3.0]), np.array([True, False, True])
    weights = np.array([[2.0, 1.0, 0.0]])
    levels, alive = product_limit(times, broken, weights)
    _, repeated = product_limit(np.array([1.0, 1.0, 2.0]), np.array([True, True, False]))
    assert levels.tolist() == [1, 3]
    assert alive[0, 0] == pytest.approx(repeated[0, 0])


def test_a_median_beyond_the_largest_budget_is_no_number() -> None:
    times, broken = np.array([1.0, 4.0, 4.0, 4.0]), np.array([True, False, False, False])
    found = median_edits(times, broken, np.arange(4))
    assert found.value is None
    assert found.high is None
    assert found.censored == 0.75
    assert median_edits(times, ~broken, np.arange(4)).value == 4


def test_holm_by_hand() -> None:
    # 4 x .01, 3 x .015 raised to .045, 2 x .03 = .06, 1 x .02 in order .01 .015 .02 .03 -> .04 .045 .045 .045
    assert holm(np.array([0.03, 0.01, 0.02, 0.015])).tolist() == pytest.approx([0.045, 0.04, 0.045, 0.045])
    assert holm(np.array([0.9, 0.8])).tolist() == [1, 1]


@pytest.mark.parametrize("seed", range(4))
def test_binary_outcomes_give_an_exact_test_by_enumeration(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, n, m = rng.integers(0, 2, 9) / 3, 9, 4
    first = np.zeros(n, bool)
    first[rng.permutation(n)[:m]] = True
    found = compare_two(values, first, np.zeros(n, int), unit=1 / 3, draws=99)
    off = abs(values[first].sum() - m * values.mean())
    sums = [abs(values[list(chosen)].sum() - m * values.mean()) for chosen in combinations(range(n), m)]
    assert found.how == "exact"
    assert found.p_value == pytest.approx(np.mean(np.array(sums) >= off - 1e-9))
    assert found.statistic == pytest.approx(values[first].mean() - values[~first].mean())


def test_equal_groups_of_binary_outcomes_agree_with_fisher() -> None:
    values = np.repeat([1.0, 0.0, 1.0, 0.0], [14, 6, 5, 15])
    first = np.arange(40) < 20
    # With groups of one size the null is symmetric, and both two-sided rules agree.
    found = compare_two(values, first, np.zeros(40, int), unit=1.0, draws=99)
    assert found.p_value == pytest.approx(fisher_exact(np.array([[14, 6], [5, 15]])).pvalue)


def test_exact_and_drawn_p_values_agree_within_strata() -> None:
    rng = np.random.default_rng(5)
    values, first, strata = rng.integers(0, 2, 40) / 2, rng.random(40) < 0.5, rng.integers(0, 2, 40)
    exact = compare_two(values, first, strata, unit=0.5, draws=99)
    drawn = compare_two(values, first, strata, unit=None, draws=20_000, seed=1)
    assert (exact.how, drawn.how) == ("exact", "permutations")
    assert drawn.p_value == pytest.approx(exact.p_value, abs=0.08)
    assert drawn.statistic == pytest.approx(exact.statistic)


@pytest.mark.parametrize("sizes", [(3, 3), (2, 4), (2, 2, 2)])
def test_the_smallest_p_value_by_exchange_is_that_of_every_arrangement(sizes: tuple[int, ...]) -> None:
    """Groups of equal sizes may change names: as many arrangements are as extreme as the most extreme one."""
    names = np.repeat(np.arange(len(sizes)), sizes)
    values = np.sort(np.random.default_rng(4).normal(size=6))
    sums = Sums.of(values, None)
    every = np.array(sorted(set(permutations(names.tolist()))))
    told = many_groups(sums, every) if len(sizes) > 2 else np.abs(two_groups(sums, every == 1))
    expected = float(np.isclose(told, told.max()).mean())
    found = _layout(names, np.zeros(6, np.int64), None).smallest(10**6)
    assert found == pytest.approx(expected)


def test_the_smallest_p_value_counts_both_ends() -> None:
    values, first = np.repeat([1.0, 0.0], 5), np.arange(10) < 5
    # Both of the two ways to take five alike of ten are as far off: 2 of 252.
    found = compare_two(values, first, np.zeros(10, int), unit=1.0, draws=99)
    assert found.p_value == found.smallest == pytest.approx(2 / 252)


def test_spreads_that_differ_are_no_difference() -> None:
    rng, groups = np.random.default_rng(3), np.repeat([0, 1], [10, 60])
    strata, found = np.zeros(70, int), []
    for _ in range(200):
        values = rng.normal(size=70) * np.where(groups == 0, 4, 1)
        many = all_groups(values, groups, strata, draws=199).p_value
        found.append((compare_two(values, groups == 0, strata, unit=None, draws=199).p_value, many))
    assert (np.array(found) <= 0.05).mean(0).max() < 0.12


def test_whole_clusters_change_groups_and_groups_within_clusters_are_paired() -> None:
    rng, units = np.random.default_rng(4), np.repeat(np.arange(24), 6)
    strata, between, within = np.zeros(144, int), np.repeat([0, 1], 72), np.tile([0, 1], 72)
    found = []
    for _ in range(150):
        values = rng.normal(size=24)[units] + rng.normal(size=144)
        same, shifted = values, values + 0.5 * within
        found.append(
            [
                compare_two(same, between == 0, strata, unit=None, draws=199, units=units).p_value,
                compare_two(same, between == 0, strata, unit=None, draws=199).p_value,
                compare_two(shifted, within == 0, strata, unit=None, draws=199, units=units).p_value,
                compare_two(shifted, within == 0, strata, unit=None, draws=199).p_value,
            ]
        )
    told, untold, paired, unpaired = (np.array(found) <= 0.05).mean(0)
    assert told < 0.11
    assert untold > 0.2
    assert paired > unpaired + 0.05


def test_groups_that_are_one_cluster_each_cannot_be_told_from_a_third_part() -> None:
    units = np.repeat([0, 1, 2], 10)
    found = compare_two(np.arange(30.0), units == 0, np.zeros(30, int), unit=None, draws=99, units=units)
    assert (found.p_value, found.smallest) == (1.0, 1.0)


def test_p_values_are_uniform_where_nothing_differs() -> None:
    rng = np.random.default_rng(2)
    groups = np.repeat([0, 1, 2], [10, 15, 20])
    strata = np.tile([0, 1, 1], 15)
    p_values = [
        all_groups(rng.normal(size=45) + strata, groups, strata, draws=199, seed=20_000 + trial).p_value
        for trial in range(300)
    ]
    assert kstest(p_values, "uniform").pvalue > 0.01
    assert 0.02 <= np.mean(np.array(p_values) <= 0.05) <= 0.1


def test_a_difference_between_classes_alone_is_none_within_them() -> None:
    rng = np.random.default_rng(2)
    strata = np.repeat([0, 1], 60)
    groups = (rng.random(120) < np.where(strata == 1, 0.85, 0.15)).astype(int)
    values = strata + 0.1 * rng.normal(size=120)
    assert all_groups(values, groups, np.zeros(120, int), draws=499).p_value < 0.01
    assert all_groups(values, groups, strata, draws=499).p_value > 0.05


def test_cliffs_delta_against_all_pairs() -> None:
    rng = np.random.default_rng(3)
    one, other = rng.integers(0, 5, 11).astype(float), rng.integers(0, 5, 7).astype(float)
    assert cliffs_delta(one, other) == pytest.approx(np.sign(one[:, None] - other).mean())


def test_outcomes_and_their_denominators() -> None:
    outcomes = outcomes_of(np.array([1, 3, 99, 2]), ["a", "a", "b", "b"], wrong=(3,))
    entry = describe_group(outcomes, "all", np.ones(4, bool))
    assert entry["clean_accuracy"] == 0.75
    assert [row["robust_accuracy"] for row in entry["budgets"]] == [0.5, 0.5, 0.25, 0.25]
    assert entry["budgets"][2]["attack_success_rate"] == pytest.approx(2 / 3)
    assert entry["n_attacked"] == 3
    assert entry["minimal_edits"]["median"] == 3
    assert entry["minimal_edits"]["censored"] == pytest.approx(1 / 3)


def test_records_of_no_label_are_a_group_like_others() -> None:
    tables = [attack_table(np.array([1, 2, 99]), ["a;b", "", "a"])]
    classes = read_outcomes(tables, "multilabel", labelled=True).classes
    assert classes is not None
    assert classes.tolist() == ["a;b", "none of the labels", "a"]
    # Of classes that exclude each other an empty name is a missing one.
    classes = read_outcomes(tables, "classification", labelled=True).classes
    assert classes is not None
    assert classes.tolist() == ["a;b", "", "a"]


def test_several_attacks_count_a_record_once() -> None:
    tables = [attack_table(np.array(need), ["a", "a"]) for need in ([1, 99], [99, 99])]
    outcomes = read_outcomes(tables, "classification", labelled=True)
    assert outcomes.quantity("robust").tolist() == [0.5, 1]
    entry = describe_group(outcomes, "a", np.ones(2, bool))
    assert entry["n"] == 2
    assert entry["budgets"][0]["robust_accuracy"] == 0.75
    other = tables[1][tables[1]["budget"] < 3]
    with pytest.raises(ConfigError, match="budgets"):
        read_outcomes([tables[0], other], "classification", labelled=True)


def test_a_planted_difference_is_found_and_named() -> None:
    rng = np.random.default_rng(4)
    kind = np.array(["fly", "worm", "yeast"])[np.arange(120) % 3]
    fewest = np.where(kind == "worm", rng.integers(1, 3, 120), rng.integers(3, 8, 120))
    outcomes = outcomes_of(fewest, ["x"] * 120)
    groups = grouping("species", kind.tolist(), smallest=10, pool=True)
    found = {"species": differences(outcomes, groups, TestSettings(draws=999))}
    corrected(found)
    said = verdict("species", found["species"], regression=False)
    assert said.startswith("species: worm is less robust than")
    assert "2 of 3 comparisons survive" in said
    clean = found["species"]["tests"]["clean"]
    assert clean["p_value"] == 1
    shuffled = grouping("species", rng.permutation(kind).tolist(), smallest=10, pool=True)
    none = {"species": differences(outcomes, shuffled, TestSettings(draws=999))}
    corrected(none)
    assert "no difference between groups survives" in verdict("species", none["species"], regression=False)


def test_small_groups_are_pooled_or_left_out_and_said() -> None:
    values = ["a"] * 12 + ["b"] * 4 + ["c"] * 7 + [""]
    pooled = grouping("g", values, smallest=10, pool=True)
    assert pooled.names == ("a", "other (2)")
    assert (pooled.member == 1).sum() == 11
    assert any("pooled" in text for text in pooled.notices)
    assert any("no value" in text for text in pooled.notices)
    with pytest.raises(DataError, match="two groups"):
        grouping("g", values, smallest=10, pool=False)
    left = grouping("g", [*values, *["d"] * 20], smallest=10, pool=False)
    assert left.names == ("a", "d")
    assert any("left out" in text for text in left.notices)


def test_measured_numbers_are_cut_but_names_that_are_numbers_are_not() -> None:
    rng = np.random.default_rng(0)
    cut = grouping("gc", [f"{value:.6f}" for value in rng.random(80)], smallest=10, pool=True)
    assert len(cut.names) == 4
    clusters = grouping("cluster", [str(value) for value in np.repeat(np.arange(30), 12)], smallest=10, pool=True)
    assert len(clusters.names) == 30
    lengths = [str(value) for value in range(80)]
    assert len(grouping("length", lengths, smallest=10, pool=True, cut=True).names) == 4
    with pytest.raises(DataError, match="two groups"):
        grouping("cluster", lengths, smallest=10, pool=True)
    with pytest.raises(DataError, match="holds numbers"):
        grouping("name", ["a"] * 80, smallest=10, pool=True, cut=True)
