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
from typing import Any, Literal

import torch
from torch import Tensor

from seqrobust.errors import ConfigError
from seqrobust.models import SequenceModel
from seqrobust.training.data import Batch, Labelled
from seqrobust.training.losses import RecordDivergence, record_divergence, told
from seqrobust.training.objectives.robust import Robust
from seqrobust.training.objectives.search import random_members, worst_case
from seqrobust.training.settings import AdversarialSettings, CleanShare, Steps, Weight


@dataclass(frozen=True, kw_only=True)
class InvarianceSettings(AdversarialSettings):
    """Settings of :class:`Invariance`.

    Attributes:
        steps, clean_share: of the adversarial loss.
        weight: of the consistency.
        converse_weight: of the converse: without its protected letters a record should tell nothing.
    """

    objective: Literal["invariance"] = "invariance"
    steps: Steps = 1
    clean_share: CleanShare = 0.5
    weight: Weight = 1.0
    converse_weight: Weight = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.converse_weight and not (self.protect or self.only):
            raise ConfigError(
                "the converse needs letters that are protected",
                where="training.adversarial",
                fix="give protect, or converse_weight: 0",
            )

    def made(self, train: Labelled, **parts: Any) -> Invariance:
        """See :class:`~seqrobust.training.settings.AdversarialSettings`."""
        return Invariance(settings=self, divergence=record_divergence(train.targets), told=told(train.targets), **parts)


@dataclass(frozen=True, kw_only=True)
class Invariance(Robust):
    """The adversarial loss, a consistency between random draws, and the converse.

    Attributes:
        divergence: between the logits (B, outputs) of two draws.
        told: from logits to (B,) how much they tell.
    """

    divergence: RecordDivergence
    told: Callable[[Tensor], Tensor]

    settings: InvarianceSettings

    def losses(self, model: SequenceModel, batch: Batch, epoch: int) -> Tensor:
        """See :class:`~seqrobust.training.objectives.base.Objective`."""
        settings, clean = self.settings, self.left_clean(batch, self.settings.clean_share)
        threat, share = self.bound_in(batch, epoch), settings.share_of_budget(epoch)
        found = worst_case(self, model, batch.rows(slice(clean, None)), steps=settings.steps, share=share)
        versions = [torch.cat([batch.tokens[:clean], found])]
        versions += [random_members(threat, forced=False) for _ in range(2)]
        if settings.converse_weight:
            versions.append(self.without_function(batch))
        attacked, first, second, *silent = self.side_by_side(model, batch, *versions)
        losses = self.loss(attacked, batch.targets)
        apart = (self.divergence(first, second) + self.divergence(second, first)) / 2
        losses = losses + settings.weight * apart
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
