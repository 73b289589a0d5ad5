"""What is checked of an attack at the end of its run."""

from __future__ import annotations

from collections.abc import Iterator

from seqrobust.analysis.attack.findings import AttackFindings
from seqrobust.analysis.attack.study import AttackReady
from seqrobust.analysis.audit.attacked_table import AttackTable
from seqrobust.analysis.audit.checkpoint import recorded_by
from seqrobust.analysis.audit.invariants import checked
from seqrobust.analysis.audit.numbers import metrics_sound
from seqrobust.analysis.audit.outcome import Outcome
from seqrobust.analysis.subject import Subject


def invariants(subject: Subject, ready: AttackReady, findings: AttackFindings) -> Iterator[Outcome]:
    """Those of every attack's table, and of its numbers."""
    table = AttackTable(
        problem=ready.problem,
        results=findings.results,
        metrics=findings.metrics,
        moves=ready.settings.moves,
        recorded=recorded_by(subject.card),
        read=len(subject.sequences if subject.everyone is None else subject.everyone),
    )
    yield from checked(table)
    yield from metrics_sound(findings.metrics)
