"""Codings as text: what one edit is."""

from __future__ import annotations

from typing import get_args

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ThreatError
from seqrobust.threats.coding.base import Coding
from seqrobust.threats.coding.codons import Codons
from seqrobust.threats.coding.indels import Anchor, Indels

_EXPECTED = "substitutions, codons[:REGION[:TABLE]] or indels[:left|right|free]"


def parse_moves(text: str, alphabet: Alphabet) -> Coding | None:
    """What one edit is; None for a substitution.

    Args:
        text: ``substitutions``; ``codons``, ``codons:CDS`` for the regions of that name, ``codons:CDS:11`` by another
            genetic code, ``codons::11`` for whole records by it; ``indels``, ``indels:right``, ``indels:free``.
        alphabet: of the sequences.

    Raises ThreatError for text that cannot be read.
    """
    name, _, rest = (part.strip() for part in text.partition(":"))
    if name == "substitutions" and not rest:
        return None
    if name == "codons":
        # A region's name may hold colons; a number behind the last one is the genetic code.
        region, colon, table = rest.rpartition(":")
        if not table.isdigit():
            region, table = rest, "1"
        elif not colon:
            raise ThreatError("a genetic code stands behind a region", expected="codons::11", found=repr(text))
        return Codons(source=alphabet, region=region or None, table=int(table))
    if name == "indels":
        for anchor in get_args(Anchor):
            if anchor == (rest or "left"):
                return Indels(source=alphabet, anchor=anchor)
    raise ThreatError("unknown moves", expected=_EXPECTED, found=repr(text))
