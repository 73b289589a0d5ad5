"""The analysis as the runner takes it."""

from __future__ import annotations

from seqrobust.analysis.ism.invariants import invariants
from seqrobust.analysis.ism.page import page
from seqrobust.analysis.ism.storage import PARTS
from seqrobust.analysis.ism.study import prepare, study
from seqrobust.analysis.room import Room

ISM = Room(
    name="ism",
    action="scanned",
    prepare=prepare,
    study=study,
    invariants=invariants,
    page=page,
    outputs=(*PARTS, "ism.npz", "ism.parquet", "ism.png"),
)
