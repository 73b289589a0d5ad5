"""What is checked of an inspection at the end of its run: whose rows there are, and the numbers."""

from __future__ import annotations

from collections.abc import Iterator

from seqrobust.analysis.audit.numbers import metrics_sound, rows_expected
from seqrobust.analysis.audit.outcome import Outcome
from seqrobust.analysis.inspect.findings import InspectFindings
from seqrobust.analysis.inspect.study import InspectReady
from seqrobust.analysis.subject import Subject


def invariants(subject: Subject, ready: InspectReady, findings: InspectFindings) -> Iterator[Outcome]:
    """Rows are of records that were given, and the numbers."""
    known = int(findings.table["id"].isin(set(subject.sequences.ids)).sum())
    yield rows_expected("rows of known records", "ids of rows against the records", known, len(findings.table))
    yield from metrics_sound(findings.metrics)
