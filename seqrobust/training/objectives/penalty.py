"""The gradient penalty in the threat's dual norm: what the adversary would add, to first order.

    loss(clean) + weight * sum of the k largest gains of the loss's gradient at the clean sequence

At weight 1 this is one-step adversarial training to first order, and exactly where the loss is linear in the sequence.
Double back-propagation (Drucker & Le Cun 1992) differentiates the gains that were chosen. One pass in training mode
serves both terms, so dropout and batch statistics are those of the step, and a record's gradient holds what little it
does to the others' through batch statistics.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.models import SequenceModel
from seqrobust.training.data import Batch
from seqrobust.training.objectives.robust import Robust
from seqrobust.training.objectives.search import dual_norm, twice_differentiable


@dataclass(frozen=True, kw_only=True)
class Penalty(Robust):
    """The clean loss and a weighed dual norm of its gradient."""

    def losses(self, model: SequenceModel, batch: Batch, epoch: int) -> Tensor:
        """See :class:`~seqrobust.training.objectives.base.Objective`."""
        with twice_differentiable(model):
            encoded = self.encoded(batch.tokens).requires_grad_(True)
            loss = self.loss(model(encoded, batch.lengths), batch.targets)
            (gradient,) = torch.autograd.grad(loss.sum(), encoded, create_graph=True)
        added = dual_norm(self.bound_in(batch, epoch), gradient, self.settings.reduction or "sum")
        return loss + self.settings.second_weight * added
