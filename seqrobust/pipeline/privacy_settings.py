"""What an audit of membership is told beside the model and the records, by a command or by a section of a config."""

from __future__ import annotations

from dataclasses import dataclass

from seqrobust.errors import ConfigError

THRESHOLDS = ("loss", "confidence", "margin", "entropy", "modified_entropy")
"""Attacks by one number of the audited model."""
WITH_SHADOWS = ("shadow_beta", "shadow_gaussian", "lira_online", "lira_offline", "rmia", "rmia_offline")
"""Attacks that compare with shadow models."""
LABEL_ONLY = ("label_only", "label_only_edits")
"""Attacks by answers alone: share of random versions still answered rightly; fewest edits that change the answer."""
ATTACKS = (*THRESHOLDS, *WITH_SHADOWS, *LABEL_ONLY)
SHADOWS = 32
"""Shadow models where the recipe is known and no number is given."""
_FEWEST_SHADOWS = 4


@dataclass(frozen=True, kw_only=True)
class PrivacySettings:
    """How to audit.

    Attributes:
        attacks: names among :data:`ATTACKS`; all that apply but :data:`LABEL_ONLY` where there are none.
        shadows: how many shadow models are trained; None for :data:`SHADOWS` where the recipe is known, else none.
        prior: probability that a record is a member, of the shadow attacks' verdicts.
        label_only: also attack by answers alone.
        other_strand: ask LiRA's models and the label-only attack about both strands of a record.
        shifts: ask LiRA's models also about so many moved versions of a record.
        identity: share of letters in common from which on records count as near copies.

    Raises ConfigError for an attack that there is none of, and for numbers out of range.
    """

    attacks: tuple[str, ...] = ()
    shadows: int | None = None
    prior: float = 0.5
    label_only: bool = False
    other_strand: bool = False
    shifts: int = 0
    identity: float = 0.9

    def __post_init__(self) -> None:
        if unknown := [name for name in self.attacks if name not in ATTACKS]:
            raise ConfigError("unknown value", expected=", ".join(ATTACKS), found=repr(unknown[0]), where="--attacks")
        if self.shadows is not None and 0 != self.shadows < _FEWEST_SHADOWS:
            expected = f"0, or {_FEWEST_SHADOWS} and more"
            raise ConfigError("too few shadow models", expected=expected, found=str(self.shadows), where="--shadows")
        for option, share in (("--prior", self.prior), ("--identity", self.identity)):
            if not 0 < share < 1:
                raise ConfigError("a share lies between 0 and 1", found=f"{share:g}", where=option)
        if not 0 <= self.shifts <= _MOST_SHIFTS:
            expected = f"0 to {_MOST_SHIFTS}"
            raise ConfigError("moved versions of a record", expected=expected, found=str(self.shifts), where="--shifts")

    @property
    def wanted(self) -> tuple[str, ...]:
        """Names of the attacks that are asked for."""
        named = self.attacks or (*THRESHOLDS, *WITH_SHADOWS)
        return tuple(dict.fromkeys((*named, *(LABEL_ONLY if self.label_only else ()))))


_MOST_SHIFTS = 10
"""One to five letters to either side."""
