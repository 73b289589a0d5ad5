"""What is checked of attributions at the end of a run: they are numbers, and of the answer that the model gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from seqrobust.analysis.attribute.findings import AttributeFindings
from seqrobust.analysis.attribute.ready import AttributeReady
from seqrobust.analysis.audit.numbers import equal_numbers, finite, metrics_sound, rows_expected
from seqrobust.analysis.audit.outcome import Outcome, not_checked
from seqrobust.analysis.subject import Subject

_SAMPLE = 8


def invariants(subject: Subject, ready: AttributeReady, findings: AttributeFindings) -> Iterator[Outcome]:
    """Rows by record and method, attributions that are numbers, the value explained asked again, and the numbers."""
    records, methods = len(findings.sequences), len(findings.methods)
    what = "rows against records times methods"
    yield rows_expected("a row per record and method", what, len(findings.table), records * methods)
    yield _explained_again(ready, findings)
    yield _all_numbers(findings)
    yield from metrics_sound(findings.metrics)


def _explained_again(ready: AttributeReady, findings: AttributeFindings) -> Outcome:
    """The number explained is what a plain forward pass gives."""
    name, what = "value explained", "a plain forward pass over the record's text against the value that was explained"
    predictor = ready.predictor
    if predictor.stochastic:
        return not_checked(name, what, "the model is random")
    count = len(findings.sequences)
    rows = np.unique(np.linspace(0, count - 1, min(count, _SAMPLE)).astype(np.int64))
    some = findings.sequences.take(rows)
    with predictor.attached():
        logits = predictor.logits(torch.tensor(some.tokens)).cpu()
    again = replace(ready.explained, weights=ready.explained.weights.cpu()[torch.tensor(rows)]).of(logits).numpy()
    outcome = equal_numbers(name, what, findings.values[rows], again, 10 * predictor.rounding)
    return replace(outcome, forwards=len(rows))


def _all_numbers(findings: AttributeFindings) -> Outcome:
    """How many attributions there are, and how many are none; read batch by batch."""
    wrong, total = 0, 0
    for _, values in findings.kept.each(findings.methods):
        for part in values.values():
            wrong, total = wrong + int((~np.isfinite(part)).sum()), total + part.size
    marks = np.zeros(total, np.float32) if not wrong else np.array([np.nan] * wrong + [0.0])
    return replace(finite("attributions are numbers", marks, "every attribution that was kept"), rows=total)
