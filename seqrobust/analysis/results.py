"""The table of an attack: a row per record and budget, readable by anyone without this package."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.analysis.class_robustness import OUTPUTS
from seqrobust.analysis.clusters import CLUSTER
from seqrobust.analysis.confinement import LACKS, PROTECTED
from seqrobust.analysis.shifts import BEST, SIZE
from seqrobust.attacks import Problem, ShardRun, Shift, Targeted
from seqrobust.sequences import SequenceSet
from seqrobust.tasks import task_of
from seqrobust.threats import edits_as_text
from seqrobust.threats.coding import CodedSet, Written

MOST_OUTPUTS = 100
"""Outputs that are written out; more would make tables wider than they are of use."""
COLUMNS = (
    "id",
    "target",
    "budget",
    "clean_prediction",
    "clean_score",
    "adversarial_prediction",
    "adversarial_score",
    "success",
    "n_edits",
    "edits",
    "adversarial_sequence",
    "attack",
    "forwards",
    "gradients",
    "random_success",
    "objective",
    "random_objective",
    "control_ahead",
    "was_searched",
    "editable",
    "exact",
    "not_finite",
    "no_gradient",
    "unsteady",
    "flat",
)


def results_table(problem: Problem, records: NDArray[np.int64], run: ShardRun, attacks: Sequence[str]) -> pd.DataFrame:
    """Rows of one shard, in the order of records, then budgets.

    Args:
        problem: what was attacked.
        records: numbers of the shard's records.
        run: what came of them.
        attacks: names of the attacks, in the order they were tried.

    Scores: by how many logits the true answer leads (negative where the prediction is wrong); for regression the
    predicted value. Answers that tie for the lead are all named, joined by ``=``, for such a prediction is not right.
    Where an edit is a codon, ``n_edits`` counts codons, ``codon_edits`` names them and ``edits`` the letters changed.
    Where the goal is one of several labels, target, predictions and scores are of that label alone.

    ``random_success`` is the share of random sequences of the same size that reach the goal, empty for records that
    were not attacked; ``random_score``, for regression, their mean predicted value, ``random_size``
    how far they move it either way on average, and ``random_best`` how far the best draw does towards the goal.
    ``objective`` is what the search
    raises, ``random_objective`` the most that a random sequence has of it, less what rounding may add (empty for random
    models), ``control_ahead`` whether random sequences outdo the search. ``was_searched`` is false where no search
    scored anything, so that nothing found means nothing; ``editable`` is false where the threat has no other sequence
    than the record's own (no such region, all of it protected, unknown letters alone, a share that comes to no edit).
    ``exact`` is true where the goal is reached or every sequence within the budget was scored. ``not_finite`` marks
    records with an edited sequence for which the model's output is no number (it is left out), ``no_gradient`` those
    whose gradient is not there or no number (zeros stand for it), ``unsteady`` those whose unedited sequence is right
    at first and wrong when the model is asked again. ``flat`` is the share of their single edits, of those scored, that
    do nothing to the objective. For random models ``success_over_draws`` is the share of several sets of draws on which
    the goal is reached.
    Where the threat protects regions, ``protected`` counts the record's letters in them, and ``lacks`` names those that
    it does not have, joined by semicolons.
    ``clean_output_NAME`` and ``adversarial_output_NAME`` are the model's outputs (logits) as they came, of classes,
    labels, or of the positive one of two: what an area under a curve is computed from. Scores depend on the truth.
    Models of more than :data:`MOST_OUTPUTS` outputs have no such columns, nor do regressions.
    Percentage budgets stand as the count they allow on that record, with the percentage in ``budget_share``. Where
    records come in clusters that are not independent, ``cluster`` names them.
    """
    sequences = problem.sequences.take(records)
    output = problem.goal.output if isinstance(problem.goal, Shift) else 0
    levels = len(problem.budgets)
    run, labels = _of_goal(problem, run)
    by_level = [written_edits(sequences, run.tokens[:, level].cpu().numpy()) for level in range(levels)]
    written = [by_level[level][row] for row in range(len(sequences)) for level in range(levels)]
    clean = _answers(problem, run.clean, run.targets, labels, output)
    found = _answers(problem, run.logits.flatten(0, 1), run.targets.repeat_interleave(levels, dim=0), labels, output)
    random_success = run.control_reached.float().mean(2).masked_fill(~run.attackable[:, None], torch.nan)
    columns: dict[str, Any] = {
        "id": np.repeat(np.array(sequences.ids, dtype=object), levels),
        "target": np.repeat(_named_targets(problem, run.targets, labels, output), levels),
        "budget": _spendable(problem, run).flatten(),
        "clean_prediction": np.repeat(clean[0], levels),
        "clean_score": np.repeat(clean[1], levels),
        "adversarial_prediction": found[0],
        "adversarial_score": found[1],
        "success": _nullable(run),
        "n_edits": np.array([one.size for one in written], np.int64),
        "edits": [one.edits for one in written],
        **({"codon_edits": codons} if (codons := [one.codon_edits for one in written])[0] is not None else {}),
        "adversarial_sequence": [one.text for one in written],
        "attack": [attacks[number] if number >= 0 else None for number in run.attack.flatten().tolist()],
        "forwards": run.forwards.flatten().cpu().numpy(),
        "gradients": run.gradients.flatten().cpu().numpy(),
        "random_success": random_success.flatten().cpu().numpy(),
        "objective": run.objective.flatten().double().cpu().numpy(),
        "random_objective": run.control_least.flatten().double().cpu().numpy(),
        "control_ahead": run.control_ahead.flatten().cpu().numpy(),
        "was_searched": run.searched.flatten().cpu().numpy(),
        "editable": run.editable.flatten().cpu().numpy(),
        "exact": run.exact.flatten().cpu().numpy(),
        "not_finite": np.repeat(run.lost.cpu().numpy(), levels),
        "no_gradient": np.repeat(run.no_gradient.cpu().numpy(), levels),
        "unsteady": np.repeat(run.unsteady.cpu().numpy(), levels),
        "flat": np.repeat(run.flat.cpu().numpy(), levels),
    }
    if not bool(run.over_draws.isnan().all()):
        columns["success_over_draws"] = run.over_draws.flatten().cpu().numpy()
    if isinstance(problem.goal, Shift):
        shift = run.control.nanmean(2) * (1 if problem.goal.up else -1)
        columns["random_score"] = (run.clean[:, output, None] + shift).flatten().cpu().numpy()
        columns[SIZE] = run.control.abs().mean(2).flatten().cpu().numpy()
        # Of no draw the mean is NaN, and so is the best.
        best = run.control.amax(2) if run.control.shape[2] else run.control.mean(2)
        columns[BEST] = best.flatten().cpu().numpy()
    columns |= _raw(problem, run, labels)
    table: pd.DataFrame = pd.DataFrame(columns)
    if problem.sequences.units is not None:
        table[CLUSTER] = np.repeat(cluster_names(sequences), levels)
    if problem.threat.protect:
        for name, values in protection(problem, records).items():
            table[name] = np.repeat(values, levels)
    if problem.budgets[0].percent:
        table["budget_share"] = np.tile([str(budget) for budget in problem.budgets], len(sequences))
    return table


def cluster_names(sequences: SequenceSet) -> NDArray[np.object_]:
    """(N,) names of the clusters of records that come in clusters."""
    names = sequences.groups if sequences.clusters is None else sequences.clusters
    assert names is not None
    named: NDArray[np.object_] = names.astype(object)
    return named


def protection(problem: Problem, records: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
    """(n,) letters in protected regions, and names of protected regions that are not there."""
    plain, names = problem.plain.sequences.take(records), problem.threat.protect
    shape = (len(plain), plain.width)
    lacking = [";".join(missing) for missing in plain.regions.lacking(names, shape)]
    return {
        PROTECTED: plain.regions.cover(names, shape).sum(1).astype(np.int64),
        LACKS: np.array(lacking, dtype=object),
    }


def clean_answers(problem: Problem, run: ShardRun) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.float32]]:
    """Named targets, clean predictions and their scores, of the records of one shard, as :func:`results_table` does."""
    output = problem.goal.output if isinstance(problem.goal, Shift) else 0
    run, labels = _of_goal(problem, run)
    prediction, score = _answers(problem, run.clean, run.targets, labels, output)
    return _named_targets(problem, run.targets, labels, output), prediction, score


def _raw(problem: Problem, run: ShardRun, labels: Sequence[str]) -> dict[str, NDArray[np.float32]]:
    """Columns of the model's own outputs, clean and of what was found."""
    task = task_of(problem.predictor.task)
    names = task.output_names(labels)
    if task.measured or len(names) > MOST_OUTPUTS or len(names) != run.clean.shape[1]:
        return {}
    clean, found = run.clean.float().cpu().numpy(), run.logits.float().flatten(0, 1).cpu().numpy()
    levels = run.logits.shape[1]
    columns = {f"{OUTPUTS['clean']}{name}": np.repeat(clean[:, one], levels) for one, name in enumerate(names)}
    return columns | {f"{OUTPUTS['adversarial']}{name}": found[:, one] for one, name in enumerate(names)}


