"""Genetic codes by NCBI's numbers: what each of the 64 codons means, and with which a protein may begin.

Codons are numbered 0 to 63 in the order of the letters ``ACGT`` (or ``ACGU``), the first letter slowest.
"""

from __future__ import annotations

from functools import cache
from itertools import product

import numpy as np
from Bio.Data import CodonTable
from numpy.typing import NDArray

from seqrobust.errors import DataError

CODONS = tuple("".join(letters) for letters in product("ACGT", repeat=3))
"""The 64 codons of DNA in the order of their numbers."""

STANDARD = 1
"""The code that holds where nothing is said."""


def known(table: int) -> bool:
    """Whether there is a genetic code of that number."""
    return table in CodonTable.unambiguous_dna_by_id


def known_tables() -> str:
    """The numbers there are, for messages."""
    return ", ".join(map(str, sorted(CodonTable.unambiguous_dna_by_id)))


@cache
def products(table: int) -> tuple[str, ...]:
    """(64,) what each codon is read as: an amino acid, or ``*`` for a stop.

    In some codes a codon is a stop or an amino acid by context (``K*``); it is told apart from codons of one meaning.

    Raises DataError for a code that there is not.

    >>> [products(1)[CODONS.index(codon)] for codon in ("ATG", "TGA")], products(4)[CODONS.index("TGA")]
    (['M', '*'], 'W')
    """
    if not known(table):
        raise DataError("unknown genetic code", expected=f"a number of NCBI's: {known_tables()}", found=str(table))
    code = CodonTable.unambiguous_dna_by_id[table]
    both = set(code.stop_codons) & set(code.forward_table)
    return tuple(code.forward_table.get(codon, "*") + ("*" if codon in both else "") for codon in CODONS)


@cache
def synonymous(table: int) -> NDArray[np.bool_]:
    """(64, 64) True where two codons are read as the same."""
    read = np.array(products(table))
    same: NDArray[np.bool_] = read[:, None] == read[None, :]
    return same


@cache
def starts(table: int) -> frozenset[str]:
    """Codons of DNA with which a protein may begin."""
    return frozenset(CodonTable.unambiguous_dna_by_id[table].start_codons)
