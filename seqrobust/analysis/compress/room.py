"""The analysis as the runner takes it."""

from __future__ import annotations

from seqrobust.analysis.compress.invariants import invariants
from seqrobust.analysis.compress.page import figure, page
from seqrobust.analysis.compress.runs import PARTS
from seqrobust.analysis.compress.study import prepare, study
from seqrobust.analysis.room import Room

COMPRESS = Room(
    name="compress",
    action="attacked",
    prepare=prepare,
    study=study,
    invariants=invariants,
    page=page,
    figure=figure,
    outputs=(PARTS, "compress.parquet", "compress.png", "models/*/model.ckpt"),
)
