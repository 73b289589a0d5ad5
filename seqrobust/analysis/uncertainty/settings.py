"""Settings of a study of uncertainty: members, an attack, and what is asked of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

from seqrobust.attacks.settings import AttackSettings
from seqrobust.errors import ConfigError
from seqrobust.files import is_there
from seqrobust.models.source import ModelSource
from seqrobust.options import GOAL, MODEL, Option, names_in, names_of

Part = Literal["epistemic", "detection", "selective", "purification"]
PARTS: tuple[Part, ...] = get_args(Part)
PURIFIERS = ("denoise", "vote")
ATTACKS = ("one_step", "discrete_pgd_5", "exchange")
"""Searches where none are named: every detector and defence is attacked by itself."""
_CLEANING = "Purification"


@dataclass(frozen=True, kw_only=True)
class UncertaintySettings(AttackSettings):
    """Settings of a study of uncertainty, beside those of its attacks.

    Attributes:
        attacks: searches, tried in this order.
        members: models that make an ensemble with the one asked about.
        dropout_samples: draws of its dropout as members instead.
        parts: which questions are asked.
        attack_folder: of an attack whose sequences are looked at instead of those of a fresh one.
        order: of the background model.
        fit_split: the split that background and density are fitted to; None for ``train`` where there is one.
        flagged: share of natural records that a detector may flag.
        risk: error at which coverage is given; None for none.
        purify: which purifications are tried.
        replaced: share of the letters of natural records that denoising replaces.
        noise: share of the letters that a vote redraws.
        draws: of a vote.
    """

    attacks: Annotated[
        tuple[str, ...],
        Option(flag="--attack", help="Searches, tried in order.", panel=GOAL, metavar="NAME[,NAME]", read=names_of),
    ] = ATTACKS
    members: Annotated[
        tuple[str, ...],
        Option(
            help="Checkpoints that make an ensemble with the model.",
            panel=MODEL,
            metavar="CKPT[,CKPT]",
            repeat=True,
            read=names_in,
        ),
    ] = ()
    dropout_samples: Annotated[int | None, Option(help="Draws of dropout as members.", panel=MODEL, least=2)] = None
    parts: Annotated[
        tuple[Part, ...],
        Option(
            flag="--part",
            help="epistemic, detection, selective, purification.",
            read=names_of,
            typed=",".join(PARTS),
        ),
    ] = PARTS
    attack_folder: Annotated[Path | None, Option(help="Look at this attack's sequences, not a fresh one's.")] = None
    order: Annotated[int, Option(help="Of the background model.", least=0, most=5)] = 3
    fit_split: Annotated[str | None, Option(help="Background and density are fitted to it; else train.")] = None
    flagged: Annotated[float, Option(help="Share of natural records a detector may flag.")] = 0.05
    risk: Annotated[float | None, Option(help="Tell the coverage at this error.", least=0)] = None
    purify: Annotated[
        tuple[str, ...],
        Option(help="denoise, vote.", panel=_CLEANING, read=names_of, typed=",".join(PURIFIERS)),
    ] = PURIFIERS
    replaced: Annotated[float, Option(help="Share of natural letters denoising replaces.", panel=_CLEANING)] = 0.05
    noise: Annotated[float, Option(help="Share of letters a vote redraws.", panel=_CLEANING)] = 0.1
    draws: Annotated[int, Option(help="Of a vote.", panel=_CLEANING, least=1)] = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        for option, given, known in (("--part", self.parts, PARTS), ("--purify", self.purify, PURIFIERS)):
            if unknown := [name for name in given if name not in known]:
                raise ConfigError("unknown value", expected=", ".join(known), found=repr(unknown[0]), where=option)
        for option, share in (("--flagged", self.flagged), ("--replaced", self.replaced), ("--noise", self.noise)):
            if not 0 < share < 1:
                raise ConfigError("a share lies between 0 and 1", found=f"{share:g}", where=option)
        if self.draws < 1:
            raise ConfigError("a mean is over draws", expected="1 or more", found=str(self.draws), where="--draws")
        if self.moves != "substitutions":
            raise ConfigError("uncertainty is studied under substitutions", found=f"--moves {self.moves}")
        if self.members and self.dropout_samples:
            raise ConfigError(
                "members are checkpoints or draws of dropout",
                found="--members and --dropout-samples",
                fix="give one of them",
            )
        if self.attack_folder is not None and any(budget.percent for budget in self.budgets):
            raise ConfigError("an earlier attack is read by numbers of edits", found=f"--budget {self.budget}")

    @property
    def files(self) -> list[Path]:
        """Those of an attack, of the members, and what is read of an earlier attack."""
        from seqrobust.analysis.earlier import files_of

        return [
            *super().files,
            *(file for text in self.members for file in ModelSource(model=_unnamed(text)).files),
            *(() if self.attack_folder is None else files_of(self.attack_folder)),
        ]


def _unnamed(text: str) -> str:
    """The model of ``NAME=MODEL`` or ``MODEL``."""
    return text if is_there(text) else text.partition("=")[2] or text
