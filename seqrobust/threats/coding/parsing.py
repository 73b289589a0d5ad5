"""Codings as text: what one edit is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ThreatError
from seqrobust.files import home_expanded, is_file
from seqrobust.threats.coding.codons import Codons
from seqrobust.threats.coding.indels import Anchor, Indels
from seqrobust.threats.coding.residues import Residues
from seqrobust.threats.coding.usage import CodonUsage

_WHOLE = re.compile("[0-9]{1,9}")
_LIMITS = re.compile("@(usage|protein):")
_EXPECTED = (
    "substitutions, codons[:REGION[:TABLE]][@usage:SHARE[:FILE]][@protein:COUNT[:RULE]] or indels[:left|right|free]"
)


def parse_moves(text: str, alphabet: Alphabet) -> Codons | Indels | None:
    """What one edit is; None for a substitution.

    Args:
        text: ``substitutions``; ``codons`` of whole records, ``codons:CDS`` of coding sequences or regions of that
            name, ``codons:CDS[gene=S]`` of one gene (or ``locus_tag``, ``protein_id``, ``product``), ``codons:CDS:11``
            and ``codons::11`` by a genetic code (one that the records do not contradict); ``codons:CDS@usage:0.1`` and
            ``codons:CDS@usage:0.1:FILE`` to codons of that share among those of their meaning, of the records' own or
            in a table; ``codons:CDS@protein:1`` and ``codons:CDS@protein:1:blosum62:0`` with so many amino acids
            changed, both in any order; ``indels``, ``indels:right``, ``indels:free``.
        alphabet: of the sequences.

    Raises ThreatError for text that cannot be read.
    """
    text, told = _told(text)
    name, _, rest = (part.strip() for part in text.partition(":"))
    if told and name != "codons":
        raise ThreatError(
            "codon usage and amino acids are about codon moves", expected="codons:CDS@usage:0.1", found=repr(text)
        )
    if name == "substitutions" and not rest:
        return None
    if name == "codons":
        # A region's name may hold colons; a number behind the last one is the genetic code.
        region, colon, table = rest.rpartition(":")
        if not _WHOLE.fullmatch(table):
            region, table = rest, ""
        elif not colon:
            raise ThreatError("a genetic code stands behind a region", expected="codons::11", found=repr(text))
        return Codons(
            source=alphabet,
            region=region or None,
            table=int(table) if table else None,
            usage=_usage(told["usage"]) if "usage" in told else None,
            changes=_changes(told["protein"]) if "protein" in told else None,
        )
    if name == "indels":
        for anchor in get_args(Anchor):
            if anchor == (rest or "left"):
                return Indels(source=alphabet, anchor=anchor)
    raise ThreatError("unknown moves", expected=_EXPECTED, found=repr(text))


def moves_files(text: str) -> list[Path]:
    """The files that moves name, those that exist."""
    path = home_expanded(_told(text)[1].get("usage", "").partition(":")[2].strip())
    return [path] if is_file(path) else []


def _told(text: str) -> tuple[str, dict[str, str]]:
    """Moves without what stands behind ``@usage:`` and ``@protein:``, and that."""
    first, *pieces = _LIMITS.split(text)
    return first.strip(), {key: value.strip() for key, value in zip(pieces[::2], pieces[1::2], strict=True)}


def _changes(text: str) -> Residues:
    count, colon, rule = (part.strip() for part in text.partition(":"))
    if not _WHOLE.fullmatch(count):
        raise ThreatError("a number of amino acids is a whole one", expected="codons:CDS@protein:1", found=repr(count))
    return Residues(most=int(count), rule=rule if colon else "any")


def _usage(text: str) -> CodonUsage:
    share, colon, file = (part.strip() for part in text.partition(":"))
    try:
        least = float(share.rstrip("%")) / (100 if share.endswith("%") else 1)
    except ValueError:
        raise ThreatError("a share of codons is a number", expected="codons:CDS@usage:0.1", found=repr(share)) from None
    path = home_expanded(file) if colon else None
    if path is not None and not is_file(path):
        raise ThreatError("a table of codon usage does not exist", expected="the path of a file", found=repr(file))
    return CodonUsage(least=least, path=path)
