"""What an objective is: from a model and a batch to a loss."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from seqrobust.models import SequenceModel
from seqrobust.training.data import Batch


class Objective(Protocol):
    """An objective: a frozen value."""

    def losses(self, model: SequenceModel, batch: Batch, epoch: int) -> Tensor:
        """(B,) losses of a batch in an epoch, counted from 0."""

    def after_backward(self) -> None:
        """Called when the gradient of the mean of the last losses has been computed."""
