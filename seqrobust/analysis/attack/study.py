"""The attack: shard by shard, each kept as it is finished, then joined and measured."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from seqrobust.analysis.asked import Opening
from seqrobust.analysis.attack.findings import AttackFindings
from seqrobust.analysis.robustness import attack_metrics
from seqrobust.analysis.room import Work
from seqrobust.analysis.shards import run_shards
from seqrobust.analysis.subject import Subject
from seqrobust.attacks import Problem, Shift, attacks_named, scores_for
from seqrobust.attacks.settings import AttackSettings, resolved
from seqrobust.attacks.stating import attack_problem
from seqrobust.models.predictor import Predictor


@dataclass(frozen=True, kw_only=True, eq=False)
class AttackReady:
    """What is attacked, and what it is told; ``name`` is the model's."""

    name: str
    problem: Problem
    settings: AttackSettings

    @property
    def predictor(self) -> Predictor:
        """The model."""
        return self.problem.plain.predictor


def prepare(subject: Subject, settings: AttackSettings, opening: Opening) -> AttackReady:
    """See :class:`~seqrobust.analysis.room.Room`. Raises InputError for a threat or goal that cannot be had."""
    settings = resolved(settings, subject.sequences)
    problem = attack_problem(subject.predictor, subject.sequences, subject.targets, settings, seed=opening.seed)
    return AttackReady(name=subject.name, problem=problem, settings=settings)


def study(ready: AttackReady, work: Work) -> AttackFindings:
    """Attack every record; shards that an interrupted run left behind are read instead."""
    problem, settings = ready.problem, ready.settings
    scores = scores_for(problem.predictor, memory=work.memory)
    work.progress.start("attack", len(problem.sequences))
    results = run_shards(problem, attacks_named(settings.attacks), partial(_part, work.parts), work.progress, scores)
    for notice in scores.notices:
        work.notice(notice)
    metrics = {
        **attacked(problem, settings),
        **attack_metrics(results, problem.predictor.task, labelled=problem.targets is not None),
    }
    if isinstance(problem.goal, Shift):
        metrics["delta"] = problem.goal.delta
    return AttackFindings(
        name=ready.name,
        labels=problem.predictor.labels or (),
        settings=settings,
        results=results,
        sequences=problem.plain.sequences,
        metrics=metrics,
    )


def _part(parts: Path, shard: int) -> Path:
    return parts / f"part-{shard:05d}.parquet"


def attacked(problem: Problem, settings: AttackSettings) -> dict[str, Any]:
    """What stands at the head of an attack's metrics: what was attacked, and how."""
    return {
        "task": problem.predictor.task,
        "goal": problem.goal.describe(problem.predictor.labels or ()),
        "threat": problem.threat.describe(),
        "moves": settings.moves,
        "attacks": [attack.name for attack in attacks_named(settings.attacks)],
        "random_draws": settings.random_draws,
    }
