"""What is checked of a study of uncertainty at the end of its run: a row for each sequence, of numbers that can be."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from seqrobust.analysis.audit.numbers import finite, metrics_sound, rows_expected
from seqrobust.analysis.audit.outcome import Outcome, faults_of
from seqrobust.analysis.subject import Subject
from seqrobust.analysis.uncertainty.findings import UncertaintyFindings
from seqrobust.analysis.uncertainty.study import UncertaintyReady

_NEVER_NEGATIVE = ("logit_variance", "entropy", "mutual_information", "max_probability", "loss")


def invariants(subject: Subject, ready: UncertaintyReady, findings: UncertaintyFindings) -> Iterator[Outcome]:
    """Rows by record and kind of sequence, uncertainties that are numbers and not negative, and the numbers."""
    table, study = findings.table, ready.study
    sets = table[["kind", "budget"]].drop_duplicates()
    what = "rows against records times kinds of sequences"
    yield rows_expected("a row per record and kind", what, len(table), len(sets) * len(study.sequences))
    names = [name for name in _NEVER_NEGATIVE if name in table]
    values = table[names].to_numpy(np.float64)
    yield finite("uncertainties are numbers", values, ", ".join(names))
    faults = [f"{name} is negative" for name in names if float(table[name].min()) < -1e-6]
    yield faults_of("uncertainties are not negative", ", ".join(names), len(table), faults)
    yield from metrics_sound(findings.metrics)
