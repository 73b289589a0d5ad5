"""How good predictions are on records nobody trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binomtest, pearsonr, spearmanr

from seqrobust.measures import (
    against_the_rest,
    cautions,
    cautions_of_values,
    confusion_of,
    decision_measures,
    label_measures,
    ranking_measures,
)
from seqrobust.sequences import Targets, Task
from seqrobust.tasks import task_of


def prediction_metrics(targets: Targets, logits: NDArray[np.float32]) -> dict[str, Any]:
    """Metrics of (N, outputs) logits or values.

    Classes: accuracy with its 95 % Wilson interval, a confusion table (rows true; a tie is not right and counts as a
    wrong class that leads), and what an accuracy hides where classes are uneven: balanced accuracy, Matthews'
    coefficient, the areas under the ROC and precision-recall curves (of classes each against the rest, and their mean),
    each class's recall, what always answering the commonest class would score, and
    ``cautions`` in words where there are any. Multilabel: share of records with
    every label right, each label's own measures (``labels``) and their means.
    Regression: mean squared error, R2, Pearson and Spearman correlation of every value, and their means.
    """
    task = task_of(targets.task)
    if task.measured:
        return _regression(targets, logits)
    right = _margin(targets.task, logits, targets.values) > 0
    if task.independent:
        present = targets.values > 0
        found = label_measures(present, np.where(present, logits > 0, logits < 0), logits, targets.labels)
        areas = {name: one["auroc"] for name, one in found["labels"].items()}
        return _with_cautions(_accuracy(right) | {"auroc": areas} | found)
    truth = targets.values.astype(np.int64)
    (confusion,) = confusions(targets.task, logits, truth, len(targets.labels))
    scores = against_the_rest(logits) if task.softmax else logits
    return _with_cautions(
        {
            **_accuracy(right),
            **decision_measures(confusion, targets.labels),
            **ranking_measures(truth, scores),
            "confusion": confusion.tolist(),
        }
    )


def _with_cautions(found: dict[str, Any]) -> dict[str, Any]:
    """With what speaks against reading the accuracy as knowledge, in sentences."""
    said = cautions(found)
    return found | {"cautions": said} if said else found


def confusions(task: Task, logits: NDArray[np.float32], truth: NDArray[Any], classes: int) -> list[NDArray[np.int64]]:
    """The (C, C) table of answers, rows true; of several labels, each label's (2, 2)."""
    if task_of(task).independent:
        present = truth > 0
        answered = np.where(np.where(present, logits > 0, logits < 0), present, ~present).astype(np.int64)
        return [confusion_of(present[:, one].astype(np.int64), answered[:, one], 2) for one in range(classes)]
    truth = truth.astype(np.int64)
    answers = np.where(_margin(task, logits, truth) > 0, truth, _rival(task, truth, logits))
    return [confusion_of(truth, answers, classes)]


def _margin(task: Task, logits: NDArray[np.float32], truth: NDArray[Any]) -> NDArray[np.float32]:
    """(N,) by how much the true answer leads: a tie is not right."""
    found: NDArray[np.float32] = task_of(task).margin(torch.tensor(logits), torch.tensor(truth)).numpy()
    return found


def _rival(task: Task, truth: NDArray[np.int64], logits: NDArray[np.float32]) -> NDArray[np.int64]:
    """(N,) the class that leads among the wrong ones."""
    scores = task_of(task).class_logits(torch.tensor(logits)).numpy().copy()
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


def _regression(targets: Targets, values: NDArray[np.float32]) -> dict[str, Any]:
    each = {
        name: _fit(targets.values[:, i].astype(np.float64), values[:, i].astype(np.float64))
        for i, name in enumerate(targets.labels)
    }
    means: dict[str, Any] = {}
    for key in ("mse", "r2", "pearson", "spearman"):
        known = [value for one in each.values() if (value := one[key]) is not None]
        means[key] = sum(known) / len(known) if known else None
    several = len(each) > 1
    said = [caution for name, one in each.items() for caution in cautions_of_values(one["r2"], name if several else "")]
    found = {"n": len(values), **means} | ({"values": each} if several else {})
    return found | {"cautions": said} if said else found


def _fit(truth: NDArray[np.float64], guess: NDArray[np.float64]) -> dict[str, float | None]:
    error, spread = float(((truth - guess) ** 2).mean()), float(truth.var())
    varied = len(truth) > 1 and spread > 0 and float(guess.std()) > 0
    return {
        "mse": error,
        "r2": 1 - error / spread if spread else None,
        "pearson": float(pearsonr(truth, guess).statistic) if varied else None,
        "spearman": float(spearmanr(truth, guess).statistic) if varied else None,
    }
