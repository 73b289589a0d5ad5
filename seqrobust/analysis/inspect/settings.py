"""Settings of an inspection: an attack, or the folder of one, and what is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from seqrobust.attacks.settings import DEFAULT_ATTACKS, AttackSettings
from seqrobust.errors import ConfigError
from seqrobust.options import GOAL, Option, names_of


@dataclass(frozen=True, kw_only=True)
class InspectSettings(AttackSettings):
    """Settings of an inspection, beside those of the attack that is made where no earlier one is named.

    Attributes:
        attacks: searches of an attack made now.
        folder: of an attack whose sequences are taken instead; its threat then stands for that of the settings.
        ways: so many records are followed from the clean to the adversarial sequence; 0 for none.
        picture: ids of the records drawn; the first two where there are none.
        draw: whether to draw.
    """

    attacks: Annotated[
        tuple[str, ...],
        Option(
            flag="--search",
            help="Of an attack made now: quick, standard (the default), thorough, or searches in order.",
            panel=GOAL,
            metavar="NAME[,NAME]",
            read=names_of,
        ),
    ] = DEFAULT_ATTACKS
    folder: Annotated[
        Path | None,
        Option(flag="--attack", help="Take this attack's sequences; else attack now.", metavar="FOLDER"),
    ] = None
    ways: Annotated[int, Option(help="Records followed to their adversarial sequence.", least=0)] = 16
    picture: Annotated[
        tuple[str, ...], Option(help="Records drawn; else the first two.", metavar="ID[,ID]", repeat=True)
    ] = ()
    draw: Annotated[bool, Option(flag="--no-picture", help="Do not draw inspect.png.", yes=True)] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.ways < 0:
            raise ConfigError("a number of records is not negative", found=str(self.ways), where="--ways")
        if self.folder is not None and self.attacks != DEFAULT_ATTACKS:
            raise ConfigError("--attack and --search exclude each other", fix="leave one of them out")

    @property
    def files(self) -> list[Path]:
        """Those of an attack, and what is read of an earlier one."""
        from seqrobust.analysis.earlier import files_of

        return [*super().files, *(() if self.folder is None else files_of(self.folder))]
