"""Answers, probabilities and outputs against plain calls of the model; thresholds against trying all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import seqrobust as sr
from seqrobust.errors import ConfigError
from seqrobust.measures import balanced_accuracy, best_threshold, confusion_of
from seqrobust.sequences.encoding import one_hot

RANDOM = np.random.default_rng(7)
TEXTS = ["".join(RANDOM.choice(list("ACGT"), 12)) for _ in range(40)]


def net(outputs: int) -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Conv1d(4, outputs, 3), nn.AdaptiveAvgPool1d(1), nn.Flatten()).eval()


def plain(network: nn.Module, records: Any) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = network(one_hot(torch.tensor(records.tokens), records.alphabet))
    return found


def test_two_classes_with_a_threshold() -> None:
    network, truth = net(1), ["no", "yes"] * 20
    records = sr.records(TEXTS, alphabet="DNA", targets=truth)
    model = sr.wrap(network, alphabet="DNA", task="binary", labels=["no", "yes"])
    logits = plain(network, records)[:, 0]
    level = float(logits.median().sigmoid()) + 1e-4
    found = sr.predict(model, records, threshold=str(level))
    called = np.where(logits.sigmoid().numpy() >= level, "yes", "no")
    assert found.table["prediction"].tolist() == called.tolist()
    np.testing.assert_allclose(found.table["probability_yes"], logits.sigmoid(), rtol=1e-5)
    np.testing.assert_allclose(found.table["output_yes"], logits, rtol=1e-4, atol=1e-6)
    assert found.metrics["accuracy"] == pytest.approx((called == np.array(truth)).mean())
    # Where positives rank does not hang on where they are called.
    assert found.metrics["auroc"] == sr.predict(model, records).metrics["auroc"]


def test_classes_and_values() -> None:
    network = net(3)
    records = sr.records(TEXTS, alphabet="DNA", targets=["a", "b", "c", "a"] * 10)
    found = sr.predict(sr.wrap(network, alphabet="DNA", task="classification", labels=["a", "b", "c"]), records)
    logits = plain(network, records)
    np.testing.assert_allclose(
        found.table[["probability_a", "probability_b", "probability_c"]], logits.softmax(1), rtol=1e-4
    )
    assert found.table["prediction"].tolist() == ["abc"[one] for one in logits.argmax(1)]
    values = sr.records(TEXTS, alphabet="DNA", targets=RANDOM.normal(size=40).tolist())
    measured = sr.predict(sr.wrap(net(1), alphabet="DNA", task="regression", labels=["y"]), values)
    np.testing.assert_allclose(measured.table["prediction"], plain(net(1), values)[:, 0], rtol=1e-4, atol=1e-6)
    error = measured.table["prediction"] - measured.table["target"]
    assert measured.metrics["mse"] == pytest.approx((error**2).mean(), rel=1e-4)


def test_records_without_truth_have_no_metrics(tmp_path: Path) -> None:
    model = sr.wrap(net(1), alphabet="DNA", task="binary", labels=["no", "yes"])
    found = sr.predict(model, TEXTS)
    assert "accuracy" not in found.metrics
    assert "target" not in found.table
    found.save(tmp_path / "out")
    assert len(pd.read_csv(tmp_path / "out" / "predictions.tsv", sep="\t")) == 40


@pytest.mark.parametrize("threshold", ["validation", "0", "1.5", "half"])
def test_thresholds_that_cannot_be_had(threshold: str) -> None:
    model = sr.wrap(net(1), alphabet="DNA", task="binary", labels=["no", "yes"])
    with pytest.raises(ConfigError):
        sr.predict(model, TEXTS, threshold=threshold)


@pytest.mark.parametrize("seed", range(5))
def test_the_best_threshold_is_that_of_trying_all(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = rng.random(60) < 0.2
    truth[:6] = True
    logits = np.round(rng.normal(size=60) + truth - 2, 1)

    def score(level: float) -> float:
        called = (logits >= level).astype(np.int64)
        return float(balanced_accuracy(confusion_of(truth.astype(np.int64), called, 2)))

    found = best_threshold(truth, logits)
    assert found is not None
    level = np.log(found / (1 - found))
    assert score(level) == pytest.approx(max(score(one) for one in [*(logits + 1e-6), *(logits - 1e-6)]))
    assert best_threshold(truth[6:] & False, logits[6:]) is None
