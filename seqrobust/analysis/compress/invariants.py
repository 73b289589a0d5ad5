"""What is checked of a study of compression at the end of its run: every copy's attack, as it was written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from seqrobust.analysis.audit.attacked_table import AttackTable
from seqrobust.analysis.audit.invariants import OF_WRITING, checked, checked_together
from seqrobust.analysis.audit.numbers import counts_add_up, metrics_sound
from seqrobust.analysis.audit.outcome import Outcome
from seqrobust.analysis.compress.findings import CompressFindings
from seqrobust.analysis.compress.runs import ORIGINAL
from seqrobust.analysis.compress.study import CompressReady
from seqrobust.analysis.subject import Subject


def invariants(subject: Subject, ready: CompressReady, findings: CompressFindings) -> Iterator[Outcome]:
    """Those of every attack for the original, of written sequences for the copies, and of the numbers."""
    tables = _tables(ready, findings)
    original = {ORIGINAL: tables.pop(ORIGINAL)} if ORIGINAL in tables else {}
    for table in original.values():
        for outcome in checked(table):
            yield replace(outcome, said=False)
    yield from checked_together(tables, "every copy", OF_WRITING)
    expected = len(findings.results)
    parts = [len(table.results) for table in (*original.values(), *tables.values())]
    yield counts_add_up("rows of all variants", "rows by variant against the table", parts, expected)
    yield from metrics_sound(findings.metrics)


def _tables(ready: CompressReady, findings: CompressFindings) -> dict[str, AttackTable]:
    metrics: Mapping[str, object] = findings.metrics["original"]
    return {
        str(name): AttackTable(
            problem=ready.problem,
            results=rows.reset_index(drop=True),
            metrics=metrics if name == ORIGINAL else None,
            moves=ready.settings.moves,
        )
        for name, rows in findings.results.groupby("variant", sort=False)
    }
