"""What is checked of a study of explanations at the end of its run: what was edited, and the numbers."""

from __future__ import annotations

from collections.abc import Iterator

from seqrobust.analysis.audit.attacked_table import AttackTable
from seqrobust.analysis.audit.invariants import OF_EDITS
from seqrobust.analysis.audit.numbers import metrics_sound, rows_expected
from seqrobust.analysis.audit.outcome import Outcome
from seqrobust.analysis.audit.scores import scores_again
from seqrobust.analysis.stability.findings import StabilityFindings
from seqrobust.analysis.stability.ready import StabilityReady
from seqrobust.analysis.subject import Subject


def invariants(subject: Subject, ready: StabilityReady, findings: StabilityFindings) -> Iterator[Outcome]:
    """Those of written sequences, of which there are several for a record and budget, scores, and the numbers."""
    table = AttackTable(problem=ready.problem, results=findings.results, moves=ready.settings.moves)
    unknown = int((table.record < 0).sum())
    what = "ids of rows against the records"
    yield rows_expected("rows of known records", what, len(findings.results) - unknown, len(findings.results))
    if unknown:
        return
    outcomes = (invariant(table) for invariant in OF_EDITS)
    yield from (outcome for outcome in outcomes if outcome is not None)
    yield scores_again(table)
    yield from metrics_sound(findings.metrics)
