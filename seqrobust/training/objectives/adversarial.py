"""Adversarial training: the loss at the worst sequences a short inner search finds (Madry et al. 2018).

To first order the loss trained on is the clean loss plus the sum of its k largest gains: the gradient penalty in the
threat's dual norm.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.models import SequenceModel
from seqrobust.training.data import Batch
from seqrobust.training.objectives.robust import Robust
from seqrobust.training.objectives.search import worst_case


@dataclass(frozen=True, kw_only=True)
class Adversarial(Robust):
    """The loss on adversarial sequences, a share of each batch left clean."""

    def losses(self, model: SequenceModel, batch: Batch, epoch: int) -> Tensor:
        """See :class:`~seqrobust.training.objectives.base.Objective`."""
        share = self.settings.share_of_budget(epoch)
        clean = self.left_clean(batch)
        found = worst_case(self, model, batch.rows(slice(clean, None)), steps=self.settings.steps, share=share)
        tokens = torch.cat([batch.tokens[:clean], found])
        return Robust.losses(self, model, batch._replace(tokens=tokens), epoch)
