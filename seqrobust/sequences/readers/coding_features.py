"""Coding sequences of GenBank and EMBL records: from a CDS feature, as Biopython reads it, to a reading.

What the International Nucleotide Sequence Database Collaboration's feature table says about strand, joins, frame, code
and exceptions is taken up here. Anything that leaves the order or the meaning of a letter open makes the reading
unclear, with the reason.
"""

from __future__ import annotations

import re

from Bio.SeqFeature import AfterPosition, BeforePosition, ExactPosition, Location, SeqFeature, SimpleLocation

from seqrobust.sequences.readers.features import qualifier
from seqrobust.sequences.readings import Exceptional, Part, Reading
from seqrobust.sequences.wording import is_whole

_EXCEPTION = re.compile(r"\(\s*pos:\s*(.+?)\s*,\s*aa:\s*(\w+)\s*\)")
_RANGE = re.compile(r"(\d+)(?:\.\.(\d+))?")
_HARMLESS = frozenset({"ribosomal slippage", "trans-splicing", "trans_splicing"})
"""Exceptions that the order of the parts tells."""

UNREADABLE_FLAGS = {
    "pseudo": "a pseudogene",
    "pseudogene": "a pseudogene",
    "artificial_location": "its location is made up",
}
"""Qualifiers of features that no ribosome reads as they stand."""


def reading_of(feature: SeqFeature, length: int) -> Reading | None:
    """The reading of a CDS feature on a record of that length; None for any other feature."""
    if feature.type != "CDS" or feature.location is None:
        return None
    parts = tuple(Part(*_ends(part), -1 if part.strand == -1 else 1) for part in feature.location.parts)
    start, table = qualifier(feature, "codon_start") or "1", qualifier(feature, "transl_table")
    given = [str(text) for text in feature.qualifiers.get("transl_except", [])]
    exceptions, misread = exceptional_codons(given)
    unclear = (
        _location_problem(feature.location, length)
        or _flagged(feature)
        or exception_problem(qualifier(feature, "exception"))
        or (f"a transl_except that cannot be read: {misread}" if misread else "")
        or ("" if start in ("1", "2", "3") else f"codon_start={start}")
        or ("" if not table or is_whole(table) else f"transl_table={table}")
    )
    first, last = _outer_ends(feature.location)
    return Reading(
        parts=parts,
        phase=int(start) - 1 if start in ("1", "2", "3") else 0,
        table=int(table) if is_whole(table) else None,
        gene=qualifier(feature, "gene"),
        locus_tag=qualifier(feature, "locus_tag"),
        protein_id=qualifier(feature, "protein_id"),
        product=qualifier(feature, "product"),
        partial_start=not isinstance(first, ExactPosition),
        partial_end=not isinstance(last, ExactPosition),
        exceptions=exceptions,
        translation="".join(qualifier(feature, "translation").split()).upper().rstrip("*"),
        unclear=unclear,
    )


def exceptional_codons(given: list[str]) -> tuple[tuple[Exceptional, ...], str]:
    """The codons of ``transl_except`` values, and the first that cannot be read (empty where all can).

    >>> exceptional_codons(["(pos:35..37,aa:Sec)", "(pos:complement(9),aa:TERM)"])[0][1]
    Exceptional(letters=(8,), product='TERM')
    """
    found: list[Exceptional] = []
    for text in given:
        matches = list(_EXCEPTION.finditer(text))
        if not matches or _EXCEPTION.sub("", text).strip(" ,;"):
            return tuple(found), text
        for match in matches:
            ranges = [(int(a), int(b or a)) for a, b in _RANGE.findall(match[1])]
            letters = tuple(at - 1 for a, b in ranges for at in range(a, b + 1))
            if not 1 <= len(letters) <= 3:
                return tuple(found), text
            found.append(Exceptional(letters, match[2]))
    return tuple(found), ""


def exception_problem(text: str) -> str:
    """Why a reading with that ``exception`` qualifier is unclear; empty where it is not."""
    return f"its protein is not what its letters say ({text})" if text and text.lower() not in _HARMLESS else ""


def _ends(part: SimpleLocation) -> tuple[int, int]:
    try:
        return int(part.start), int(part.end)
    except TypeError:  # an end that is not known at all
        return 0, 0


def _flagged(feature: SeqFeature) -> str:
    return next((why for key, why in UNREADABLE_FLAGS.items() if key in feature.qualifiers), "")


def _outer_ends(location: Location) -> tuple[object, object]:
    """The two ends in the order of reading."""
    first, last = location.parts[0], location.parts[-1]
    return (
        first.end if first.strand == -1 else first.start,
        last.start if last.strand == -1 else last.end,
    )


def _location_problem(location: Location, length: int) -> str:
    parts = location.parts
    if any(part.ref is not None for part in parts):
        return "a part of it lies on another record"
    if getattr(location, "operator", "join") != "join":
        return f"its parts are given without their order ({location.operator})"
    if any(part.strand not in (1, -1, None) for part in parts):
        return "a part of it is of neither strand"
    outer = {id(end) for end in _outer_ends(location)}
    for end in (end for part in parts for end in (part.start, part.end)):
        partial = isinstance(end, BeforePosition | AfterPosition) and id(end) in outer
        if not isinstance(end, ExactPosition) and not partial:
            return f"an end that is not known exactly ({end})"
    if any(not 0 <= int(part.start) < int(part.end) <= length for part in parts):
        return "an empty part, or one beyond the record's end"
    return ""
