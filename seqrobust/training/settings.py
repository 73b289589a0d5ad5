"""What training is told: values checked once, when they are made."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeAlias, get_args, get_type_hints

from seqrobust.errors import ConfigError
from seqrobust.files import is_file
from seqrobust.threats import Budget, SubstitutionThreat

if TYPE_CHECKING:
    from seqrobust.tasks import TaskValue
    from seqrobust.training.data import Labelled
    from seqrobust.training.objectives.robust import Robust

Schedule: TypeAlias = Literal["one_cycle", "cosine", "constant"]
Select: TypeAlias = Literal["auto", "clean", "robust", "both", "loss", "last"]
SelectBy: TypeAlias = Literal["auto", "accuracy", "balanced"]
ClassWeights: TypeAlias = Literal["none", "balanced"]
ClassificationLoss: TypeAlias = Literal["cross_entropy", "margin"]
RegressionLoss: TypeAlias = Literal["mse", "huber"]
Augment: TypeAlias = Literal["none", "evolution"]
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "32", "bf16", "16")
"""Weights are always of 32 bits: attacks and checkpoints count on it."""


@dataclass(frozen=True, kw_only=True)
class Within:
    """What a number has to be, as an annotation of a field.

    Attributes:
        least: the smallest allowed.
        below: what it has to be smaller than.
        most: the largest allowed.
        meaning: what a refusal says it is; without it, that the value is too small or too large.
    """

    least: float
    below: float = math.inf
    most: float = math.inf
    meaning: str = ""

    def check(self, name: str, value: float) -> None:
        """Raises ConfigError for a number outside, and for one that is none."""
        if self.least <= value <= self.most and value < self.below:
            return
        high = value > self.least
        limit = f"below {self.below:g}" if self.below < math.inf else f"{self.most:g}"
        expected = f"{self.least:g} or more" if limit == "inf" else f"{self.least:g} to {limit}"
        problem = self.meaning or f"a training setting is too {'large' if high else 'small'}"
        raise ConfigError(problem, expected=expected, found=str(value), where=name)


_OF_BUDGET = "the least budget is a share of the whole"

Steps: TypeAlias = Annotated[int, Within(least=1)]
"""Inner gradients; 1 is the best response to the gradient at the clean sequence, more is projected gradient."""

CleanShare: TypeAlias = Annotated[
    float, Within(least=0, below=1, meaning="the clean share leaves room for adversaries")
]
"""Share of each batch's records that are left as they are."""

