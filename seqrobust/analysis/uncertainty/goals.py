"""Goals on a panel: make members disagree, or be wrong without being noticed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.analysis.uncertainty.measures import disagreement_score
from seqrobust.analysis.uncertainty.members import Panel
from seqrobust.attacks.goals import BoundGoal, Goal, Shift
from seqrobust.sequences.targets import Task

_AT_THRESHOLD = 1e-9
Suspicion = Callable[[Tensor], Tensor]
"""From (M, columns) of a panel to (M,), large where a record is suspicious."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Disagreement:
    panel: Panel
    threshold: float
    attackable: Tensor
    stops: bool = False

    def objective(self, logits: Tensor, rows: Tensor) -> Tensor:
        return disagreement_score(self.panel.each(logits), self.panel.task).to(logits.dtype)

    def ways(self, logits: Tensor, rows: Tensor) -> Tensor:
        return self.objective(logits, rows)[:, None]

    def sizes(self, logits: Tensor, rows: Tensor) -> Tensor:
        # A logarithm is off by a share of what it is taken of, so that its own rounding is of order one.
        return self.ways(logits, rows).abs().clamp(min=1)

    def reached(self, objective: Tensor) -> Tensor:
        return objective > self.threshold

    def achieved(self, logits: Tensor, rows: Tensor) -> Tensor:
        return self.reached(self.objective(logits, rows))


@dataclass(frozen=True, kw_only=True, eq=False)
class Disagreement:
    """The largest epistemic uncertainty: see :func:`~seqrobust.analysis.uncertainty.measures.disagreement_score`.

    The search goes on to the largest it finds; it counts as reached above a threshold, such as what few natural
    records exceed.

    Attributes:
        panel: whose columns are whose.
        threshold: of the score.
    """

    panel: Panel
    threshold: float

    def bind(self, task: Task, clean: Tensor, targets: Tensor) -> BoundGoal:
        """See :class:`~seqrobust.attacks.goals.Goal`; every record is attacked."""
        everyone = torch.ones(len(clean), dtype=torch.bool, device=clean.device)
        return _Disagreement(panel=self.panel, threshold=self.threshold, attackable=everyone)

    def describe(self, labels: tuple[str, ...]) -> str:
        """In words."""
        return "the largest disagreement of the members"


@dataclass(frozen=True, kw_only=True, eq=False)
class _Unnoticed:
    panel: Panel
    inner: BoundGoal
    suspicion: Suspicion | None
    threshold: float
    scale: float
    offset: float
    stops: bool

    @property
    def attackable(self) -> Tensor:
        return self.inner.attackable

    def objective(self, logits: Tensor, rows: Tensor) -> Tensor:
        return self.ways(logits, rows).amax(1)

    def ways(self, logits: Tensor, rows: Tensor) -> Tensor:
        ways = self.inner.ways(self.panel.mean(logits), rows)
        if self.suspicion is None:
            return ways
        margin, slack = ways - self.offset, self._slack(logits)[:, None]
        # What is short of either counts in full, so that one is not given up for the other; past both, the smaller.
        short = margin.clamp(max=0) + slack.clamp(max=0)
        return self.offset + torch.where(short < 0, short, torch.minimum(margin, slack))

    def sizes(self, logits: Tensor, rows: Tensor) -> Tensor:
        sizes = self.inner.sizes(self.panel.mean(logits), rows)
        if self.suspicion is None:
            return sizes
        suspicion = self.scale * torch.maximum(self.suspicion(logits).abs(), logits.new_tensor(abs(self.threshold)))
        return torch.maximum(sizes, suspicion.to(sizes.dtype)[:, None])

    def reached(self, objective: Tensor) -> Tensor:
        return self.inner.reached(objective)

    def achieved(self, logits: Tensor, rows: Tensor) -> Tensor:
        wrong = self.inner.achieved(self.panel.mean(logits), rows)
        return wrong if self.suspicion is None else wrong & (self.suspicion(logits) <= self.threshold)

    def _slack(self, logits: Tensor) -> Tensor:
        assert self.suspicion is not None
        # At the threshold itself nothing is called, so that it has to read as past it.
        return self.scale * (self.threshold - self.suspicion(logits)).to(logits.dtype) + _AT_THRESHOLD


@dataclass(frozen=True, kw_only=True, eq=False)
class Unnoticed:
    """A goal on the members' mean prediction, below a detector's threshold: what either lacks is a penalty.

    An attack that does not know of the detector says nothing about it (Carlini and Wagner 2017, "Adversarial examples
    are not easily detected").

    Attributes:
        panel: whose columns are whose.
        goal: on the mean logits.
        suspicion: the detector; None for none.
        threshold: above it the detector calls.
        scale: what a unit of suspicion is worth in logits, so that neither part drowns the other.
    """

    panel: Panel
    goal: Goal
    suspicion: Suspicion | None = None
    threshold: float = 0.0
    scale: float = 1.0

    def bind(self, task: Task, clean: Tensor, targets: Tensor) -> BoundGoal:
        """See :class:`~seqrobust.attacks.goals.Goal`; attackable is what the goal by itself can be aimed at."""
        inner = self.goal.bind(self.panel.task, self.panel.mean(clean), targets)
        return _Unnoticed(
            panel=self.panel,
            inner=inner,
            suspicion=self.suspicion,
            threshold=self.threshold,
            scale=self.scale,
            # A shift is reached at its delta, a wrong answer at 0.
            offset=self.goal.delta if isinstance(self.goal, Shift) else 0.0,
            # A search that goes on past a goal would go on past the threshold as well.
            stops=True if self.suspicion is not None else inner.stops,
        )

    def describe(self, labels: tuple[str, ...]) -> str:
        """In words."""
        return self.goal.describe(labels) + ("" if self.suspicion is None else ", unnoticed by the detector")
