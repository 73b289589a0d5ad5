"""The attack: what is checked before it, and what it gives."""

from __future__ import annotations

from dataclasses import dataclass

from seqrobust.analysis.asked import Opening
from seqrobust.analysis.attack.findings import AttackFindings
from seqrobust.analysis.attack.settings import MeasuredAttackSettings
from seqrobust.analysis.attacked import attacked
from seqrobust.analysis.measured_truth import Values, against_measured, known_values, with_known
from seqrobust.analysis.room import Work
from seqrobust.analysis.subject import Subject
from seqrobust.attacks import Problem, Shift, attacks_for
from seqrobust.attacks.coverage import require_coverage
from seqrobust.attacks.settings import AttackSettings, resolved
from seqrobust.attacks.stating import attack_problem
from seqrobust.models.predictor import Predictor


@dataclass(frozen=True, kw_only=True, eq=False)
class AttackReady:
    """What is attacked, what it is told, and measured values of sequences where any are; ``name`` is the model's."""

    name: str
    problem: Problem
    settings: AttackSettings
    known: Values | None = None

    @property
    def predictor(self) -> Predictor:
        """The model."""
        return self.problem.plain.predictor


def prepare(subject: Subject, settings: AttackSettings, opening: Opening) -> AttackReady:
    """See :class:`~seqrobust.analysis.room.Room`. Raises InputError for a threat or goal that cannot be had."""
    settings = resolved(settings, subject.sequences)
    problem = attack_problem(subject.predictor, subject.sequences, subject.targets, settings, seed=opening.seed)
    require_coverage(problem, attacks_for(problem.predictor, settings.attacks))
    return AttackReady(name=subject.name, problem=problem, settings=settings, known=_known(settings, problem))


def _known(settings: AttackSettings, problem: Problem) -> Values | None:
    """Measured values of sequences, where a file of them is named. Raises InputError for one that cannot be used."""
    if not isinstance(settings, MeasuredAttackSettings) or settings.measured is None:
        return None
    output = problem.goal.output if isinstance(problem.goal, Shift) else 0
    return known_values(settings.measured, problem.plain.predictor, output)


def study(ready: AttackReady, work: Work) -> AttackFindings:
    """Attack every record; shards that an interrupted run left behind are read instead."""
    found = attacked(ready.problem, ready.settings, work)
    results, metrics = found.results, found.metrics
    if ready.known is not None:
        results = with_known(results, ready.known)
        metrics = metrics | against_measured(results)
    return AttackFindings(
        name=ready.name,
        labels=ready.predictor.labels or (),
        settings=ready.settings,
        results=results,
        sequences=ready.problem.plain.sequences,
        metrics=metrics,
    )
