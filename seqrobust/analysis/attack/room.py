"""The analysis as the runner takes it."""

from __future__ import annotations

from seqrobust.analysis.attack.invariants import invariants
from seqrobust.analysis.attack.page import figure, page
from seqrobust.analysis.attack.study import prepare, study
from seqrobust.analysis.room import ATTACKED, Room

ATTACK = Room(
    name="attack",
    action="attacked",
    prepare=prepare,
    study=study,
    invariants=invariants,
    page=page,
    figure=figure,
    outputs=ATTACKED,
)
