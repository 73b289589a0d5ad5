"""The analysis as the runner takes it."""

from __future__ import annotations

from seqrobust.analysis.room import Room
from seqrobust.analysis.stability.invariants import invariants
from seqrobust.analysis.stability.page import figure, page
from seqrobust.analysis.stability.ready import prepare
from seqrobust.analysis.stability.study import study

STABILITY = Room(
    name="stability",
    action="attacked",
    prepare=prepare,
    study=study,
    invariants=invariants,
    page=page,
    figure=figure,
    outputs=(
        f"parts/part-{5 * '[0-9]'}.parquet",
        "parts/sanity.json",
        "parts/seeds.json",
        "results.parquet",
        "stability.png",
    ),
)
