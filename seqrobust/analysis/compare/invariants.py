"""What is checked of a comparison at the end of its run: every model's attack, and what was shown to the others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from seqrobust.analysis.audit.attacked_table import AttackTable
from seqrobust.analysis.audit.checkpoint import recorded_by
from seqrobust.analysis.audit.invariants import all_checked
from seqrobust.analysis.audit.numbers import metrics_sound, rows_expected
from seqrobust.analysis.audit.outcome import Outcome
from seqrobust.analysis.compare.findings import CompareFindings
from seqrobust.analysis.compare.study import CompareReady
from seqrobust.analysis.subject import Subject


def invariants(subjects: Sequence[Subject], ready: CompareReady, findings: CompareFindings) -> Iterator[Outcome]:
    """Those of every attack's table, the number of pairs, and the numbers."""
    cards = {one.name: one.card for one in subjects}
    tables = {
        name: AttackTable(
            problem=problem,
            results=findings.attacks[name][0],
            metrics=findings.attacks[name][1],
            moves=ready.settings.moves,
            recorded=recorded_by(cards.get(name)),
        )
        for name, problem in ready.problems.items()
    }
    yield from all_checked(tables)
    rows = sum(len(table) for table, _ in findings.attacks.values()) * len(tables)
    what = "a row for each sequence found and each model it was shown to"
    yield rows_expected("all pairs of models", what, len(findings.results), rows)
    yield from metrics_sound(findings.metrics)