def _of_goal(problem: Problem, run: ShardRun) -> tuple[ShardRun, tuple[str, ...]]:
    """The run and the names of its labels, reduced to the one label that a goal is about if there is such a one."""
    goal, labels = problem.goal, problem.predictor.labels or ()
    if not task_of(problem.predictor.task).independent or not isinstance(goal, Targeted):
        return run, labels
    targets, clean = goal.of_label(run.targets, run.clean)
    logits = goal.of_label(run.logits.flatten(0, 1))[0].reshape(*run.logits.shape[:2], 1)
    return replace(run, targets=targets, clean=clean, logits=logits), (labels[goal.label],)


def written_edits(sequences: SequenceSet, tokens: NDArray[np.uint8]) -> list[Written]:
    """Edited (n, L) tokens as text."""
    if isinstance(sequences, CodedSet):
        return sequences.written(tokens)
    texts = sequences.texts_with(tokens)
    edits = [edits_as_text(before, after) for before, after in zip(sequences.texts, texts, strict=True)]
    return [
        Written(text, names, names.count(";") + 1 if names else 0) for text, names in zip(texts, edits, strict=True)
    ]


def _spendable(problem: Problem, run: ShardRun) -> NDArray[np.int64]:
    """(n, B): the count asked for, or what a percentage comes to on each record."""
    if problem.budgets[0].percent:
        return run.budgets.cpu().numpy()
    asked = np.array([int(budget.amount) for budget in problem.budgets], np.int64)
    return np.tile(asked, (len(run.budgets), 1))


