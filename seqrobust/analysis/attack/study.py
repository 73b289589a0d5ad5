"""The attack: what is checked before it, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass

from seqrobust.analysis.asked import Opening
from seqrobust.analysis.attack.findings import AttackFindings
from seqrobust.analysis.attacked import attacked
from seqrobust.analysis.room import Work
from seqrobust.analysis.subject import Subject
from seqrobust.attacks import Problem, attacks_for
from seqrobust.attacks.coverage import require_coverage
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
    require_coverage(problem, attacks_for(problem.predictor, settings.attacks))
    return AttackReady(name=subject.name, problem=problem, settings=settings)


def study(ready: AttackReady, work: Work) -> AttackFindings:
    """Attack every record; shards that an interrupted run left behind are read instead."""
    found = attacked(ready.problem, ready.settings, work)
    return AttackFindings(
        name=ready.name,
        labels=ready.predictor.labels or (),
        settings=ready.settings,
        results=found.results,
        sequences=ready.problem.plain.sequences,
        metrics=found.metrics,
    )
