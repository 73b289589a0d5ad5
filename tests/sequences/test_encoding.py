"""Encodings against letter-by-letter loops, Biopython, and themselves there and back."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from Bio.Seq import Seq
from hypothesis import given
from hypothesis import strategies as st

from seqrobust.alphabet import ALPHABETS, DNA, PROTEIN, RNA, Alphabet
from seqrobust.errors import ConfigError, DataError
from seqrobust.sequences import one_hot, reverse_complement, texts_from_tokens, tokens_from_texts
from seqrobust.sequences.encoding import letters_from_texts, texts_from_letters, tokens_from_one_hot

alphabets = st.sampled_from(list(ALPHABETS.values()))


@st.composite
def texts_of(draw: st.DrawFn, alphabet: Alphabet) -> list[str]:
    """A few texts of ragged lengths in either case, ambiguity codes among them; some sets have one length only."""
    codes = alphabet.letters + "".join(alphabet.ambiguity)
    letters = st.sampled_from(codes + codes.lower())
    length = draw(st.integers(1, 12))
    shortest = draw(st.sampled_from([0, 1, length]))
    return draw(st.lists(st.text(letters, min_size=shortest, max_size=length), min_size=1, max_size=7))


@st.composite
def alphabet_and_texts(draw: st.DrawFn) -> tuple[Alphabet, list[str]]:
    alphabet = draw(alphabets)
    return alphabet, draw(texts_of(alphabet))


def naive_tokens(texts: list[str], alphabet: Alphabet) -> list[list[int]]:
    longest = max(map(len, texts))
    rows = []
    for text in texts:
        row = [alphabet.letters.index(c) if c in alphabet.letters else alphabet.size for c in text.upper()]
        rows.append(row + [alphabet.size + 1] * (longest - len(text)))
    return rows


def naive_one_hot(tokens: list[list[int]], alphabet: Alphabet, fill: float) -> np.ndarray:
    encoded = np.zeros((len(tokens), alphabet.size, len(tokens[0])), np.float32)
    for record, row in enumerate(tokens):
        for position, token in enumerate(row):
            for letter in range(alphabet.size):
                if token == letter:
                    encoded[record, letter, position] = 1
                elif token == alphabet.size:
                    encoded[record, letter, position] = fill
    return encoded


@given(alphabet_and_texts())
def test_tokens_are_those_of_a_loop(case: tuple[Alphabet, list[str]]) -> None:
    alphabet, texts = case
    tokens = tokens_from_texts(texts, alphabet)
    assert tokens.dtype == np.uint8
    assert tokens.tolist() == naive_tokens(texts, alphabet)


@given(alphabet_and_texts())
def test_one_hot_is_that_of_a_loop(case: tuple[Alphabet, list[str]]) -> None:
    alphabet, texts = case
    tokens = naive_tokens(texts, alphabet)
    given_tokens = torch.tensor(tokens, dtype=torch.uint8).reshape(len(texts), -1)
    for unknown, fill in (("zeros", 0.0), ("uniform", 1 / alphabet.size)):
        encoded = one_hot(given_tokens, alphabet, unknown)  # type: ignore[arg-type]
        assert encoded.dtype == torch.float32
        np.testing.assert_array_equal(encoded.numpy(), naive_one_hot(tokens, alphabet, np.float32(fill)))


@given(alphabet_and_texts())
def test_text_survives_letters(case: tuple[Alphabet, list[str]]) -> None:
    _, texts = case
    letters, lengths = letters_from_texts(texts)
    assert texts_from_letters(letters, lengths) == [text.upper() for text in texts]
    assert lengths.tolist() == [len(text) for text in texts]


@given(alphabet_and_texts())
def test_text_survives_tokens_but_for_ambiguity(case: tuple[Alphabet, list[str]]) -> None:
    alphabet, texts = case
    plain = ["".join(c if c in alphabet.letters else alphabet.any_letter for c in text.upper()) for text in texts]
    assert texts_from_tokens(tokens_from_texts(texts, alphabet), alphabet) == plain


@given(alphabet_and_texts(), st.sampled_from(["zeros", "uniform"]))
def test_tokens_survive_one_hot_but_for_padding(case: tuple[Alphabet, list[str]], unknown: str) -> None:
    alphabet, texts = case
    tokens = torch.from_numpy(tokens_from_texts(texts, alphabet))
    back = tokens_from_one_hot(one_hot(tokens, alphabet, unknown), alphabet)  # type: ignore[arg-type]
    assert back.dtype == torch.uint8
    assert torch.equal(back, tokens.clamp(max=alphabet.unknown))


def test_more_rows_than_fit_a_block_come_back_whole() -> None:
    tokens = torch.randint(0, 21, (900, 130), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    assert torch.equal(tokens_from_one_hot(one_hot(tokens, PROTEIN), PROTEIN), tokens)


def test_a_relaxed_column_is_unknown() -> None:
    relaxed = torch.tensor([[[0.6, 1.0], [0.4, 0.0], [0.0, 0.0], [0.0, 0.0]]], requires_grad=True)
    assert tokens_from_one_hot(relaxed, DNA).tolist() == [[DNA.unknown, 0]]


def test_of_two_ones_in_a_column_the_first_counts() -> None:
    encoded = one_hot(torch.tensor([[0, 1, 4]], dtype=torch.uint8), DNA)
    encoded[0, 2:, 2] = 1
    encoded[0, 3, 0] = 1
    assert tokens_from_one_hot(encoded, DNA).tolist() == [[0, 1, 2]]


@given(st.sampled_from([DNA, RNA]).flatmap(lambda a: st.tuples(st.just(a), texts_of(a))))
def test_reverse_complement_is_biopythons(case: tuple[Alphabet, list[str]]) -> None:
    alphabet, texts = case
    turned = texts_from_tokens(reverse_complement(tokens_from_texts(texts, alphabet), alphabet), alphabet)
    for text, other in zip(texts, turned, strict=True):
        whole = Seq(text.upper())
        expected = str(whole.reverse_complement_rna() if alphabet is RNA else whole.reverse_complement())
        assert other == "".join(c if c in alphabet.letters else "N" for c in expected)


@given(st.sampled_from([DNA, RNA]).flatmap(lambda a: st.tuples(st.just(a), texts_of(a))))
def test_reverse_complement_twice_is_nothing(case: tuple[Alphabet, list[str]]) -> None:
    alphabet, texts = case
    tokens = tokens_from_texts(texts, alphabet)
    np.testing.assert_array_equal(reverse_complement(reverse_complement(tokens, alphabet), alphabet), tokens)


def test_protein_has_no_reverse_complement() -> None:
    with pytest.raises(ConfigError, match="no complement"):
        reverse_complement(tokens_from_texts(["MK"], PROTEIN), PROTEIN)


def test_tokens_can_be_handed_to_torch() -> None:
    tokens = tokens_from_texts(["ACGT", "AC"], DNA)
    torch.from_numpy(tokens)[0, 0] = 3  # a read-only array would warn here
    assert tokens[0, 0] == 3


@pytest.mark.parametrize(
    ("text", "alphabet", "words"),
    [
        ("ACGU", DNA, ["'U'", "position 4", "RNA"]),
        ("ACGT", RNA, ["'T'", "position 4", "DNA"]),
        ("AC-T", DNA, ["'-'", "position 3", "gaps"]),
        ("MK*L", PROTEIN, ["'*'", "position 3", "stop"]),
        ("ACéT", DNA, ["'?'", "position 3"]),
        ("AC\0T", DNA, ["'?'", "position 3"]),
        ("ACXT", DNA, ["'X'", "position 3"]),
    ],
)
def test_an_illegal_letter_is_named_with_its_place(text: str, alphabet: Alphabet, words: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        tokens_from_texts([alphabet.letters, text], alphabet)
    for word in [*words, "number 2"]:
        assert word in str(caught.value)
