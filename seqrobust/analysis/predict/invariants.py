"""What is checked of predictions: the table is of the records, and the model says the same when asked again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import torch

from seqrobust.analysis.audit.numbers import counts_add_up, equal_numbers, finite, metrics_sound
from seqrobust.analysis.audit.outcome import Outcome, not_checked
from seqrobust.analysis.predict.findings import PredictFindings
from seqrobust.analysis.predict.study import PredictReady
from seqrobust.analysis.subject import Subject, spread_rows
from seqrobust.sequences.encoding import tokens_from_texts
from seqrobust.tasks import task_of

_ASKED = "plain forward passes over some records written out as text, against the table"
_MOST = 16


def invariants(subject: Subject, ready: PredictReady, findings: PredictFindings) -> Iterator[Outcome]:
    """A row for each record, probabilities that are ones, and some outputs asked again."""
    table = findings.table
    yield counts_add_up("every record has a row", "rows against records", [len(table)], len(ready.sequences))
    shares = [name for name in map(str, table) if name.startswith("probability_")]
    if shares:
        yield finite("probabilities are numbers", table[shares].to_numpy(np.float64), "of every record")
    if ready.predictor.stochastic:
        yield not_checked("outputs asked again", _ASKED, "the model is random")
    else:
        yield _again(ready, findings)
    yield from metrics_sound(findings.metrics)


def _again(ready: PredictReady, findings: PredictFindings) -> Outcome:
    rows = spread_rows(len(ready.sequences))[:_MOST]
    texts = [ready.sequences.texts[row] for row in rows.tolist()]
    tokens = torch.tensor(tokens_from_texts(texts, ready.predictor.alphabet))
    with ready.predictor.attached():
        again = ready.predictor.logits(tokens).float().cpu().numpy()
    start = "prediction" if task_of(ready.predictor.task).measured else "output_"
    kept = findings.table[[name for name in map(str, findings.table) if name.startswith(start)]].to_numpy(np.float64)[
        rows
    ]
    found = equal_numbers("outputs asked again", _ASKED, kept, again, 10 * ready.predictor.rounding)
    return replace(found, forwards=len(rows))
