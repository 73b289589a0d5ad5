"""What is checked of an evaluation at the end of its run, and what becomes of its claims beside a doubt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from seqrobust.analysis.audit.attacked_table import AttackTable
from seqrobust.analysis.audit.checkpoint import recorded_by
from seqrobust.analysis.audit.invariants import OF_WRITING, checked, checked_together
from seqrobust.analysis.audit.numbers import metrics_sound
from seqrobust.analysis.audit.outcome import Outcome
from seqrobust.analysis.evaluate.claims import refused
from seqrobust.analysis.evaluate.findings import EvaluateFindings
from seqrobust.analysis.evaluate.study import EvaluateReady
from seqrobust.analysis.subject import Subject


def invariants(subject: Subject, ready: EvaluateReady, findings: EvaluateFindings) -> Iterator[Outcome]:
    """Those of every attack for the worst case, those of written sequences for every method, and of the numbers."""
    worst = AttackTable(
        problem=ready.problem,
        results=findings.results,
        metrics=findings.metrics,
        moves=ready.settings.moves,
        joined=True,
        recorded=recorded_by(subject.card),
        read=len(subject.sequences if subject.everyone is None else subject.everyone),
    )
    yield from checked(worst)
    by = [name for name in ("method", "direction") if name in findings.methods]
    tables = {
        " ".join(map(str, key if isinstance(key, tuple) else (key,))): replace(
            worst, results=rows.reset_index(drop=True), metrics=None
        )
        for key, rows in findings.methods.groupby(by if len(by) > 1 else by[0], sort=False)
    }
    yield from checked_together(tables, "every method", OF_WRITING)
    yield from metrics_sound(findings.metrics)


def doubted(findings: EvaluateFindings, doubts: Sequence[str]) -> EvaluateFindings:
    """No claim is supported beside a doubt."""
    return replace(findings, metrics={**findings.metrics, "claims": refused(findings.metrics["claims"], doubts)})
