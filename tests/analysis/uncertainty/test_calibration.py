"""Log loss, Brier score and calibration error against scikit-learn, closed forms, and models of known calibration."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss

from seqrobust.analysis.uncertainty.calibration import calibration_numbers, calibration_statement


def _drawn(seed: int, count: int, *, sharpen: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """(N, 1, 2) log-probabilities and (N, 1) truths drawn from them before they are sharpened."""
    rng = np.random.default_rng(seed)
    odds = rng.normal(0, 1.5, count)
    truth = (rng.random(count) < 1 / (1 + np.exp(-odds))).astype(np.int64)
    said = sharpen * odds
    return -np.logaddexp(0, np.stack([said, -said], 1))[:, None], truth[:, None]


def test_scores_are_those_of_scikit_learn() -> None:
    logs, truth = _drawn(0, 200)
    found = calibration_numbers(logs, truth)
    share = np.exp(logs[:, 0, 1])
    assert found["nll"] == pytest.approx(log_loss(truth[:, 0], share))
    # The score over both states is twice that of one.
    assert found["brier"] == pytest.approx(2 * brier_score_loss(truth[:, 0], share))
    assert found["nll_ci"][0] < found["nll"] < found["nll_ci"][1]
    sure, right = np.maximum(share, 1 - share), (share > 0.5) == truth[:, 0]
    order = np.argsort(sure)
    expected = sum(abs(sure[part].sum() - right[part].sum()) for part in np.array_split(order, 10)) / 200
    assert found["ece"] == pytest.approx(expected, abs=2e-3)
    assert sum(one["n"] for one in found["bins"]) == 200


def test_a_calibrated_model_is_seldom_accused_and_an_overconfident_one_is() -> None:
    p_values = [calibration_numbers(*_drawn(seed, 100), seed=seed)["ece_p_value"] for seed in range(40)]
    assert np.mean(np.array(p_values) <= 0.05) <= 0.15
    found = calibration_numbers(*_drawn(1, 200, sharpen=3.0))
    assert found["ece_p_value"] <= 0.01
    assert "more sure of its answers" in calibration_statement({"clean": found})
    assert "would have been" in calibration_statement({"clean": calibration_numbers(*_drawn(3, 200))})


def test_labels_of_one_record_are_one_unit_and_clusters_have_no_p_value() -> None:
    logs, truth = _drawn(2, 60)
    each = calibration_numbers(logs.reshape(20, 3, 2), truth.reshape(20, 3))
    assert (each["n"], sum(one["n"] for one in each["bins"])) == (20, 60)
    assert each["nll"] == pytest.approx(-np.take_along_axis(logs, truth[..., None], 2).sum() / 20)
    clustered = calibration_numbers(logs, truth, np.repeat(np.arange(12), 5))
    assert clustered["ece_p_value"] is None
    assert "clusters" in calibration_statement({"clean": clustered})


def test_answers_that_are_all_as_sure_are_one_bin() -> None:
    logs = np.log(np.full((12, 1, 4), 0.25))
    found = calibration_numbers(logs, np.zeros((12, 1), np.int64))
    assert len(found["bins"]) == 1
    assert found["ece"] == pytest.approx(0.75)
