"""What an objective is: from a batch to a loss, through a function from tokens to logits."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, TypeAlias

from torch import Tensor

from seqrobust.models import SequenceModel
from seqrobust.training.data import Batch

Scores: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""From one-hot input (B, K, W) and lengths (B,) to logits (B, outputs)."""


class Objective(Protocol):
    """An objective: a frozen value."""

    def losses(self, model: SequenceModel, batch: Batch, epoch: int) -> Tensor:
        """(B,) losses of a batch in an epoch, counted from 0."""


def run_model(model: SequenceModel, encoded: Tensor, lengths: Tensor) -> Tensor:
    """(B, outputs) logits; lengths are passed on only where they say something."""
    ragged = bool((lengths < encoded.shape[2]).any())
    scores: Tensor = model(encoded, lengths if ragged else None)
    return scores
