"""What training is told: values checked once, when they are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from seqrobust.errors import ConfigError
from seqrobust.threats import Budget, SubstitutionThreat


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How to train.

    Attributes:
        epochs: passes over the training records.
        batch_size: records per step.
        learning_rate, weight_decay: of AdamW (Loshchilov & Hutter 2019).
        schedule: of the learning rate: up and down once (``one_cycle``), down along a ``cosine``, or ``constant``.
        patience: stop after so many epochs without a better validation score; None for never.
        select: which weights to keep: best ``clean`` or ``robust`` validation accuracy (R2 for regression), best mean
            of ``both``, smallest validation ``loss``, or the ``last``. ``auto`` is both where training is adversarial
            (robust accuracy alone is often best where a model says the same of every record), else clean.
        class_weights: ``balanced`` weighs classes by the inverse of their frequency; ``none`` does not.
        label_smoothing: share of a target's mass spread over all classes.
        regression_loss: ``mse`` or ``huber``, on standardised targets.
        gradient_clip: largest norm of a step's gradient; None for no limit.
        reverse_complement: show every nucleotide record in either orientation; right only where strand means nothing.
        accelerator, devices, precision, num_nodes: as Lightning's Trainer takes them.
    """

    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    schedule: Literal["one_cycle", "cosine", "constant"] = "one_cycle"
    patience: int | None = None
    select: Literal["auto", "clean", "robust", "both", "loss", "last"] = "auto"
    class_weights: Literal["none", "balanced"] = "none"
    label_smoothing: float = 0.0
    regression_loss: Literal["mse", "huber"] = "mse"
    gradient_clip: float | None = 1.0
    reverse_complement: bool = False
    accelerator: str = "auto"
    devices: int | str = "auto"
    precision: str = "32-true"
    num_nodes: int = 1

    def __post_init__(self) -> None:
        _at_least("epochs", self.epochs, 1)
        _at_least("batch_size", self.batch_size, 2)
        _at_least("patience", 1 if self.patience is None else self.patience, 1)
        _at_least("weight_decay", self.weight_decay, 0)
        if not self.learning_rate > 0:
            raise ConfigError("a learning rate is positive", found=str(self.learning_rate), where="learning_rate")
        if not 0 <= self.label_smoothing < 1:
            raise ConfigError("label smoothing is a share below 1", found=str(self.label_smoothing))


@dataclass(frozen=True, kw_only=True)
class AdversarialSettings:
    """Against whom to train: the worst sequences that a closed-form inner search finds.

    Attributes:
        budget: ``3`` or ``2%``; see :class:`~seqrobust.threats.Budget`.
        protect, only, allow: as in an attack.
        steps: inner gradients; 1 is the best response to the gradient at the clean sequence, more is discrete projected
            gradient.
        clean_share: share of each batch's records that are left as they are.
        ramp_epochs: grow the budget linearly over so many epochs; 0 for the whole budget from the start.
        validation_steps: inner gradients of the attack that measures robust validation accuracy.
    """

    budget: str | int = 3
    protect: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    allow: str = "any"
    steps: int = 1
    clean_share: float = 0.5
    ramp_epochs: int = 0
    validation_steps: int = 5

    def __post_init__(self) -> None:
        _at_least("steps", self.steps, 1)
        _at_least("ramp_epochs", self.ramp_epochs, 0)
        _at_least("validation_steps", self.validation_steps, 1)
        if not 0 <= self.clean_share < 1:
            raise ConfigError(
                "the clean share leaves room for adversaries", expected="0 to below 1", where="clean_share"
            )
        Budget.parse(self.budget)

    def threat(self) -> SubstitutionThreat:
        """The threat trained against."""
        return SubstitutionThreat(
            budget=Budget.parse(self.budget), protect=self.protect, only=self.only, letters=self.allow
        )

    def share_of_budget(self, epoch: int) -> float:
        """How much of the budget is used in an epoch, counted from 0."""
        return min(1.0, (epoch + 1) / self.ramp_epochs) if self.ramp_epochs else 1.0


def _at_least(name: str, value: float, least: float) -> None:
    if value < least:
        raise ConfigError("a training setting is too small", expected=f"{least} or more", found=str(value), where=name)
