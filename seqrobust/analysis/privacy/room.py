"""The analysis as the runner takes it."""

from __future__ import annotations

from seqrobust.analysis.privacy.invariants import invariants
from seqrobust.analysis.privacy.label_only import KEPT
from seqrobust.analysis.privacy.page import figure, page
from seqrobust.analysis.privacy.shadows import PARTS
from seqrobust.analysis.privacy.study import prepare, study
from seqrobust.analysis.room import Room

PRIVACY = Room(
    name="privacy",
    action="audited",
    prepare=prepare,
    study=study,
    invariants=invariants,
    page=page,
    figure=figure,
    outputs=(PARTS, *(f"parts/{name}" for name in KEPT), "results.parquet", "privacy.png"),
)
