"""Clean accuracy against what the checkpoint recorded when it was made, where the records are the same."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from seqrobust.analysis.audit.attacked_table import AttackTable
from seqrobust.analysis.audit.outcome import Outcome, faults_of, not_checked
from seqrobust.attacks.goals import Targeted
from seqrobust.models import ModelCard
from seqrobust.sequences.marks import content_mark
from seqrobust.tasks import task_of

_NAME, _WHAT = "clean accuracy as recorded", "clean accuracy against the checkpoint's own record of the same records"


def recorded_by(card: ModelCard | None) -> dict[str, Any] | None:
    """By content of a split, what training recorded of it: accuracy, or mean squared error where values are predicted.

    None for a model without such a record.
    """
    if card is None or not (marks := card.provenance.get("records")):
        return None
    metrics = card.provenance.get("metrics") or {}
    key = "mse" if task_of(card.task).measured else "accuracy"
    known = {mark: (metrics.get(split) or {}).get(key) for split, mark in marks.items()}
    return {mark: value for mark, value in known.items() if value is not None}


def as_recorded(table: AttackTable) -> Outcome:
    """The checkpoint said the same accuracy of these records."""
    if not table.recorded:
        return not_checked(_NAME, _WHAT, "the model records no accuracy")
    if table.targets is None or table.predictor.average_strands or table.predictor.stochastic:
        return not_checked(_NAME, _WHAT, "there are no targets, or the model is asked in another way than in training")
    if isinstance(table.goal, Targeted) and task_of(table.predictor.task).independent:
        return not_checked(_NAME, _WHAT, "the table is of one label of several")
    recorded = table.recorded.get(content_mark(table.sequences, table.targets))
    if recorded is None:
        return not_checked(_NAME, _WHAT, "these are other records than those of training")
    first = table.results.iloc[:: table.levels]
    if task_of(table.predictor.task).measured:
        return _error_as_recorded(table, first, recorded)
    right = int((first["clean_prediction"].to_numpy() == first["target"].to_numpy()).sum())
    score = first["clean_score"].to_numpy(np.float64)
    # Another device may decide otherwise where rounding alone decides.
    unsure = int((np.abs(score) <= table.predictor.rounding * np.abs(score).max(initial=0)).sum())
    gap = abs(right - recorded * len(first))
    faults = (
        [] if gap <= unsure + 1e-6 else [f"it is {right / len(first):.4f} here and {recorded:.4f} in the checkpoint"]
    )
    return faults_of(_NAME, _WHAT, len(first), faults)


def _error_as_recorded(table: AttackTable, first: pd.DataFrame, recorded: float) -> Outcome:
    """The mean squared error of one value; where there are several, a table of an attack holds one of them alone."""
    if len(table.predictor.labels or ()) > 1:
        return not_checked(_NAME, _WHAT, "the table is of one value of several")
    gap = first["target"].to_numpy(np.float64) - first["clean_prediction"].to_numpy(np.float64)
    error = float((gap**2).mean())
    near = abs(error - recorded) <= 10 * table.predictor.rounding * max(error, recorded)
    faults = [] if near else [f"the squared error is {error:.6g} here and {recorded:.6g} in the checkpoint"]
    return faults_of(_NAME, _WHAT, len(first), faults)
