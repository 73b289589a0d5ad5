"""The analysis as the runner takes it."""

from __future__ import annotations

from seqrobust.analysis.compare.invariants import invariants
from seqrobust.analysis.compare.page import figure, page
from seqrobust.analysis.compare.study import prepare, study
from seqrobust.analysis.room import Room

COMPARE = Room(
    name="compare",
    action="attacked",
    prepare=prepare,
    study=study,
    invariants=invariants,
    page=page,
    figure=figure,
    outputs=(
        *(f"parts/*/part-{5 * '[0-9]'}.parquet", "results.parquet", "transfer.png"),
        *(f"*/{name}" for name in ("results.parquet", "adversarial.fa", "metrics.json")),
    ),
)
