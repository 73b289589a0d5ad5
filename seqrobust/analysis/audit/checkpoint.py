"""Clean accuracy against what the checkpoint recorded when it was made, where the records are the same."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqrobust.analysis.audit.attacked_table import AttackTable
from seqrobust.analysis.audit.outcome import Outcome, faults_of, not_checked
from seqrobust.models import ModelCard
from seqrobust.sequences.marks import content_mark

_NAME, _WHAT = "clean accuracy as recorded", "clean accuracy against the checkpoint's own record of the same records"


def recorded_by(card: ModelCard | None) -> dict[str, Any] | None:
    """By content of a split, the accuracy that training recorded of it; None for a model without such a record."""
    if card is None or not (marks := card.provenance.get("records")):
        return None
    metrics = card.provenance.get("metrics") or {}
    known = {mark: (metrics.get(split) or {}).get("accuracy") for split, mark in marks.items()}
    return {mark: value for mark, value in known.items() if value is not None}


def as_recorded(table: AttackTable) -> Outcome:
    """The checkpoint said the same accuracy of these records."""
    if not table.recorded:
        return not_checked(_NAME, _WHAT, "the model records no accuracy")
    if table.targets is None or table.predictor.average_strands or table.predictor.stochastic:
        return not_checked(_NAME, _WHAT, "there are no targets, or the model is asked in another way than in training")
    recorded = table.recorded.get(content_mark(table.sequences, table.targets))
    if recorded is None:
        return not_checked(_NAME, _WHAT, "these are other records than those of training")
    first = table.results.iloc[:: table.levels]
    right = int((first["clean_prediction"].to_numpy() == first["target"].to_numpy()).sum())
    score = first["clean_score"].to_numpy(np.float64)
    # Another device may decide otherwise where rounding alone decides.
    unsure = int((np.abs(score) <= table.predictor.rounding * np.abs(score).max(initial=0)).sum())
    gap = abs(right - recorded * len(first))
    faults = (
        [] if gap <= unsure + 1e-6 else [f"it is {right / len(first):.4f} here and {recorded:.4f} in the checkpoint"]
    )
    return faults_of(_NAME, _WHAT, len(first), faults)
