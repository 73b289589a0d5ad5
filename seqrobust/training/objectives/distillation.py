"""Robust distillation: a student's outputs at adversarial sequences should be a teacher's at clean ones (RSLAD).

    (1 - weight) * divergence(teacher(clean) || student(clean))
        + weight * divergence(teacher(clean) || student(adversarial))

The adversary climbs the second divergence; labels are not used (Zi et al. 2021, with Kullback-Leibler at temperature 1;
for labels its mean, for regression the mean squared difference of standardised values).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from seqrobust.models import SequenceModel
from seqrobust.sequences import one_hot
from seqrobust.sequences.encoding import Unknown
from seqrobust.training.data import Batch
from seqrobust.training.losses import RecordDivergence
from seqrobust.training.objectives.robust import Robust
from seqrobust.training.objectives.search import ascent


@dataclass(frozen=True, kw_only=True)
class Distillation(Robust):
    """Divergences from a teacher's clean outputs.

    Attributes:
        divergence: from the teacher's and the student's logits (B, outputs) to (B,).
        teacher: a model in evaluation mode, moved to the batches' device.
        teacher_unknown: how it has unknown letters encoded.
    """

    divergence: RecordDivergence
    teacher: SequenceModel = field(compare=False)
    teacher_unknown: Unknown = "zeros"

    def losses(self, model: SequenceModel, batch: Batch, epoch: int) -> Tensor:
        """See :class:`~seqrobust.training.objectives.base.Objective`."""
        wanted = self.taught(batch)
        threat, steps = self.bound_in(batch, epoch), self.settings.steps
        found = ascent(self, model, batch, threat, steps, lambda logits, _: self.divergence(wanted, logits))[-1]
        clean, attacked = self.side_by_side(model, batch, batch.tokens, found)
        share = self.settings.second_weight
        return (1 - share) * self.divergence(wanted, clean) + share * self.divergence(wanted, attacked)

    @torch.no_grad()
    def taught(self, batch: Batch) -> Tensor:
        """(B, outputs) the teacher's logits of a clean batch."""
        encoded = one_hot(batch.tokens, self.alphabet, self.teacher_unknown)
        logits: Tensor = self.teacher.to(encoded.device)(encoded, batch.lengths)
        return logits
