"""A problem from what an attack is told: goal, threat and records put together, checked before any search begins."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.attacks.coded import coded
from seqrobust.attacks.drawing import drawn
from seqrobust.attacks.goals import Goal, Shift, Targeted, Untargeted, predictions
from seqrobust.attacks.problem import Problem
from seqrobust.attacks.settings import AttackSettings
from seqrobust.attacks.shift_size import ShiftSize, sized
from seqrobust.errors import ConfigError
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet, Targets, Task
from seqrobust.tasks import task_of
from seqrobust.threats.coding import Indels, parse_moves


def attack_problem(
    predictor: Predictor,
    sequences: SequenceSet,
    targets: Targets | None,
    settings: AttackSettings,
    *,
    seed: int,
    shift: ShiftSize | None = None,
) -> Problem:
    """What is attacked, checked as far as it can be before the search begins.

    A shift, where it is given, stands for what would follow from these settings: one for all models of a comparison.

    Raises ThreatError for region names or letter rules, ConfigError for a goal that does not fit the task.
    """
    goal = goal_of(settings, predictor, sequences, targets, shift=shift)
    if settings.max_records is not None and settings.max_records < len(sequences):
        chosen = drawn(targets, len(sequences), settings.max_records, seed=seed)
        sequences = sequences.take(chosen)
        targets = None if targets is None else targets.take(chosen)
    first = np.arange(min(len(sequences), 8))
    threat = settings.threat(sequences.alphabet)
    logits = _clean(predictor, sequences.take(first))
    truth = predictions(predictor.task, logits) if targets is None else torch.tensor(targets.values[first])
    goal.bind(predictor.task, logits, truth)
    problem = Problem(
        predictor=predictor,
        sequences=sequences,
        targets=targets,
        threat=threat,
        budgets=settings.budgets,
        goal=goal,
        seed=seed,
        control_draws=settings.random_draws,
    )
    if (coding := parse_moves(settings.moves, sequences.alphabet)) is not None:
        if isinstance(coding, Indels) and coding.anchor == "free" and predictor.input_length is not None:
            raise ConfigError(
                "the model's input has a fixed length, and insertions make sequences longer",
                found=f"moves {settings.moves}, input length {predictor.input_length}",
                fix="anchor one end: indels:left or indels:right",
            )
        problem = coded(problem, coding)
    problem.threat.bind(problem.sequences.take(first))
    return problem


def goal_of(
    settings: AttackSettings,
    predictor: Predictor,
    sequences: SequenceSet,
    targets: Targets | None,
    *,
    shift: ShiftSize | None = None,
) -> Goal:
    """The goal that settings name.

    Args:
        settings: what was asked for.
        predictor: checked.
        sequences, targets: all records, before any sample: where the model does not know its training targets' spread,
            that of these, or of the predictions where there are none, is the default shift.
        shift: what stands for a shift that would follow from these settings.

    Raises ConfigError for an unknown label or output.
    """
    labels = predictor.labels or ()
    name = settings.goal
    if name == "auto":
        name = "up" if task_of(predictor.task).measured else "targeted" if settings.target_label else "untargeted"
    _all_used(settings, name)
    if name == "untargeted":
        return Untargeted()
    if name == "targeted":
        return _targeted(settings.target_label, predictor.task, labels)
    output = _output_index(settings.output, labels)
    if not task_of(predictor.task).measured:
        return Shift(up=name == "up", delta=1.0, output=output)  # refused where it meets the task
    size = shift or sized(settings.delta, lambda: _spread(predictor, sequences, targets, output))
    return Shift(up=name == "up", delta=size.value, output=output, unit=size.unit)


def _spread(predictor: Predictor, sequences: SequenceSet, targets: Targets | None, output: int) -> ShiftSize:
    """One standard deviation of an output's values, of the best known."""
    known = predictor.target_spread.get((predictor.labels or ())[output]) if predictor.labels else None
    if known is not None:
        return ShiftSize(value=known, unit="sd of the training targets")
    if targets is not None:
        unit = f"sd of the targets of these {len(sequences)} records, for the model does not keep those of its training"
        return ShiftSize(value=_deviation(targets.values[:, output]), unit=unit)
    unit = f"sd of the model's own predictions of these {len(sequences)} records, for no targets are known"
    return ShiftSize(value=_deviation(_clean(predictor, sequences).numpy()[:, output]), unit=unit)


def _deviation(values: NDArray[Any]) -> float:
    """Standard deviation; exactly 0 of equal numbers, whose rounded mean would leave a trace."""
    return 0.0 if np.ptp(values) == 0 else float(np.std(values, dtype=np.float64))


def _targeted(name: str | None, task: Task, labels: Sequence[str]) -> Targeted:
    """A class by name, or one of several labels; -NAME for its absence, where no label is itself called so."""
    if name in labels:
        return Targeted(label=labels.index(str(name)))
    several = task_of(task).independent
    if several and name is not None and name.startswith("-") and name[1:] in labels:
        return Targeted(label=labels.index(name[1:]), absent=True)
    known = ", ".join(labels) + (", or one of them after a minus sign to take it away" if several else "")
    raise ConfigError("a targeted attack names a class", expected=known, found=str(name), where="target_label")


def _all_used(settings: AttackSettings, goal: str) -> None:
    """Raise ConfigError for a setting that this goal would silently pass over."""
    shift = goal in ("up", "down")
    told = {"target_label": goal == "targeted", "delta": shift, "output": shift}
    for setting, used in told.items():
        if not used and getattr(settings, setting) is not None:
            raise ConfigError(
                "a setting does not belong to the goal",
                expected="target_label with the goal targeted, delta and output with up or down",
                found=f"{setting} with the goal {goal}",
                fix="leave it out, or choose the goal it belongs to",
            )


def _clean(predictor: Predictor, sequences: SequenceSet) -> torch.Tensor:
    with predictor.attached():
        return predictor.logits(torch.tensor(sequences.tokens)).cpu()


def _output_index(name: str | None, labels: Sequence[str]) -> int:
    if name is None:
        return 0
    if name not in labels:
        raise ConfigError("no output has that name", expected=", ".join(labels), found=name)
    return labels.index(name)
