"""What a run's config may ask of the model it trained, beside the attack: its sections ``attribute``, ``probe``,
``stability`` and ``privacy``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ConfigDict

from seqrobust.analysis.attribution import USUAL, Baseline, methods_named
from seqrobust.analysis.privacy.settings import PrivacySettings
from seqrobust.analysis.stability import USUAL as USUAL_STABILITY
from seqrobust.analysis.stability import StabilitySettings
from seqrobust.errors import ConfigError
from seqrobust.pipeline.attack_stage import AttackSettings

_STRICT = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


@dataclass(frozen=True, kw_only=True)
class AttributeConfig:
    """Which letters predictions rest on; see :class:`~seqrobust.pipeline.attribute_command.AttributeCommand`."""

    __pydantic_config__ = _STRICT

    split: str = "test"
    max_records: int | None = None
    methods: tuple[str, ...] = USUAL
    regions: tuple[str, ...] = ()
    protect: tuple[str, ...] = ()
    output: str | None = None
    baseline: Baseline = "uniform"

    def __post_init__(self) -> None:
        methods_named(self.methods)

    @property
    def regions_named(self) -> tuple[str, ...]:
        """Names that the records must have."""
        return (*self.regions, *self.protect)


@dataclass(frozen=True, kw_only=True)
class ProbeConfig(AttackSettings):
    """Whether the model is right for the right reason; see :class:`~seqrobust.pipeline.probe_command.ProbeCommand`."""

    __pydantic_config__ = _STRICT

    budget: str | int = "1..3"
    split: str = "test"
    functional: tuple[str, ...] = ()
    motifs: tuple[Path, ...] = ()
    write: tuple[str, ...] = ()

    @property
    def regions_named(self) -> tuple[str, ...]:
        """Names that the records must have."""
        return (*self.functional, *self.protect, *self.only)


@dataclass(frozen=True, kw_only=True)
class StabilityConfig(AttackSettings):
    """Whether explanations hold; see :class:`~seqrobust.pipeline.stability_command.StabilityCommand`."""

    __pydantic_config__ = _STRICT

    budget: str | int = "1,3,5"
    max_records: int | None = 100
    split: str = "test"
    methods: tuple[str, ...] = USUAL_STABILITY
    functional: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        StabilitySettings(methods=self.methods)

    @property
    def regions_named(self) -> tuple[str, ...]:
        """Names that the records must have."""
        return (*self.functional, *self.protect, *self.only)


@dataclass(frozen=True, kw_only=True)
class PrivacyConfig(PrivacySettings):
    """Whether it can be told who was trained on; see :class:`~seqrobust.analysis.privacy.PrivacySettings`."""

    __pydantic_config__ = _STRICT

    split: str = "test"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.split == "train":
            raise ConfigError(
                "members and non-members are the same records",
                expected="a split that training does not see",
                found="train",
                where="privacy.split",
            )

    @property
    def regions_named(self) -> tuple[str, ...]:
        """Names that the records must have: none."""
        return ()


Question = AttributeConfig | ProbeConfig | StabilityConfig | PrivacyConfig
"""Each names the ``split`` that it is about; of a privacy audit those are the records that training did not see."""
