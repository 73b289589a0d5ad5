"""From settings to an objective, refused where they do not fit the records."""

from __future__ import annotations

import torch

from seqrobust.errors import ConfigError
from seqrobust.sequences.encoding import Unknown
from seqrobust.tasks import TASKS, task_of
from seqrobust.training.costs import switch_units
from seqrobust.training.data import Labelled
from seqrobust.training.losses import climbed_loss, record_loss
from seqrobust.training.objectives.ordinary import Ordinary
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
    return adversarial.made(
        train,
        alphabet=alphabet,
        unknown=unknown,
        loss=loss,
        climbed=climbed_loss(train.targets, settings),
        switches=torch.tensor(threat.switches(alphabet)),
        units=switch_units(threat, train.sequences),
    )


def _check_fits(train: Labelled, settings: TrainingSettings, adversarial: AdversarialSettings) -> None:
    name, task = adversarial.objective, train.targets.task
    if not adversarial.suits(task_of(task)):
        suited = ", ".join(other for other in TASKS if adversarial.suits(task_of(other)))
        raise ConfigError(f"{name} is not for this task", expected=suited, found=task, where=_WHERE)
    adversarial.check_training(settings)
