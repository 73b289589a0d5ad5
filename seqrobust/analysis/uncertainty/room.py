"""The analysis as the runner takes it."""

from __future__ import annotations

from seqrobust.analysis.room import Room
from seqrobust.analysis.uncertainty.invariants import invariants
from seqrobust.analysis.uncertainty.page import figure, page
from seqrobust.analysis.uncertainty.study import prepare, study

UNCERTAINTY = Room(
    name="uncertainty",
    action="used",
    prepare=prepare,
    study=study,
    invariants=invariants,
    page=page,
    figure=figure,
    outputs=(f"parts/found-*-{5 * '[0-9]'}.npz", "uncertainty.parquet", "uncertainty.png"),
)
