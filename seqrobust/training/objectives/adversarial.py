"""Adversarial training: the loss at the worst sequences a short inner search finds (Madry et al. 2018).

To first order the loss trained on is the clean loss plus the sum of its k largest gains: the gradient penalty in the
threat's dual norm. Training may begin with steps of another norm, off the sequences: a curriculum over norms.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.models import SequenceModel
from seqrobust.training.data import Batch
from seqrobust.training.objectives.relaxed import relaxed_case
from seqrobust.training.objectives.robust import Robust
from seqrobust.training.objectives.search import worst_case


@dataclass(frozen=True, kw_only=True)
class Adversarial(Robust):
    """The loss on adversarial sequences, a share of each batch left clean."""

    def losses(self, model: SequenceModel, batch: Batch, epoch: int) -> Tensor:
        """See :class:`~seqrobust.training.objectives.base.Objective`."""
        share = self.settings.share_of_budget(epoch)
        clean = self.left_clean(batch)
        attacked = batch.rows(slice(clean, None))
        if self.settings.first_norm is not None and epoch < self.settings.first_epochs:
            found = relaxed_case(self, model, attacked, self.settings.first_norm, share=share)
            encoded = torch.cat([self.encoded(batch.tokens[:clean]), found])
        else:
            found = worst_case(self, model, attacked, steps=self.settings.steps, share=share)
            encoded = self.encoded(torch.cat([batch.tokens[:clean], found]))
        return self.loss(model(encoded, batch.lengths), batch.targets)
