"""The robust hinge: the margin that is left after the adversary, to first order, should reach 1.

For the lead m of the true score over a rival, the best k edits take at most the k largest gains of -m from it, as long
as m is linear:

    max(0, 1 - m(clean) + sum of the k largest gains of -m),   the largest over the nearest rivals

It is the hinge loss of robust linear classification (Xu, Caramanis & Mannor 2009) with the threat's dual norm, taken
at each record's own linearisation. Of labels, each is its own margin: their hinges are averaged, the gains of the
nearest ones put in. The gradient is differentiated twice, as in :mod:`seqrobust.training.objectives.penalty`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from seqrobust.models import SequenceModel
from seqrobust.sequences import Task
from seqrobust.tasks import TaskValue, task_of
from seqrobust.training.data import Batch, Labelled
from seqrobust.training.objectives.robust import Robust
from seqrobust.training.objectives.search import dual_norm, twice_differentiable
from seqrobust.training.settings import AdversarialSettings

RIVALS = 2
"""Rivals, or labels, whose gains are computed: each costs a backward pass."""


@dataclass(frozen=True, kw_only=True)
class HingeSettings(AdversarialSettings):
    """Settings of :class:`Hinge`: none of its own."""

    own_loss = True

    objective: Literal["hinge"] = "hinge"

    def suits(self, task: TaskValue) -> bool:
        """Only where an answer is right or wrong."""
        return not task.measured

    def made(self, train: Labelled, **parts: Any) -> Hinge:
        """See :class:`~seqrobust.training.settings.AdversarialSettings`."""
        return Hinge(settings=self, task=train.targets.task, **parts)


@dataclass(frozen=True, kw_only=True)
class Hinge(Robust):
    """A hinge loss of the margin less its largest gains.

    Attributes:
        task: of the outputs.
    """

    task: Task

    settings: HingeSettings

    def losses(self, model: SequenceModel, batch: Batch, epoch: int) -> Tensor:
        """See :class:`~seqrobust.training.objectives.base.Objective`."""
        threat, task = self.bound_in(batch, epoch), task_of(self.task)
        with twice_differentiable(model):
            encoded = self.encoded(batch.tokens).requires_grad_(True)
            lead = task.margins(model(encoded, batch.lengths), batch.targets)
            rivals = lead.shape[1] - task.softmax  # A class is no rival of itself.
            nearest = lead.detach().topk(min(RIVALS, rivals), dim=1, largest=False).indices
            chosen = lead.gather(1, nearest)
            gains = []
            for column in chosen.unbind(1):
                (gradient,) = torch.autograd.grad(-column.sum(), encoded, create_graph=True)
                gains.append(dual_norm(threat, gradient))
        robust = (1 - chosen + torch.stack(gains, 1)).clamp(min=0)
        if task.softmax:
            return robust.amax(1)
        return (1 - lead).clamp(min=0).scatter(1, nearest, robust).mean(1)
