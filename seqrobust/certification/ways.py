"""The ways to a goal as linear functions of the logits, which methods bound one by one: never one logit by itself."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.attacks.goals import Shift, Targeted, Untargeted
from seqrobust.certification.case import Case
from seqrobust.tasks import task_of


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearWays:
    """W linear functions of which the goal is reached once one of them, or all of them, are 0 or more.

    Attributes:
        weights: (W, outputs) float64.
        offset: (W,) float64.
        slack: (W,) what rounding of the model's own last subtraction may add.
        any: whether one of them is enough; else all have to be.
    """

    weights: Tensor
    offset: Tensor
    slack: Tensor
    any: bool

    def safe(self, upper: Tensor, margin: Tensor) -> Tensor:
        """(U,) bool: the goal is out of reach, given (U, W) upper bounds of the ways.

        Args:
            upper: bounds.
            margin: (W,) by how much the model's own arithmetic may exceed them, :attr:`slack` included.
        """
        below = upper < -margin
        return below.all(1) if self.any else below.any(1)


def linear_ways(case: Case) -> LinearWays | None:
    """Of a record; None for a goal that is not made of linear functions of the logits."""
    goal, task, outputs = case.problem.goal, task_of(case.problem.predictor.task), case.clean.shape[1]
    eye = torch.eye(outputs, dtype=torch.float64)
    if isinstance(goal, Shift):
        clean = case.clean[0, goal.output].double()
        sign = 1.0 if goal.up else -1.0
        slack = torch.finfo(torch.float32).eps * (goal.delta + 2 * clean.abs())
        return _made(sign * eye[goal.output][None], offset=-sign * clean - goal.delta, slack=slack)
    if task.independent:
        if isinstance(goal, Targeted):
            return _made(eye[goal.label][None] * (-1 if goal.absent else 1))
        return _made((1 - 2 * case.truth[0].double())[:, None] * eye)
    if not isinstance(goal, (Targeted, Untargeted)):
        return None
    classes = task.class_logits(eye).T
    own = goal.label if isinstance(goal, Targeted) else int(case.truth[0])
    others = [index for index in range(len(classes)) if index != own]
    margins = classes[others] - classes[own]
    return _made(-margins, any=False) if isinstance(goal, Targeted) else _made(margins)


def _made(
    weights: Tensor, *, offset: Tensor | float = 0.0, slack: Tensor | float = 0.0, any: bool = True
) -> LinearWays:
    count = torch.ones(len(weights), dtype=torch.float64)
    return LinearWays(weights=weights, offset=offset * count, slack=slack * count, any=any)
