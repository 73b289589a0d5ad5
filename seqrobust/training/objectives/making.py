"""From settings to an objective, refused where they do not fit the records."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from seqrobust.errors import ConfigError
from seqrobust.models import ModelCard, load_checkpoint
from seqrobust.sequences.encoding import Unknown
from seqrobust.training.costs import switch_units
from seqrobust.training.data import Labelled
from seqrobust.training.losses import climbed_loss, record_divergence, record_loss, told
from seqrobust.training.objectives.adversarial import Adversarial
from seqrobust.training.objectives.continued import Continued
from seqrobust.training.objectives.distillation import Distillation
from seqrobust.training.objectives.hinge import Hinge
from seqrobust.training.objectives.invariance import Invariance
from seqrobust.training.objectives.mart import Mart
from seqrobust.training.objectives.ordinary import Ordinary
from seqrobust.training.objectives.penalty import Penalty
from seqrobust.training.objectives.random_members import RandomMembers
from seqrobust.training.objectives.replay import Memory, Replay
from seqrobust.training.objectives.robust import Robust
from seqrobust.training.objectives.trades import Trades
from seqrobust.training.settings import AdversarialSettings, TrainingSettings

_WHERE = "training.adversarial.objective"


def make_objective(
    train: Labelled, unknown: Unknown, settings: TrainingSettings, adversarial: AdversarialSettings | None
) -> Ordinary:
    """The objective of settings.

    Args:
        train: the training records.
        unknown: how unknown letters are encoded.
        settings, adversarial: how, and against whom.

    Raises ConfigError for an adversary that may change nothing, an objective that the task or another setting does not
    allow, and a teacher of other records; ModelError for a teacher that cannot be read.
    """
    alphabet, loss = train.sequences.alphabet, record_loss(train.targets, settings)
    if adversarial is None:
        return Ordinary(alphabet=alphabet, unknown=unknown, loss=loss)
    threat = adversarial.threat()
    if not threat.counts(threat.editable(train.sequences)).any():
        raise ConfigError(
            "the training adversary may change nothing in any record",
            found=threat.describe(),
            where="training.adversarial",
            fix="raise the budget, or protect less",
        )
    _check_fits(train, settings, adversarial)
    kind, own = _kind(train, adversarial)
    return kind(
        alphabet=alphabet,
        unknown=unknown,
        loss=loss,
        climbed=climbed_loss(train.targets, settings),
        settings=adversarial,
        switches=torch.tensor(threat.switches(alphabet)),
        units=switch_units(threat, train.sequences),
        **own,
    )


def _kind(train: Labelled, adversarial: AdversarialSettings) -> tuple[type[Robust], dict[str, Any]]:
    """The objective's class, and the fields that only it has."""
    targets = train.targets
    match adversarial.objective:
        case "adversarial":
            return Adversarial, {}
        case "random":
            return RandomMembers, {}
        case "penalty":
            return Penalty, {}
        case "mart":
            return Mart, {}
        case "hinge":
            return Hinge, {"task": targets.task}
        case "trades":
            return Trades, {"divergence": record_divergence(targets)}
        case "invariance":
            return Invariance, {"divergence": record_divergence(targets), "told": told(targets)}
        case "replay" | "continued" as name:
            kind = Replay if name == "replay" else Continued
            return kind, {"memory": Memory(torch.tensor(train.sequences.tokens))}
        case "distillation":
            teacher = _teacher_of(train, Path(str(adversarial.teacher)))
            return Distillation, {"divergence": record_divergence(targets), **teacher}


def _check_fits(train: Labelled, settings: TrainingSettings, adversarial: AdversarialSettings) -> None:
    name, task = adversarial.objective, train.targets.task
    tasks = {"mart": ("binary", "classification"), "hinge": ("binary", "classification", "multilabel")}
    if task not in tasks.get(name, (task,)):
        raise ConfigError(f"{name} is not for this task", expected=", ".join(tasks[name]), found=task, where=_WHERE)
    if name == "penalty" and settings.compile:
        raise ConfigError(
            "torch.compile differentiates once, and the penalty twice",
            where="training.compile",
            fix="leave compile out, or use objective: adversarial",
        )
    if name in ("replay", "continued") and settings.augment != "none":
        raise ConfigError(
            "an adversary that is remembered does not fit a record that was changed since",
            where="training.augment",
            fix="leave augment out, or use objective: adversarial",
        )
    # What these objectives minimise in place of the task's loss has neither.
    if name in ("mart", "hinge", "distillation"):
        plain = TrainingSettings()
        for setting in ("class_weights", "label_smoothing", "classification_loss"):
            if getattr(settings, setting) != getattr(plain, setting):
                raise ConfigError(
                    f"{setting} does not belong to the objective {name}, which has a loss of its own",
                    found=f"{setting}: {getattr(settings, setting)}",
                    where=f"training.{setting}",
                    fix="leave it out, or choose another objective",
                )


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
