"""The ordinary objective: the task's loss on the records as they are."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from seqrobust.alphabet import Alphabet
from seqrobust.models import SequenceModel
from seqrobust.sequences import one_hot
from seqrobust.sequences.encoding import Unknown
from seqrobust.training.data import Batch
from seqrobust.training.losses import RecordLoss


@dataclass(frozen=True, kw_only=True)
class Ordinary:
    """Empirical risk.

    Attributes:
        alphabet, unknown: how tokens are encoded.
        loss: per record.
    """

    alphabet: Alphabet
    unknown: Unknown
    loss: RecordLoss

    def encoded(self, tokens: Tensor) -> Tensor:
        """(B, K, W) one-hot of (B, W) tokens."""
        return one_hot(tokens, self.alphabet, self.unknown)

    def losses(self, model: SequenceModel, batch: Batch, epoch: int) -> Tensor:
        """See :class:`~seqrobust.training.objectives.base.Objective`."""
        return self.loss(model(self.encoded(batch.tokens), batch.lengths), batch.targets)

    def after_backward(self) -> None:
        """See :class:`~seqrobust.training.objectives.base.Objective`."""
