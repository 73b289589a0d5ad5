"""What every objective against an adversary has: a threat on each batch, and a loss that the adversary climbs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.models import SequenceModel
from seqrobust.threats import BoundThreat, bind
from seqrobust.training.data import Batch
from seqrobust.training.losses import RecordLoss
from seqrobust.training.objectives.ordinary import Ordinary
from seqrobust.training.settings import AdversarialSettings


@dataclass(frozen=True, kw_only=True)
class Robust(Ordinary):
    """An objective against an adversary.

    Attributes:
        settings: against whom; those of the objective.
        switches: (K, K) bool permitted letter switches.
        units: (K, K) int64 cost of each, see :func:`seqrobust.threats.bind`; None where every switch costs one.
        climbed: what the adversary climbs where it is not the loss itself: a margin loss is flat where the adversary
            starts.
    """

    settings: AdversarialSettings
    switches: Tensor
    units: Tensor | None = None
    climbed: RecordLoss | None = None

    def harm(self, logits: Tensor, targets: Tensor) -> Tensor:
        """(B,) what the adversary climbs."""
        return (self.climbed or self.loss)(logits, targets)

    def bound(self, batch: Batch, share: float = 1.0) -> BoundThreat:
        """The threat on a batch, with a share of each record's budget, rounded up."""
        device = batch.tokens.device
        return bind(
            batch.tokens,
            batch.editable,
            self.switches.to(device),
            torch.ceil(batch.budget * share).long(),
            units=None if self.units is None else self.units.to(device),
        )

    def bound_in(self, batch: Batch, epoch: int) -> BoundThreat:
        """The threat on a batch in an epoch, counted from 0."""
        return self.bound(batch, self.settings.share_of_budget(epoch))

    def with_budgets_drawn(self, batch: Batch) -> Batch:
        """The batch with budgets drawn evenly from the settings' least share of the whole to the whole.

        Drawn from torch's own generator of the device, which training seeds at every step.
        """
        if self.settings.least_share == 1:
            return batch
        whole = batch.budget
        least = torch.ceil(whole * self.settings.least_share).long()
        drawn = least + (torch.rand(whole.shape, device=whole.device) * (whole - least + 1)).long()
        # The product of a number just below 1 may round up to the count.
        return batch._replace(budget=drawn.minimum(whole))

    def left_clean(self, batch: Batch, share: float) -> int:
        """How many of a batch's records stay as they are, of a share of them; never all.

        Batches are shuffled, so the first records are as good as random ones.
        """
        return min(round(share * len(batch.tokens)), len(batch.tokens) - 1)

    def side_by_side(self, model: SequenceModel, batch: Batch, *tokens: Tensor) -> tuple[Tensor, ...]:
        """Logits of several versions (B, W) of a batch's tokens, from one pass: normalised by the same statistics."""
        lengths = None if batch.lengths is None else batch.lengths.repeat(len(tokens))
        logits: Tensor = model(self.encoded(torch.cat(tokens)), lengths)
        return logits.chunk(len(tokens))
