"""Alphabets: order, ambiguity, complements and substitution matrices."""

from __future__ import annotations

import numpy as np
import pytest
from Bio.Align import substitution_matrices
from Bio.Seq import Seq

from seqrobust.alphabet import (
    ALPHABETS,
    DNA,
    ILLEGAL,
    PROTEIN,
    RNA,
    Alphabet,
    alphabet_named,
    similarity_matrix,
    transition_table,
)
from seqrobust.errors import ConfigError, ThreatError

every_alphabet = pytest.mark.parametrize("alphabet", ALPHABETS.values(), ids=lambda a: a.name)


def test_letters_stand_in_the_promised_order() -> None:
    assert (DNA.letters, RNA.letters, PROTEIN.letters) == ("ACGT", "ACGU", "ACDEFGHIKLMNPQRSTVWY")


@every_alphabet
def test_the_token_table_knows_every_character(alphabet: Alphabet) -> None:
    for code in range(256):
        letter = chr(code).upper()
        expected = ILLEGAL
        if code == 0:
            expected = alphabet.padding
        elif code < 128 and letter in alphabet.letters:
            expected = alphabet.letters.index(letter)
        elif code < 128 and letter in alphabet.ambiguity:
            expected = alphabet.unknown
        assert alphabet.token_table[code] == expected, chr(code)


@pytest.mark.parametrize("alphabet", [DNA, RNA], ids=lambda a: a.name)
def test_complements_are_biopythons_and_their_own_inverse(alphabet: Alphabet) -> None:
    for letter, other in alphabet.complement.items():
        whole = Seq(letter)
        assert other == str(whole.complement_rna() if alphabet is RNA else whole.complement())
        assert alphabet.complement[other] == letter
    assert set(alphabet.complement) == {*alphabet.letters, *alphabet.ambiguity}


@every_alphabet
def test_ambiguity_codes_stand_for_letters(alphabet: Alphabet) -> None:
    for code, meant in alphabet.ambiguity.items():
        assert code not in alphabet.letters
        assert set(meant) <= set(alphabet.letters)


def test_names_are_found_in_either_case_and_strangers_refused() -> None:
    assert alphabet_named("dna") is DNA
    with pytest.raises(ConfigError, match="unknown alphabet"):
        alphabet_named("klingon")


def test_transitions_pair_purines_and_pyrimidines() -> None:
    table = transition_table(DNA)
    pairs = {DNA.letters[a] + DNA.letters[b] for a, b in np.argwhere(table) if a != b}
    assert pairs == {"AG", "GA", "CT", "TC"}
    with pytest.raises(ThreatError):
        transition_table(PROTEIN)


def test_similarity_is_biopythons() -> None:
    known = substitution_matrices.load("BLOSUM62")
    matrix = similarity_matrix(PROTEIN, "blosum62")
    for i, a in enumerate(PROTEIN.letters):
        for j, b in enumerate(PROTEIN.letters):
            assert matrix[i, j] == known[a, b]
    with pytest.raises(ThreatError, match="no row"):
        similarity_matrix(RNA, "NUC.4.4")
    with pytest.raises(ThreatError, match="unknown"):
        similarity_matrix(PROTEIN, "NOPE")


def test_a_token_is_of_one_letter() -> None:
    assert DNA.token("g") == 2
    for wrong in ("N", "", "AC"):
        with pytest.raises(ThreatError):
            DNA.token(wrong)
