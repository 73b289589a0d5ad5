"""One attack on each of several models, and what of it transfers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from seqrobust.analysis.asked import Opening
from seqrobust.analysis.attacked import Attacked, attacked
from seqrobust.analysis.compare.findings import CompareFindings
from seqrobust.analysis.room import Work
from seqrobust.analysis.subject import Subject
from seqrobust.analysis.transfer import Rival, same_records, transfer_metrics, transferred
from seqrobust.attacks import Problem, Shift, attacks_for
from seqrobust.attacks.coverage import require_coverage
from seqrobust.attacks.settings import AttackSettings, resolved
from seqrobust.attacks.shift_size import OWN_UNITS, ShiftSize
from seqrobust.attacks.stating import attack_problem, goal_of
from seqrobust.errors import ModelError
from seqrobust.models.predictor import Predictor
from seqrobust.tasks import task_of


@dataclass(frozen=True, kw_only=True, eq=False)
class CompareReady:
    """The same attack on every model: its problem by the model's name, and what names the model."""

    problems: dict[str, Problem]
    sources: dict[str, str]
    settings: AttackSettings

    @property
    def predictor(self) -> Predictor:
        """The first model, for what the manifest states."""
        return next(iter(self.problems.values())).plain.predictor


def prepare(subjects: Sequence[Subject], settings: AttackSettings, opening: Opening) -> CompareReady:
    """See :class:`~seqrobust.analysis.room.Room`. Raises InputError for a threat or goal that cannot be had, and for
    models that read the records differently or have different tasks.
    """
    settings = _of_one_output(resolved(settings, subjects[0].sequences), subjects[0].predictor)
    shift = _one_shift(subjects, settings)
    problems = {
        one.name: attack_problem(one.predictor, one.sequences, one.targets, settings, seed=opening.seed, shift=shift)
        for one in subjects
    }
    for problem in problems.values():
        require_coverage(problem, attacks_for(problem.predictor, settings.attacks))
    same_records(list(problems.items()))
    _same_task(problems)
    sources = {one.name: one.source for one in subjects}
    return CompareReady(problems=problems, sources=sources, settings=settings)


def _of_one_output(settings: AttackSettings, first: Predictor) -> AttackSettings:
    """The first model's first value is shifted by default, by its name: others may have it in another place."""
    if not task_of(first.task).measured or settings.output is not None or not first.labels:
        return settings
    return replace(settings, output=first.labels[0])


def _one_shift(subjects: Sequence[Subject], settings: AttackSettings) -> ShiftSize | None:
    """One yardstick for all models: that of the first that knows its training targets, else of the first; None where
    nothing is shifted."""
    of = next((one for one in subjects if one.predictor.target_spread), subjects[0])
    goal = goal_of(settings, of.predictor, of.sequences, of.targets)
    if not isinstance(goal, Shift):
        return None
    unit = goal.unit if goal.unit == OWN_UNITS else f"{goal.unit}, as {of.name} has it, for every model"
    return ShiftSize(value=goal.delta, unit=unit)


def _same_task(problems: dict[str, Problem]) -> None:
    first = next(iter(problems.values())).predictor
    for name, problem in problems.items():
        for what in ("task", "labels"):
            mine, other = getattr(first, what), getattr(problem.predictor, what)
            if (set(mine) != set(other)) if what == "labels" else (mine != other):
                raise ModelError(f"the models have different {what}", expected=str(mine), found=f"{other} of {name}")


def study(ready: CompareReady, work: Work) -> CompareFindings:
    """Attack each model, and show what was found to all the others."""
    found = {name: _attacked(name, problem, ready.settings, work) for name, problem in ready.problems.items()}
    rivals = [
        Rival(name=name, problem=problem, results=found[name].results) for name, problem in ready.problems.items()
    ]
    work.progress.start("transfer", 1)
    table = transferred(rivals)
    work.progress.advance(1)
    return CompareFindings(
        results=table,
        attacks={name: (one.results, one.metrics) for name, one in found.items()},
        metrics=_metrics(ready, found, table),
    )


def _attacked(name: str, problem: Problem, settings: AttackSettings, work: Work) -> Attacked:
    work.progress.say(f"attacking {name}")
    return attacked(problem, settings, replace(work, part=name))


def _metrics(ready: CompareReady, found: dict[str, Attacked], table: pd.DataFrame) -> dict[str, Any]:
    problem = next(iter(ready.problems.values()))
    return {
        "task": problem.predictor.task,
        "goal": problem.goal.describe(problem.predictor.labels or ()),
        "threat": problem.threat.describe(),
        "moves": ready.settings.moves,
        "attacks": list(ready.settings.attacks),
        "n": len(problem.sequences),
        **transfer_metrics(table),
        "models": {name: {"model": ready.sources[name], **one.metrics} for name, one in found.items()},
    }
