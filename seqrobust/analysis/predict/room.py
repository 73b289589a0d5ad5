"""The analysis as the runner takes it."""

from __future__ import annotations

from seqrobust.analysis.predict.invariants import invariants
from seqrobust.analysis.predict.page import page
from seqrobust.analysis.predict.study import prepare, study
from seqrobust.analysis.room import Room

PREDICT = Room(
    name="predict",
    action="predicted",
    prepare=prepare,
    study=study,
    invariants=invariants,
    page=page,
    outputs=("results.parquet", "predictions.tsv"),
)
