"""What an audit of membership is told beside the model and the records: which attacks, with which shadow models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, ClassVar

from seqrobust.errors import ConfigError
from seqrobust.options import RUN, Option, names_of

THRESHOLDS = ("loss", "confidence", "margin", "entropy", "modified_entropy")
"""Attacks by one number of the audited model."""
WITH_SHADOWS = ("shadow_beta", "shadow_gaussian", "lira_online", "lira_offline", "rmia", "rmia_offline")
"""Attacks that compare with shadow models."""
LABEL_ONLY = ("label_only", "label_only_edits")
"""Attacks by predicted labels alone: share of random versions still classified correctly; fewest edits that change the
prediction."""
ATTACKS = (*THRESHOLDS, *WITH_SHADOWS, *LABEL_ONLY)
SHADOWS = 32
"""Shadow models where the recipe is known and no number is given."""
_FEWEST_SHADOWS = 4
_MOST_SHIFTS = 10
"""One to five letters to either side."""
_ATTACKS, _SHADOWS = "Attacks", "Shadow models"
"""Panels of the help."""


@dataclass(frozen=True, kw_only=True)
class PrivacySettings:
    """How to audit.

    Attributes:
        attacks: names among :data:`ATTACKS`; all that apply but :data:`LABEL_ONLY` where there are none.
        label_only: also attack by predicted labels alone.
        other_strand: ask LiRA's models and the label-only attack about both strands of a record.
        shifts: ask LiRA's models also about so many moved versions of a record.
        prior: probability that a record is a member, of the shadow attacks' verdicts.
        identity: share of letters in common from which on records count as near copies.
        shadows: how many shadow models are trained; None for :data:`SHADOWS` where the recipe is known, else none.
        recipe: config whose model and training shadow models take; None for the checkpoint's own.
        draw: whether to draw ``privacy.png``.

    Raises ConfigError for an attack that there is none of, and for numbers out of range.
    """

    presentation: ClassVar[tuple[str, ...]] = ("attacks", "label_only", "prior", "draw")
    """Shadow models, which alone are kept, are the same whatever these say; all else is computed anew."""

    attacks: Annotated[
        tuple[str, ...],
        Option(
            help="loss, confidence, margin, entropy, modified_entropy; with shadow models shadow_beta, "
            "shadow_gaussian, lira_online, lira_offline, rmia, rmia_offline; label_only, label_only_edits. Else all "
            "that apply but the last two.",
            panel=_ATTACKS,
            metavar="NAME,...",
            read=names_of,
        ),
    ] = ()
    label_only: Annotated[
        bool,
        Option(help="Also attack by answers alone, under random and under adversarial edits.", panel=_ATTACKS),
    ] = False
    other_strand: Annotated[bool, Option(help="Ask about both strands (LiRA, attacks by answers).", panel=_ATTACKS)] = (
        False
    )
    shifts: Annotated[int, Option(help="Ask about so many moved versions too (LiRA).", panel=_ATTACKS, least=0)] = 0
    prior: Annotated[float, Option(help="Probability that a record is a member.", panel=_ATTACKS)] = 0.5
    identity: Annotated[float, Option(help="Near copies share so many letters.", panel=_ATTACKS)] = 0.9
    shadows: Annotated[
        int | None, Option(help="How many to train; else 32 where the recipe is known.", panel=_SHADOWS, least=0)
    ] = None
    recipe: Annotated[
        Path | None,
        Option(help="Whose model and training they take; else the checkpoint's own.", panel=_SHADOWS, metavar="CONFIG"),
    ] = None
    draw: Annotated[bool, Option(flag="--no-picture", help="Do not draw privacy.png.", panel=RUN, yes=True)] = True

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

    @property
    def wants_shadows(self) -> bool:
        """Whether an attack that is asked for compares with shadow models."""
        return any(name in WITH_SHADOWS for name in self.wanted)