Weight: TypeAlias = Annotated[float, Within(least=0)]
"""Of an objective's second term. The papers' own, trades 6 and mart 5, cost much clean accuracy on sequences."""


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How to train.

    Attributes:
        epochs: passes over the training records.
        batch_size: records per step.
        learning_rate, weight_decay: of AdamW (Loshchilov & Hutter 2019).
        schedule: of the learning rate: up and down once (``one_cycle``), down along a ``cosine``, or ``constant``.
        patience: stop after so many epochs without a better validation score; None for never.
        select: which weights to keep: best ``clean`` or ``robust`` validation score (R2 for regression), best mean
            of ``both``, smallest validation ``loss``, or the ``last``. ``auto`` is both where training is adversarial
            (robust accuracy alone is often best where a model says the same of every record), else clean.
        select_by: what that score is for classes and labels: plain ``accuracy``, or ``balanced`` accuracy, the mean
            recall over classes (of several labels, the mean over them of recall and specificity). ``auto`` is balanced
            where classes are uneven in training, the commonest more than three times the rarest: there the epoch of the
            best accuracy may be one that says the same of every record.
        class_weights: ``balanced`` weighs classes by the inverse of their frequency; ``none`` does not.
        label_smoothing: share of a target's mass spread over all classes.
        classification_loss: of classes and labels; ``cross_entropy``, or ``margin``: how far the true score falls short
            of leading the best other one by 1 (Crammer & Singer 2001), for a single logit of leading 0 by 1.
        regression_loss: ``mse`` or ``huber``, on standardised targets.
        gradient_clip: largest norm of a step's gradient; None for no limit.
        reverse_complement: show every nucleotide record in either orientation; right only where strand means nothing.
        augment: ``evolution`` shows records as evolution might have changed them; see
            :mod:`seqrobust.training.augmentation`. It knows nothing of protected regions.
        augment_until: share of the epochs after which plain records finish the training.
        compile: let torch.compile make kernels of the model's forward pass; the first steps of every shape take long.
            Not with the penalty, which differentiates twice.
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
    select_by: SelectBy = "auto"
    class_weights: ClassWeights = "none"
    label_smoothing: float = 0.0
    classification_loss: ClassificationLoss = "cross_entropy"
    regression_loss: RegressionLoss = "mse"
    gradient_clip: float | None = 1.0
    reverse_complement: bool = False
    augment: Augment = "none"
    augment_until: float = 0.8
    compile: bool = False
    accelerator: str = "auto"
    devices: int | str = 1
    precision: str = "32-true"
    num_nodes: int = 1

    def __post_init__(self) -> None:
        at_least("epochs", self.epochs, 1)
        at_least("batch_size", self.batch_size, 2)
        at_least("patience", 1 if self.patience is None else self.patience, 1)
        at_least("weight_decay", self.weight_decay, 0)
        at_least("num_nodes", self.num_nodes, 1)
        for name in ("learning_rate", "gradient_clip"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError("the value is positive", found=str(value), where=f"training.{name}")
        one_of("schedule", self.schedule, get_args(Schedule))
        one_of("select", self.select, get_args(Select))
        one_of("select_by", self.select_by, get_args(SelectBy))
        one_of("class_weights", self.class_weights, get_args(ClassWeights))
        one_of("classification_loss", self.classification_loss, get_args(ClassificationLoss))
        one_of("regression_loss", self.regression_loss, get_args(RegressionLoss))
        one_of("augment", self.augment, get_args(Augment))
        one_of("precision", self.precision, PRECISIONS)
        if self.patience is not None and self.select == "last":
            raise ConfigError(
                "patience watches the score that selects weights, and the last weights have none",
                where="training.patience",
                fix="leave patience out, or select by loss, clean, robust or both",
            )
        if not 0 <= self.label_smoothing < 1:
            raise ConfigError("label smoothing is a share below 1", found=str(self.label_smoothing))
        if not 0 < self.augment_until <= 1:
            raise ConfigError(
                "the share of epochs that augment",
                expected="above 0, at most 1",
                found=str(self.augment_until),
                where="training.augment_until",
            )
        if self.label_smoothing and self.classification_loss == "margin":
            raise ConfigError(
                "a margin has no distribution that could be smoothed",
                where="training.label_smoothing",
                fix="leave label_smoothing out, or use classification_loss: cross_entropy",
            )


@dataclass(frozen=True, kw_only=True)
class AdversarialSettings(ABC):
    """Against whom to train: what every objective against an adversary is told.

    Each objective adds its own settings in its file in :mod:`seqrobust.training.objectives`, and
    :func:`~seqrobust.training.objectives.registry.adversarial_settings` makes those of an objective by name.

    Attributes:
        objective: its name in a config.
        budget: ``3`` or ``2%``; see :class:`~seqrobust.threats.Budget`.
        protect, only, allow: as in an attack.
        ramp_epochs: grow the budget linearly over so many epochs; 0 for the whole budget from the start.
        least_share: a record's budget is drawn anew at every step, evenly from this share of its whole, rounded up, to
            its whole; 1 for the whole always. At a budget of 2, 0.5 draws 1 or 2 and 0 draws 0, 1 or 2: one model for
            several budgets. Validation has the whole.
        validation_steps: inner gradients of the attack that measures robust validation accuracy.
        guard: watch one-step training for catastrophic overfitting, and take more steps once it sets in; see
            :mod:`seqrobust.training.guard`.
        own_loss: it replaces the task's loss, whose weights, smoothing and margin it therefore has not.
    """

    own_loss: ClassVar[bool] = False

    objective: str = ""
    budget: str | int = 3
    protect: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    allow: str = "any"
    ramp_epochs: Annotated[int, Within(least=0)] = 0
    least_share: Annotated[float, Within(least=0, most=1, meaning=_OF_BUDGET)] = 1.0
    validation_steps: Steps = 5
    guard: bool = True

    def __post_init__(self) -> None:
        for name, hint in get_type_hints(type(self), include_extras=True).items():
            for limit in getattr(hint, "__metadata__", ()):
                if isinstance(limit, Within):
                    limit.check(f"training.adversarial.{name}", getattr(self, name))
        Budget.parse(self.budget)

    # What an objective decides ----------------------------------------------------------------------------------------

    @abstractmethod
    def made(self, train: Labelled, **parts: Any) -> Robust:
        """The objective on training records.

        Args:
            train: the records.
            parts: the other fields of :class:`~seqrobust.training.objectives.robust.Robust`.
        """

    def suits(self, task: TaskValue) -> bool:
        """Whether the objective is for this task."""
        return True

    def check_training(self, settings: TrainingSettings) -> None:
        """Raises ConfigError for settings of training that the objective does not go with."""
        plain = TrainingSettings()
        for setting in ("class_weights", "label_smoothing", "classification_loss") if self.own_loss else ():
            if getattr(settings, setting) != getattr(plain, setting):
                raise ConfigError(
                    f"{setting} does not belong to the objective {self.objective}, which has a loss of its own",
                    found=f"{setting}: {getattr(settings, setting)}",
                    where=f"training.{setting}",
                    fix="leave it out, or choose another objective",
                )

    @property
    def own_files(self) -> tuple[Path, ...]:
        """Files that only this objective reads, such as a teacher."""
        return ()

    @property
    def files(self) -> tuple[Path, ...]:
        """Files that training reads beside the records: a table of permitted letters, and the objective's own."""
        return (*((Path(self.allow),) if is_file(self.allow) else ()), *self.own_files)

    # The adversary ----------------------------------------------------------------------------------------------------

    @property
    def one_step(self) -> bool:
        """Whether training takes one step where it might take more, and validation measures more than one."""
        return getattr(self, "steps", 0) == 1 and self.validation_steps > 1

    def with_steps(self, steps: int) -> AdversarialSettings:
        """The same with so many inner steps, of an objective that has them."""
        changed: dict[str, Any] = {"steps": steps}
        return replace(self, **changed)

    def threat(self) -> SubstitutionThreat:
        """The threat trained against."""
        return SubstitutionThreat(
            budget=Budget.parse(self.budget), protect=self.protect, only=self.only, letters=self.allow
        )

    def share_of_budget(self, epoch: int) -> float:
        """How much of the budget is used in an epoch, counted from 0."""
        return min(1.0, (epoch + 1) / self.ramp_epochs) if self.ramp_epochs else 1.0


def at_least(name: str, value: float, least: float) -> None:
    """Raises ConfigError for a smaller value."""
    # Not "value < least", which a NaN is not.
    if not value >= least:
        raise ConfigError("a training setting is too small", expected=f"{least} or more", found=str(value), where=name)


def one_of(name: str, value: object, choices: tuple[str, ...]) -> None:
    """Raises ConfigError for a value that is none of the choices."""
    if value not in choices:
        raise ConfigError("unknown choice", expected=", ".join(choices), found=repr(value), where=f"training.{name}")
