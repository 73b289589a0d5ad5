"""What training is told: values checked once, when they are made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from seqrobust.errors import ConfigError
from seqrobust.threats import Budget, SubstitutionThreat

Schedule: TypeAlias = Literal["one_cycle", "cosine", "constant"]
Select: TypeAlias = Literal["auto", "clean", "robust", "both", "loss", "last"]
ClassWeights: TypeAlias = Literal["none", "balanced"]
RegressionLoss: TypeAlias = Literal["mse", "huber"]
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "32", "bf16", "16")
"""Weights are always of 32 bits: attacks and checkpoints count on it."""


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
        accelerator, devices, num_nodes: as Lightning's Trainer takes them. Every device takes a batch of its own, so
            more of them change what a step is, and the result with it: one unless more are asked for.
        precision: ``32-true``, ``bf16-mixed`` or ``16-mixed``, as Lightning calls them.
    """

    epochs: int = 20
    batch_size: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    schedule: Schedule = "one_cycle"
    patience: int | None = None
    select: Select = "auto"
    class_weights: ClassWeights = "none"
    label_smoothing: float = 0.0
    regression_loss: RegressionLoss = "mse"
    gradient_clip: float | None = 1.0
    reverse_complement: bool = False
    accelerator: str = "auto"
    devices: int | str = 1
    precision: str = "32-true"
    num_nodes: int = 1

    def __post_init__(self) -> None:
        _at_least("epochs", self.epochs, 1)
        _at_least("batch_size", self.batch_size, 2)
        _at_least("patience", 1 if self.patience is None else self.patience, 1)
        _at_least("weight_decay", self.weight_decay, 0)
        _at_least("num_nodes", self.num_nodes, 1)
        for name in ("learning_rate", "gradient_clip"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError("the value is positive", found=str(value), where=f"training.{name}")
        _one_of("schedule", self.schedule, get_args(Schedule))
        _one_of("select", self.select, get_args(Select))
        _one_of("class_weights", self.class_weights, get_args(ClassWeights))
        _one_of("regression_loss", self.regression_loss, get_args(RegressionLoss))
        _one_of("precision", self.precision, PRECISIONS)
        if self.patience is not None and self.select == "last":
            raise ConfigError(
                "patience watches the score that selects weights, and the last weights have none",
                where="training.patience",
                fix="leave patience out, or select by loss, clean, robust or both",
            )
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
    # Not "value < least", which a NaN is not.
    if not value >= least:
        raise ConfigError("a training setting is too small", expected=f"{least} or more", found=str(value), where=name)


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise ConfigError("unknown choice", expected=", ".join(choices), found=repr(value), where=f"training.{name}")