def _nullable(run: ShardRun) -> pd.Series:
    success = pd.array(run.reached.flatten().cpu().numpy(), dtype="boolean")
    series: pd.Series = pd.Series(success)
    series[~run.attackable.repeat_interleave(run.reached.shape[1]).cpu().numpy()] = pd.NA
    return series


def _answers(
    problem: Problem, logits: Tensor, targets: Tensor, labels: Sequence[str], output: int
) -> tuple[NDArray[Any], NDArray[np.float32]]:
    """Named predictions and scores of (M, outputs) logits."""
    task = task_of(problem.predictor.task)
    if task.measured:
        values = logits[:, output].cpu().numpy()
        return values, values
    return np.array(task.answers(logits, labels), dtype=object), task.margin(logits, targets).cpu().numpy()


def _named_targets(problem: Problem, targets: Tensor, labels: Sequence[str], output: int) -> NDArray[Any]:
    if task_of(problem.predictor.task).measured:
        # Without targets the clean predictions stand in their place; they are no truth to show.
        values: NDArray[np.float32] = targets[:, output].cpu().numpy()
        return np.full_like(values, np.nan) if problem.targets is None else values
    return _named(targets, labels)


def _named(answers: Tensor, labels: Sequence[str]) -> NDArray[np.object_]:
    """Class names of indices (M,), or the names of a label matrix (M, T) joined by semicolons."""
    if answers.ndim == 1:
        names = [labels[index] for index in answers.tolist()]
    else:
        rows = answers.bool().tolist()
        names = [";".join(name for name, on in zip(labels, row, strict=True) if on) for row in rows]
    named: NDArray[np.object_] = np.array(names, dtype=object)
    return named
