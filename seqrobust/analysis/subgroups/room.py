"""The analysis as the runner takes it."""

from __future__ import annotations

from seqrobust.analysis.room import Room
from seqrobust.analysis.subgroups.invariants import invariants
from seqrobust.analysis.subgroups.page import figure, page
from seqrobust.analysis.subgroups.study import prepare, study

SUBGROUPS = Room(
    name="subgroups",
    action="compared",
    prepare=prepare,
    study=study,
    invariants=invariants,
    page=page,
    figure=figure,
    outputs=(f"parts/grouping-{5 * '[0-9]'}.json", "subgroups.parquet", "subgroups.png"),
)
