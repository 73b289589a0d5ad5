"""Settings of marginalisation and ablation: which motifs are put where, and which regions are taken out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from seqrobust.errors import ConfigError
from seqrobust.options import DATA, Option

_EDITS = "Motifs and regions"


@dataclass(frozen=True, kw_only=True)
class MotifsSettings:
    """What is put into records, and what is taken out of them.

    Attributes:
        motifs: patterns, IUPAC or PROSITE, ``PATTERN`` or ``NAME=PATTERN``; each is put into every record by itself.
        at: position, from 1, of a motif's first letter; its middle stands in the middle of the record where there is
            none.
        ablate: names of regions whose letters are shuffled away, each by itself.
        shuffled: whether motifs are put into dinucleotide shuffles of the records instead of the records themselves.
        draws: random instances, backgrounds, shuffles and controls that a record is measured with.
        max_records: only so many records, drawn at random by the run's seed.
    """

    motifs: Annotated[
        tuple[str, ...],
        Option(flag="--motif", help="Put into every record.", panel=_EDITS, metavar="[NAME=]PATTERN", repeat=True),
    ] = ()
    at: Annotated[
        int | None, Option(help="Position of a motif's first letter; else the middle.", panel=_EDITS, least=1)
    ] = None
    ablate: Annotated[
        tuple[str, ...], Option(help="Regions shuffled away.", panel=_EDITS, metavar="NAME[,NAME]", repeat=True)
    ] = ()
    shuffled: Annotated[bool, Option(help="Put motifs into shuffles of the records.", panel=_EDITS)] = False
    draws: Annotated[int, Option(help="Random draws a record.", panel=_EDITS, least=1)] = 10
    max_records: Annotated[int | None, Option(help="A random sample of records.", panel=DATA, least=1)] = None

    def __post_init__(self) -> None:
        if not self.motifs and not self.ablate:
            raise ConfigError("nothing is to be put in or taken out", fix="name a --motif, or a region with --ablate")
        for name, least in (("at", 1), ("draws", 1), ("max_records", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ConfigError("a number is too small", expected=f"{least} or more", found=str(value), where=name)
