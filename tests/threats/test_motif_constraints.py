"""Constraints on motifs: patterns, matrices by p-value or score, on one strand or both."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from Bio import motifs
from Bio.motifs.matrix import PositionSpecificScoringMatrix
from Bio.Seq import Seq
from Bio.SeqUtils import nt_search
from constraint_toys import JASPAR, MANY, MEME, candidates, check, judge, records

from seqrobust.alphabet import DNA, PROTEIN, RNA, Alphabet
from seqrobust.sequences import SequenceSet, texts_from_tokens
from seqrobust.threats.constraints import (
    MotifHits,
    Pattern,
    parse_constraint,
    read_matrices,
)
from seqrobust.threats.constraints.matrices import least_score

# Motifs -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forbids", ["gain", "loss", "change"])
def test_iupac_patterns_on_both_strands(forbids: str) -> None:
    patterns = ("TAWNR", "GGC", "CACGTG")

    def hits(text: str) -> frozenset[tuple[object, ...]]:
        found: set[tuple[object, ...]] = set()
        for pattern in patterns:
            reverse = str(Seq(pattern).reverse_complement())
            for strand in {pattern, reverse}:
                # nt_search gives overlapping matches; its N is a class of four letters, which an N is not in.
                found |= {(pattern, strand, start) for start in nt_search(text, strand)[1:]}
        return frozenset(found)

    rule = MotifHits(motifs=tuple(Pattern(text=pattern) for pattern in patterns), forbids=forbids)  # type: ignore[arg-type]
    check(rule, records(DNA, planted=("CACGTG", "TATAA")), judge(forbids, hits))


@pytest.mark.parametrize(
    ("alphabet", "pattern", "expression", "planted"),
    [
        (PROTEIN, "N-{P}-[ST]-{P}", r"(?=N[^PX][ST][^PX])", ("NASA", "NGTK")),
        (PROTEIN, "H-x(2)-C", r"(?=H[^X][^X]C)", ("HAAC",)),
        (RNA, "AUR", r"(?=AU[AG])", ()),
    ],
)
def test_patterns_of_one_strand(alphabet: Alphabet, pattern: str, expression: str, planted: tuple[str, ...]) -> None:
    finder = re.compile(expression)
    rule = MotifHits(motifs=(Pattern(text=pattern),), forbids="change")
    oracle = judge("change", lambda text: frozenset((hit.start(),) for hit in finder.finditer(text)))
    check(rule, records(alphabet, planted=planted), oracle)


def bio_hits(
    matrices: list[motifs.Motif], least: dict[str, int], sequences: SequenceSet, *, both: bool = True
) -> Callable[[str], frozenset[tuple[object, ...]]]:
    """Hits by Biopython's scan of its own log-odds, rounded to hundredths of a bit.

    All texts that a check will ask for are scanned as one, with an N between them, over which nothing matches.
    """
    tokens = np.concatenate([sequences.tokens, candidates(sequences, MANY)[0].numpy()])
    texts = texts_from_tokens(tokens, DNA)
    starts = np.cumsum([0, *(len(text) + 1 for text in texts)])
    joined = "N".join(texts)
    hits: dict[str, set[tuple[object, ...]]] = {text: set() for text in texts}
    for motif in matrices:
        odds = motif.counts.normalize(pseudocounts=0.25).log_odds()
        whole = {letter: [round(100 * value) for value in odds[letter]] for letter in "ACGT"}
        forward = PositionSpecificScoringMatrix("ACGT", whole)
        for matrix in [forward, forward.reverse_complement()] if both else [forward]:
            places = np.flatnonzero(matrix.calculate(joined) >= least[motif.name])
            for place, row in zip(places.tolist(), np.searchsorted(starts, places, "right") - 1, strict=True):
                hits[texts[row]].add((motif.name, matrix is forward, place - int(starts[row])))
    return {text: frozenset(found) for text, found in hits.items()}.__getitem__


def brute_least(motif: motifs.Motif, p_value: float) -> int:
    """The threshold, from the score of every word there is."""
    odds = motif.counts.normalize(pseudocounts=0.25).log_odds()
    columns = [[round(100 * odds[letter][place]) for letter in "ACGT"] for place in range(motif.length)]
    scores: list[int] = sorted((sum(word) for word in itertools.product(*columns)), reverse=True)
    # Sorted from the best: a score's last place is how many words reach it.
    reach = {score: place + 1 for place, score in enumerate(scores)}
    return min(score for score, words in reach.items() if words <= p_value * len(scores))


@pytest.mark.parametrize("forbids", ["gain", "loss", "change"])
def test_matrices_at_a_p_value(forbids: str, tmp_path: Path) -> None:
    path = tmp_path / "motifs.jaspar"
    path.write_text(JASPAR)
    with path.open() as handle:
        mine = list(motifs.parse(handle, "jaspar"))
    p_value = 2e-3
    rule = MotifHits(motifs=read_matrices(path, DNA, p_value=p_value), forbids=forbids)  # type: ignore[arg-type]
    least = {motif.name: brute_least(motif, p_value) for motif in mine}
    assert [scan.least for scan in rule.scans(DNA)] == [least[motif.name] for motif in mine for _ in (1, 2)]
    sequences = records(DNA, planted=("CCATAA", "GACGTAC"))
    check(rule, sequences, judge(forbids, bio_hits(mine, least, sequences)))


def test_matrices_at_a_relative_score_on_the_given_strand(tmp_path: Path) -> None:
    path = tmp_path / "motifs.meme"
    path.write_text(MEME)
    with path.open() as handle:
        mine = list(motifs.parse(handle, "minimal"))
    rule = parse_constraint(f"no-change:+{path}@85%", DNA)
    odds = mine[0].counts.normalize(pseudocounts=0.25).log_odds()
    columns = [[round(100 * odds[letter][place]) for letter in "ACGT"] for place in range(5)]
    worst, best = sum(map(min, columns)), sum(map(max, columns))
    least = {"box": math.ceil(worst + Fraction(85, 100) * (best - worst))}
    sequences = records(DNA, planted=("ATACG",))
    check(rule, sequences, judge("change", bio_hits(mine, least, sequences, both=False)))


def test_thresholds_with_unequal_letters_by_enumeration() -> None:
    generator = np.random.default_rng(0)
    for _ in range(30):
        scores = generator.integers(-300, 200, (4, 4)).astype(np.int32)
        frequencies = generator.dirichlet(np.ones(4) * 5)
        chances: Counter[int] = Counter()
        for word in itertools.product(range(4), repeat=4):
            chances[int(sum(scores[i, a] for i, a in enumerate(word)))] += math.prod(frequencies[a] for a in word)
        for p_value in (0.5, 0.05, 0.005):
            tails = {score: math.fsum(chances[s] for s in chances if s >= score) for score in chances}
            passing = [score for score in tails if tails[score] <= p_value]
            least, rarest = least_score(scores, frequencies, p_value)
            assert rarest == pytest.approx(min(tails.values()))
            assert (least is None) == (not passing)
            assert least == min(passing, default=None)


def test_real_matrices(data_root: Path) -> None:
    folder = data_root / "jaspar2024"
    if not folder.is_dir():
        pytest.skip("no jaspar2024 among the real data")
    path = folder / "JASPAR2024_CORE_vertebrates.jaspar.gz"
    chosen = read_matrices(path, DNA, names=("CTCF", "GATA1", "TP53"), p_value=1e-3)
    assert len(chosen) >= 3
    rule = MotifHits(motifs=chosen, forbids="change")
    mine = [
        motifs.Motif(alphabet="ACGT", counts={a: [c[i] for c in matrix.counts] for i, a in enumerate("ACGT")})
        for matrix in chosen
    ]
    for motif, matrix in zip(mine, chosen, strict=True):
        motif.name = matrix.name
        found = matrix.scan(DNA).least / 100
        odds = motif.counts.normalize(pseudocounts=0.25).log_odds()
        # Biopython's distribution is approximate, and of scores that are not rounded.
        assert found == pytest.approx(odds.distribution(precision=300).threshold_fpr(1e-3), abs=0.35)
    least = {matrix.name: matrix.scan(DNA).least for matrix in chosen}
    words = tuple(str(motif.consensus)[:24] for motif in mine[:2])
    sequences = records(DNA, planted=words, shortest=25)
    check(rule, sequences, judge("change", bio_hits(mine, least, sequences)))


def test_reading_every_real_matrix(data_root: Path) -> None:
    folder = data_root / "jaspar2024"
    if not folder.is_dir():
        pytest.skip("no jaspar2024 among the real data")
    path = folder / "JASPAR2024_CORE_fungi.jaspar.gz"
    everything = read_matrices(path, DNA, relative=0.8)
    assert len(everything) == 178
    bound = MotifHits(motifs=everything, forbids="gain").bind(records(DNA))
    tokens, chosen = candidates(records(DNA), 2000)
    assert 0 < int(bound.allows(tokens, chosen).sum()) < 2000
