"""How good predictions are on records nobody trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binomtest, mannwhitneyu, pearsonr, spearmanr

from seqrobust.sequences import Targets
from seqrobust.tasks import task_of


def prediction_metrics(targets: Targets, logits: NDArray[np.float32]) -> dict[str, Any]:
    """Metrics of (N, outputs) logits or values.

    Classes: accuracy with its 95 % Wilson interval, balanced accuracy, a confusion table (rows true; a tie is not right
    and counts as a wrong class that leads), and for binary targets the area under the ROC curve. Multilabel: share of
    records with every label right, and each label's area.
    Regression: mean squared error, R2, Pearson and Spearman correlation of every value, and their means.
    """
    task = task_of(targets.task)
    if task.measured:
        return _regression(targets, logits)
    if task.independent:
        right = _margin(targets, logits) > 0
        areas = [roc_area(targets.values[:, i] > 0, logits[:, i]) for i in range(logits.shape[1])]
        return _accuracy(right) | {"auroc": dict(zip(targets.labels, areas, strict=True))}
    truth = targets.values.astype(np.int64)
    right = _margin(targets, logits) > 0
    predicted = np.where(right, truth, _rival(targets, truth, logits))
    confusion = np.zeros((len(targets.labels), len(targets.labels)), np.int64)
    np.add.at(confusion, (truth, predicted), 1)
    present = confusion.sum(1) > 0
    recall = confusion.diagonal()[present] / confusion.sum(1)[present]
    metrics = _accuracy(right)
    metrics |= {"balanced_accuracy": float(recall.mean()), "confusion": confusion.tolist()}
    if task.two_sided:
        metrics["auroc"] = roc_area(truth > 0, logits[:, 0])
    return metrics


def _margin(targets: Targets, logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N,) by how much the true answer leads: a tie is not right."""
    margin = task_of(targets.task).margin(torch.tensor(logits), torch.tensor(targets.values))
    found: NDArray[np.float32] = margin.numpy()
    return found


def _rival(targets: Targets, truth: NDArray[np.int64], logits: NDArray[np.float32]) -> NDArray[np.int64]:
    """(N,) the class that leads among the wrong ones."""
    scores = task_of(targets.task).class_logits(torch.tensor(logits)).numpy().copy()
    order = scores.argsort(1, kind="stable")[:, ::-1]
    rival: NDArray[np.int64] = np.where(order[:, 0] == truth, order[:, 1], order[:, 0])
    return rival


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
