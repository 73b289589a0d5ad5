"""Rows of a study: a shard of records under one goal, each edited sequence beside what became of its explanation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from seqrobust.analysis.results import results_table
from seqrobust.analysis.stability.explained import ExplainedPredictor
from seqrobust.analysis.stability.explaining import Judge, edited_set
from seqrobust.analysis.stability.measures import Similarity
from seqrobust.analysis.stability.profiles import PROFILES
from seqrobust.analysis.stability.settings import StabilitySettings
from seqrobust.attacks import Attack, Problem, ShardRun, Shift, Untargeted, run_shard
from seqrobust.attacks.coded import CodedPredictor, CodedScores, Scores
from seqrobust.attacks.streams import RecordStreams
from seqrobust.neighbours import NeighbourScores
from seqrobust.sequences import Targets
from seqrobust.tasks import task_of

MORE_COLUMNS = ("goal", "method", "searched", "draw", "attacked", "kept", "flipped", *Similarity._fields)
"""Columns beside those of every attack: the method that is measured, the one that was attacked, the number of a random
draw, whether the record was looked at, whether the prediction is kept or flipped, and the measures of similarity."""

FEW_DRAWS = 2
"""Random sequences per record and budget on which methods are measured that cost many forward passes each."""


def scores_of(predictor: ExplainedPredictor | CodedPredictor) -> Scores:
    """Neighbour scores in plain batches: explanations of neighbours share no layers that could be kept."""
    if isinstance(predictor, CodedPredictor):
        return CodedScores(NeighbourScores(predictor.plain, way="plain"), predictor)
    return NeighbourScores(predictor, way="plain")


def found_rows(
    problem: Problem,
    explained: Problem,
    attacks: Sequence[Attack],
    records: NDArray[np.int64],
    progress: Callable[[float], None] = lambda _: None,
) -> pd.DataFrame:
    """What searches found on a shard of records: the table of an attack, a row per record and budget.

    Args:
        problem: about the model itself.
        explained: what is searched; see :func:`~seqrobust.analysis.stability.problems.explained_problem`. Its predictor
            must be attached.
        attacks: tried in this order.
        records: their numbers.
        progress: called with the finished share.
    """
    predictor = explained.predictor
    assert isinstance(predictor, ExplainedPredictor | CodedPredictor)
    run = run_shard(explained, attacks, records, progress, scores=scores_of(predictor))
    plain = explained.plain.predictor
    assert isinstance(plain, ExplainedPredictor)
    outputs = plain.layout.outputs
    return _table(
        problem,
        records,
        replace(run, clean=run.clean[:, :outputs], logits=run.logits[..., :outputs]),
        [attack.name for attack in attacks],
    )


def random_rows(problem: Problem, truth: Targets, draws: int, records: NDArray[np.int64]) -> pd.DataFrame:
    """Random sequences that spend each whole budget: a row per record, budget and draw.

    The predictor must be attached. Misclassified records, by the targets ``truth``, have no success, as
    in an attack.
    """
    predictor, sequences = problem.predictor, problem.sequences.take(records)
    device = predictor.device
    targets = torch.tensor(truth.values[records], device=device)
    bounds = [replace(problem.threat, budget=budget).bind(sequences, device) for budget in problem.budgets]
    clean = predictor.logits(bounds[0].tokens)
    attackable = task_of(predictor.task).attackable(clean, targets)
    streams = [
        RecordStreams(problem.seed, sequences.ids, f"explanation control {budget}") for budget in problem.budgets
    ]
    zeros = torch.zeros(len(records), len(bounds), dtype=torch.int64, device=device)
    columns = bounds[0].tokens.shape[1] + 1
    tables = []
    for draw in range(draws):
        tokens = torch.stack(
            [
                bound.sample(stream.uniforms(columns, device), full=True)
                for bound, stream in zip(bounds, streams, strict=True)
            ],
            dim=1,
        )
        logits = predictor.logits(tokens.flatten(0, 1)).reshape(len(records), len(bounds), -1)
        run = ShardRun(
            targets=targets,
            attackable=attackable,
            clean=clean,
            tokens=tokens,
            logits=logits,
            reached=zeros.bool(),
            objective=zeros.float(),
            attack=zeros - 1,
            budgets=torch.stack([bound.budget for bound in bounds], dim=1),
            forwards=zeros,
            gradients=zeros,
            searched=zeros == 0,
            editable=zeros == 0,
            control=zeros[..., None].float(),
            control_reached=zeros[..., None].bool(),
            control_least=torch.full(zeros.shape, torch.nan, device=device),
            stops=False,
            exact=zeros.bool(),
            lost=zeros[:, 0].bool(),
            no_gradient=zeros[:, 0].bool(),
            unsteady=zeros[:, 0].bool(),
            over_draws=torch.full(zeros.shape, torch.nan, device=device),
            flat=zeros[:, 0].float(),
        )
        tables.append(_table(problem, records, run, []).assign(attack="random", draw=draw, random_success=np.nan))
    joined: pd.DataFrame = pd.concat(tables, ignore_index=True)
    return joined


def _table(problem: Problem, records: NDArray[np.int64], run: ShardRun, attacks: Sequence[str]) -> pd.DataFrame:
    goal = problem.goal
    output = goal.output if isinstance(goal, Shift) else 0
    if isinstance(goal, Shift):
        run = replace(
            run,
            clean=run.clean[:, [output]],
            logits=run.logits[..., [output]],
            targets=run.targets[:, [output]],
        )
    # The table of a shift has a column about its random control, which here is one of explanations.
    table = results_table(replace(problem, goal=Untargeted()), records, run, attacks)
    numbered: pd.DataFrame = table.assign(record=np.repeat(records, len(problem.budgets)))
    return numbered


def measured(
    table: pd.DataFrame, goal: str, searched: str | None, methods: Sequence[str], judge: Judge
) -> pd.DataFrame:
    """The rows with what is true of them, once for each method; see :data:`MORE_COLUMNS`.

    ``success``: for ``random`` and ``change``, the prediction is kept and the explanation correlates less with the
    clean one than allowed; for ``keep``, the prediction is another one and the explanation correlates at least as much
    as asked. It is null where a record was not attacked, and where a random draw did not keep the prediction.

    Args:
        table: of :func:`found_rows` or :func:`random_rows`.
        goal: ``random``, ``change`` or ``keep``.
        searched: the method that was attacked.
        methods: those measured.
        judge: about all records.
    """
    records = table["record"].to_numpy(np.int64)
    attacked = table["success"].notna().to_numpy()
    rows = np.flatnonzero(attacked)
    kept, flipped = np.zeros(len(table), bool), np.zeros(len(table), bool)
    edited = edited_set(judge.sequences, records[rows].tolist(), table["adversarial_sequence"].iloc[rows].tolist())
    if len(rows):
        kept[rows], flipped[rows] = judge.predictions(records[rows], edited)
    made = []
    for method in methods:
        chosen = np.arange(len(rows))
        if goal == "random":
            chosen = chosen[kept[rows]]
            if method not in PROFILES:
                chosen = chosen[table["draw"].to_numpy()[rows[chosen]] < FEW_DRAWS]
        values = np.full((len(Similarity._fields), len(table)), np.nan)
        if len(chosen):
            found = judge.similarity(records[rows[chosen]], edited.take(chosen), method)
            values[:, rows[chosen]] = np.array(found)
        one = table.assign(goal=goal, method=method, searched=searched, attacked=attacked, kept=kept, flipped=flipped)
        one = one.assign(**dict(zip(Similarity._fields, values, strict=True)))
        made.append(one.assign(success=_success(one, goal, attacked, judge.settings)))
    joined: pd.DataFrame = pd.concat(made, ignore_index=True)
    return joined


def _success(
    table: pd.DataFrame, goal: str, attacked: NDArray[np.bool_], settings: StabilitySettings
) -> pd.arrays.BooleanArray:
    correlation = table["correlation"].to_numpy()
    if goal == "keep":
        reached = table["flipped"].to_numpy() & (correlation >= settings.kept_above)
    else:
        reached = table["kept"].to_numpy() & (correlation < settings.changed_below)
    success = pd.array(reached, dtype="boolean")
    missing = ~attacked
    if goal == "random":
        missing = missing | np.isnan(correlation)
    success[missing] = pd.NA
    assert isinstance(success, pd.arrays.BooleanArray)
    return success
