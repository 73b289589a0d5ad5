"""How alike are explanations of different records? What stays the same under edits may be the same for every record.

An explanation that shows where in a record the model looks, whatever stands there, cannot be moved by edits. So the
similarity of explanations before and after edits is to be read beside that of unrelated records with one prediction.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrobust.analysis.stability.explaining import Judge
from seqrobust.analysis.stability.measures import similarity
from seqrobust.attacks.goals import predictions
from seqrobust.statistics import mean_interval, mean_of, units_of
from seqrobust.tasks import task_of


def between_records(judge: Judge, methods: Sequence[str], seed: int = 0) -> dict[str, dict[str, Any]]:
    """By method, ``{"n", "correlation", "correlation_ci", "spearman", "spearman_ci"}`` of each record with another one
    of the same prediction, drawn at random, position by position; of a regression with any other one.
    """
    first, second = _pairs(judge, seed)
    sequences = judge.sequences
    known = sequences.tokens < sequences.alphabet.size
    found, units = {}, units_of(sequences.units, first)
    for method in methods:
        clean = judge.explanation(method)
        like = similarity(clean[first], clean[second], known[first] & known[second])
        found[method] = {
            "n": int(np.isfinite(like.correlation).sum()),
            "correlation": mean_of(like.correlation),
            "correlation_ci": mean_interval(like.correlation, units, (-1, 1)),
            "spearman": mean_of(like.spearman),
            "spearman_ci": mean_interval(like.spearman, units, (-1, 1)),
        }
    return found


def _pairs(judge: Judge, seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Each record of a group of two or more, and the next one of its group in random order."""
    task = judge.predictor.task
    count = len(judge.sequences)
    groups = np.zeros(count, np.int64)
    if not task_of(task).measured:
        predicted = predictions(task, judge.clean).numpy().reshape(count, -1)
        groups = np.unique(predicted, axis=0, return_inverse=True)[1].reshape(-1)
    rng = np.random.default_rng(seed)
    first, second = [], []
    for group in np.unique(groups):
        members = rng.permutation(np.flatnonzero(groups == group))
        if len(members) > 1:
            first.append(members)
            second.append(np.roll(members, 1))
    if not first:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate(first), np.concatenate(second)
