"""The analysis as the runner takes it."""

from __future__ import annotations

from seqrobust.analysis.evaluate.invariants import doubted, invariants
from seqrobust.analysis.evaluate.page import figure, page
from seqrobust.analysis.evaluate.study import OUTPUTS, prepare, study
from seqrobust.analysis.room import Room

EVALUATE = Room(
    name="evaluate",
    action="attacked",
    prepare=prepare,
    study=study,
    invariants=invariants,
    doubted=doubted,
    page=page,
    figure=figure,
    outputs=OUTPUTS,
)
