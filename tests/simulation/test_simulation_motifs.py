"""Motifs: patterns, weight matrices, instances drawn from them, and occurrences found."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from Bio.Data import IUPACData
from Bio.Seq import Seq
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seqrobust.alphabet import DNA, PROTEIN
from seqrobust.errors import ConfigError
from seqrobust.sequences import texts_from_tokens, tokens_from_texts
from seqrobust.sequences.simulation import Motif, gc_background, parse_pattern
from seqrobust.sequences.simulation.instances import draw_instances, occurrences
from seqrobust.sequences.simulation.textbook import NUCLEOTIDE_MOTIFS, PROTEIN_MOTIFS, textbook_motif

FREQUENCIES = gc_background(DNA, 0.3).frequencies


def instances(motif: Motif, count: int, seed: int = 0) -> np.ndarray:
    uniforms = np.random.default_rng(seed).random((count, motif.width(DNA), 2))
    return draw_instances(motif, DNA, FREQUENCIES, uniforms)


@pytest.mark.parametrize("code", sorted(set(IUPACData.ambiguous_dna_values) - {"X"}))
def test_iupac_codes_mean_what_biopython_says(code: str) -> None:
    assert sorted(parse_pattern(code, DNA)[0]) == sorted(IUPACData.ambiguous_dna_values[code])


def test_prosite_syntax() -> None:
    assert parse_pattern("H-E-x(2)-H", PROTEIN) == ("H", "E", PROTEIN.letters, PROTEIN.letters, "H")
    assert parse_pattern("N-{P}-[ST]-{DE}", PROTEIN)[1:] == (
        PROTEIN.letters.replace("P", ""),
        "ST",
        PROTEIN.letters.replace("D", "").replace("E", ""),
    )
    assert parse_pattern("[AR]N", DNA) == ("AG", "ACGT")


@pytest.mark.parametrize("pattern", ["", "AC!", "AU", "A-[", "A(x)", "{N}", "1"])
def test_patterns_that_cannot_be_read_say_where(pattern: str) -> None:
    with pytest.raises(ConfigError, match="pattern"):
        parse_pattern(pattern, DNA)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"fidelity": 0.0}, "probability"),
        ({"fidelity": 1.1}, "probability"),
        ({"fidelity": (0.9, 0.9)}, "each column"),
        ({"mismatches": -1}, "negative"),
        ({"mismatches": 3}, "says nothing"),
        ({"name": "a;b"}, "semicolon"),
    ],
)
def test_motifs_that_make_no_sense_are_refused(options: dict, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Motif(**{"name": "m", "pattern": "ACG", **options}).accepted(DNA)


@pytest.mark.parametrize("motif", NUCLEOTIDE_MOTIFS, ids=lambda motif: motif.name)
def test_weight_matrices_have_columns_that_sum_to_one(motif: Motif) -> None:
    weights = motif.weights(DNA, FREQUENCIES)
    assert weights.shape == (4, motif.width(DNA))
    np.testing.assert_allclose(weights.sum(0), 1)
    np.testing.assert_allclose((weights * motif.accepted(DNA)).sum(0), motif.fidelities(DNA))


@pytest.mark.parametrize("motif", PROTEIN_MOTIFS, ids=lambda motif: motif.name)
def test_protein_motifs_read_over_protein(motif: Motif) -> None:
    assert textbook_motif(motif.name).width(PROTEIN) >= 4


def test_instances_follow_the_weight_matrix_where_no_word_is_ruled_out() -> None:
    # One column never mismatches, so three mismatches in four columns rule nothing out.
    motif = Motif(name="m", pattern="TAYG", fidelity=(0.9, 0.6, 1.0, 0.8), mismatches=3)
    drawn, weights = instances(motif, 20_000), motif.weights(DNA, FREQUENCIES)
    for column in range(4):
        counts, expected = np.bincount(drawn[:, column], minlength=4), weights[:, column] * len(drawn)
        assert counts[expected == 0].sum() == 0
        assert stats.chisquare(counts[expected > 0], expected[expected > 0]).pvalue > 1e-4


@pytest.mark.parametrize("mismatches", [0, 1, 2])
def test_instances_follow_the_exact_conditional_distribution(mismatches: int) -> None:
    motif = Motif(name="m", pattern="TRC", fidelity=(0.8, 0.5, 0.9), mismatches=mismatches)
    weights, accepted = motif.weights(DNA, FREQUENCIES), motif.accepted(DNA)
    words = list(itertools.product(range(4), repeat=3))
    probability = np.array([np.prod([weights[a, i] for i, a in enumerate(word)]) for word in words])
    wrong = np.array([sum(not accepted[a, i] for i, a in enumerate(word)) for word in words])
    probability = np.where(wrong <= mismatches, probability, 0)
    drawn = instances(motif, 40_000, seed=mismatches)
    counts = np.bincount(drawn @ np.array([16, 4, 1]), minlength=64)
    assert counts[probability == 0].sum() == 0
    allowed = probability > 0
    expected = probability[allowed] / probability.sum() * len(drawn)
    assert stats.chisquare(counts[allowed], expected).pvalue > 1e-4


def test_affinity_is_one_at_the_best_word_and_falls_with_mismatches() -> None:
    motif = Motif(name="m", pattern="TGASTCA", fidelity=0.9, mismatches=2)
    words = tokens_from_texts(["TGAGTCA", "TGAGTCT", "TGAGTGT"], DNA)
    best, one, two = motif.affinity(words, DNA, np.full(4, 0.25))
    assert best == pytest.approx(1)
    assert 1 > one > two
    # log2(0.9/0.25) for an accepted letter, log2((0.1/3)/0.25) for another; S has two accepted letters.
    full, half, miss = np.log2(0.9 / 0.25), np.log2(0.45 / 0.25), np.log2(0.1 / 3 / 0.25)
    assert one == pytest.approx((5 * full + half + miss) / (6 * full + half))


def hamming_starts(text: str, pattern: tuple[str, ...], mismatches: int) -> list[int]:
    found = []
    for start in range(len(text) - len(pattern) + 1):
        wrong = sum(letter not in accepted for letter, accepted in zip(text[start:], pattern, strict=False))
        if wrong <= mismatches:
            found.append(start)
    return found


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text("ACGTN", min_size=1, max_size=25), min_size=1, max_size=5),
    pattern=st.text("ACGTRYSWN", min_size=2, max_size=5).filter(lambda p: set(p) != {"N"}),
    mismatches=st.integers(0, 1),
)
def test_occurrences_agree_with_a_plain_scan(texts: list[str], pattern: str, mismatches: int) -> None:
    if mismatches >= sum(code != "N" for code in pattern):
        mismatches = 0
    motif = Motif(name="m", pattern=pattern, mismatches=mismatches)
    tokens = tokens_from_texts(texts, DNA)
    columns = tuple(IUPACData.ambiguous_dna_values[code] for code in pattern)
    back = tuple(IUPACData.ambiguous_dna_values[code] for code in str(Seq(pattern).reverse_complement()))
    forward, reverse, either = (occurrences(tokens, motif, DNA, way) for way in ("forward", "reverse", "either"))
    for row, text in enumerate(texts):
        # An N in the sequence is a mismatch even where the pattern accepts any letter.
        expected = hamming_starts(text, columns, mismatches)
        other = hamming_starts(text, back, mismatches)
        assert np.flatnonzero(forward[row]).tolist() == expected
        assert np.flatnonzero(reverse[row]).tolist() == other
        assert np.flatnonzero(either[row]).tolist() == sorted({*expected, *other})


def test_protein_occurrences_agree_with_a_regular_expression() -> None:
    rng = np.random.default_rng(0)
    tokens = rng.choice([4, 6, 3, 0], size=(200, 60)).astype(np.uint8)
    found = occurrences(tokens, textbook_motif("HExxH"), PROTEIN, "forward")
    assert found.any()
    for row, text in enumerate(texts_from_tokens(tokens, PROTEIN)):
        assert np.flatnonzero(found[row]).tolist() == [m.start() for m in re.finditer("(?=HE..H)", text)]
