"""Scores asked again: some written sequences, read from their text, one by one and in a batch.

The model is called outside the search, and what its outputs amount to is worked out here by itself. Nothing but
rounding may lie between these and the table: the share of their size by which the model's outputs may be rounded
otherwise beside other records (:attr:`~seqrobust.models.predictor.Predictor.rounding`).
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import expit

from seqrobust.analysis.audit.attacked_table import AttackTable
from seqrobust.analysis.audit.outcome import Outcome, faults_of, not_checked
from seqrobust.attacks.goals import Shift, Targeted
from seqrobust.models.expectation import differ
from seqrobust.sequences.encoding import tokens_from_texts
from seqrobust.tasks import task_of

IN_BATCH, ALONE = 12, 4
"""Written sequences that are scored again in a batch with as many clean ones, and how many of them alone."""

Floats = NDArray[np.float64]


def scores_again(table: AttackTable) -> Outcome:
    """Scores of a sample are what the table says."""
    name = "scores asked again"
    predictor = table.predictor
    what = (
        f"plain forward passes, alone and in a batch, against the table (within {predictor.rounding:.0e} of their size)"
    )
    if predictor.stochastic:
        return not_checked(name, what, "the model is random")
    rows = _sample(table)
    if not len(rows):
        return not_checked(name, what, "there is no row")
    edited = [str(table.results["adversarial_sequence"].iloc[row]) for row in rows.tolist()]
    clean = [table.sequences.texts[record] for record in table.record[rows].tolist()]
    tokens = torch.tensor(tokens_from_texts([*edited, *clean], table.sequences.alphabet))
    with predictor.attached():
        together = predictor.logits(tokens).cpu()
        alone = torch.cat([predictor.logits(tokens[row : row + 1]) for row in range(min(ALONE, len(rows)))]).cpu()
    faults = []
    if differ(alone, together[: len(alone)], predictor.rounding):
        faults.append("a sequence alone is scored otherwise than among others")
    for column, logits in (("adversarial", together[: len(rows)]), ("clean", together[len(rows) :])):
        faults += _apart(table, rows, column, logits.double().numpy(), clean=together[len(rows) :].double().numpy())
    return faults_of(name, what, 2 * len(rows), faults, forwards=len(together) + len(alone))


def _sample(table: AttackTable) -> NDArray[np.int64]:
    """Rows from all over the table, those with edits first; one a record where that can be."""
    usable = np.flatnonzero(table.record >= 0)
    edited = usable[(table.results["n_edits"].to_numpy() > 0)[usable]]
    chosen = edited if len(edited) else usable
    return chosen[np.unique(np.linspace(0, len(chosen) - 1, min(len(chosen), IN_BATCH)).astype(np.int64))]


def _apart(table: AttackTable, rows: NDArray[np.int64], column: str, logits: Floats, *, clean: Floats) -> list[str]:
    """Rows whose score in the table is not that of (n, outputs) logits."""
    said = table.results[f"{column}_score"].to_numpy(np.float64)[rows]
    truth = _truth(table, rows, clean)
    found = _score(table, logits, truth)
    allowed = table.predictor.rounding * np.abs(logits[np.isfinite(logits)]).max(initial=0.0)
    if table.predictor.saturates:
        # A probability beside 0 or 1 makes a logit of which hardly a digit is certain.
        said, found, allowed = expit(said), expit(found), 10 * table.predictor.rounding
    with np.errstate(invalid="ignore"):
        apart = ~((said == found) | (np.abs(said - found) <= allowed))
    return [
        f"{table.called(int(row))}: {column}_score is {one:.6g} in the table and {other:.6g} asked again"
        for row, one, other in zip(rows[apart], said[apart], found[apart], strict=True)
    ]


def _truth(table: AttackTable, rows: NDArray[np.int64], clean: Floats) -> NDArray[np.int64]:
    """(n,) classes or (n, T) labels: targets, or what the clean records are predicted to be."""
    task = task_of(table.predictor.task)
    if task.measured:
        return np.zeros(len(rows), np.int64)
    if table.targets is not None:
        return table.targets.values[table.record[rows]].astype(np.int64)
    return (clean > 0).astype(np.int64) if task.independent else _classes(clean).argmax(1).astype(np.int64)


def _score(table: AttackTable, logits: Floats, truth: NDArray[np.int64]) -> Floats:
    """(n,) the number that a table shows: a value, or by how much the true answer leads."""
    task, goal = task_of(table.predictor.task), table.goal
    if task.measured:
        return logits[:, goal.output if isinstance(goal, Shift) else 0]
    if task.independent:
        signed = np.where(truth > 0, logits, -logits)
        return signed[:, goal.label] if isinstance(goal, Targeted) else signed.min(1)
    scores, rows = _classes(logits), np.arange(len(logits))
    others = scores.copy()
    others[rows, truth] = -np.inf
    own, other = scores[rows, truth], others.max(1)
    with np.errstate(invalid="ignore"):
        return np.where((own == other) & np.isinf(own), 0.0, own - other)


def _classes(logits: Floats) -> Floats:
    """(n, C) of mutually exclusive classes; a binary logit stands against 0."""
    return np.concatenate([np.zeros_like(logits), logits], axis=1) if logits.shape[1] == 1 else logits
