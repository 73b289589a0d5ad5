"""What a search is: a generator that asks for scores and gradients and proposes edits, and never touches a model.

A search handles all records it is given at once, as tensors whose first axis is the record. It yields one of the
questions below and receives the answer; the driver keeps the best sequence of every record, drops records that are done
(their answers are then zeros, and minus infinity for neighbours, which a search need not notice), and counts what was
asked.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, TypeAlias

import torch
from torch import Tensor

from seqrobust.attacks.rounding import leading_rounding
from seqrobust.neighbours import Edits
from seqrobust.threats import BoundThreat


class AskGradient(NamedTuple):
    """The objective and its gradient at points: tokens (M, L), or relaxed one-hot (M, K, L).

    ``owner`` (M,) int64 names the record of each point; None for one point per record, in their order. ``way`` (M,)
    int64 asks for the gradient of one way to the goal (a rival class, say) rather than of the objective.
    """

    points: Tensor
    owner: Tensor | None = None
    way: Tensor | None = None


class AskScores(NamedTuple):
    """The objective at one sequence per record: tokens (n, L)."""

    tokens: Tensor


class AskNeighbours(NamedTuple):
    """The objective at M edited sequences of base tokens (B, L), whose rows ``edits.record`` numbers.

    ``owner`` (B,) int64 names the record of each base; None for one base per record, in their order. What a constraint
    refuses is not scored, unless ``beyond``; it is never kept.
    """

    base: Tensor
    edits: Edits
    owner: Tensor | None = None
    beyond: bool = False


class AskSequences(NamedTuple):
    """The objective at M sequences, any number of them per record: record (M,) int64, tokens (M, L)."""

    record: Tensor
    tokens: Tensor


class AskDecisions(NamedTuple):
    """Whether the goal is reached at M sequences, 1 or 0 and nothing more: record (M,) int64, tokens (M, L).

    They may lie outside the threat: a search of labels alone begins far out and walks back. Only members are kept.
    """

    record: Tensor
    tokens: Tensor


class Answer(NamedTuple):
    """What came of a question about M sequences, or n where there was one per record.

    Attributes:
        value: (M,) objectives; 1 or 0 for decisions.
        ways: (M, W) values of every way to the goal, whose largest is the objective; empty for decisions.
        gradient: (M, K, L) where it was asked for.
        rounding: (M, W) by how much the ways may be off; None where they are exact.

    Values and ways lie within :data:`~seqrobust.attacks.goals.FARTHEST`, but for minus infinity of what there is not.
    """

    value: Tensor
    ways: Tensor
    gradient: Tensor | None = None
    rounding: Tensor | None = None


class Best(NamedTuple):
    """The best members found so far: tokens (n, L) and the objective there (n,)."""

    tokens: Tensor
    value: Tensor


Question: TypeAlias = AskGradient | AskScores | AskNeighbours | AskSequences | AskDecisions
Search: TypeAlias = Generator[Question, Answer, None]
Access: TypeAlias = Literal["labels", "scores", "gradients"]
"""What an attack needs to see of the model."""


@dataclass(frozen=True, kw_only=True, eq=False)
class View:
    """What a search is given: n records under one budget.

    Attributes:
        threat: their sets; ``threat.tokens`` are the clean sequences.
        start: (n, L) best members found so far at smaller budgets, the clean sequences at first.
        best: the best members found so far, by any attack at this budget or a smaller one.
        ways: (n, W) values of the ways to the goal at the clean sequences; see :class:`Answer`.
        encode: tokens (n, L) to the model's one-hot input (n, K, L).
        uniforms: given a number of columns, (n, columns) float64 in [0, 1) from each record's own stream.
        shifts: an edit may move other letters, so that first-order gains say little.
        flat: (n,) share of the single edits scored so far that do nothing to the objective; 1 where their gains do not
            go with the gradient.
    """

    threat: BoundThreat
    start: Tensor
    best: Callable[[], Best]
    ways: Tensor
    encode: Callable[[Tensor], Tensor]
    uniforms: Callable[[int], Tensor]
    shifts: bool = False
    flat: Callable[[], Tensor] | None = None


class Attack(Protocol):
    """An attack: a frozen value with a name and a search."""

    @property
    def name(self) -> str:
        """The name in tables and on the command line."""

    @property
    def access(self) -> Access:
        """What it sees of the model."""

    def search(self, view: View) -> Search:
        """A search over those records."""


def rounding_of(answer: Answer, way: Tensor | None = None) -> Tensor:
    """(M,) by how much the objective, or each one's own (M,) way, may be off for rounding alone."""
    if answer.rounding is None:
        return torch.zeros_like(answer.value)
    if way is None:
        return leading_rounding(answer.ways, answer.rounding)
    return answer.rounding.gather(1, way[:, None]).squeeze(1)


def gradient_of(answer: Answer) -> Tensor:
    """The gradient of an answer to :class:`AskGradient`."""
    if answer.gradient is None:
        raise TypeError("the question did not ask for a gradient")
    return answer.gradient
