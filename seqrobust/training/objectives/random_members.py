"""Random members of the threat in place of adversaries: the baseline that adversarial training must beat."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.models import SequenceModel
from seqrobust.training.data import Batch
from seqrobust.training.objectives.robust import Robust
from seqrobust.training.objectives.search import random_members


@dataclass(frozen=True, kw_only=True)
class RandomMembers(Robust):
    """The loss on random members that spend the whole budget, a share of each batch left clean."""

    def losses(self, model: SequenceModel, batch: Batch, epoch: int) -> Tensor:
        """See :class:`~seqrobust.training.objectives.base.Objective`."""
        clean = self.left_clean(batch)
        drawn = random_members(self.bound_in(batch.rows(slice(clean, None)), epoch), forced=True)
        tokens = torch.cat([batch.tokens[:clean], drawn])
        return Robust.losses(self, model, batch._replace(tokens=tokens), epoch)
