"""Codings as text: what one edit is."""

from __future__ import annotations

from typing import get_args

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ThreatError
from seqrobust.threats.coding.codons import Codons
from seqrobust.threats.coding.indels import Anchor, Indels

_EXPECTED = "substitutions, codons[:REGION[:TABLE]] or indels[:left|right|free]"


def parse_moves(text: str, alphabet: Alphabet) -> Codons | Indels | None:
    """What one edit is; None for a substitution.

    Args:
        text: ``substitutions``; ``codons`` of whole records, ``codons:CDS`` of coding sequences or regions of that
            name, ``codons:CDS[gene=S]`` of one gene (or ``locus_tag``, ``protein_id``, ``product``), ``codons:CDS:11``
            and ``codons::11`` by a genetic code (one that the records do not contradict); ``indels``, ``indels:right``,
            ``indels:free``.
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
            region, table = rest, ""
        elif not colon:
            raise ThreatError("a genetic code stands behind a region", expected="codons::11", found=repr(text))
        return Codons(source=alphabet, region=region or None, table=int(table) if table else None)
    if name == "indels":
        for anchor in get_args(Anchor):
            if anchor == (rest or "left"):
                return Indels(source=alphabet, anchor=anchor)
    raise ThreatError("unknown moves", expected=_EXPECTED, found=repr(text))
