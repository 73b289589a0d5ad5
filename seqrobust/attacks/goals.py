"""Goals: what an adversary wants, as one number per record that is above a threshold where it is reached.

Attacks climb ``objective``; it is made of logits, never of probabilities, whose gradients vanish where a model is sure.

A tie is the adversary's: a prediction is right only where the true answer leads, by whatever little. A logit of minus
infinity stands for an answer that is never given, one of plus infinity for one that always is; two infinities of one
sign tie like any other equal numbers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from seqrobust.errors import ConfigError
from seqrobust.sequences.targets import Task
from seqrobust.tasks import task_of


class BoundGoal(Protocol):
    """A goal on N records."""

    @property
    def attackable(self) -> Tensor:
        """(N,) bool: records on which the goal makes sense (the clean prediction is right, say)."""

    @property
    def stops(self) -> bool:
        """Whether a record is done once its goal is reached, or the objective is worth raising further."""

    def objective(self, logits: Tensor, rows: Tensor) -> Tensor:
        """(M,) values of (M, outputs) logits that belong to records ``rows`` (M,)."""

    def ways(self, logits: Tensor, rows: Tensor) -> Tensor:
        """(M, W) values of the ways to the goal (rival classes, say), whose largest is the objective.

        Minus infinity for a way that a record has not. A search that climbs towards each rival by itself is not held
        back where the nearest rival at first is not the one that can be reached (Croce & Hein 2020). Other values stay
        within :data:`FARTHEST`, so that searches can calculate with them.
        """

    def sizes(self, logits: Tensor, rows: Tensor) -> Tensor:
        """(M, W) of the numbers that each way is made of, to which its rounding is proportional.

        Only of those: what a model says beside them, however large, has no part in how finely two ways compare.
        """

    def reached(self, objective: Tensor) -> Tensor:
        """(M,) bool from (M,) objective values: what a search goes by."""

    def achieved(self, logits: Tensor, rows: Tensor) -> Tensor:
        """(M,) bool from (M, outputs) logits: what is reported."""


class Goal(Protocol):
    """A goal before it meets records."""

    def bind(self, task: Task, clean: Tensor, targets: Tensor) -> BoundGoal:
        """On N records with (N, outputs) clean logits and targets (N,) or (N, T), on one device."""

    def describe(self, labels: tuple[str, ...]) -> str:
        """In words."""


FARTHEST = 1e15
"""What ways to a goal are cut off at: infinities among them would turn a search's own arithmetic into NaN."""


def true_margin(task: Task, logits: Tensor, targets: Tensor) -> Tensor:
    """(M,) by how much the true answer leads: positive where the prediction is right, 0 at a tie, which is not.

    Classes: logit of the target less the best other logit. Multilabel: the smallest signed logit over the labels.
    """
    return task_of(task).margin(logits, targets)


def predictions(task: Task, logits: Tensor) -> Tensor:
    """Class index (M,) int64, label matrix (M, T) float32, or values (M, T).

    Of classes that tie, the first; whether a prediction is right is not read off this but off
    :meth:`~seqrobust.tasks.base.TaskValue.right`.
    """
    return task_of(task).predictions(logits)


@dataclass(frozen=True, kw_only=True)
class _Margin:
    """Take the lead from a reference answer, or give it to a wanted one."""

    task: Task
    reference: Tensor
    attackable: Tensor
    sign: int
    stops: bool = True

    def objective(self, logits: Tensor, rows: Tensor) -> Tensor:
        return self.sign * true_margin(self.task, logits, self.reference[rows])

    def ways(self, logits: Tensor, rows: Tensor) -> Tensor:
        # Cut off before they are subtracted, so that the gradient of a finite logit beside an infinite one is not lost.
        logits, targets = logits.clamp(-FARTHEST / 2, FARTHEST / 2), self.reference[rows]
        if self.sign > 0:
            return self.objective(logits, rows)[:, None]
        return task_of(self.task).rivals(logits, targets)

    def sizes(self, logits: Tensor, rows: Tensor) -> Tensor:
        targets, task = self.reference[rows], task_of(self.task)
        return task.margin_size(logits, targets) if self.sign > 0 else task.rival_sizes(logits, targets)

    def reached(self, objective: Tensor) -> Tensor:
        return objective >= 0

    def achieved(self, logits: Tensor, rows: Tensor) -> Tensor:
        return self.reached(self.objective(logits, rows))


def _within(ways: Tensor) -> Tensor:
    return ways.clamp(-FARTHEST, FARTHEST)


@dataclass(frozen=True, kw_only=True)
class _OneLabel:
    """Make a model name one label of several (sign 1), or no longer name it (sign -1)."""

    label: int
    sign: int
    attackable: Tensor
    stops: bool = True

    def objective(self, logits: Tensor, rows: Tensor) -> Tensor:
        return self.sign * logits[:, self.label]

    def ways(self, logits: Tensor, rows: Tensor) -> Tensor:
        return _within(self.objective(logits, rows)[:, None])

    def sizes(self, logits: Tensor, rows: Tensor) -> Tensor:
        return logits[:, self.label, None].abs()

    def reached(self, objective: Tensor) -> Tensor:
        return objective >= 0

    def achieved(self, logits: Tensor, rows: Tensor) -> Tensor:
        return self.reached(self.objective(logits, rows))


