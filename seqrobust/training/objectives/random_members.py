"""Random members of the threat in place of adversaries: the baseline that adversarial training must beat."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from seqrobust.models import SequenceModel
from seqrobust.training.data import Batch, Labelled
from seqrobust.training.objectives.robust import Robust
from seqrobust.training.objectives.search import random_members
from seqrobust.training.settings import AdversarialSettings, CleanShare


@dataclass(frozen=True, kw_only=True)
class RandomSettings(AdversarialSettings):
    """Settings of :class:`RandomMembers`: the share of records left clean."""

    objective: Literal["random"] = "random"
    clean_share: CleanShare = 0.5

    def made(self, train: Labelled, **parts: Any) -> RandomMembers:
        """See :class:`~seqrobust.training.settings.AdversarialSettings`."""
        return RandomMembers(settings=self, **parts)


@dataclass(frozen=True, kw_only=True)
class RandomMembers(Robust):
    """The loss on random members that spend the whole budget, a share of each batch left clean."""

    settings: RandomSettings

    def losses(self, model: SequenceModel, batch: Batch, epoch: int) -> Tensor:
        """See :class:`~seqrobust.training.objectives.base.Objective`."""
        clean = self.left_clean(batch, self.settings.clean_share)
        drawn = random_members(self.bound_in(batch.rows(slice(clean, None)), epoch), forced=True)
        tokens = torch.cat([batch.tokens[:clean], drawn])
        return Robust.losses(self, model, batch._replace(tokens=tokens), epoch)
