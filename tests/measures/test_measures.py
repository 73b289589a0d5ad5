"""Measures for uneven classes against scikit-learn, and their intervals against what they claim."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest, norm
from sklearn import metrics as reference

from seqrobust.measures import (
    against_the_rest,
    average_precision,
    balanced_accuracy,
    confusion_of,
    decision_measures,
    label_measures,
    matthews,
    ranking_measures,
)
from seqrobust.measures.ends import balanced_ends, matthews_ends, precision_ends, share_ends

HAND_MADE = {
    "one positive of eight": ([0, 0, 0, 0, 0, 0, 0, 1], [-3, -2, -2, 0, 1, 1, -1, 1]),
    "always no": ([0, 0, 0, 1, 0, 0], [-1, -2, -3, -4, -5, -6]),
    "perfect": ([0, 1, 0, 1, 1], [-1, 2, -3, 4, 5]),
    "all scores equal": ([0, 1, 0, 1, 1, 0, 0], [2, 2, 2, 2, 2, 2, 2]),
    "reversed": ([1, 1, 0, 0, 0], [-2, -1, 1, 2, 3]),
    "infinite": ([1, 0, 1, 0, 0], [np.inf, -np.inf, np.inf, 0.5, np.inf]),
}


@pytest.mark.parametrize(("truth", "scores"), HAND_MADE.values(), ids=HAND_MADE)
def test_binary_measures_are_those_of_scikit_learn(truth: list[int], scores: list[float]) -> None:
    y, s = np.array(truth), np.array(scores, float)
    answers = (s > 0).astype(np.int64)
    confusion = confusion_of(y, answers, 2)
    found = decision_measures(confusion, ("no", "yes")) | ranking_measures(y, s)
    finite = np.nan_to_num(s, posinf=1e9, neginf=-1e9)
    assert found["auroc"] == pytest.approx(reference.roc_auc_score(y, finite))
    assert found["average_precision"] == pytest.approx(reference.average_precision_score(y, finite))
    assert found["mcc"] == pytest.approx(reference.matthews_corrcoef(y, answers))
    assert found["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(y, answers))
    assert found["by_class"]["yes"]["recall"] == pytest.approx(reference.recall_score(y, answers))
    assert found["majority_accuracy"] == np.bincount(y).max() / len(y)


def test_measures_of_several_classes_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth = rng.choice(4, 300, p=[0.9, 0.06, 0.03, 0.01])
    logits = rng.normal(size=(300, 4)) + 2 * np.eye(4)[truth]
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    confusion = confusion_of(truth, logits.argmax(1), 4)
    found = ranking_measures(truth, against_the_rest(logits))
    assert found["auroc"] == pytest.approx(reference.roc_auc_score(truth, shares, multi_class="ovr"))
    assert found["average_precision"] == pytest.approx(reference.average_precision_score(np.eye(4)[truth], shares))
    assert matthews(confusion) == pytest.approx(reference.matthews_corrcoef(truth, logits.argmax(1)))
    assert balanced_accuracy(confusion) == pytest.approx(reference.balanced_accuracy_score(truth, logits.argmax(1)))


def test_log_odds_against_the_rest_are_those_of_the_softmax_where_it_does_not_round() -> None:
    logits = np.random.default_rng(0).normal(size=(50, 5)) * 3
    shares = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert against_the_rest(logits) == pytest.approx(np.log(shares / (1 - shares)))
    sure = against_the_rest(np.array([[100.0, 0.0, 0.0], [200.0, 0.0, 0.0], [np.inf, -np.inf, 0.0]]))
    assert sure[0, 0] < sure[1, 0] < sure[2, 0]
    assert np.isfinite(sure).all()


def test_labels_are_measured_one_by_one() -> None:
    rng = np.random.default_rng(1)
    truth = rng.random((200, 3)) < np.array([0.5, 0.05, 0.0])
    scores = rng.normal(size=(200, 3)) + truth
    found = label_measures(truth, (scores > 0) == truth, scores, ("a", "rare", "never"))
    for place, name in enumerate(("a", "rare")):
        one, y, s = found["labels"][name], truth[:, place], scores[:, place]
        assert one["recall"] == pytest.approx(reference.recall_score(y, s > 0))
        assert one["specificity"] == pytest.approx(reference.recall_score(~y, s <= 0))
        assert one["auroc"] == pytest.approx(reference.roc_auc_score(y, s))
        assert one["average_precision"] == pytest.approx(reference.average_precision_score(y, s))
        assert one["mcc"] == pytest.approx(reference.matthews_corrcoef(y, s > 0))
    never = found["labels"]["never"]
    assert [never[key] for key in ("recall", "auroc", "average_precision", "mcc", "balanced_accuracy")] == [None] * 5
    assert found["mean_auroc"] == pytest.approx((found["labels"]["a"]["auroc"] + found["labels"]["rare"]["auroc"]) / 2)


def test_one_class_alone_is_not_measured() -> None:
    confusion = confusion_of(np.zeros(9, np.int64), np.zeros(9, np.int64), 2)
    found = decision_measures(confusion, ("no", "yes")) | ranking_measures(np.zeros(9, np.int64), np.arange(9.0))
    for key in ("balanced_accuracy", "mcc", "auroc", "average_precision"):
        assert found[key] is None
        assert found[f"{key}_ci"] is None
    assert found["missing_classes"] == ["yes"]


@pytest.mark.parametrize("positives", [1, 2, 3, 5, 20])
@pytest.mark.parametrize("quality", [0.0, 0.3, 1.0])
def test_an_interval_has_a_width_and_holds_its_measure_however_few_records(positives: int, quality: float) -> None:
    negatives, hits = 40, round(quality * positives)
    confusion = np.array([[negatives, 0], [positives - hits, hits]])
    intervals = [
        (balanced_accuracy(confusion), balanced_ends(confusion)),
        (matthews(confusion), matthews_ends(confusion)),
        (quality, precision_ends(quality, positives)),
    ]
    for found, ends in intervals:
        if ends is None:
            assert positives < 5
            continue
        assert found is not None
        assert ends[0] <= found <= ends[1]
        assert ends[1] - ends[0] > 0.3 / positives
        assert ends[0] >= -1
        assert ends[1] <= 1


def test_the_interval_of_a_share_is_wilsons() -> None:
    for hits, n in ((0, 7), (3, 11), (40, 40)):
        known = binomtest(hits, n).proportion_ci(method="wilson")
        assert share_ends(hits / n, n) == pytest.approx([known.low, known.high])


@pytest.mark.parametrize(("positives", "negatives", "apart"), [(5, 150, 1.5), (10, 100, 3.0), (40, 40, 1.0)])
def test_intervals_cover_what_they_claim(positives: int, negatives: int, apart: float) -> None:
    """Scores of two normal distributions, whose true area is known; 95 % of intervals should hold it."""
    rng = np.random.default_rng(0)
    true_area, threshold = norm.cdf(apart / np.sqrt(2)), apart / 2
    true_rate = norm.cdf(apart / 2)
    y = np.repeat([True, False], [positives, negatives])
    held = np.zeros(2)
    for _ in range(300):
        scores = rng.normal(size=len(y)) + apart * y
        low, high = ranking_measures(y.astype(np.int64), scores)["auroc_ci"]
        confusion = confusion_of(y.astype(np.int64), (scores > threshold).astype(np.int64), 2)
        least, most = balanced_ends(confusion) or (1, 0)
        held += [low <= true_area <= high, least <= true_rate <= most]
    assert (held / 300 > 0.92).all()


def test_precision_of_ties_shares_a_threshold() -> None:
    y, s = np.array([True, False, True, False]), np.array([1.0, 1.0, 0.0, 0.0])
    assert average_precision(y, s) == pytest.approx(reference.average_precision_score(y, s))
