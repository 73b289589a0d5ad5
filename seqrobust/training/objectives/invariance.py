"""Invariance: what biology calls neutral should not matter, and what it calls functional should.

Where the threat's editable positions are those without a function (``protect`` names the functional regions) and its
budget is ``100%``, a model that is right for the right reason does not depend on them at all:

    loss(adversarial) + weight * divergence between two random draws of the editable letters
                      + converse_weight * what the outputs tell once the protected letters are random

The divergence is taken both ways and halved. The converse keeps the editable letters and draws every other one anew,
uniformly over the alphabet; what is told is the entropy missing from its largest, or for regression the distance from
the training mean. Records without a protected letter have no converse.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.models import SequenceModel
from seqrobust.training.data import Batch
from seqrobust.training.losses import RecordDivergence
from seqrobust.training.objectives.robust import Robust
from seqrobust.training.objectives.search import random_members, worst_case


@dataclass(frozen=True, kw_only=True)
class Invariance(Robust):
    """The adversarial loss, a consistency between random draws, and the converse.

    Attributes:
        divergence: between the logits (B, outputs) of two draws.
        told: from logits to (B,) how much they tell.
    """

    divergence: RecordDivergence
    told: Callable[[Tensor], Tensor]

    def losses(self, model: SequenceModel, batch: Batch, epoch: int) -> Tensor:
        """See :class:`~seqrobust.training.objectives.base.Objective`."""
        settings, clean = self.settings, self.left_clean(batch)
        threat, share = self.bound_in(batch, epoch), settings.share_of_budget(epoch)
        found = worst_case(self, model, batch.rows(slice(clean, None)), steps=settings.steps, share=share)
        versions = [torch.cat([batch.tokens[:clean], found])]
        versions += [random_members(threat, forced=False) for _ in range(2)]
        if settings.converse_weight:
            versions.append(self.without_function(batch))
        attacked, first, second, *silent = self.side_by_side(model, batch, *versions)
        losses = self.loss(attacked, batch.targets)
        apart = (self.divergence(first, second) + self.divergence(second, first)) / 2
        losses = losses + settings.second_weight * apart
        for logits in silent:
            losses = losses + settings.converse_weight * self.told(logits) * self.functional(batch).any(1)
        return losses

    def functional(self, batch: Batch) -> Tensor:
        """(B, W) bool letters that may not be edited."""
        return (batch.tokens < self.alphabet.size) & ~batch.editable

    def without_function(self, batch: Batch) -> Tensor:
        """(B, W) uint8 tokens with random letters wherever nothing may be edited."""
        drawn = torch.randint(self.alphabet.size, batch.tokens.shape, device=batch.tokens.device, dtype=torch.uint8)
        return torch.where(self.functional(batch), drawn, batch.tokens)
