"""An attack on every record, shard by shard, joined and measured: what several analyses begin with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seqrobust.analysis.alarms import remarks
from seqrobust.analysis.robustness import attack_metrics, constant_answer, saturated
from seqrobust.analysis.room import Work
from seqrobust.analysis.rows_sent import taken
from seqrobust.analysis.shards import run_shards
from seqrobust.analysis.shifts import within_range
from seqrobust.attacks import Problem, Shift, attacks_for, scores_for
from seqrobust.attacks.settings import AttackSettings, keeps_truth
from seqrobust.measures import cautions_of_spread


@dataclass(frozen=True, kw_only=True, eq=False)
class Attacked:
    """Results of an attack, a row per record and budget, and what ``metrics.json`` says of them."""

    results: pd.DataFrame
    metrics: dict[str, Any]


def attacked(problem: Problem, settings: AttackSettings, work: Work) -> Attacked:
    """Attack every record; shards that an interrupted run left behind are read instead."""
    scores = scores_for(problem.predictor, memory=work.memory)
    attacks = attacks_for(problem.predictor, settings.attacks)
    work.progress.start("attack", len(problem.sequences))
    results = run_shards(problem, attacks, partial(_part, work.parts), work.progress, scores)
    for notice in scores.notices:
        work.notice(notice)
    metrics = {
        **heading(problem, settings),
        **taken(results),
        **attack_metrics(results, problem.predictor.task, labelled=problem.targets is not None),
    }
    if isinstance(problem.goal, Shift):
        metrics |= problem.goal.plain() | still(results, problem) | within_range(results, problem)
    if (constant := constant_answer(results, problem.predictor)) is not None:
        metrics["constant"] = constant
    if lost := saturated(results, problem.predictor):
        metrics["saturated"] = lost
    for alarm in remarks(metrics):
        work.notice(alarm)
    return Attacked(results=results, metrics=metrics)


def still(results: pd.DataFrame, problem: Problem) -> dict[str, Any]:
    """``cautions`` where predictions stand for the truth and hardly vary beside the model's training targets."""
    predictor, goal = problem.plain.predictor, problem.goal
    if problem.targets is not None or not isinstance(goal, Shift) or not predictor.labels:
        return {}
    once = results.drop_duplicates("id")["clean_score"].to_numpy(np.float64)
    known = predictor.target_spread.get(predictor.labels[goal.output])
    said = cautions_of_spread(float(once.std()), known) if len(once) > 1 else []
    return {"cautions": said} if said else {}


def _part(parts: Path, shard: int) -> Path:
    return parts / f"part-{shard:05d}.parquet"


def heading(problem: Problem, settings: AttackSettings) -> dict[str, Any]:
    """What stands at the head of an attack's metrics: what was attacked, and how."""
    return {
        "task": problem.predictor.task,
        "goal": problem.goal.describe(problem.predictor.labels or ()),
        "threat": problem.threat.describe(),
        "moves": settings.moves,
        "attacks": [attack.name for attack in attacks_for(problem.predictor, settings.attacks)],
        "random_draws": settings.random_draws,
        "edits_keep_truth": keeps_truth(settings),
    }
