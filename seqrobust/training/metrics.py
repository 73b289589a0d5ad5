"""How good predictions are on records nobody trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, mannwhitneyu, pearsonr, spearmanr

from seqrobust.sequences import Targets


def prediction_metrics(targets: Targets, logits: NDArray[np.float32]) -> dict[str, Any]:
    """Metrics of (N, outputs) logits or values.

    Classes: accuracy with its 95 % Wilson interval, balanced accuracy, a confusion table (rows true), and for binary
    targets the area under the ROC curve. Multilabel: share of records with every label right, and each label's area.
    Regression: mean squared error, R2, Pearson and Spearman correlation of every value, and their means.
    """
    if targets.task == "regression":
        return _regression(targets, logits)
    if targets.task == "multilabel":
        right = ((logits > 0) == (targets.values > 0)).all(1)
        areas = [roc_area(targets.values[:, i] > 0, logits[:, i]) for i in range(logits.shape[1])]
        return _accuracy(right) | {"auroc": dict(zip(targets.labels, areas, strict=True))}
    truth = targets.values.astype(np.int64)
    predicted = (logits[:, 0] > 0).astype(np.int64) if targets.task == "binary" else logits.argmax(1)
    confusion = np.zeros((len(targets.labels), len(targets.labels)), np.int64)
    np.add.at(confusion, (truth, predicted), 1)
    present = confusion.sum(1) > 0
    recall = confusion.diagonal()[present] / confusion.sum(1)[present]
    metrics = _accuracy(predicted == truth)
    metrics |= {"balanced_accuracy": float(recall.mean()), "confusion": confusion.tolist()}
    if targets.task == "binary":
        metrics["auroc"] = roc_area(truth > 0, logits[:, 0])
    return metrics


def _accuracy(right: NDArray[np.bool_]) -> dict[str, Any]:
    interval = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
    return {
        "n": len(right),
        "accuracy": float(right.mean()),
        "accuracy_ci": [float(interval.low), float(interval.high)],
    }


def roc_area(positive: NDArray[np.bool_], score: NDArray[np.float32]) -> float | None:
    """Chance that a positive outscores a negative, ties counting half (Mann & Whitney 1947); None without both."""
    if positive.all() or not positive.any():
        return None
    statistic = mannwhitneyu(score[positive], score[~positive]).statistic
    return float(statistic) / float(positive.sum() * (~positive).sum())


def _regression(targets: Targets, values: NDArray[np.float32]) -> dict[str, Any]:
    each = {
        name: _fit(targets.values[:, i].astype(np.float64), values[:, i].astype(np.float64))
        for i, name in enumerate(targets.labels)
    }
    means: dict[str, Any] = {}
    for key in ("mse", "r2", "pearson", "spearman"):
        known = [value for one in each.values() if (value := one[key]) is not None]
        means[key] = sum(known) / len(known) if known else None
    return {"n": len(values), **means} | ({"values": each} if len(each) > 1 else {})


def _fit(truth: NDArray[np.float64], guess: NDArray[np.float64]) -> dict[str, float | None]:
    error, spread = float(((truth - guess) ** 2).mean()), float(truth.var())
    varied = len(truth) > 1 and spread > 0 and float(guess.std()) > 0
    return {
        "mse": error,
        "r2": 1 - error / spread if spread else None,
        "pearson": float(pearsonr(truth, guess).statistic) if varied else None,
        "spearman": float(spearmanr(truth, guess).statistic) if varied else None,
    }
