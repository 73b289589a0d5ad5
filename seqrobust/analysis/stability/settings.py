"""What a study of explanations is told, and the problems that follow from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
import torch

from seqrobust.analysis.attribution import AttributionSettings, methods_named
from seqrobust.analysis.stability.explained import ExplainedPredictor
from seqrobust.analysis.stability.goals import (
    CHANGED_BELOW,
    KEPT_ABOVE,
    KEPT_LEAD,
    ChangeExplanation,
    KeepExplanation,
)
from seqrobust.analysis.stability.profiles import PROFILES
from seqrobust.attacks import Attack, Beam, Genetic, Greedy, Problem, attacks_named, coded, predictions
from seqrobust.attacks.coded import CodedPredictor
from seqrobust.attacks.exchange import Exchange
from seqrobust.errors import ConfigError
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet, Targets

GoalName = Literal["random", "change", "keep"]

USUAL = ("saliency_corrected", "input_x_gradient_corrected", "integrated_gradients", "ism")
"""Methods looked at where none is named."""

PROXY = "input_x_gradient_corrected"
"""What is attacked on behalf of methods that no search can follow, if it is among those looked at."""

TOLERATED = 0.25
"""Standard deviations of a regression's predictions by which a value may move and still count as kept."""

SCANNED = 2_000
"""Single edits of a record up to which all of them are scored at every step."""

_FEW = (Greedy(name="greedy_all", top=None), Beam(name="beam_scan_8", width=8, top=16, scan=True))
_MANY = (Exchange(), Genetic())


