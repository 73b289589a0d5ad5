"""Metrics of predictions, against scikit-learn and pandas."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn import metrics as reference

from seqrobust.sequences import Targets
from seqrobust.training import prediction_metrics


def test_class_metrics() -> None:
    rng = np.random.default_rng(0)
    scores = rng.normal(size=(200, 3)).astype(np.float32)
    truth = rng.integers(0, 3, 200)
    found = prediction_metrics(Targets(task="classification", labels=("a", "b", "c"), values=truth), scores)
    predicted = scores.argmax(1)
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(truth, predicted))
    assert found["balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(truth, predicted))
    assert found["confusion"] == reference.confusion_matrix(truth, predicted).tolist()


def test_binary_area_with_ties() -> None:
    rng = np.random.default_rng(0)
    scores = rng.integers(-3, 4, (150, 1)).astype(np.float32)
    truth = rng.integers(0, 2, 150)
    targets = Targets(task="binary", labels=("0", "1"), values=truth)
    found = prediction_metrics(targets, scores)
    assert found["auroc"] == pytest.approx(reference.roc_auc_score(truth, scores[:, 0]))
    assert prediction_metrics(replace(targets, values=np.ones(150, np.int64)), scores)["auroc"] is None


def test_regression_metrics() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(80, 2)).astype(np.float32)
    guess = truth + rng.normal(size=(80, 2)).astype(np.float32)
    found = prediction_metrics(Targets(task="regression", labels=("y", "z"), values=truth), guess)
    assert found["r2"] == pytest.approx(reference.r2_score(truth, guess), rel=1e-5)
    assert found["mse"] == pytest.approx(reference.mean_squared_error(truth, guess), rel=1e-5)
    assert found["values"]["z"]["spearman"] == pytest.approx(
        pd.Series(truth[:, 1]).corr(pd.Series(guess[:, 1]), method="spearman"), rel=1e-5
    )


@pytest.mark.parametrize(
    ("targets", "logits"),
    [
        (Targets(task="binary", labels=("0", "1"), values=np.array([0, 1, 0, 1])), np.zeros((4, 1), np.float32)),
        (
            Targets(task="classification", labels=("a", "b", "c"), values=np.array([0, 1, 2, 0])),
            np.full((4, 3), 2.5, np.float32),
        ),
        (
            Targets(task="multilabel", labels=("a", "b"), values=np.zeros((4, 2), np.float32)),
            np.zeros((4, 2), np.float32),
        ),
    ],
)
def test_a_tie_is_right_for_no_class(targets: Targets, logits: np.ndarray) -> None:
    found = prediction_metrics(targets, logits)
    assert found["accuracy"] == 0
    if targets.task != "multilabel":
        assert found["balanced_accuracy"] == 0
        assert np.sum(found["confusion"]) == 4
