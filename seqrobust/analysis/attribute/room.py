"""The analysis as the runner takes it."""

from __future__ import annotations

from seqrobust.analysis.attribute.findings import OUTPUTS
from seqrobust.analysis.attribute.invariants import invariants
from seqrobust.analysis.attribute.page import page
from seqrobust.analysis.attribute.parts import PARTS
from seqrobust.analysis.attribute.ready import prepare
from seqrobust.analysis.attribute.study import study
from seqrobust.analysis.room import Room

ATTRIBUTE = Room(
    name="attribute",
    action="explained",
    prepare=prepare,
    study=study,
    invariants=invariants,
    page=page,
    outputs=(PARTS, *OUTPUTS),
)
