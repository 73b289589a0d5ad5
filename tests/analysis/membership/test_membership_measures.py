"""Signals against plain formulas in high precision; ROC, areas and rates against scikit-learn, DeLong's published use,
a bootstrap and closed forms of normal scores."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import beta, norm
from sklearn.metrics import roc_auc_score, roc_curve  # type: ignore[import-untyped]

from seqrobust.analysis.membership import (
    attack_numbers,
    auc,
    balanced_accuracy,
    best_threshold,
    group_numbers,
    held_out_accuracy,
    mean_loss_threshold,
    most_exposed,
    permutation_p_value,
    phi_from_confidence,
    roc,
    signals,
    tpr_at_fpr,
)
from seqrobust.errors import DataError
from seqrobust.statistics import clopper_pearson

GOOD = [int(count) for count in "00000000000201211010101110100010021234430476662350"]
POOR = [int(count) for count in "11111121111011000201010111011101100010121122130001"]
"""Patients of each of 50 falling values of the marker S100B (Turck et al. 2010), which pROC is documented with."""


def test_class_signals_are_those_of_plain_probabilities() -> None:
    rng = np.random.default_rng(0)
    logits, y = rng.normal(0, 2, (50, 4)), rng.integers(0, 4, 50)
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    rows = np.arange(50)
    true = p[rows, y]
    other = p.copy()
    other[rows, y] = 0
    found = signals(logits, y, "classification")
    assert found.entropy is not None
    np.testing.assert_allclose(found.loss, -np.log(true))
    np.testing.assert_allclose(found.confidence, true)
    np.testing.assert_allclose(found.margin, np.log(true / (1 - true)))
    np.testing.assert_allclose(found.entropy, -(p * np.log(p)).sum(1))
    assert found.modified_entropy is not None
    np.testing.assert_allclose(
        found.modified_entropy, -(1 - true) * np.log(true) - (other * np.log1p(-other)).sum(1), rtol=1e-9
    )


def test_margin_keeps_its_digits_where_a_probability_is_one() -> None:
    found = signals(np.array([[50.0, 0.0, 1.0]]), np.array([0]), "classification")
    assert found.confidence[0] == 1
    assert found.margin[0] == pytest.approx(50 - math.log(1 + math.e), rel=1e-12)
    wrong = signals(np.array([[50.0, 0.0, 1.0]]), np.array([1]), "classification")
    assert wrong.margin[0] == pytest.approx(0 - np.logaddexp(50, 1), rel=1e-12)
    assert wrong.modified_entropy is not None
    assert wrong.modified_entropy[0] == pytest.approx(50 + 50, rel=0.02)


def test_one_logit_is_two_classes() -> None:
    rng = np.random.default_rng(1)
    logit, y = rng.normal(0, 5, (30, 1)), rng.integers(0, 2, 30)
    one = signals(logit, y, "binary").as_scores()
    two = signals(np.hstack([np.zeros((30, 1)), logit]), y, "classification").as_scores()
    for name, value in one.items():
        np.testing.assert_allclose(value, two[name], rtol=1e-9, atol=1e-12, err_msg=name)


def test_labels_are_summed_or_averaged_and_leading_axes_stay() -> None:
    rng = np.random.default_rng(2)
    logits, y = rng.normal(0, 2, (3, 5, 7, 4)), rng.integers(0, 2, (7, 4))
    whole = signals(logits, y, "multilabel")
    parts = [signals(logits[..., [t]], y[:, t], "binary") for t in range(4)]
    np.testing.assert_allclose(whole.margin, sum(part.margin for part in parts))
    assert whole.loss.shape == (3, 5, 7)
    mean = signals(logits, y, "multilabel", labels="mean")
    np.testing.assert_allclose(mean.loss * 4, whole.loss)


def test_regression_has_a_density() -> None:
    values, y = np.array([[1.0, 2.0], [0.0, 4.0]]), np.array([[0.0, 2.0], [0.0, 0.0]])
    found = signals(values, y, "regression", spread=[2.0, 4.0], residual=0.5)
    expected = np.asarray(norm.logpdf([[0.5, 0], [0, 1]], scale=0.5)).sum(1)
    np.testing.assert_allclose(found.margin, expected)
    np.testing.assert_allclose(found.loss, [0.125, 0.5])
    assert set(found.as_scores()) == {"loss", "confidence", "margin"}


def test_bad_outputs_are_refused() -> None:
    with pytest.raises(DataError, match="do not fit"):
        signals(np.zeros((3, 2)), np.array([0, 1, 2]), "classification")
    with pytest.raises(DataError, match="not finite"):
        signals(np.full((1, 2), np.nan), np.array([0]), "classification")
    with pytest.raises(DataError, match="probability"):
        phi_from_confidence([0.5, 1.5])
    assert np.isfinite(phi_from_confidence([0.0, 1.0, 0.5])).all()


@pytest.mark.parametrize("rounded", [False, True])
def test_roc_is_that_of_scikit_learn(rounded: bool) -> None:
    rng = np.random.default_rng(3)
    held, others = rng.normal(1, 1, 300), rng.normal(0, 1, 200)
    if rounded:
        held, others = held.round(), others.round()
    labels = np.repeat([1, 0], [300, 200])
    fpr, tpr, thresholds = roc_curve(labels, np.concatenate([held, others]), drop_intermediate=False)
    found = roc(held, others)
    np.testing.assert_allclose(found.fpr, fpr)
    np.testing.assert_allclose(found.tpr, tpr)
    np.testing.assert_allclose(found.thresholds, thresholds)
    assert auc(held, others).auc == pytest.approx(roc_auc_score(labels, np.concatenate([held, others])), abs=1e-12)


def test_delong_agrees_with_the_published_example() -> None:
    values = -np.arange(50.0)
    good, poor = np.repeat(values, GOOD), np.repeat(values, POOR)
    assert (len(good), len(poor)) == (72, 41)
    found = auc(poor, good)
    # The area and variance that pROC (Robin et al. 2011) gives for these data; its interval, 0.6301 to 0.8326, lies
    # symmetrically about the area, ours is drawn towards one half.
    assert found.auc == pytest.approx(0.73136856368563685, abs=1e-12)
    assert found.error**2 == pytest.approx(0.00266868245717244, rel=1e-9)
    assert found.interval == pytest.approx([0.6301, 0.8326], abs=0.02)


def test_delong_agrees_with_a_bootstrap() -> None:
    rng = np.random.default_rng(4)
    held, others = rng.normal(0.8, 1.5, 150), rng.normal(0, 1, 250)
    drawn = [auc(rng.choice(held, 150), rng.choice(others, 250)).auc for _ in range(800)]
    assert auc(held, others).error == pytest.approx(float(np.std(drawn)), rel=0.12)


def test_intervals_of_the_area_cover_it() -> None:
    rng = np.random.default_rng(5)
    truth = float(norm.cdf(0.5 / math.sqrt(2)))
    covered = 0
    for _ in range(200):
        low, high = auc(rng.normal(0.5, 1, 120), rng.normal(0, 1, 80)).interval or [1, 0]
        covered += low <= truth <= high
    assert covered >= 180


@pytest.mark.parametrize("count", [5, 10])
def test_few_members_have_an_interval_that_holds(count: int) -> None:
    """Separated in full in most draws; of fewer than five members there is none."""
    rng = np.random.default_rng(6)
    truth = float(norm.cdf(1.5 / math.sqrt(2)))
    covered = 0
    for _ in range(200):
        interval = auc(rng.normal(1.5, 1, count), rng.normal(0, 1, 40)).interval
        assert interval is not None
        covered += interval[0] <= truth <= interval[1]
    assert covered >= 184
    assert auc(np.arange(4.0), np.arange(20.0)).interval is None


def test_full_separation_still_has_an_interval() -> None:
    found = auc(np.arange(10.0) + 100, np.arange(20.0))
    assert found.auc == 1
    assert found.interval is not None
    assert 0.6 < found.interval[0] < 0.9


def test_rates_keep_ties_together_and_do_not_interpolate() -> None:
    others = np.concatenate([np.zeros(98), [1.0, 1.0]])
    held = np.concatenate([np.zeros(50), np.ones(30), np.full(20, 2.0)])
    found = tpr_at_fpr(roc(held, others), 0.01)
    # The score 1 is that of two non-members in a hundred: too many.
    assert (found.tpr, found.false_positives, found.threshold) == (0.2, 0, 2.0)
    # Where the hundredth part of all non-members lies, a hundred of them hardly say.
    assert found.interval == [0, 1]
    # Of very many it is known, and what is left is the exact interval of 20 in 100.
    many = np.repeat([0, 1, 1.5, 1.8], [989_500, 500, 9_900, 100])
    known = tpr_at_fpr(roc(held, many), 0.01)
    assert known.tpr == 0.2
    assert known.interval is not None
    assert known.interval[0] == pytest.approx(beta.ppf(0.025, 20, 81))
    assert tpr_at_fpr(roc(held, others), 0.02).tpr == 0.5
    assert tpr_at_fpr(roc(held, np.full(100, 3.0)), 0.01).tpr == 0


@pytest.mark.parametrize(("gain", "count"), [(0.0, 300), (1.0, 300), (1.0, 2000), (2.5, 1000)])
def test_the_interval_of_a_rate_knows_that_the_threshold_was_estimated(gain: float, count: int) -> None:
    rng = np.random.default_rng(int(gain * 10) + count)
    truth, by_chance = float(norm.sf(norm.isf(0.01) - gain)), (int(0.01 * count) + 1) / (count + 1)
    below = above = as_if_known = 0
    rates = []
    for _ in range(300):
        held, others = rng.normal(gain, 1, 500), rng.normal(0, 1, count)
        found = tpr_at_fpr(roc(held, others), 0.01)
        assert found.tpr is not None
        assert found.interval is not None
        assert found.by_chance == pytest.approx(by_chance)
        rates.append(found.tpr)
        below += truth < found.interval[0]
        above += truth > found.interval[1]
        low, high = clopper_pearson(round(500 * found.tpr), 500)
        as_if_known += low <= truth <= high
    assert below <= 17
    assert above <= 17
    if gain:
        assert as_if_known < 255
    else:
        # The k + 1st of the non-members is the threshold, and chance finds as many members above it.
        assert float(np.mean(rates)) == pytest.approx(by_chance, rel=0.1)


def test_families_count_as_one_record_each() -> None:
    """Scores of relatives correlate by 0.5, and nothing leaks: by records the area seems certain, by families not."""
    rng = np.random.default_rng(12)
    families = np.repeat(np.arange(60), 10)
    members = families < 30
    excluded = {"records": 0, "families": 0}
    small = {"records": 0, "families": 0}
    areas, errors = [], []
    for seed in range(80):
        scores = rng.normal(size=60)[families] + rng.normal(size=600)
        for name, clusters in (("records", None), ("families", families)):
            found = attack_numbers(scores, members, clusters=clusters, draws=99, seed=seed)
            excluded[name] += not found["auc_ci"][0] <= 0.5 <= found["auc_ci"][1]
            small[name] += found["p_value"] <= 0.05
        one = auc(scores[members], scores[~members], (families[members], families[~members]))
        areas.append(one.auc)
        errors.append(one.error)
    assert excluded["records"] > 25
    assert excluded["families"] <= 10
    assert small["records"] > 12
    assert small["families"] <= 10
    assert float(np.mean(errors)) == pytest.approx(float(np.std(areas)), rel=0.25)


def test_clusters_of_both_kinds_and_of_one_record() -> None:
    """Pairs of a member and a non-member with a score in common: their difference is what an area is judged by."""
    rng = np.random.default_rng(13)
    pair = np.tile(np.arange(200), 2)
    members = np.arange(400) < 200
    areas, errors, alone = [], [], []
    for _ in range(300):
        scores = 3 * rng.normal(size=200)[pair] + rng.normal(size=400)
        held, others = scores[members], scores[~members]
        areas.append(auc(held, others).auc)
        errors.append(auc(held, others, (pair[members], pair[~members])).error)
        alone.append(auc(held, others).error)
    assert float(np.mean(errors)) == pytest.approx(float(np.std(areas)), rel=0.12)
    assert float(np.mean(alone)) > 2 * float(np.std(areas))
    single = auc(held, others, (np.arange(200), np.arange(200, 400)))
    assert single.error == pytest.approx(auc(held, others).error, rel=1e-9)
    clusters = np.arange(400)
    assert permutation_p_value(scores, members, clusters=clusters, seed=2) == permutation_p_value(
        scores, members, seed=2
    )


def test_rates_are_refused_where_non_members_are_too_few() -> None:
    curve = roc(np.arange(10.0), np.arange(999.0))
    refused = tpr_at_fpr(curve, 0.001)
    assert (refused.tpr, refused.interval, refused.needed) == (None, None, 1000)
    assert refused.refused is not None
    assert "1,000" in refused.refused
    assert tpr_at_fpr(roc(np.arange(10.0), np.arange(1000.0)), 0.001).refused is None


def test_normal_scores_have_their_analytic_rates() -> None:
    rng, d = np.random.default_rng(6), 1.2
    scores = np.concatenate([rng.normal(d, 1, 4000), rng.normal(0, 1, 6000)])
    members = np.arange(10_000) < 4000
    found = attack_numbers(scores, members, draws=99)
    low, high = found["auc_ci"]
    assert low <= norm.cdf(d / math.sqrt(2)) <= high
    assert high - low < 0.02
    for fpr in (0.01, 0.001):
        low, high = found["tpr_at_fpr_ci"][f"{fpr:g}"]
        assert low <= norm.sf(norm.isf(fpr) - d) <= high
    assert found["balanced_accuracy"] == pytest.approx(norm.cdf(d / 2), abs=0.02)
    assert found["advantage"] == pytest.approx(2 * norm.cdf(d / 2) - 1, abs=0.04)
    assert found["p_value"] == found["tpr_at_fpr_p_value"]["0.01"] == 0.01


def test_noise_is_no_attack() -> None:
    rng = np.random.default_rng(7)
    outside = small = 0
    for seed in range(40):
        scores, members = rng.normal(size=400), rng.permutation(400) < 200
        found = attack_numbers(scores, members, draws=99, seed=seed)
        outside += not found["auc_ci"][0] <= 0.5 <= found["auc_ci"][1]
        small += found["p_value"] <= 0.05
        assert found["tpr_at_fpr"]["0.001"] is None
    assert outside <= 6
    assert small <= 6


def test_permutations_know_the_exact_p_value() -> None:
    # Three members above three others: one of twenty ways.
    scores, members = np.arange(6.0), np.arange(6) >= 3
    assert permutation_p_value(scores, members, draws=4000) == pytest.approx(1 / 20, abs=0.012)
    assert permutation_p_value(np.zeros(6), members, draws=50) == 1
    assert permutation_p_value(scores, members, fpr=0.1, draws=4000) == pytest.approx(1 / 20, abs=0.012)


def test_thresholds() -> None:
    rng = np.random.default_rng(8)
    classes = np.repeat([0, 1], 1000)
    members = np.tile([True, False], 1000)
    scores = rng.normal(members * 2.0 + classes * 10, 1)
    one, two = best_threshold(scores, members), best_threshold(scores, members, classes)
    assert two.classes[0] == pytest.approx(1, abs=0.4)
    assert two.classes[1] == pytest.approx(11, abs=0.4)
    right = [float((cut.members(scores, classes) == members).mean()) for cut in (one, two)]
    assert right[0] < 0.75 < right[1]
    assert right[1] == pytest.approx(norm.cdf(1), abs=0.03)
    found = mean_loss_threshold(np.array([1.0, 3.0]))
    assert found.members(np.array([-1.9, -2.0, -2.1])).tolist() == [True, True, False]
    with pytest.raises(DataError, match="between members"):
        best_threshold(scores, np.ones(2000, bool))


def test_a_best_threshold_on_the_same_records_would_flatter() -> None:
    rng = np.random.default_rng(9)
    honest, flattering = [], []
    for seed in range(30):
        scores, members = rng.normal(size=40), np.arange(40) < 20
        honest.append(held_out_accuracy(scores, members, seed=seed) or 0.0)
        cut = best_threshold(scores, members).overall
        flattering.append(balanced_accuracy(scores[members], scores[~members], cut))
    assert abs(float(np.mean(honest)) - 0.5) < 0.05
    assert float(np.mean(flattering)) > 0.57


def test_groups_share_one_threshold() -> None:
    rng = np.random.default_rng(10)
    members = np.tile([True, False], 1000)
    groups = np.repeat(["rare", "common"], [400, 1600])
    scores = rng.normal(np.where((groups == "rare") & members, 3.0, 0.0), 1)
    rows = group_numbers(scores, members, groups.tolist())
    assert [row["group"] for row in rows] == ["rare", "common"]
    cut = tpr_at_fpr(roc(scores[members], scores[~members]), 0.01).threshold
    assert rows[0]["found"] == (scores[(groups == "rare") & members] >= cut).mean()
    assert rows[0]["auc"] > 0.95
    assert rows[1]["auc_ci"][0] < 0.5 < rows[1]["auc_ci"][1]
    few = group_numbers(scores[:50], members[:50], ["a"] * 50)
    assert few[0]["found"] is None
    assert few[0]["auc"] is not None


def test_most_exposed_are_the_highest_members() -> None:
    scores = np.array([5.0, 9.0, 7.0, 8.0, 1.0])
    members = np.array([True, False, True, True, True])
    found = most_exposed(scores, members, 2)
    assert [(one.record, one.false_positives) for one in found] == [(3, 1), (2, 1)]
    nothing = most_exposed(np.array([2.0, 1.0]), np.array([True, False]))
    assert nothing[0].fpr_upper == pytest.approx(0.975)
