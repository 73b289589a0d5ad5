"""Settings of a saturation scan: which positions are scanned, how the map is kept, and what of it is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, get_args

from seqrobust.errors import ConfigError
from seqrobust.options import DATA, RUN, Option, checked

if TYPE_CHECKING:
    from seqrobust.analysis.saturation import Scan

Save = Literal["npz", "parquet", "both"]
_SCAN, _PICTURE = "Scan", "Picture"


@dataclass(frozen=True, kw_only=True)
class IsmSettings:
    """What a saturation scan is asked for.

    Attributes:
        protect: names of regions that are left out.
        only: names of regions outside which everything is left out; empty for everywhere.
        unknown_too: whether each letter is also put where the record's own letter is unknown.
        max_records: scan only so many records, drawn at random by the run's seed.
        picture: ids of the records drawn; the first four where there are none.
        output: name of the output drawn; None for what the model predicts.
        draw: whether to draw the map.
        save: the files that hold the map.
    """

    protect: Annotated[
        tuple[str, ...], Option(help="Regions that are left out.", panel=_SCAN, metavar="NAME[,NAME]", repeat=True)
    ] = ()
    only: Annotated[
        tuple[str, ...], Option(help="Regions that alone are scanned.", panel=_SCAN, metavar="NAME[,NAME]", repeat=True)
    ] = ()
    unknown_too: Annotated[bool, Option(help="Put each letter where N or X stands.", panel=_SCAN)] = False
    max_records: Annotated[int | None, Option(help="A random sample of records.", panel=DATA, least=1)] = None
    picture: Annotated[
        tuple[str, ...],
        Option(help="Records drawn; else the first four.", panel=_PICTURE, metavar="ID[,ID]", repeat=True),
    ] = ()
    output: Annotated[str | None, Option(help="The output drawn; else what is predicted.", panel=_PICTURE)] = None
    draw: Annotated[bool, Option(flag="--no-picture", help="Do not draw ism.png.", panel=_PICTURE, yes=True)] = True
    save: Annotated[Save, Option(help="The map as npz, parquet or both.", panel=RUN)] = "npz"

    presentation: ClassVar[tuple[str, ...]] = ("picture", "output", "draw", "save")
    """Fields that decide nothing about the map: a finished one may be drawn and kept otherwise."""

    def __post_init__(self) -> None:
        checked("--save", self.save, get_args(Save))
        if self.max_records is not None and self.max_records < 1:
            raise ConfigError("there must be a record", found=str(self.max_records), where="--max-records")
        for option, value in (("--picture", self.picture), ("--output", self.output)):
            if not self.draw and value not in (None, ()):
                raise ConfigError(f"{option} and --no-picture exclude each other", fix="leave one of them out")

    @property
    def scan(self) -> Scan:
        """The positions looked at."""
        from seqrobust.analysis.saturation import Scan

        return Scan(protect=self.protect, only=self.only, unknown_too=self.unknown_too)
