"""Adversarial training: the loss at the worst sequences a short inner search finds (Madry et al. 2018).

To first order the loss trained on is the clean loss plus the sum of its k largest gains: the gradient penalty in the
threat's dual norm. Training may begin with steps of another norm, off the sequences: a curriculum over norms.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

import torch
from torch import Tensor

from seqrobust.errors import ConfigError
from seqrobust.models import SequenceModel
from seqrobust.training.data import Batch, Labelled
from seqrobust.training.objectives.relaxed import Norm, relaxed_case
from seqrobust.training.objectives.robust import Robust
from seqrobust.training.objectives.search import worst_case
from seqrobust.training.settings import AdversarialSettings, CleanShare, Steps, Within, one_of


@dataclass(frozen=True, kw_only=True)
class WorstCaseSettings(AdversarialSettings):
    """Settings of :class:`Adversarial`.

    Attributes:
        steps, clean_share: see :data:`~seqrobust.training.settings.Steps` and the next one.
        first_norm, first_epochs: for so many epochs the adversary steps off the sequences instead, along the gradient
            (``l2``) or its signs (``linf``); see :mod:`seqrobust.training.objectives.relaxed`.
    """

    objective: Literal["adversarial"] = "adversarial"
    steps: Steps = 1
    clean_share: CleanShare = 0.5
    first_norm: Norm | None = None
    first_epochs: Annotated[int, Within(least=0)] = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.first_norm is not None:
            one_of("adversarial.first_norm", self.first_norm, get_args(Norm))
        if (self.first_norm is None) != (self.first_epochs == 0):
            raise ConfigError(
                "a first norm lasts for some epochs",
                expected="first_norm and first_epochs, both or neither",
                found=f"first_norm: {self.first_norm}, first_epochs: {self.first_epochs}",
                where="training.adversarial",
            )

    def made(self, train: Labelled, **parts: Any) -> Adversarial:
        """See :class:`~seqrobust.training.settings.AdversarialSettings`."""
        return Adversarial(settings=self, **parts)


@dataclass(frozen=True, kw_only=True)
class Adversarial(Robust):
    """The loss on adversarial sequences, a share of each batch left clean."""

    settings: WorstCaseSettings

    def losses(self, model: SequenceModel, batch: Batch, epoch: int) -> Tensor:
        """See :class:`~seqrobust.training.objectives.base.Objective`."""
        share = self.settings.share_of_budget(epoch)
        clean = self.left_clean(batch, self.settings.clean_share)
        attacked = batch.rows(slice(clean, None))
        if self.settings.first_norm is not None and epoch < self.settings.first_epochs:
            found = relaxed_case(self, model, attacked, self.settings.first_norm, share=share)
            encoded = torch.cat([self.encoded(batch.tokens[:clean]), found])
        else:
            found = worst_case(self, model, attacked, steps=self.settings.steps, share=share)
            encoded = self.encoded(torch.cat([batch.tokens[:clean], found]))
        return self.loss(model(encoded, batch.lengths), batch.targets)
