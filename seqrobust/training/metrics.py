"""How good predictions are on records nobody trained on."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binomtest, pearsonr, rankdata, spearmanr

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
from seqrobust.statistics import jackknife_interval
from seqrobust.tasks import task_of


def prediction_metrics(targets: Targets, logits: NDArray[np.float32]) -> dict[str, Any]:
    """Metrics of (N, outputs) logits or values.

    Classes: accuracy with its 95 % Wilson interval, a confusion table (rows true; a tie is not right and counts as a
    wrong class that leads), and what an accuracy hides where classes are uneven: balanced accuracy, Matthews'
    coefficient, the areas under the ROC and precision-recall curves (of classes each against the rest, and their mean),
    each class's recall, what always answering the commonest class would score, and
    ``cautions`` in words where there are any. Multilabel: share of records with
    every label right, each label's own measures (``labels``) and their means.
    Regression: squared and absolute error, R2, Pearson and Spearman correlation of every value, and their means; of a
    single value 95 % intervals of R2 and Spearman's correlation, by the jackknife over records.
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
    for key in ("mse", "rmse", "mae", "r2", "pearson", "spearman"):
        known = [value for one in each.values() if (value := one[key]) is not None]
        means[key] = sum(known) / len(known) if known else None
    several = len(each) > 1
    said = [caution for name, one in each.items() for caution in cautions_of_values(one["r2"], name if several else "")]
    if not several:
        (one,) = each.values()
        means |= {key: one[key] for key in ("r2_ci", "spearman_ci")}
    found = {"n": len(values), **means} | ({"values": each} if several else {})
    return found | {"cautions": said} if said else found


def _fit(truth: NDArray[np.float64], guess: NDArray[np.float64]) -> dict[str, Any]:
    error, spread = float(((truth - guess) ** 2).mean()), float(truth.var())
    varied = len(truth) > 1 and spread > 0 and float(guess.std()) > 0
    return {
        "mse": error,
        "rmse": math.sqrt(error),
        "mae": float(np.abs(truth - guess).mean()),
        "r2": 1 - error / spread if spread else None,
        "r2_ci": _r2_interval(truth, guess) if varied else None,
        "spearman_ci": _rank_interval(truth, guess) if varied else None,
        "pearson": float(pearsonr(truth, guess).statistic) if varied else None,
        "spearman": float(spearmanr(truth, guess).statistic) if varied else None,
    }


def _r2_interval(truth: NDArray[np.float64], guess: NDArray[np.float64]) -> list[float] | None:
    """Of the logarithm of the share of the variance that is left, so that no end lies beyond 1."""

    def left(rows: NDArray[np.int64]) -> float:
        error, spread = ((truth[rows] - guess[rows]) ** 2).mean(), truth[rows].var()
        return math.log(error / spread) if error > 0 and spread > 0 else math.nan

    ends = jackknife_interval(left, len(truth))
    return None if ends is None else [1 - math.exp(ends[1]), 1 - math.exp(ends[0])]


def _rank_interval(truth: NDArray[np.float64], guess: NDArray[np.float64]) -> list[float] | None:
    """Of Spearman's correlation."""

    def ranked(rows: NDArray[np.int64]) -> float:
        one, other = rankdata(truth[rows]), rankdata(guess[rows])
        return float(np.corrcoef(one, other)[0, 1]) if one.std() > 0 and other.std() > 0 else math.nan

    return jackknife_interval(ranked, len(truth), bounds=(-1.0, 1.0))
