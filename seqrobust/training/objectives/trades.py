"""TRADES: accuracy on clean records, and outputs that the adversary moves little (Zhang et al. 2019).

    loss(clean) + weight * divergence(clean || adversarial)

The divergence is Kullback and Leibler's between predicted classes, its mean over labels (as the loss is a mean over
them), and for regression the mean squared difference of standardised outputs. The adversary climbs it. At the clean
sequence it is smallest and its gradient zero, so the first gradient is taken at a random member that spends the whole
budget. The gradient of the task's loss at the clean sequence would do as well and cost a pass less, but for splice
junctions it left the models somewhat less robust.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from seqrobust.models import SequenceModel
from seqrobust.training.data import Batch, Labelled
from seqrobust.training.losses import RecordDivergence, record_divergence
from seqrobust.training.objectives.robust import Robust
from seqrobust.training.objectives.search import ascent, random_members, still
from seqrobust.training.settings import AdversarialSettings, Steps, Weight


@dataclass(frozen=True, kw_only=True)
class TradesSettings(AdversarialSettings):
    """Settings of :class:`Trades`: inner steps, and the weight of the divergence."""

    objective: Literal["trades"] = "trades"
    steps: Steps = 1
    weight: Weight = 1.0

    def made(self, train: Labelled, **parts: Any) -> Trades:
        """See :class:`~seqrobust.training.settings.AdversarialSettings`."""
        return Trades(settings=self, divergence=record_divergence(train.targets), **parts)


@dataclass(frozen=True, kw_only=True)
class Trades(Robust):
    """The clean loss and a weighed divergence.

    Attributes:
        divergence: from clean and adversarial logits (B, outputs) to (B,).
    """

    divergence: RecordDivergence

    settings: TradesSettings

    def losses(self, model: SequenceModel, batch: Batch, epoch: int) -> Tensor:
        """See :class:`~seqrobust.training.objectives.base.Objective`."""
        found = self.diverging(model, batch, epoch)
        clean, attacked = self.side_by_side(model, batch, batch.tokens, found)
        return self.loss(clean, batch.targets) + self.settings.weight * self.divergence(clean, attacked)

    def diverging(self, model: SequenceModel, batch: Batch, epoch: int) -> Tensor:
        """(B, W) uint8 members whose outputs lie far from the clean ones."""
        threat = self.bound_in(batch, epoch)
        with torch.no_grad(), still(model):
            clean = model(self.encoded(batch.tokens), batch.lengths)
        start = random_members(threat, forced=True)
        steps = self.settings.steps
        return ascent(self, model, batch, threat, steps, lambda z, _: self.divergence(clean, z), start)[-1]
