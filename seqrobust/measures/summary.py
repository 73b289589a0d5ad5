"""The measures with their intervals, as the keys of ``metrics.json`` that stand beside an accuracy."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrobust.measures.ends import (
    balanced_ends,
    matthews_ends,
    mean_ends,
    precision_ends,
    share_ends,
)
from seqrobust.measures.points import (
    Counts,
    average_precision,
    balanced_accuracy,
    matthews,
    mean_known,
    recalls,
    roc_area,
)
from seqrobust.statistics import Units, auroc_interval, units_of


def decision_measures(confusion: Counts, labels: Sequence[str]) -> dict[str, Any]:
    """Of the answers: ``balanced_accuracy``, ``mcc``, what always answering the commonest class would score
    (``majority_class``, ``majority_accuracy``), the answer given most often with its share and that among records of
    other classes (``commonest_answer``, ``commonest_answer_share``, ``others_given_it``), each class's recall
    (``by_class``) and, where there are such, ``missing_classes``, those that no record has.

    Args:
        confusion: (C, C) counts, rows true.
        labels: (C,) class names.
    """
    sizes = confusion.sum(1)
    commonest, given = int(sizes.argmax()), int(confusion.sum(0).argmax())
    others = int(sizes.sum() - sizes[given])
    rates = recalls(confusion)
    found: dict[str, Any] = {
        "balanced_accuracy": balanced_accuracy(confusion),
        "balanced_accuracy_ci": balanced_ends(confusion),
        "mcc": matthews(confusion),
        "mcc_ci": matthews_ends(confusion),
        "majority_class": labels[commonest],
        "majority_accuracy": float(sizes[commonest] / sizes.sum()) if sizes.sum() else None,
        "commonest_answer": labels[given],
        "commonest_answer_share": float(confusion[:, given].sum() / sizes.sum()) if sizes.sum() else None,
        "others_given_it": float((confusion[:, given].sum() - confusion[given, given]) / others) if others else None,
        "by_class": {
            label: {"n": int(size), "recall": float(rate) if size else None, "recall_ci": share_ends(rate, int(size))}
            for label, size, rate in zip(labels, sizes, rates, strict=True)
        },
    }
    if missing := [label for label, size in zip(labels, sizes, strict=True) if not size]:
        found["missing_classes"] = missing
    return found


def ranking_measures(truth: NDArray[np.int64], scores: NDArray[Any], units: Units = None) -> dict[str, Any]:
    """``auroc`` and ``average_precision`` of scores, with what the latter is by chance; None where they mean nothing.

    Args:
        truth: (N,) class indices.
        scores: (N,) or (N, 1) of the second of two classes, of which it is the positive one; or (N, C) of C classes,
            each against the rest and the mean of those of which there are records and others (macro average). What
            compares between records is :func:`~seqrobust.measures.points.against_the_rest`, not logits.
        units: (N,) clusters of records that are not independent; None where each is by itself. An average precision has
            no interval then.
    """
    scores = np.asarray(scores, np.float64)
    if scores.ndim == 1 or scores.shape[1] == 1:
        return _one(truth > 0, scores.reshape(-1), units)
    return mean_of_rankings([_one(truth == one, scores[:, one], units) for one in range(scores.shape[1])])


def mean_of_rankings(each: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The mean of several :func:`ranking_measures`, those left out that mean nothing."""
    kept = [one for one in each if one["auroc"] is not None]
    means: dict[str, Any] = {}
    for name in ("auroc", "average_precision", "average_precision_by_chance"):
        means[name] = mean_known(one[name] for one in kept)
        if not name.endswith("chance"):
            means[f"{name}_ci"] = mean_ends([one[f"{name}_ci"] for one in kept])
    return means


def _one(positive: NDArray[np.bool_], score: NDArray[np.float64], units: Units) -> dict[str, Any]:
    count, others = int(positive.sum()), int((~positive).sum())
    precision = average_precision(positive, score)
    sides = (units_of(units, ~positive), units_of(units, positive))
    return {
        "auroc": roc_area(positive, score),
        "auroc_ci": auroc_interval(score[~positive], score[positive], sides) if count and others else None,
        "average_precision": precision,
        "average_precision_ci": precision_ends(precision, count) if units is None else None,
        "average_precision_by_chance": count / (count + others) if count and others else None,
    }
