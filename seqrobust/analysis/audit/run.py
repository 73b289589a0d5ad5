"""The audit of one run: the room's invariants checked on what was found, doubts said, a breach refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqrobust.analysis.audit.outcome import Audit
from seqrobust.analysis.room import FindingsT, ReadyT, Room, SubjectT, Work

DOUBTS = "doubts"
"""Key of ``metrics.json`` that holds what an audit found in doubt; not there where nothing is."""


def audited(
    room: Room[SubjectT, Any, ReadyT, FindingsT], subject: SubjectT, ready: ReadyT, findings: FindingsT, work: Work
) -> tuple[FindingsT, Audit]:
    """The findings, less the claims that are not supported beside a doubt, and the audit.

    Raises AuditError where an invariant is broken that cannot be.
    """
    audit = Audit(outcomes=tuple(room.invariants(subject, ready, findings))).passed()
    unsaid = [f"{one.name}: {one.found}" for one in audit.of("doubtful") if not one.said]
    for doubt in unsaid:
        work.notice(f"the run is in doubt about itself: {doubt}")
    if unsaid and room.doubted is not None:
        findings = room.doubted(findings, unsaid)
    return findings, audit


def with_doubts(metrics: Mapping[str, Any], audit: Audit) -> dict[str, Any]:
    """``metrics.json`` with what is in doubt, so that a script that reads nothing else knows too."""
    kept = {key: value for key, value in metrics.items() if key != DOUBTS}
    return kept | ({DOUBTS: audit.doubts} if audit.doubts else {})
