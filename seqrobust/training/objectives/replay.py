"""Remembered adversaries: robust training at hardly more than the cost of ordinary training.

The backward pass that gives the weights' gradients gives the input's gradient too, at the price of one layer. So each
record is trained on at the sequence that its previous visit found, and the same pass finds the next one: the threat's
best response to the gradient there. Sharing the pass is free adversarial training (Shafahi et al. 2019), keeping
adversaries over epochs transfers them as in Zheng et al. (2020). A record's first visit is clean, so the first epoch is
ordinary training; records that are left clean are searched all the same, from where they are.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn

from seqrobust.errors import ConfigError
from seqrobust.models import SequenceModel
from seqrobust.training.data import Batch, Labelled, turned
from seqrobust.training.objectives.robust import Robust
from seqrobust.training.settings import AdversarialSettings, CleanShare, TrainingSettings


class Visit(NamedTuple):
    """A pass whose gradient is yet to come: the one-hot input (B, K, W), the batch and its epoch."""

    encoded: Tensor
    batch: Batch
    epoch: int


class Memory(nn.Module):
    """What is remembered of every training record; saved and moved with the module that trains.

    Args:
        tokens: (N, L) uint8 clean tokens, in the order of the training records.

    Attributes:
        tokens: (N, L) uint8 what the next visit trains on, as the record is read in its file.
    """

    tokens: Tensor

    def __init__(self, tokens: Tensor) -> None:
        super().__init__()
        self.register_buffer("tokens", tokens.clone())
        self.visit: Visit | None = None


@dataclass(frozen=True, kw_only=True)
class RememberedSettings(AdversarialSettings):
    """What objectives that remember adversaries have: the share of records left clean."""

    clean_share: CleanShare = 0.5

    def check_training(self, settings: TrainingSettings) -> None:
        """Not where records evolve from visit to visit."""
        super().check_training(settings)
        if settings.augment != "none":
            raise ConfigError(
                "an adversary that is remembered does not fit a record that was changed since",
                where="training.augment",
                fix="leave augment out, or use objective: adversarial",
            )


@dataclass(frozen=True, kw_only=True)
class ReplaySettings(RememberedSettings):
    """Settings of :class:`Replay`."""

    objective: Literal["replay"] = "replay"

    def made(self, train: Labelled, **parts: Any) -> Replay:
        """See :class:`~seqrobust.training.settings.AdversarialSettings`."""
        return Replay(settings=self, memory=Memory(torch.tensor(train.sequences.tokens)), **parts)


@dataclass(frozen=True, kw_only=True)
class Replay(Robust):
    """The loss at remembered adversaries, a share of each batch left clean.

    Attributes:
        memory: what changes from step to step.
    """

    memory: Memory = field(compare=False)

    settings: RememberedSettings

    def losses(self, model: SequenceModel, batch: Batch, epoch: int) -> Tensor:
        """See :class:`~seqrobust.training.objectives.base.Objective`."""
        assert batch.records is not None
        kept = self.memory.tokens[batch.records, : batch.tokens.shape[1]]
        if batch.turned is not None:
            kept = torch.where(batch.turned[:, None], turned(kept, batch.lengths, self.alphabet), kept)
        encoded = self.encoded(self.attacked(model, batch, kept, epoch)).requires_grad_(True)
        self.memory.visit = Visit(encoded, batch, epoch)
        return self.loss(model(encoded, batch.lengths), batch.targets)

    def attacked(self, model: SequenceModel, batch: Batch, kept: Tensor, epoch: int) -> Tensor:
        """(B, W) tokens trained on: a share of the batch's own, then what is remembered, ``kept`` (B, W)."""
        clean = self.left_clean(batch, self.settings.clean_share)
        return torch.cat([batch.tokens[:clean], kept[clean:]])

    def after_backward(self) -> None:
        """Find what the next visit trains on, from the input's gradient that this pass left behind."""
        assert self.memory.visit is not None
        (encoded, batch, epoch), self.memory.visit = self.memory.visit, None
        assert encoded.grad is not None
        assert batch.records is not None
        found = self.bound_in(batch, epoch).best_response(encoded.grad.float()).tokens
        if batch.turned is not None:
            found = torch.where(batch.turned[:, None], turned(found, batch.lengths, self.alphabet), found)
        self.memory.tokens[batch.records, : found.shape[1]] = found
