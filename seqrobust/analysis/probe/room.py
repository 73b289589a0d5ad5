"""The analysis as the runner takes it."""

from __future__ import annotations

from seqrobust.analysis.probe.arms import PARTS
from seqrobust.analysis.probe.invariants import invariants
from seqrobust.analysis.probe.page import page, whole_figure
from seqrobust.analysis.probe.study import prepare, study
from seqrobust.analysis.room import Room

PROBE = Room(
    name="probe",
    action="attacked",
    prepare=prepare,
    study=study,
    invariants=invariants,
    page=page,
    figure=whole_figure,
    page_file="probe.html",
    outputs=(*PARTS, "results.parquet", "adversarial.fa", "probe.png"),
)
