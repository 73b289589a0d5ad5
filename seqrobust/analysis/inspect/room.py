"""The analysis as the runner takes it."""

from __future__ import annotations

from seqrobust.analysis.inspect.invariants import invariants
from seqrobust.analysis.inspect.page import page
from seqrobust.analysis.inspect.study import prepare, study
from seqrobust.analysis.room import Room

INSPECT = Room(
    name="inspect",
    action="attacked",
    prepare=prepare,
    study=study,
    invariants=invariants,
    page=page,
    outputs=(
        *(f"parts/{name}-{5 * '[0-9]'}.json" for name in ("layers-[0-9][0-9]", "linearity")),
        *(f"parts/part-{5 * '[0-9]'}.parquet", "inspect.parquet", "inspect.png"),
    ),
)
