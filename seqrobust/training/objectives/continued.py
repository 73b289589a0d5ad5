"""Searches that go on from visit to visit: near the strength of many inner steps, for the price of one.

A record's search does not begin anew at the clean sequence but where its last visit left it, for what fools a model
still fools it an epoch later (Zheng et al. 2020). One gradient there leads to the sequence that is trained on, and the
gradient that training makes of that one's input anyway, as in :mod:`.replay`, leads to where the next visit begins. So
a visit is worth two steps of a search that has been under way since the first epoch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor

from seqrobust.models import SequenceModel
from seqrobust.training.data import Batch, Labelled
from seqrobust.training.objectives.replay import Memory, RememberedSettings, Replay
from seqrobust.training.objectives.search import ascent
from seqrobust.training.settings import Steps


@dataclass(frozen=True, kw_only=True)
class ContinuedSettings(RememberedSettings):
    """Settings of :class:`Continued`: inner steps of a visit too."""

    objective: Literal["continued"] = "continued"
    steps: Steps = 1

    def made(self, train: Labelled, **parts: Any) -> Continued:
        """See :class:`~seqrobust.training.settings.AdversarialSettings`."""
        return Continued(settings=self, memory=Memory(torch.tensor(train.sequences.tokens)), **parts)


@dataclass(frozen=True, kw_only=True)
class Continued(Replay):
    """The loss where a few steps from remembered sequences lead, a share of each batch left clean."""

    settings: ContinuedSettings

    def attacked(self, model: SequenceModel, batch: Batch, kept: Tensor, epoch: int) -> Tensor:
        """See :meth:`~seqrobust.training.objectives.replay.Replay.attacked`."""
        clean = self.left_clean(batch, self.settings.clean_share)
        rows = batch.rows(slice(clean, None))
        steps = self.settings.steps
        found = ascent(
            self,
            model,
            rows,
            self.bound_in(rows, epoch),
            steps,
            lambda logits, _: self.harm(logits, rows.targets),
            start=kept[clean:],
        )
        return torch.cat([batch.tokens[:clean], found[-1]])