@dataclass(frozen=True, kw_only=True)
class _Shift:
    """Move one output away from its clean value."""

    clean: Tensor
    output: int
    sign: int
    delta: float
    attackable: Tensor
    stops: bool = False

    def objective(self, logits: Tensor, rows: Tensor) -> Tensor:
        return self.sign * (logits[:, self.output] - self.clean[rows])

    def ways(self, logits: Tensor, rows: Tensor) -> Tensor:
        return _within(self.objective(logits, rows)[:, None])

    def sizes(self, logits: Tensor, rows: Tensor) -> Tensor:
        return torch.maximum(logits[:, self.output].abs(), self.clean[rows].abs())[:, None]

    def reached(self, objective: Tensor) -> Tensor:
        return objective >= self.delta

    def achieved(self, logits: Tensor, rows: Tensor) -> Tensor:
        return self.reached(self.objective(logits, rows))


@dataclass(frozen=True, kw_only=True)
class Untargeted:
    """Any wrong answer: another class, the other side of a binary call, any one label of several."""

    def bind(self, task: Task, clean: Tensor, targets: Tensor) -> BoundGoal:
        """See :class:`Goal`. Raises ConfigError for regression."""
        if task_of(task).measured:
            raise ConfigError("a regression has no wrong class", fix="use a shift: --goal up or --goal down, --delta D")
        return _Margin(task=task, reference=targets, attackable=task_of(task).right(clean, targets), sign=-1)

    def describe(self, labels: tuple[str, ...]) -> str:
        """In words."""
        return "any wrong prediction"


@dataclass(frozen=True, kw_only=True)
class Targeted:
    """A given class; for multilabel, a given label among those that are named.

    Attributes:
        label: its index among the labels.
        absent: multilabel: take the label away where it is named, rather than have it named where it is not.
    """

    label: int
    absent: bool = False

    def bind(self, task: Task, clean: Tensor, targets: Tensor) -> BoundGoal:
        """See :class:`Goal`; records that give the wanted answer already are not attacked, nor are those that are
        wrong at first, which for multilabel means wrong about this label."""
        if task_of(task).measured:
            raise ConfigError("a regression has no target class", fix="use --goal up or --goal down")
        if task_of(task).independent:
            logits, truth = self.of_label(clean, targets)
            open_ = (truth[:, 0] > 0) == self.absent
            attackable = task_of(task).right(logits, truth) & open_
            return _OneLabel(label=self.label, sign=-1 if self.absent else 1, attackable=attackable)
        if self.absent:
            raise ConfigError("only a label of several can be taken away", found=f"task {task}", where="target_label")
        wanted = torch.full_like(targets, self.label)
        attackable = task_of(task).right(clean, targets) & (targets != wanted)
        return _Margin(task=task, reference=wanted, attackable=attackable, sign=1)

    def of_label(self, *columns: Tensor) -> tuple[Tensor, ...]:
        """(M, 1) of (M, T) logits or targets of several labels: what this goal is about."""
        return tuple(column[:, self.label, None] for column in columns)

    def describe(self, labels: tuple[str, ...]) -> str:
        """In words."""
        return f"{'any prediction without' if self.absent else 'the prediction'} {labels[self.label]}"


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A regression value moved by at least delta; the search goes on to the largest shift it finds.

    Attributes:
        up: raise the value rather than lower it.
        delta: the shift that counts as success, in the target's units.
        output: index of the value among several.
        unit: what ``delta`` is, in words, such as ``1 sd of the training targets``.
    """

    up: bool
    delta: float
    output: int = 0
    unit: str = ""

    def bind(self, task: Task, clean: Tensor, targets: Tensor) -> BoundGoal:
        """See :class:`Goal`. Raises ConfigError for another task than regression."""
        if not task_of(task).measured:
            raise ConfigError("a shift is a goal for regression", found=f"task {task}", fix="leave --goal out")
        return _Shift(
            clean=clean[:, self.output],
            output=self.output,
            sign=1 if self.up else -1,
            delta=self.delta,
            attackable=torch.ones(len(clean), dtype=torch.bool, device=clean.device),
        )

    def describe(self, labels: tuple[str, ...]) -> str:
        """In words."""
        unit = f" ({self.unit})" if self.unit else ""
        return f"{labels[self.output]} {'raised' if self.up else 'lowered'} by at least {self.delta:.4g}{unit}"

    def plain(self) -> dict[str, Any]:
        """The shift as ``metrics.json`` states it."""
        return {"delta": self.delta, **({"delta_unit": self.unit} if self.unit else {})}
