"""One record in front of a method, and what the method can say of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from seqrobust.attacks.coded import Scores
from seqrobust.attacks.goals import BoundGoal
from seqrobust.attacks.problem import Problem
from seqrobust.threats import BoundThreat

ROUNDING = "a member stays short of the goal by no more than rounding"
"""Why a record is open at a cost at which every member was looked at."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Case:
    """A record whose smallest adversarial cost lies in ``certified + 1 .. upper + 1``, or above.

    Attributes:
        problem: what the record is part of.
        threat: of this record alone, at its largest budget.
        goal: bound to the record's shard.
        row: of the record among those the goal is bound to.
        clean: (1, outputs) logits of the record.
        truth: (1,) or (1, T) what the goal is measured against.
        scores: answers for neighbours.
        certified: units at which no member is known to reach the goal, by proof.
        upper: largest units worth proving: one less than the cost of a known adversarial member, or all of the budget.
    """

    problem: Problem
    threat: BoundThreat
    goal: BoundGoal
    row: int
    clean: Tensor
    truth: Tensor
    scores: Scores
    certified: int
    upper: int

    def rows(self, count: int) -> Tensor:
        """(count,) the record's row, for the goal."""
        return torch.full((count,), self.row, device=self.threat.tokens.device)


@dataclass(frozen=True, kw_only=True, eq=False)
class Proof:
    """What a method found out about one record.

    Attributes:
        certified: no member that costs so many units or fewer reaches the goal.
        member: (L,) tokens of a member that reaches it by a plain forward pass; None where none was met.
        scored: members looked at, one by one.
        reason: why nothing more was proved; empty where everything was.
        shared: seconds that went into what other records use as well.
    """

    certified: int
    member: Tensor | None = None
    scored: int = 0
    reason: str = ""
    shared: float = 0.0


class Method(Protocol):
    """A way to prove things about records; it may remember what it learned of the model."""

    @property
    def name(self) -> str:
        """As users type it."""

    def prove(self, case: Case, seconds: float) -> Proof:
        """Prove what can be proved of a record in about so many seconds; what is given back is true by then."""
