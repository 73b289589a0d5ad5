"""What training is told: values checked once, when they are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from seqrobust.errors import ConfigError
from seqrobust.threats import Budget, SubstitutionThreat

Schedule: TypeAlias = Literal["one_cycle", "cosine", "constant"]
Select: TypeAlias = Literal["auto", "clean", "robust", "both", "loss", "last"]
SelectBy: TypeAlias = Literal["auto", "accuracy", "balanced"]
ClassWeights: TypeAlias = Literal["none", "balanced"]
ClassificationLoss: TypeAlias = Literal["cross_entropy", "margin"]
RegressionLoss: TypeAlias = Literal["mse", "huber"]
Augment: TypeAlias = Literal["none", "evolution"]
Reduction: TypeAlias = Literal["sum", "mean"]
Norm: TypeAlias = Literal["l2", "linf"]
ObjectiveName: TypeAlias = Literal[
    "adversarial",
    "continued",
    "trades",
    "mart",
    "replay",
    "penalty",
    "hinge",
    "random",
    "distillation",
    "invariance",
]
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed", "32", "bf16", "16")
"""Weights are always of 32 bits: attacks and checkpoints count on it."""

_OWN: Mapping[str, tuple[str, ...]] = {
    "adversarial": ("steps", "clean_share", "first_norm", "first_epochs"),
    "continued": ("steps", "clean_share"),
    "trades": ("steps", "weight"),
    "mart": ("steps", "weight"),
    "replay": ("clean_share",),
    "penalty": ("weight", "reduction"),
    "hinge": (),
    "random": ("clean_share",),
    "distillation": ("steps", "weight", "teacher"),
    "invariance": ("steps", "clean_share", "weight", "converse_weight"),
}
"""Settings that not every objective has, by the objectives that have them."""

_ABSENT: Mapping[str, object] = {
    "steps": 1,
    "clean_share": None,
    "weight": None,
    "reduction": None,
    "teacher": None,
    "converse_weight": 0.0,
    "first_norm": None,
    "first_epochs": 0,
}
"""What such a setting is where it was not given."""

_WEIGHTS: Mapping[str, float] = {
    "trades": 1.0,
    "mart": 1.0,
    "penalty": 1.0,
    "distillation": 5 / 6,
    "invariance": 1.0,
}
"""Weights where none is given."""


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
        _one_of("select_by", self.select_by, get_args(SelectBy))
        _one_of("class_weights", self.class_weights, get_args(ClassWeights))
        _one_of("classification_loss", self.classification_loss, get_args(ClassificationLoss))
        _one_of("regression_loss", self.regression_loss, get_args(RegressionLoss))
        _one_of("augment", self.augment, get_args(Augment))
        _one_of("precision", self.precision, PRECISIONS)
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
class AdversarialSettings:
    """Against whom to train, and by which objective.

    Attributes:
        objective: what is minimised; each is described in its file in :mod:`seqrobust.training.objectives`.

            - ``adversarial``: the loss at the worst sequences found.
            - ``continued``: the same, each record's search going on from where its last visit left it.
            - ``trades``: the clean loss, and how far outputs move from clean to adversarial sequences.
            - ``mart``: the same, weighed by how badly a record is predicted; binary and classification.
            - ``replay``: the loss at sequences that the last visit's own backward pass found, nearly for free.
            - ``penalty``: the clean loss, and what the adversary would add to first order.
            - ``hinge``: the margin that is left, to first order, after the adversary; not for regression.
            - ``random``: the loss at random members of the threat.
            - ``distillation``: a teacher's clean outputs are learnt on adversarial sequences.
            - ``invariance``: what may be edited means nothing: outputs should not depend on it.
        budget: ``3`` or ``2%``; see :class:`~seqrobust.threats.Budget`.
        protect, only, allow: as in an attack.
        steps: inner gradients; 1 is the best response to the gradient at the clean sequence, more is discrete projected
            gradient.
        clean_share: share of each batch's records that are left as they are; None for a half, where it applies.
        ramp_epochs: grow the budget linearly over so many epochs; 0 for the whole budget from the start.
        least_share: a record's budget is drawn anew at every step, evenly from this share of its whole, rounded up, to
            its whole; 1 for the whole always. At a budget of 2, 0.5 draws 1 or 2 and 0 draws 0, 1 or 2: one model for
            several budgets. Validation has the whole.
        first_norm, first_epochs: for so many epochs the adversary steps off the sequences instead, along the gradient
            (``l2``) or its signs (``linf``); see :mod:`seqrobust.training.objectives.relaxed`.
        validation_steps: inner gradients of the attack that measures robust validation accuracy.
        weight: of the objective's second term, 1 unless given (the papers' own, trades 6 and mart 5, cost much clean
            accuracy on sequences). For distillation the share of the loss that adversarial sequences have, 5/6 unless
            given (Zi et al. 2021).
        reduction: of the gains that ``penalty`` adds up: their ``sum``, the dual norm, or their ``mean``; None for sum.
        teacher: checkpoint of a ``distillation``.
        converse_weight: of the converse of ``invariance``: without its protected letters a record should tell nothing.
        guard: watch one-step training for catastrophic overfitting, and take more steps once it sets in; see
            :mod:`seqrobust.training.guard`.
    """

    objective: ObjectiveName = "adversarial"
    budget: str | int = 3
    protect: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    allow: str = "any"
    steps: int = 1
    clean_share: float | None = None
    ramp_epochs: int = 0
    least_share: float = 1.0
    validation_steps: int = 5
    weight: float | None = None
    reduction: Reduction | None = None
    teacher: str | None = None
    converse_weight: float = 0.0
    first_norm: Norm | None = None
    first_epochs: int = 0
    guard: bool = True

    def __post_init__(self) -> None:
        _one_of("adversarial.objective", self.objective, get_args(ObjectiveName))
        _at_least("steps", self.steps, 1)
        _at_least("ramp_epochs", self.ramp_epochs, 0)
        _at_least("first_epochs", self.first_epochs, 0)
        _at_least("validation_steps", self.validation_steps, 1)
        _at_least("weight", self.weight or 0, 0)
        _at_least("converse_weight", self.converse_weight, 0)
        if not 0 <= self.share_of_clean < 1:
            raise ConfigError(
                "the clean share leaves room for adversaries", expected="0 to below 1", where="clean_share"
            )
        if not 0 <= self.least_share <= 1:
            raise ConfigError(
                "the least budget is a share of the whole",
                expected="0 to 1",
                found=str(self.least_share),
                where="training.adversarial.least_share",
            )
        if self.first_norm is not None:
            _one_of("adversarial.first_norm", self.first_norm, get_args(Norm))
        if self.reduction is not None:
            _one_of("adversarial.reduction", self.reduction, get_args(Reduction))
        self._check_belongs()
        Budget.parse(self.budget)

    def _check_belongs(self) -> None:
        """Raises ConfigError for a setting of another objective, and for one that is missing."""
        for name, absent in _ABSENT.items():
            if name not in _OWN[self.objective] and getattr(self, name) != absent:
                having = ", ".join(other for other, own in _OWN.items() if name in own)
                raise ConfigError(
                    f"{name} does not belong to the objective {self.objective}",
                    expected=f"objective: {having}",
                    found=f"{name}: {getattr(self, name)}",
                    where=f"training.adversarial.{name}",
                    fix=f"leave {name} out, or choose another objective",
                )
        where = "training.adversarial"
        if self.objective == "distillation":
            if not self.teacher:
                raise ConfigError(
                    "a distillation has a teacher", where=f"{where}.teacher", fix="give a checkpoint of seqrobust"
                )
            if self.second_weight > 1:
                raise ConfigError(
                    "the adversarial share of a distillation", expected="0 to 1", found=str(self.weight), where=where
                )
        if (self.first_norm is None) != (self.first_epochs == 0):
            raise ConfigError(
                "a first norm lasts for some epochs",
                expected="first_norm and first_epochs, both or neither",
                found=f"first_norm: {self.first_norm}, first_epochs: {self.first_epochs}",
                where=where,
            )
        if self.converse_weight and not (self.protect or self.only):
            raise ConfigError(
                "the converse needs letters that are protected", where=where, fix="give protect, or converse_weight: 0"
            )

    @property
    def share_of_clean(self) -> float:
        """The share of records left as they are."""
        return 0.5 if self.clean_share is None else self.clean_share

    @property
    def second_weight(self) -> float:
        """The weight of the objective's second term, its default where none was given; 0 where there is none."""
        return _WEIGHTS.get(self.objective, 0.0) if self.weight is None else self.weight

    @property
    def one_step(self) -> bool:
        """Whether training takes one step where it might take more, and validation measures more than one."""
        return self.steps == 1 and self.validation_steps > 1 and "steps" in _OWN[self.objective]

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
