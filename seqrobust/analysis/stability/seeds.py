"""Do models trained alike explain alike? Explanations of several models of the same data, pair by pair.

Only records for which both predict the same are compared: two models that disagree should have different reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrobust.analysis.stability.measures import MEASURES, Similarity, similarity
from seqrobust.statistics import Units, mean_interval, mean_of


class Answers(NamedTuple):
    """What one model answers for N records.

    Attributes:
        predictions: (N,) predictions as text; empty for a regression, where all records are compared.
        importance: method to (N, L).
    """

    predictions: tuple[str, ...]
    importance: Mapping[str, NDArray[np.float32]]


def agreement(models: Mapping[str, Answers], known: NDArray[np.bool_], units: Units = None) -> dict[str, Any]:
    """``{METHOD: {"pairs": [{"one", "other", "n", measures ...}], "spearman", "spearman_ci", ...}}``.

    Args:
        models: by name; methods that not every one has are left out.
        known: (N, L) positions compared.
        units: of the records.

    Intervals are over records, each counted with the mean over the pairs of models that agree on it.
    """
    names = list(models)
    methods = [name for name in models[names[0]].importance if all(name in one.importance for one in models.values())]
    found: dict[str, Any] = {}
    for method in methods:
        pairs, per_record = [], []
        for one, other in combinations(names, 2):
            like = _pair(models[one], models[other], method, known)
            per_record.append(np.array([getattr(like, name) for name in MEASURES]))
            n = int(np.isfinite(like.correlation).sum())
            measures = {name: mean_of(getattr(like, name)) for name in MEASURES}
            pairs.append({"one": one, "other": other, "n": n, **measures})
        found[method] = {"pairs": pairs, **_overall(np.stack(per_record), units)}
    return found


def _pair(one: Answers, other: Answers, method: str, known: NDArray[np.bool_]) -> Similarity:
    same = np.ones(len(known), bool)
    if one.predictions:
        same = np.array([a == b for a, b in zip(one.predictions, other.predictions, strict=True)])
    return similarity(one.importance[method], other.importance[method], known & same[:, None])


def _overall(values: NDArray[np.float64], units: Units) -> dict[str, Any]:
    """Of (pairs, measures, N) values."""
    there = np.isfinite(values)
    counts = there.sum(0)
    means = np.where(counts > 0, np.where(there, values, 0.0).sum(0) / np.maximum(counts, 1), np.nan)
    overall: dict[str, Any] = {}
    for name, row in zip(MEASURES, means, strict=True):
        overall[name], overall[f"{name}_ci"] = mean_of(row), mean_interval(row, units)
    return overall
