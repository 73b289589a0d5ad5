"""Goals: what an adversary wants, as one number per record that is above a threshold where it is reached.

Attacks climb ``objective``; it is made of logits, never of probabilities, whose gradients vanish where a model is sure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from seqrobust.errors import ConfigError
from seqrobust.sequences.targets import Task


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
        back where the nearest rival at first is not the one that can be reached (Croce & Hein 2020).
        """

    def reached(self, objective: Tensor) -> Tensor:
        """(M,) bool from (M,) objective values: what a search goes by."""

    def achieved(self, logits: Tensor, rows: Tensor) -> Tensor:
        """(M,) bool from (M, outputs) logits: what is reported, the prediction itself, ties and all."""


class Goal(Protocol):
    """A goal before it meets records."""

    def bind(self, task: Task, clean: Tensor, targets: Tensor) -> BoundGoal:
        """On N records with (N, outputs) clean logits and targets (N,) or (N, T), on one device."""

    def describe(self, labels: tuple[str, ...]) -> str:
        """In words."""


def class_logits(task: Task, logits: Tensor) -> Tensor:
    """(M, C) logits of mutually exclusive classes; a binary logit z reads (0, z)."""
    return torch.cat([torch.zeros_like(logits), logits], dim=1) if task == "binary" else logits


def true_margin(task: Task, logits: Tensor, targets: Tensor) -> Tensor:
    """(M,) by how much the true answer leads: positive where the prediction is right.

    Classes: logit of the target less the best other logit. Multilabel: the smallest signed logit over the labels.
    """
    if task == "multilabel":
        return (logits * (2 * targets - 1)).min(1).values
    scores = class_logits(task, logits)
    own = torch.nn.functional.one_hot(targets, scores.shape[1]).bool()
    return scores[own] - scores.masked_fill(own, -torch.inf).max(1).values


def predictions(task: Task, logits: Tensor) -> Tensor:
    """Class index (M,) int64, label matrix (M, T) float32, or values (M, T)."""
    if task == "regression":
        return logits
    if task == "multilabel":
        return (logits > 0).float()
    return class_logits(task, logits).argmax(1)


def is_right(task: Task, logits: Tensor, targets: Tensor) -> Tensor:
    """(M,) bool: the prediction equals the target, every label of it for multilabel."""
    right = predictions(task, logits) == targets
    return right.all(1) if task == "multilabel" else right


@dataclass(frozen=True, kw_only=True)
class _Margin:
    """Lower the lead of a reference answer, or raise a wanted one, past zero."""

    task: Task
    reference: Tensor
    attackable: Tensor
    sign: int
    stops: bool = True

    def objective(self, logits: Tensor, rows: Tensor) -> Tensor:
        return self.sign * true_margin(self.task, logits, self.reference[rows])

    def ways(self, logits: Tensor, rows: Tensor) -> Tensor:
        targets = self.reference[rows]
        if self.sign > 0:
            return self.objective(logits, rows)[:, None]
        if self.task == "multilabel":
            return logits * (1 - 2 * targets)
        scores = class_logits(self.task, logits)
        own = torch.nn.functional.one_hot(targets, scores.shape[1]).bool()
        return (scores - scores[own][:, None]).masked_fill(own, -torch.inf)

    def reached(self, objective: Tensor) -> Tensor:
        return objective > 0

    def achieved(self, logits: Tensor, rows: Tensor) -> Tensor:
        agrees = is_right(self.task, logits, self.reference[rows])
        return agrees if self.sign > 0 else ~agrees


@dataclass(frozen=True, kw_only=True)
class _OneLabel:
    """Flip one label of several, up or down according to its target."""

    label: int
    sign: Tensor
    attackable: Tensor
    stops: bool = True

    def objective(self, logits: Tensor, rows: Tensor) -> Tensor:
        return self.sign[rows] * logits[:, self.label]

    def ways(self, logits: Tensor, rows: Tensor) -> Tensor:
        return self.objective(logits, rows)[:, None]

    def reached(self, objective: Tensor) -> Tensor:
        return objective > 0

    def achieved(self, logits: Tensor, rows: Tensor) -> Tensor:
        return (logits[:, self.label] > 0) == (self.sign[rows] > 0)


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
        return self.objective(logits, rows)[:, None]

    def reached(self, objective: Tensor) -> Tensor:
        return objective >= self.delta

    def achieved(self, logits: Tensor, rows: Tensor) -> Tensor:
        return self.reached(self.objective(logits, rows))


@dataclass(frozen=True, kw_only=True)
class Untargeted:
    """Any wrong answer: another class, the other side of a binary call, any one label of several."""

    def bind(self, task: Task, clean: Tensor, targets: Tensor) -> BoundGoal:
        """See :class:`Goal`. Raises ConfigError for regression."""
        if task == "regression":
            raise ConfigError("a regression has no wrong class", fix="use a shift: --goal up or --goal down, --delta D")
        return _Margin(task=task, reference=targets, attackable=is_right(task, clean, targets), sign=-1)

    def describe(self, labels: tuple[str, ...]) -> str:
        """In words."""
        return "any wrong prediction"


@dataclass(frozen=True, kw_only=True)
class Targeted:
    """A given class (or, for multilabel, the flip of a given label).

    Attributes:
        label: its index among the labels.
    """

    label: int

    def bind(self, task: Task, clean: Tensor, targets: Tensor) -> BoundGoal:
        """See :class:`Goal`; records that belong to the wanted class already are not attacked."""
        right = is_right(task, clean, targets)
        if task == "regression":
            raise ConfigError("a regression has no target class", fix="use --goal up or --goal down")
        if task == "multilabel":
            sign = 1 - 2 * targets[:, self.label]
            return _OneLabel(label=self.label, sign=sign, attackable=sign * clean[:, self.label] < 0)
        wanted = torch.full_like(targets, self.label)
        return _Margin(task=task, reference=wanted, attackable=right & (targets != wanted), sign=1)

    def describe(self, labels: tuple[str, ...]) -> str:
        """In words."""
        return f"the prediction {labels[self.label]}"


@dataclass(frozen=True, kw_only=True)
class Shift:
    """A regression value moved by at least delta; the search goes on to the largest shift it finds.

    Attributes:
        up: raise the value rather than lower it.
        delta: the shift that counts as success, in the target's units.
        output: index of the value among several.
    """

    up: bool
    delta: float
    output: int = 0

    def bind(self, task: Task, clean: Tensor, targets: Tensor) -> BoundGoal:
        """See :class:`Goal`. Raises ConfigError for another task than regression."""
        if task != "regression":
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
        return f"{labels[self.output]} {'raised' if self.up else 'lowered'} by at least {self.delta:.4g}"
