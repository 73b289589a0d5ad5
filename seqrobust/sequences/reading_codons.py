"""The codons of a reading on its record: where their letters stand, and which of them are not to be touched, and why.

The one place where a reading becomes codons. A codon's letters need not be neighbours (an intron, the origin of a
circle), those of the minus strand are complemented, and some may not be on the record at all.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from seqrobust.alphabet import Alphabet
from seqrobust.sequences.genetic_code import CODONS, starts
from seqrobust.sequences.readings import Reading
from seqrobust.sequences.translation import begins, exceptional

FREE, START, EXCEPTION, SLIPPAGE, AMBIGUOUS, CUT, UNCLEAR = range(7)
"""Why a codon is fixed; :data:`FREE` where it is not."""

WHY = {
    START: "first of their protein",
    EXCEPTION: "of a meaning of their own (transl_except)",
    SLIPPAGE: "at a frameshift of the ribosome",
    AMBIGUOUS: "with an unknown letter",
    CUT: "partly beyond the record",
    UNCLEAR: "of unclear coding sequences",
}
"""What codons that are fixed are, in words."""
_SLIPPERY = 7
"""Letters ahead of a frameshift that make the ribosome slip (X XXY YYZ)."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadingCodons:
    """The n codons of one reading, in the order they are read.

    Attributes:
        reading: theirs.
        table: genetic code.
        places: (n, 3) positions on the record, -1 where a letter is not on it.
        minus: (n, 3) bool: the letter is complemented.
        number: (n,) the codon's number 0..63; 0 where a letter is unknown.
        fixed: (n,) why a codon may not change, :data:`FREE` where it may.
        stray: positions of letters that belong to no whole codon.
    """

    reading: Reading
    table: int
    places: NDArray[np.int64]
    minus: NDArray[np.bool_]
    number: NDArray[np.int64]
    fixed: NDArray[np.uint8]
    stray: NDArray[np.int64]


def codons_of(
    reading: Reading, tokens: NDArray[np.uint8], alphabet: Alphabet, table: int, problem: str = ""
) -> ReadingCodons:
    """The codons of a reading.

    Args:
        reading: of the record.
        tokens: (L,) of the record, without padding.
        alphabet: DNA or RNA.
        table: genetic code.
        problem: why none of them may change; empty where they may.
    """
    letters, minus = reading.letters(), reading.strands() < 0
    letters = np.where((letters >= 0) & (letters < len(tokens)), letters, -1)
    count = max(len(letters) - reading.phase, 0) // 3
    inside = slice(reading.phase, reading.phase + 3 * count)
    places, turned = letters[inside].reshape(-1, 3), minus[inside].reshape(-1, 3)
    found = np.where(places >= 0, tokens[places] if len(tokens) else 0, alphabet.unknown)
    read = np.where(turned, alphabet.complement_table[found], found).astype(np.int64)
    known = (read < alphabet.size).all(1)
    number = np.where(known, read @ np.array([16, 4, 1]), 0)
    fixed = np.where(known, FREE, AMBIGUOUS).astype(np.uint8)
    fixed[(places < 0).any(1)] = CUT
    fixed[_at_slips(reading, count)] = SLIPPAGE
    fixed[[one for one in exceptional(reading) if 0 <= one < count]] = EXCEPTION
    if count and begins(reading) and (reading.whole or CODONS[int(number[0])] in starts(table)):
        fixed[0] = START
    if problem:
        fixed[:] = UNCLEAR
    stray = np.concatenate([letters[: inside.start], letters[inside.stop :]])
    return ReadingCodons(
        reading=reading,
        table=table,
        places=places,
        minus=turned,
        number=number,
        fixed=fixed,
        stray=np.unique(stray[stray >= 0]),
    )


def _at_slips(reading: Reading, count: int) -> list[int]:
    """Codons that hold a letter read twice, or stand where the ribosome slips by a letter or two."""
    letters = reading.letters()
    _, first, times = np.unique(letters, return_inverse=True, return_counts=True)
    touched = set(np.flatnonzero(times[first] > 1).tolist())
    read = 0
    for part, following in zip(reading.parts, reading.parts[1:], strict=False):
        read += part.end - part.start
        step = following.start - part.end if part.strand > 0 else part.start - following.end
        if part.strand == following.strand and step in (-2, -1, 1, 2):
            touched.update(range(max(read - _SLIPPERY, 0), read + 3))
    codons = {(place - reading.phase) // 3 for place in touched}
    return sorted(one for one in codons if 0 <= one < count)
