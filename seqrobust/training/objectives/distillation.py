"""Robust distillation: a student's outputs at adversarial sequences should be a teacher's at clean ones (RSLAD).

    (1 - weight) * divergence(teacher(clean) || student(clean))
        + weight * divergence(teacher(clean) || student(adversarial))

The adversary climbs the second divergence; labels are not used (Zi et al. 2021, with Kullback-Leibler at temperature 1;
for labels its mean, for regression the mean squared difference of standardised values).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from torch import Tensor

from seqrobust.errors import ConfigError
from seqrobust.models import ModelCard, SequenceModel, load_checkpoint
from seqrobust.sequences import one_hot
from seqrobust.sequences.encoding import Unknown
from seqrobust.training.data import Batch, Labelled
from seqrobust.training.losses import RecordDivergence, record_divergence
from seqrobust.training.objectives.robust import Robust
from seqrobust.training.objectives.search import ascent
from seqrobust.training.settings import AdversarialSettings, Steps, Within


@dataclass(frozen=True, kw_only=True)
class DistillationSettings(AdversarialSettings):
    """Settings of :class:`Distillation`.

    Attributes:
        steps: see :data:`~seqrobust.training.settings.Steps`.
        weight: the share of the loss that adversarial sequences have, 5/6 unless given (Zi et al. 2021).
        teacher: its checkpoint.
    """

    own_loss = True

    objective: Literal["distillation"] = "distillation"
    steps: Steps = 1
    weight: Annotated[float, Within(least=0, most=1, meaning="the adversarial share of a distillation")] = 5 / 6
    teacher: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.teacher:
            raise ConfigError(
                "a distillation has a teacher",
                where="training.adversarial.teacher",
                fix="give a checkpoint of seqrobust",
            )

    @property
    def own_files(self) -> tuple[Path, ...]:
        """The teacher's."""
        return (Path(self.teacher),)

    def made(self, train: Labelled, **parts: Any) -> Distillation:
        """See :class:`~seqrobust.training.settings.AdversarialSettings`. Raises as reading a teacher does."""
        teacher = _teacher_of(train, Path(self.teacher))
        return Distillation(settings=self, divergence=record_divergence(train.targets), **teacher, **parts)


@dataclass(frozen=True, kw_only=True)
class Distillation(Robust):
    """Divergences from a teacher's clean outputs.

    Attributes:
        divergence: from the teacher's and the student's logits (B, outputs) to (B,).
        teacher: a model in evaluation mode, moved to the batches' device.
        teacher_unknown: how it has unknown letters encoded.
    """

    settings: DistillationSettings
    divergence: RecordDivergence
    teacher: SequenceModel = field(compare=False)
    teacher_unknown: Unknown = "zeros"

    def losses(self, model: SequenceModel, batch: Batch, epoch: int) -> Tensor:
        """See :class:`~seqrobust.training.objectives.base.Objective`."""
        wanted = self.taught(batch)
        threat, steps = self.bound_in(batch, epoch), self.settings.steps
        found = ascent(self, model, batch, threat, steps, lambda logits, _: self.divergence(wanted, logits))[-1]
        clean, attacked = self.side_by_side(model, batch, batch.tokens, found)
        share = self.settings.weight
        return (1 - share) * self.divergence(wanted, clean) + share * self.divergence(wanted, attacked)

    @torch.no_grad()
    def taught(self, batch: Batch) -> Tensor:
        """(B, outputs) the teacher's logits of a clean batch."""
        encoded = one_hot(batch.tokens, self.alphabet, self.teacher_unknown)
        logits: Tensor = self.teacher.to(encoded.device)(encoded, batch.lengths)
        return logits


def _teacher_of(train: Labelled, path: Path) -> dict[str, Any]:
    teacher, card = load_checkpoint(path)
    _check_teacher(train, card, path)
    for weight in teacher.parameters():
        weight.requires_grad_(False)
    return {"teacher": teacher.eval(), "teacher_unknown": card.unknown}


def _check_teacher(train: Labelled, card: ModelCard, path: Path) -> None:
    sequences, targets = train.sequences, train.targets
    pairs = {
        "alphabet": (sequences.alphabet.name, card.alphabet.name),
        "task": (targets.task, card.task),
        "labels": (", ".join(targets.labels), ", ".join(card.labels)),
    }
    for name, (ours, theirs) in pairs.items():
        if ours != theirs:
            raise ConfigError(
                f"the teacher has another {name} than the records",
                expected=ours,
                found=theirs,
                where=f"training.adversarial.teacher, {path}",
                fix="train the teacher on records of the same kind",
            )
    if card.input_length is not None and card.input_length < sequences.width:
        raise ConfigError(
            "the teacher reads shorter records than these",
            expected=f"{sequences.width} letters or more",
            found=str(card.input_length),
            where=f"training.adversarial.teacher, {path}",
        )
