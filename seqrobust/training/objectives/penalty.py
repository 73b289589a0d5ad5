"""The gradient penalty in the threat's dual norm: what the adversary would add, to first order.

    loss(clean) + weight * sum of the k largest gains of the loss's gradient at the clean sequence

At weight 1 this is one-step adversarial training to first order, and exactly where the loss is linear in the sequence.
Double back-propagation (Drucker & Le Cun 1992) differentiates the gains that were chosen. One pass in training mode
serves both terms, so dropout and batch statistics are those of the step, and a record's gradient holds what little it
does to the others' through batch statistics.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

import torch
from torch import Tensor

from seqrobust.errors import ConfigError
from seqrobust.models import SequenceModel
from seqrobust.training.data import Batch, Labelled
from seqrobust.training.objectives.robust import Robust
from seqrobust.training.objectives.search import dual_norm, twice_differentiable
from seqrobust.training.settings import AdversarialSettings, TrainingSettings, Weight, one_of

Reduction: TypeAlias = Literal["sum", "mean"]


@dataclass(frozen=True, kw_only=True)
class PenaltySettings(AdversarialSettings):
    """Settings of :class:`Penalty`.

    Attributes:
        weight: of the gains.
        reduction: of the gains that are added up: their ``sum``, the dual norm, or their ``mean``.
    """

    objective: Literal["penalty"] = "penalty"
    weight: Weight = 1.0
    reduction: Reduction = "sum"

    def __post_init__(self) -> None:
        super().__post_init__()
        one_of("adversarial.reduction", self.reduction, get_args(Reduction))

    def check_training(self, settings: TrainingSettings) -> None:
        """Not where the forward pass is compiled."""
        super().check_training(settings)
        if settings.compile:
            raise ConfigError(
                "torch.compile differentiates once, and the penalty twice",
                where="training.compile",
                fix="leave compile out, or use objective: adversarial",
            )

    def made(self, train: Labelled, **parts: Any) -> Penalty:
        """See :class:`~seqrobust.training.settings.AdversarialSettings`."""
        return Penalty(settings=self, **parts)


@dataclass(frozen=True, kw_only=True)
class Penalty(Robust):
    """The clean loss and a weighed dual norm of its gradient."""

    settings: PenaltySettings

    def losses(self, model: SequenceModel, batch: Batch, epoch: int) -> Tensor:
        """See :class:`~seqrobust.training.objectives.base.Objective`."""
        with twice_differentiable(model):
            encoded = self.encoded(batch.tokens).requires_grad_(True)
            loss = self.loss(model(encoded, batch.lengths), batch.targets)
            (gradient,) = torch.autograd.grad(loss.sum(), encoded, create_graph=True)
        added = dual_norm(self.bound_in(batch, epoch), gradient, self.settings.reduction)
        return loss + self.settings.weight * added