@dataclass(frozen=True, kw_only=True)
class StabilitySettings:
    """What a study is told.

    Attributes:
        methods: attributions to look at, by the names of :mod:`seqrobust.analysis.attribution`.
        goals: ``random`` edits that keep the prediction; ``change`` the explanation and keep the prediction; ``keep``
            the explanation and flip the prediction.
        attacks: searches by name; none for those that suit the number of edits.
        changed_below: correlation with the clean explanation below which one counts as changed.
        kept_above: correlation from which it counts as the same.
        kept_lead: share of the predicted class's lead that is left where a prediction counts as kept; 0 for the same
            class and nothing more.
        tolerance: by how much a regression's value may move and still count as kept; None for :data:`TOLERATED`
            standard deviations of the predictions.
        delta: shift of a regression's value that counts as another prediction; None for one standard deviation.
        top: k of the overlap of tops; None for the number of functional positions, or ten.
        functional: names of regions where biology puts the function.
        draws: random sequences per record and budget.
        attribution: what the methods are told.
    """

    methods: tuple[str, ...] = USUAL
    goals: tuple[GoalName, ...] = get_args(GoalName)
    attacks: tuple[str, ...] = ()
    changed_below: float = CHANGED_BELOW
    kept_above: float = KEPT_ABOVE
    kept_lead: float = KEPT_LEAD
    tolerance: float | None = None
    delta: float | None = None
    top: int | None = None
    functional: tuple[str, ...] = ()
    draws: int = 10
    attribution: AttributionSettings = field(default_factory=AttributionSettings)

    def __post_init__(self) -> None:
        methods_named(self.methods)
        if self.attacks:
            attacks_named(self.attacks)
        known = get_args(GoalName)
        if not self.goals or set(self.goals) - set(known):
            found = ", ".join(self.goals) or "none"
            raise ConfigError("unknown goal", expected=", ".join(known), found=found, where="goals")
        for name in ("changed_below", "kept_above"):
            if not -1 < getattr(self, name) < 1:
                raise ConfigError(
                    "a threshold of correlations lies between -1 and 1", found=str(getattr(self, name)), where=name
                )
        if not 0 <= self.kept_lead < 1:
            raise ConfigError(
                "a share of a lead is 0 or more and below 1", found=str(self.kept_lead), where="kept_lead"
            )
        for name in ("tolerance", "delta", "top", "draws"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError("a number has to be positive", found=str(value), where=name)

    @property
    def searched(self) -> tuple[str, ...]:
        """Methods that are attacked themselves."""
        return tuple(name for name in dict.fromkeys(self.methods) if name in PROFILES) or ("input_x_gradient",)

    @property
    def proxy(self) -> str:
        """The method whose attacks the others are measured on."""
        return PROXY if PROXY in self.searched else self.searched[0]

    def measured(self, searched: str) -> tuple[str, ...]:
        """Methods whose explanations are compared at sequences found against one."""
        follow = [name for name in dict.fromkeys(self.methods) if name not in PROFILES]
        own = [searched] if searched in self.methods else []
        return tuple(own + (follow if searched == self.proxy else []))

    def searches(self, sequences: SequenceSet) -> tuple[Attack, ...]:
        """The searches: those named, or those that suit the number of edits of most records.

        What an edit does to an explanation its gradient hardly tells, so all edits are scored where they are few, and a
        population of sequences is bred where they are many. On ten splice records under two edits these came 92 % and
        94 % of the way to the largest change there is, by enumeration.
        """
        if self.attacks:
            return attacks_named(self.attacks)
        edits = float(np.median(sequences.lengths)) * (sequences.alphabet.size - 1)
        return _FEW if edits <= SCANNED else _MANY


def spread(logits: torch.Tensor) -> tuple[float, ...]:
    """Standard deviation of each output of (N, outputs); 1 for one that does not vary."""
    found = logits.double().std(0, correction=0)
    return tuple(float(value) if value > 0 else 1.0 for value in found)


def truth_of(problem: Problem) -> Targets:
    """The records' targets; where they have none, their clean predictions stand for them."""
    plain = problem.plain
    if plain.targets is not None:
        return plain.targets
    predictor = plain.predictor
    with predictor.attached():
        said = predictions(predictor.task, predictor.logits(torch.tensor(plain.sequences.tokens))).cpu().numpy()
    return Targets(task=predictor.task, labels=predictor.labels or (), values=said)


def explained_problem(
    problem: Problem,
    method: str,
    goal: Literal["change", "keep"],
    settings: StabilitySettings,
    scale: Sequence[float] = (),
    truth: Targets | None = None,
) -> Problem:
    """The problem of moving, or of holding, one method's explanation, under the same threat and budgets.

    Args:
        problem: about the model itself; its goal is not used.
        method: what is attacked.
        goal: which of the two.
        settings: thresholds.
        scale: of a regression the spread of each output's predictions; see :func:`spread`.
        truth: of :func:`truth_of`, where that is known already.
    """
    plain = problem.plain
    sequences = plain.sequences
    predictor = ExplainedPredictor(plain.predictor, method, settings.attribution.output)
    predictor.check(torch.tensor(sequences.tokens[:16]))
    targets = truth or truth_of(problem)
    made = replace(plain, predictor=predictor, targets=targets, goal=goal_of(predictor, goal, settings, scale))
    moved = problem.predictor
    return coded(made, moved.coding) if isinstance(moved, CodedPredictor) else made


def goal_of(
    predictor: ExplainedPredictor, goal: Literal["change", "keep"], settings: StabilitySettings, scale: Sequence[float]
) -> ChangeExplanation | KeepExplanation:
    """The goal of that name, on an explained predictor's outputs."""
    layout = predictor.layout
    if goal == "change":
        return ChangeExplanation(
            layout=layout,
            threshold=settings.changed_below,
            kept_lead=settings.kept_lead,
            tolerance=tolerances(predictor.plain, settings, scale),
        )
    delta = settings.delta or (scale[layout.output] if scale else 1.0)
    return KeepExplanation(layout=layout, threshold=settings.kept_above, delta=delta)


def tolerances(predictor: Predictor, settings: StabilitySettings, scale: Sequence[float]) -> tuple[float, ...]:
    """By how much each value of a regression may move; nothing for other tasks."""
    if predictor.task != "regression":
        return ()
    if settings.tolerance is not None:
        return (settings.tolerance,) * predictor.outputs
    return tuple(TOLERATED * value for value in scale)
