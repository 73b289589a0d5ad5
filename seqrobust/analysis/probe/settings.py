"""Settings of a probe: an attack, which regions are functional, and what its edits are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from seqrobust.attacks.settings import AttackSettings
from seqrobust.errors import ConfigError
from seqrobust.options import Option

_PROBE = "Probe"


@dataclass(frozen=True, kw_only=True)
class ProbeSettings(AttackSettings):
    """What a probe is asked for. The attack's budget is spent in functional and in other positions alike.

    Attributes:
        functional: names of functional regions; all that the records name where there are none.
        motifs: files of weight matrices that edits are matched with.
        write: motifs to be written, ``NAME=MOTIF`` or ``NAME=MOTIF@REGION``.
    """

    functional: Annotated[
        tuple[str, ...],
        Option(help="Functional regions; else all named.", panel=_PROBE, metavar="NAME[,NAME]", repeat=True),
    ] = ()
    motifs: Annotated[
        tuple[Path, ...], Option(help="JASPAR or MEME file that edits are matched with.", panel=_PROBE, repeat=True)
    ] = ()
    write: Annotated[
        tuple[str, ...],
        Option(
            help="Write a motif where nothing is functional, such as zinc=H-E-x-x-H.",
            panel=_PROBE,
            metavar="NAME=MOTIF[@REGION]",
            repeat=True,
        ),
    ] = ()

    def __post_init__(self) -> None:
        from seqrobust.analysis.probe.writing import parse_writing

        super().__post_init__()
        if self.moves != "substitutions":
            raise ConfigError("a probe is about substitutions", found=f"moves {self.moves}", fix="leave --moves out")
        if self.budgets[-1].percent:
            raise ConfigError(
                "a probe's budget is a count, the same number of letters in functional and in other positions",
                expected="3 or 1..5",
                found=str(self.budget),
                where="--budget",
            )
        for text in self.write:
            parse_writing(text, self.most_edits)

    @property
    def most_edits(self) -> int:
        """The largest budget."""
        return int(self.budgets[-1].amount)
