"""What a study of explanations is about, checked before the search begins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from seqrobust.analysis.asked import Opening
from seqrobust.analysis.stability.models import open_others
from seqrobust.analysis.stability.settings import StabilitySettings
from seqrobust.analysis.stability.steps import Study
from seqrobust.analysis.subject import Subject
from seqrobust.attacks import Problem, Shift
from seqrobust.attacks.settings import resolved
from seqrobust.attacks.stating import attack_problem
from seqrobust.models.predictor import Predictor
from seqrobust.sequences.data_source import split_names


@dataclass(frozen=True, kw_only=True, eq=False)
class StabilityReady:
    """What is studied.

    Attributes:
        name: of the model.
        problem: model, records, threat and budgets.
        settings: with region names resolved.
        others: further models by name, whose explanations are compared with the model's.
    """

    name: str
    problem: Problem
    settings: StabilitySettings
    others: Mapping[str, Predictor]

    @property
    def predictor(self) -> Predictor:
        """The model."""
        return self.problem.plain.predictor


def prepare(subject: Subject, settings: StabilitySettings, opening: Opening) -> StabilityReady:
    """See :class:`~seqrobust.analysis.room.Room`.

    Raises InputError for a region, threat, output, method or further model that cannot be had.
    """
    predictor, sequences = subject.predictor, subject.sequences
    settings = resolved(settings, sequences)
    functional = split_names(settings.functional, set(sequences.regions.names))
    sequences.regions.cover(functional, (len(sequences), sequences.width))
    settings = replace(settings, functional=functional)
    attack = settings.attack(predictor.task)
    problem = attack_problem(predictor, sequences, subject.targets, attack, seed=opening.seed)
    if isinstance(problem.goal, Shift):
        settings = replace(settings, delta=problem.goal.delta)
    _explainable(problem, settings)
    return StabilityReady(
        name=subject.name,
        problem=problem,
        settings=settings,
        others=open_others(subject, settings, problem.plain, opening.progress),
    )


def _explainable(problem: Problem, settings: StabilitySettings) -> None:
    """Try every method on a record or two, so that one that does not apply is heard of before the search."""
    plain = problem.plain
    few = replace(plain, sequences=plain.sequences.take(np.arange(min(len(plain.sequences), 2))), targets=None)
    study = Study(problem=few, settings=replace(settings, functional=()))
    with study.attached():
        for method in settings.methods:
            study.judge.explanation(method)
