"""Letters: their order, what an ambiguity code may stand for, complements, and how alike two residues are.

The order of the letters is the order of the rows of a one-hot matrix, everywhere: ``ACGT`` for DNA (what nearly every
published genomics model expects), ``ACGU`` for RNA, the twenty amino acids by one-letter code for protein.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from Bio.Align import substitution_matrices
from Bio.Data import IUPACData
from numpy.typing import NDArray

from seqrobust.errors import ConfigError, ThreatError

ILLEGAL = 255
"""Token of a character that is neither a letter nor an ambiguity code."""


@dataclass(frozen=True, kw_only=True)
class Alphabet:
    """An ordered set of letters.

    Tokens are ``uint8``: 0..K-1 the letters, K an unknown letter (``N``, ``X`` and every other ambiguity code), K+1
    padding.

    Attributes:
        name: ``DNA``, ``RNA`` or ``PROTEIN``.
        letters: the K letters in one-hot row order.
        ambiguity: ambiguity code to the letters it may stand for (IUPAC-IUB 1984 nucleotides, IUPAC-IUBMB amino acids).
        complement: letter to complementary letter, ambiguity codes included; empty where there is none (protein).

    >>> DNA.size, DNA.unknown, DNA.padding
    (4, 4, 5)
    >>> PROTEIN.letters
    'ACDEFGHIKLMNPQRSTVWY'
    """

    name: str
    letters: str
    ambiguity: Mapping[str, str] = field(repr=False)
    complement: Mapping[str, str] = field(repr=False)

    @property
    def size(self) -> int:
        """K, the number of letters."""
        return len(self.letters)

    @property
    def unknown(self) -> int:
        """Token of an unknown letter."""
        return self.size

    @property
    def padding(self) -> int:
        """Token of padding behind a sequence's end."""
        return self.size + 1

    @property
    def any_letter(self) -> str:
        """The code that stands for any letter: ``N``, or ``X`` in protein."""
        return "X" if self.name == "PROTEIN" else "N"

    @cached_property
    def token_table(self) -> bytes:
        """256 bytes: ASCII code to token, either case; NUL is padding, anything else :data:`ILLEGAL`."""
        table = np.full(256, ILLEGAL, np.uint8)
        table[0] = self.padding
        for code in self.ambiguity:
            table[ord(code)] = table[ord(code.lower())] = self.unknown
        for token, letter in enumerate(self.letters):
            table[ord(letter)] = table[ord(letter.lower())] = token
        return table.tobytes()

    @cached_property
    def letter_table(self) -> NDArray[np.uint8]:
        """(K + 2,): token to ASCII code; padding gives NUL."""
        return np.frombuffer((self.letters + self.any_letter + "\0").encode(), np.uint8)

    @cached_property
    def complement_table(self) -> NDArray[np.uint8]:
        """(K + 2,): token to the token of the complementary letter. Raises ConfigError for an alphabet without one."""
        if not self.complement:
            raise ConfigError(f"{self.name} has no complement", fix="reverse complements exist for DNA and RNA only")
        tokens = [self.letters.index(self.complement[letter]) for letter in self.letters]
        return np.array([*tokens, self.unknown, self.padding], np.uint8)

    def token(self, letter: str) -> int:
        """Token of one letter. Raises ThreatError for anything that is not one of the K letters."""
        if len(letter) != 1 or letter.upper() not in self.letters:
            raise ThreatError("not a letter", expected=f"one of {self.letters}", found=repr(letter))
        return self.letters.index(letter.upper())


def _nucleotide_alphabet(name: str, letters: str, values: dict[str, str], complement: dict[str, str]) -> Alphabet:
    """Biopython's IUPAC tables, less the letters themselves and X, which belongs to protein."""
    ambiguity = {code: bases for code, bases in values.items() if code not in letters and code != "X"}
    kept = {*letters, *ambiguity}
    return Alphabet(
        name=name,
        letters=letters,
        ambiguity=ambiguity,
        complement={code: other for code, other in complement.items() if code in kept},
    )


DNA = _nucleotide_alphabet(
    "DNA", "ACGT", dict(IUPACData.ambiguous_dna_values), dict(IUPACData.ambiguous_dna_complement)
)
RNA = _nucleotide_alphabet(
    "RNA", "ACGU", dict(IUPACData.ambiguous_rna_values), dict(IUPACData.ambiguous_rna_complement)
)
PROTEIN = Alphabet(
    name="PROTEIN",
    letters="ACDEFGHIKLMNPQRSTVWY",
    # U (selenocysteine) and O (pyrrolysine) are residues no usual model has a row for: unknown, not an error.
    ambiguity={"B": "DN", "J": "IL", "Z": "EQ", "X": "ACDEFGHIKLMNPQRSTVWY", "U": "C", "O": "K"},
    complement={},
)

ALPHABETS: Mapping[str, Alphabet] = {alphabet.name: alphabet for alphabet in (DNA, RNA, PROTEIN)}


def alphabet_named(name: str) -> Alphabet:
    """The alphabet of that name, in either case. Raises ConfigError for an unknown one."""
    try:
        return ALPHABETS[name.upper()]
    except KeyError:
        raise ConfigError("unknown alphabet", expected=", ".join(ALPHABETS), found=repr(name)) from None


def transition_table(alphabet: Alphabet) -> NDArray[np.bool_]:
    """(K, K): True where one purine or pyrimidine becomes the other (A-G, C-T). Raises ThreatError for protein."""
    if alphabet.name == "PROTEIN":
        raise ThreatError("transitions are defined for nucleotides only", found=f"alphabet {alphabet.name}")
    is_purine = np.array([letter in "AG" for letter in alphabet.letters])
    table: NDArray[np.bool_] = is_purine[:, None] == is_purine[None, :]
    return table


def similarity_matrix(alphabet: Alphabet, name: str) -> NDArray[np.float64]:
    """(K, K) scores of a substitution matrix shipped with Biopython (``BLOSUM62``, ``PAM250``, ``NUC.4.4`` ...).

    High means alike: Ile-Val scores 3 in BLOSUM62, Ile-Asp -3. Raises ThreatError for an unknown matrix, or one that
    lacks a letter of the alphabet.

    >>> similarity_matrix(PROTEIN, "blosum62")[PROTEIN.token("I"), PROTEIN.token("V")].item()
    3.0
    """
    known = substitution_matrices.load()
    if name.upper() not in known:
        raise ThreatError("unknown substitution matrix", expected=", ".join(known), found=repr(name))
    matrix = substitution_matrices.load(name.upper())
    missing = [letter for letter in alphabet.letters if letter not in matrix.alphabet]
    if missing:
        raise ThreatError(
            f"the substitution matrix {name} has no row for {', '.join(missing)}", found=f"alphabet {alphabet.name}"
        )
    return np.array([[float(matrix[a, b]) for b in alphabet.letters] for a in alphabet.letters])
