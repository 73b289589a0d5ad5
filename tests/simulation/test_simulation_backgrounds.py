"""Backgrounds have the letters, and the memory, they were asked for."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from seqrobust.alphabet import DNA, PROTEIN, RNA
from seqrobust.errors import ConfigError
from seqrobust.sequences import SequenceSet, texts_from_tokens
from seqrobust.sequences.simulation import (
    Background,
    estimate_background,
    gc_background,
    letter_background,
    markov_background,
    swiss_prot_background,
    uniform_background,
)

ALPHA = 1e-4
"""Tests draw with fixed seeds; a wrong distribution fails by orders of magnitude."""


def drawn(background: Background, records: int, length: int, seed: int = 0) -> np.ndarray:
    return background.draw(np.random.default_rng(seed).random((records, length)))


@pytest.mark.parametrize(
    "background",
    [uniform_background(RNA), gc_background(DNA, 0.3), gc_background(RNA, 0.7), swiss_prot_background()],
    ids=["uniform", "gc-poor", "gc-rich", "swiss-prot"],
)
def test_letters_are_as_frequent_as_stated(background: Background) -> None:
    tokens = drawn(background, 200, 500)
    counts = np.bincount(tokens.ravel(), minlength=background.alphabet.size)
    assert stats.chisquare(counts, background.frequencies * tokens.size).pvalue > ALPHA


def test_gc_is_the_share_of_g_and_c() -> None:
    tokens = drawn(gc_background(DNA, 0.3), 200, 500)
    assert np.isin(tokens, [1, 2]).mean() == pytest.approx(0.3, abs=0.006)


@pytest.mark.parametrize("order", [1, 2, 3])
def test_a_markov_chain_follows_its_table_from_the_first_letter_on(order: int) -> None:
    table = np.random.default_rng(1).dirichlet([0.5] * 4, size=4**order)
    background = Background(alphabet=DNA, order=order, transitions=table)
    tokens = drawn(background, 3000, order + 20).astype(np.int64)
    for start in (0, 10):
        context = sum(tokens[:, start + i] * 4 ** (order - 1 - i) for i in range(order))
        expected = background.stationary[:, None] * table
        counts = np.zeros_like(expected)
        np.add.at(counts, (context, tokens[:, start + order]), 1)
        kept = expected * len(tokens) > 5
        rest = [counts[~kept].sum()], [expected[~kept].sum() * len(tokens)]
        found, due = np.append(counts[kept], rest[0]), np.append(expected[kept] * len(tokens), rest[1])
        assert stats.chisquare(found + 1e-9, due * found.sum() / due.sum() + 1e-9).pvalue > ALPHA


def test_the_stationary_distribution_is_the_eigenvector() -> None:
    table = np.random.default_rng(2).dirichlet([1] * 4, size=4)
    values, vectors = np.linalg.eig(table.T)
    first = np.real(vectors[:, np.argmax(np.real(values))])
    background = Background(alphabet=DNA, order=1, transitions=table)
    np.testing.assert_allclose(background.stationary, first / first.sum(), atol=1e-9)
    np.testing.assert_allclose(background.frequencies, first / first.sum(), atol=1e-9)


def test_a_periodic_chain_settles() -> None:
    flip = markov_background(DNA, {"A": [0, 1, 0, 0], "C": [1, 0, 0, 0], "G": [0, 0, 0, 1], "T": [0, 0, 1, 0]})
    np.testing.assert_allclose(flip.stationary, 0.25, atol=1e-9)
    assert set(texts_from_tokens(drawn(flip, 50, 5), DNA)) == {"ACACA", "CACAC", "GTGTG", "TGTGT"}


def test_estimation_counts_words_and_skips_unknown_letters() -> None:
    records = SequenceSet.from_texts(["AACNAC", "CA"], DNA)
    background = estimate_background(records, 1, pseudocount=1.0)
    # After A: A, C, C. After C: A. N breaks words.
    np.testing.assert_allclose(background.transitions[0], np.array([2, 3, 1, 1]) / 7)
    np.testing.assert_allclose(background.transitions[1], np.array([2, 1, 1, 1]) / 5)
    np.testing.assert_allclose(background.transitions[2], 0.25)


def test_estimation_recovers_the_chain_that_made_the_records() -> None:
    table = np.random.default_rng(3).dirichlet([1] * 4, size=16)
    made = Background(alphabet=DNA, order=2, transitions=table)
    records = SequenceSet.from_texts(texts_from_tokens(drawn(made, 300, 400), DNA), DNA)
    np.testing.assert_allclose(estimate_background(records, 2).transitions, table, atol=0.03)


def test_a_row_of_letters_depends_on_its_own_uniforms_only() -> None:
    uniforms = np.random.default_rng(0).random((10, 30))
    background = Background(alphabet=DNA, order=1, transitions=np.random.default_rng(1).dirichlet([1] * 4, size=4))
    whole = background.draw(uniforms)
    np.testing.assert_array_equal(whole[3:4], background.draw(uniforms[3:4]))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: gc_background(DNA, 1.2), "share"),
        (lambda: gc_background(PROTEIN, 0.5), "nucleotides"),
        (lambda: letter_background(DNA, {"A": 1.0}), "every letter"),
        (lambda: letter_background(DNA, {"A": -1.0, "C": 1, "G": 1, "T": 1}), "negative"),
        (lambda: Background(alphabet=DNA, order=1, transitions=np.full((3, 4), 0.25)), "shape"),
        (lambda: Background(alphabet=DNA, order=0, transitions=np.full((1, 4), 0.3)), "no distribution"),
        (lambda: Background(alphabet=PROTEIN, order=9, transitions=np.ones((1, 20))), "cannot be held"),
        (lambda: markov_background(DNA, {"A": [1, 1, 1, 1]}), "no row"),
        (lambda: markov_background(DNA, {"A": [1, 1, 1, 1], "AC": [1, 1, 1, 1]}), "one length"),
        (lambda: estimate_background(SequenceSet.from_texts(["AC"], DNA), 1, pseudocount=0), "never occurs"),
    ],
)
def test_what_cannot_be_a_background_is_refused(make, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        make()
