"""The analysis as the runner takes it."""

from __future__ import annotations

from seqrobust.analysis.motifs.invariants import invariants
from seqrobust.analysis.motifs.page import page
from seqrobust.analysis.motifs.study import prepare, study
from seqrobust.analysis.room import Room

MOTIFS = Room(
    name="motifs",
    action="edited",
    prepare=prepare,
    study=study,
    invariants=invariants,
    page=page,
    outputs=("results.parquet",),
)
