"""The attack as a stage: shard by shard, each kept as it is finished, then joined, measured and written out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from seqrobust.analysis import attack_metrics
from seqrobust.analysis.alarms import remarks
from seqrobust.analysis.rows_sent import taken
from seqrobust.analysis.shards import run_shards as run_shards
from seqrobust.analysis.shards import write_results as write_results
from seqrobust.attacks import (
    Problem,
    Shift,
    attacks_named,
    scores_for,
)
from seqrobust.attacks.coverage import require_coverage
from seqrobust.attacks.settings import AttackSettings as AttackSettings
from seqrobust.attacks.settings import GoalName as GoalName
from seqrobust.attacks.stating import attack_problem as attack_problem
from seqrobust.attacks.stating import goal_of as goal_of
from seqrobust.progress import Progress
from seqrobust.run.folder import RunFolder
from seqrobust.sequences import SequenceSet


@dataclass(frozen=True, kw_only=True, eq=False)
class AttackOutcome:
    """Results, metrics, and the records they are about."""

    results: pd.DataFrame
    metrics: dict[str, Any]
    sequences: SequenceSet


def run_attack(
    problem: Problem,
    settings: AttackSettings,
    folder: RunFolder,
    *,
    progress: Progress,
    memory: int | None = None,
) -> AttackOutcome:
    """Attack, keep every finished shard in the folder, and write results, sequences and metrics there.

    Shards that a killed run left in the folder are not run again. ``memory`` bounds the bytes that scoring neighbours
    takes; see :class:`~seqrobust.neighbours.NeighbourScores`.
    """
    predictor = problem.predictor
    scores = scores_for(predictor, memory=memory)
    attacks = attacks_named(settings.attacks)
    require_coverage(problem, attacks)
    progress.start("attack", len(problem.sequences))
    results = run_shards(problem, attacks, lambda shard: folder.parts / f"part-{shard:05d}.parquet", progress, scores)
    for notice in scores.notices:
        progress.say(notice)
    predictor.notices += scores.notices
    metrics = {
        "task": predictor.task,
        "goal": problem.goal.describe(predictor.labels or ()),
        "threat": problem.threat.describe(),
        "moves": settings.moves,
        "attacks": [attack.name for attack in attacks_named(settings.attacks)],
        "random_draws": settings.random_draws,
        **taken(results),
        **attack_metrics(results, predictor.task, labelled=problem.targets is not None),
    }
    if isinstance(problem.goal, Shift):
        metrics["delta"] = problem.goal.delta
    for alarm in remarks(metrics):
        progress.say(alarm)
        predictor.notices.append(alarm)
    write_results(folder.path, results)
    folder.write_json("metrics.json", metrics)
    return AttackOutcome(results=results, metrics=metrics, sequences=problem.plain.sequences)


def rule_files(allow: str, constraints: tuple[str, ...] = ()) -> list[Path]:
    """Files that a letter rule and constraints name."""
    return AttackSettings(allow=allow, constraints=constraints).files


def settings_fingerprint(settings: AttackSettings) -> dict[str, Any]:
    """What of the settings decides the results."""
    return {f"attack.{key}": value for key, value in asdict(settings).items()}
