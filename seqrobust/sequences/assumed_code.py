"""Whether the standard genetic code may be taken for granted where an annotation names none.

GFF3 and GTF files of many sources name no code. By the wrong one a codon edit that looks synonymous changes the protein
(ATA to ATT is methionine to isoleucine in mitochondria of animals), and a gene without the codons in question tells
nothing of it. Its neighbours do: by the wrong code many of them stop on their way.
"""

from __future__ import annotations

import re

from seqrobust.sequences.genetic_code import STANDARD
from seqrobust.sequences.readings import Reading
from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.sequences.translation import stops_on_the_way

_MITOCHONDRION = re.compile(r"(?:chr(?:omosome)?[_-]?)?(?:m|mt|mito|mtdna)|.*mitochondri.*", re.IGNORECASE)
_FEWEST, _SHARE = 3, 1 / 3
"""Coding sequences, and the share of them that stop on their way, from which on the code is doubted."""
_NAME_IT = "name the genetic code (codons:CDS:2 for vertebrate mitochondria, :5 invertebrate, :4 mould, :1 standard)"


def code_is_assumed(reading: Reading) -> bool:
    """Whether nothing in the file says by which code a coding sequence is read, not even its protein."""
    return reading.whole and reading.table is None and not reading.translation


def code_doubts(sequences: SequenceSet) -> list[str]:
    """For each record why the standard code is not to be assumed there; empty where it may be."""
    readings = sequences.readings
    if readings is None:
        return [""] * len(sequences)
    counts = []
    for row, text in zip(readings.of_record, sequences.texts, strict=True):
        assumed = [one for one in row if code_is_assumed(one) and not one.unclear]
        counts.append((sum(stops_on_the_way(one, text, STANDARD) for one in assumed), len(assumed)))
    together = _doubt(sum(stop for stop, _ in counts), sum(count for _, count in counts), "all records")
    return [
        (_mitochondrial(name) if count else "") or _doubt(stop, count, "the record") or together
        for name, (stop, count) in zip(sequences.ids, counts, strict=True)
    ]


def _mitochondrial(name: str) -> str:
    if not _MITOCHONDRION.fullmatch(name):
        return ""
    return f"its file names no genetic code, and {name!r} is what mitochondria are called: {_NAME_IT}"


def _doubt(stops: int, count: int, where: str) -> str:
    if count < _FEWEST or stops < _SHARE * count:
        return ""
    said = f"{stops} of {count} coding sequences of {where} stop on their way by genetic code {STANDARD}"
    return f"its file names no genetic code, and {said}: {_NAME_IT}"
