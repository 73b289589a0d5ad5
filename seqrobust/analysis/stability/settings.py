"""Settings of a study of explanations. One class for Python, config files and options; loads nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, get_args

from seqrobust.analysis.attribution.settings import AttributionSettings
from seqrobust.attacks.settings import AttackSettings, ThreatSettings
from seqrobust.attacks.shift_size import checked_size
from seqrobust.errors import ConfigError
from seqrobust.models.source import Reading, named_source
from seqrobust.options import DATA, GOAL, MODEL, RUN, Option, names_of

if TYPE_CHECKING:
    from seqrobust.attacks import Attack
    from seqrobust.sequences import SequenceSet
    from seqrobust.sequences.kinds import Task

GoalName = Literal["random", "change", "keep"]

USUAL = ("saliency_corrected", "input_x_gradient_corrected", "integrated_gradients", "ism")
"""Methods looked at where none is named."""

PROXY = "input_x_gradient_corrected"
"""What is attacked on behalf of methods that no search can follow, if it is among those looked at."""

TOLERATED = 0.25
"""Standard deviations of a regression's predictions by which a value may move and still count as kept."""

SCANNED = 2_000
"""Single edits of a record up to which all of them are scored at every step."""

CHANGED_BELOW = 0.5
"""Correlation below which an explanation counts as changed: the edited one accounts for less than a quarter of the
variance of the clean one."""

KEPT_ABOVE = 0.8
"""Correlation from which an explanation counts as the same."""

KEPT_LEAD = 0.5
"""Share of the margin of the predicted class that has to be left for a prediction to count as kept."""


