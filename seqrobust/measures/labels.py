"""Several labels at once: each is a yes or no of its own, and their means speak of no one of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrobust.measures.ends import mean_ends
from seqrobust.measures.points import confusion_of, mean_known
from seqrobust.measures.summary import decision_measures, mean_of_rankings, ranking_measures
from seqrobust.statistics import Units


def label_measures(
    truth: NDArray[np.bool_],
    right: NDArray[np.bool_],
    scores: NDArray[Any],
    labels: Sequence[str],
    units: Units = None,
) -> dict[str, Any]:
    """``labels`` (each label's measures) and their means, one label counting as much as another.

    Args:
        truth: (N, T) which labels a record has.
        right: (N, T) whether each was answered right.
        scores: (N, T), larger where a label is likelier.
        labels: (T,) their names.
        units: as :func:`~seqrobust.measures.ranking_measures` takes them.
    """
    each = {name: _label(truth[:, one], right[:, one], scores[:, one], units) for one, name in enumerate(labels)}
    means: dict[str, Any] = {}
    for key in ("balanced_accuracy", "mcc"):
        means[key] = mean_known(one[key] for one in each.values())
        means[f"{key}_ci"] = mean_ends([one[f"{key}_ci"] for one in each.values() if one[key] is not None])
    means |= {f"mean_{key}": value for key, value in mean_of_rankings(list(each.values())).items()}
    return {**means, "labels": each}


def _label(truth: NDArray[np.bool_], right: NDArray[np.bool_], scores: NDArray[Any], units: Units) -> dict[str, Any]:
    present = truth.astype(np.int64)
    confusion = confusion_of(present, np.where(right, present, 1 - present), 2)
    found = decision_measures(confusion, ("absent", "present"))
    by_class = found.pop("by_class")
    recall, specificity = by_class["present"], by_class["absent"]
    for key in ("missing_classes", "commonest_answer", "commonest_answer_share", "others_given_it"):
        found.pop(key, None)
    return {
        "n": len(truth),
        "positives": recall["n"],
        "recall": recall["recall"],
        "recall_ci": recall["recall_ci"],
        "specificity": specificity["recall"],
        "specificity_ci": specificity["recall_ci"],
        **found,
        **ranking_measures(present, scores, units),
    }
