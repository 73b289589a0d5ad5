"""The analysis as the runner takes it."""

from __future__ import annotations

from seqrobust.analysis.certify.invariants import invariants
from seqrobust.analysis.certify.page import figure, page
from seqrobust.analysis.certify.study import prepare, study
from seqrobust.analysis.room import Room

CERTIFY = Room(
    name="certify",
    action="certified",
    prepare=prepare,
    study=study,
    invariants=invariants,
    page=page,
    figure=figure,
    outputs=(f"parts/part-{5 * '[0-9]'}.parquet", "results.parquet"),
)
