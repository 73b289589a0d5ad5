"""What the letters of a file tell: the alphabet they are written in, and whether some are lower case."""

from __future__ import annotations

import string
from collections.abc import Sequence

from seqrobust.alphabet import DNA, PROTEIN, RNA, Alphabet

_NUCLEOTIDES = b"ACGTUNacgtun"
_LOWER_CASE = string.ascii_lowercase.encode()
_MOSTLY = 0.9
"""In protein the letters A, C, G, T and N make up about a quarter; in nucleotides hardly anything else occurs."""


def guess_alphabet(texts: Sequence[str]) -> Alphabet:
    """DNA or RNA where nearly all letters are nucleotides, protein otherwise.

    A few stray characters do not turn DNA into protein: they are to be reported as what they are.

    >>> guess_alphabet(["GATTACA"]).name, guess_alphabet(["GAUUACA"]).name, guess_alphabet(["MKVLA"]).name
    ('DNA', 'RNA', 'PROTEIN')
    """
    joined = "".join(texts).encode("ascii", "replace")
    others = len(joined.translate(None, delete=_NUCLEOTIDES))
    if others > (1 - _MOSTLY) * len(joined) and not _short_and_ambiguous(joined):
        return PROTEIN
    thymine, uracil = (joined.count(pair[:1]) + joined.count(pair[1:]) for pair in (b"Tt", b"Uu"))
    return RNA if uracil > thymine else DNA


def _short_and_ambiguous(joined: bytes) -> bool:
    """Nucleotides with many ambiguity codes: half are plain, and none is a letter that only protein has."""
    plain = len(joined) - len(joined.translate(None, delete=_NUCLEOTIDES))
    codes = "".join(DNA.ambiguity).encode()
    return 2 * plain > len(joined) and not joined.upper().translate(None, delete=_NUCLEOTIDES + codes)


def has_lower_case(texts: Sequence[str]) -> bool:
    """Whether any letter is lower case (soft-masked repeats, say)."""
    joined = "".join(texts).encode("ascii", "replace")
    return len(joined.translate(None, delete=_LOWER_CASE)) < len(joined)
