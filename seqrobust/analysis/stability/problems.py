"""The problems that follow from settings: moving, or holding, one method's explanation under the same threat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import torch

from seqrobust.analysis.stability.explained import ExplainedPredictor
from seqrobust.analysis.stability.goals import ChangeExplanation, KeepExplanation
from seqrobust.analysis.stability.settings import TOLERATED, StabilitySettings
from seqrobust.attacks import Problem, coded, predictions
from seqrobust.attacks.coded import CodedPredictor
from seqrobust.attacks.shift_size import ShiftSize, sized
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import Targets
from seqrobust.tasks import task_of


def spread(logits: torch.Tensor) -> tuple[float, ...]:
    """Standard deviation of each output of (N, outputs); 1 for one that does not vary."""
    found = logits.double().std(0, correction=0)
    return tuple(float(value) if value > 0 else 1.0 for value in found)


def settled(delta: float | str | None, spread: float) -> float:
    """The shift in the output's units; what was prepared is a number already."""
    return sized(delta, lambda: ShiftSize(value=spread, unit="sd of the predictions")).value


def truth_of(problem: Problem) -> Targets:
    """The records' targets; where they have none, their clean predictions stand for them."""
    plain = problem.plain
    if plain.targets is not None:
        return plain.targets
    predictor = plain.predictor
    with predictor.attached():
        predicted = predictions(predictor.task, predictor.logits(torch.tensor(plain.sequences.tokens))).cpu().numpy()
    return Targets(task=predictor.task, labels=predictor.labels or (), values=predicted)


def explained_problem(
    problem: Problem,
    method: str,
    goal: Literal["change", "keep"],
    settings: StabilitySettings,
    scale: Sequence[float] = (),
    truth: Targets | None = None,
) -> Problem:
    """The problem of moving, or of holding, one method's explanation, under the same threat and budgets.

    Args:
        problem: about the model itself; its goal is not used.
        method: what is attacked.
        goal: which of the two.
        settings: thresholds.
        scale: of a regression the spread of each output's predictions; see :func:`spread`.
        truth: of :func:`truth_of`, where that is known already.
    """
    plain = problem.plain
    sequences = plain.sequences
    predictor = ExplainedPredictor(plain.predictor, method, settings.output)
    predictor.check(torch.tensor(sequences.tokens[:16]))
    targets = truth or truth_of(problem)
    made = replace(plain, predictor=predictor, targets=targets, goal=goal_of(predictor, goal, settings, scale))
    moved = problem.predictor
    return coded(made, moved.coding) if isinstance(moved, CodedPredictor) else made


def goal_of(
    predictor: ExplainedPredictor, goal: Literal["change", "keep"], settings: StabilitySettings, scale: Sequence[float]
) -> ChangeExplanation | KeepExplanation:
    """The goal of that name, on an explained predictor's outputs."""
    layout = predictor.layout
    if goal == "change":
        return ChangeExplanation(
            layout=layout,
            threshold=settings.changed_below,
            kept_lead=settings.kept_lead,
            tolerance=tolerances(predictor.plain, settings, scale),
        )
    delta = settled(settings.delta, scale[layout.output] if scale else 1.0)
    return KeepExplanation(layout=layout, threshold=settings.kept_above, delta=delta)


def tolerances(predictor: Predictor, settings: StabilitySettings, scale: Sequence[float]) -> tuple[float, ...]:
    """By how much each value of a regression may move; nothing for other tasks."""
    if not task_of(predictor.task).measured:
        return ()
    if settings.tolerance is not None:
        return (settings.tolerance,) * predictor.outputs
    return tuple(TOLERATED * value for value in scale)