@dataclass(frozen=True, kw_only=True)
class StabilitySettings(ThreatSettings):
    """What an adversary may do, which explanations are attacked to which end, and when one counts as changed.

    Attributes:
        methods: attributions to look at, by the names of :mod:`seqrobust.analysis.attribution`; ``all`` for every one.
        goals: ``random`` edits that keep the prediction; ``change`` the explanation and keep the prediction; ``keep``
            the explanation and flip the prediction.
        attacks: searches by name; none for those that suit the number of edits.
        changed_below: correlation with the clean explanation below which one counts as changed.
        kept_above: correlation from which it counts as the same.
        kept_lead: share of the predicted class's margin that is left where a prediction counts as kept; 0 for the same
            class and nothing more.
        tolerance: by how much a regression's value may move and still count as kept; None for :data:`TOLERATED`
            standard deviations of the predictions.
        delta: shift of a regression's value that counts as another prediction; see
            :class:`~seqrobust.attacks.settings.AttackSettings`.
        output: name of the output explained; None for what is predicted.
        functional: names of regions where biology puts the function.
        top: k of the overlap of tops; None for the number of functional positions, or ten.
        sanity_records: records on which weights are randomised; 0 for none.
        max_records: study only so many records, drawn at random.
        random_draws: random sequences per record and budget.
        other_models: further models of the same data, whose explanations are compared with the model's.
        draw: whether to draw records.
    """

    presentation: ClassVar[tuple[str, ...]] = ("draw",)

    methods: Annotated[
        tuple[str, ...],
        Option(
            help="saliency, saliency_corrected, input_x_gradient, input_x_gradient_corrected and integrated_gradients "
            "are attacked; smoothgrad, deeplift, occlusion and ism are measured on what is found. Or all.",
            metavar="NAME[,NAME]",
            read=names_of,
        ),
    ] = USUAL
    goals: Annotated[
        tuple[GoalName, ...], Option(help="Any of random, change and keep; else all three.", read=names_of)
    ] = get_args(GoalName)
    attacks: Annotated[
        tuple[str, ...],
        Option(
            flag="--attack",
            help="Searches in order; else those that suit the number of edits.",
            metavar="NAME[,NAME]",
            read=names_of,
        ),
    ] = ()
    changed_below: Annotated[float, Option(help="Changed: correlates less with the clean one.")] = CHANGED_BELOW
    kept_above: Annotated[float, Option(help="The same: correlates at least so much.")] = KEPT_ABOVE
    kept_lead: Annotated[
        float,
        Option(help="Share of the predicted class's margin left where a prediction is kept; 0: only the class."),
    ] = KEPT_LEAD
    tolerance: Annotated[
        float | None,
        Option(help="Shift of a regression that still counts as kept; else a quarter of its standard deviation."),
    ] = None
    delta: Annotated[
        float | str | None,
        Option(
            help="Shift of a regression that counts as another prediction: 0.5, 1sd (default), 2fold.", metavar="SHIFT"
        ),
    ] = None
    output: Annotated[str | None, Option(help="The output explained; else what is predicted.")] = None
    functional: Annotated[
        tuple[str, ...],
        Option(help="Regions where the explanation should point.", metavar="NAME[,NAME]", repeat=True),
    ] = ()
    top: Annotated[int | None, Option(help="Positions of the top; else as many as are functional, or 10.", least=1)] = (
        None
    )
    sanity_records: Annotated[int, Option(help="Records on which weights are randomised; 0: none.", least=0)] = 32
    max_records: Annotated[int | None, Option(help="A random sample of records.", panel=DATA, least=1)] = None
    random_draws: Annotated[int, Option(help="Random controls per budget.", panel=GOAL, least=1)] = 10
    other_models: Annotated[
        tuple[str, ...],
        Option(
            help="Trained alike (other seeds): do they explain alike?",
            panel=MODEL,
            metavar="MODEL[,MODEL]",
            read=names_of,
        ),
    ] = ()
    draw: Annotated[bool, Option(help="Do not draw stability.png.", flag="--no-picture", panel=RUN, yes=True)] = True

    def __post_init__(self) -> None:
        from seqrobust.analysis.attribution import methods_named
        from seqrobust.attacks import attacks_named

        super().__post_init__()
        # Every other place asks about methods one by one.
        object.__setattr__(self, "methods", tuple(method.name for method in methods_named(self.methods)))
        if self.attacks:
            attacks_named(self.attacks)
        self._check_threat()
        self._check_numbers()

    def _check_threat(self) -> None:
        known = get_args(GoalName)
        if not self.goals or set(self.goals) - set(known):
            found = ", ".join(self.goals) or "none"
            raise ConfigError("unknown goal", expected=", ".join(known), found=found, where="goals")
        if self.moves.partition(":")[0] not in ("substitutions", "codons"):
            raise ConfigError(
                "explanations before and after are compared position by position",
                expected="substitutions or codons",
                found=self.moves,
                where="--moves",
            )

    def _check_numbers(self) -> None:
        for name in ("changed_below", "kept_above"):
            if not -1 < getattr(self, name) < 1:
                raise ConfigError(
                    "a threshold of correlations lies between -1 and 1", found=str(getattr(self, name)), where=name
                )
        if not 0 <= self.kept_lead < 1:
            raise ConfigError(
                "a share of a margin is 0 or more and below 1", found=str(self.kept_lead), where="kept_lead"
            )
        if self.delta is not None:
            checked_size(self.delta)
        for name in ("tolerance", "top", "random_draws", "max_records"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise ConfigError("a number has to be positive", found=str(value), where=name)
        if self.sanity_records < 0:
            raise ConfigError(
                "a number of records is 0 or more", found=str(self.sanity_records), where="sanity_records"
            )

    @property
    def files(self) -> list[Path]:
        """Files of the letter rule, the constraints and further models."""
        others = [named_source(text, Reading())[1] for text in self.other_models]
        return [*super().files, *(file for source in others for file in source.files)]

    @property
    def searched(self) -> tuple[str, ...]:
        """Methods that are attacked themselves."""
        from seqrobust.analysis.stability.profiles import PROFILES

        return tuple(name for name in self.methods if name in PROFILES) or ("input_x_gradient",)

    @property
    def proxy(self) -> str:
        """The method whose attacks the others are measured on."""
        return PROXY if PROXY in self.searched else self.searched[0]

    def measured(self, searched: str) -> tuple[str, ...]:
        """Methods whose explanations are compared at sequences found against one."""
        from seqrobust.analysis.stability.profiles import PROFILES

        follow = [name for name in self.methods if name not in PROFILES]
        own = [searched] if searched in self.methods else []
        return tuple(own + (follow if searched == self.proxy else []))

    def searches(self, sequences: SequenceSet) -> tuple[Attack, ...]:
        """The searches: those named, or those that suit the number of edits of most records.

        What an edit does to an explanation its gradient hardly tells, so all edits are scored where they are few, and a
        population of sequences is bred where they are many. On ten splice records under two edits these came 92 % and
        94 % of the way to the largest change there is, by enumeration.
        """
        import numpy as np

        from seqrobust.attacks import Beam, Exchange, Genetic, Greedy, attacks_named

        if self.attacks:
            return attacks_named(self.attacks)
        edits = float(np.median(sequences.lengths)) * (sequences.alphabet.size - 1)
        if edits <= SCANNED:
            return Greedy(name="greedy_all", top=None), Beam(name="beam_scan_8", width=8, top=16, scan=True)
        return Exchange(), Genetic()

    def attribution(self, seed: int) -> AttributionSettings:
        """How methods attribute, with the seed of their random draws."""
        return AttributionSettings(output=self.output, seed=seed)

    def attack(self, task: Task) -> AttackSettings:
        """The threat as an attack on the model itself takes it; of its goal nothing counts but the output of a
        regression and the shift."""
        from seqrobust.tasks import task_of

        threat: dict[str, Any] = {field.name: getattr(self, field.name) for field in fields(ThreatSettings)}
        shift: dict[str, Any] = {"output": self.output, "delta": self.delta} if task_of(task).measured else {}
        return AttackSettings(**threat, **shift, max_records=self.max_records, random_draws=self.random_draws)
