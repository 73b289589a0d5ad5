"""What a run's config may ask of the model it trained, beside the attack: a section for each analysis named here.

A section is the settings class of its analysis, and the split that it is about.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import ConfigDict

from seqrobust.analysis.attribute.settings import AttributeSettings
from seqrobust.analysis.certify.settings import CertifySettings
from seqrobust.analysis.privacy.settings import PrivacySettings
from seqrobust.analysis.probe.settings import ProbeSettings
from seqrobust.analysis.stability.settings import StabilitySettings
from seqrobust.errors import ConfigError

_STRICT = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


@dataclass(frozen=True, kw_only=True)
class AttributeConfig(AttributeSettings):
    """Which letters predictions rest on."""

    __pydantic_config__ = _STRICT

    split: str = "test"

    @property
    def regions_named(self) -> tuple[str, ...]:
        """Names that the records must have."""
        return (*self.regions, *self.protect)


@dataclass(frozen=True, kw_only=True)
class CertifyConfig(CertifySettings):
    """What no adversary can do."""

    __pydantic_config__ = _STRICT

    max_records: int | None = 100
    split: str = "test"

    @property
    def regions_named(self) -> tuple[str, ...]:
        """Names that the records must have."""
        return (*self.protect, *self.only)


@dataclass(frozen=True, kw_only=True)
class ProbeConfig(ProbeSettings):
    """Whether the model is right for the right reason."""

    __pydantic_config__ = _STRICT

    budget: str | int = "1..3"
    split: str = "test"

    @property
    def regions_named(self) -> tuple[str, ...]:
        """Names that the records must have."""
        return (*self.functional, *self.protect, *self.only)


@dataclass(frozen=True, kw_only=True)
class StabilityConfig(StabilitySettings):
    """Whether explanations hold."""

    __pydantic_config__ = _STRICT

    budget: str | int = "1,3,5"
    max_records: int | None = 100
    split: str = "test"

    @property
    def regions_named(self) -> tuple[str, ...]:
        """Names that the records must have."""
        return (*self.functional, *self.protect, *self.only)


@dataclass(frozen=True, kw_only=True)
class PrivacyConfig(PrivacySettings):
    """Whether it can be told who was trained on."""

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


Question = CertifyConfig | AttributeConfig | ProbeConfig | StabilityConfig | PrivacyConfig
"""Each names the ``split`` that it is about; of a privacy audit those are the records that training did not see."""
