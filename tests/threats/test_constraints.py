"""Every constraint against an oracle in plain Python on text, on a hundred thousand candidates."""

from __future__ import annotations

import itertools
import math
import re
from collections import Counter
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from Bio import Restriction, motifs
from Bio.motifs.matrix import PositionSpecificScoringMatrix
from Bio.Seq import Seq
from Bio.SeqUtils import gc_fraction, nt_search
from torch import Tensor

from seqrobust.alphabet import DNA, PROTEIN, RNA, Alphabet
from seqrobust.sequences import SequenceSet, texts_from_tokens
from seqrobust.threats.constraints import (
    AllOf,
    Constraint,
    GCContent,
    LongestRun,
    MarkovModel,
    MarkovPlausibility,
    MotifHits,
    Pattern,
    RestrictionSites,
    parse_constraint,
    read_matrices,
)
from seqrobust.threats.constraints.matrices import least_score

MANY = 100_000
Oracle = Callable[[str, str], bool]
"""Whether a clean text allows an edited one."""

JASPAR = """>MA0001.1 first
A  [ 0 3 79 40 66 48 ]
C  [ 94 75 4 3 1 2 ]
G  [ 1 0 3 4 1 0 ]
T  [ 2 19 11 50 29 47 ]
>MA0002.1 second
A  [ 1 20 0 0 5 20 1 ]
C  [ 1 0 20 0 5 0 10 ]
G  [ 18 0 0 20 5 0 9 ]
T  [ 0 0 0 0 5 0 0 ]
"""
MEME = """MEME version 4

ALPHABET= ACGT

strands: + -

Background letter frequencies
A 0.25 C 0.25 G 0.25 T 0.25

MOTIF box
letter-probability matrix: alength= 4 w= 5 nsites= 50 E= 0
 0.9 0.02 0.04 0.04
 0.1 0.1 0.1 0.7
 0.5 0.0 0.5 0.0
 0.0 1.0 0.0 0.0
 0.2 0.2 0.3 0.3
"""


def records(alphabet: Alphabet, *, seed: int = 0, planted: tuple[str, ...] = (), shortest: int = 1) -> SequenceSet:
    """Eighty records of 1 to 36 letters: some of few letters only, some with unknown ones, some with planted words."""
    generator = np.random.default_rng(seed)
    texts = []
    for number in range(80):
        length = int(generator.integers(shortest, 37))
        kinds = [*alphabet.letters] if number % 3 else [*generator.choice([*alphabet.letters], 2)]
        letters = generator.choice(kinds, length)
        letters[generator.random(length) < 0.04 * (number % 2)] = alphabet.any_letter
        text = "".join(letters)
        for word in planted if number % 4 else ():
            place = int(generator.integers(0, len(text)))
            text = text[:place] + word + text[place + len(word) :]
        texts.append(text)
    return SequenceSet.from_texts(texts, alphabet)


def candidates(sequences: SequenceSet, count: int, seed: int = 1) -> tuple[Tensor, Tensor]:
    """Random records with none to six random edits, a few to unknown letters; padding stays."""
    generator = np.random.default_rng(seed)
    chosen = generator.integers(0, len(sequences), count)
    tokens = sequences.tokens[chosen].copy()
    edits = generator.integers(0, 7, count)
    for number in range(6):
        rows = np.flatnonzero(edits > number)
        place = (generator.random(len(rows)) * sequences.lengths[chosen[rows]]).astype(np.int64)
        letters = generator.integers(0, sequences.alphabet.size, len(rows))
        letters[generator.random(len(rows)) < 0.05] = sequences.alphabet.unknown
        tokens[rows, place] = letters
    return torch.from_numpy(tokens), torch.from_numpy(chosen)


def check(constraint: Constraint, sequences: SequenceSet, oracle: Oracle, count: int = MANY) -> None:
    """All that is promised of a constraint, and its verdicts against an oracle's."""
    bound = constraint.bind(sequences)
    tokens, chosen = candidates(sequences, count)
    allowed = bound.allows(tokens, chosen)
    clean = texts_from_tokens(sequences.tokens, sequences.alphabet)
    texts = texts_from_tokens(tokens.numpy(), sequences.alphabet)
    expected = [oracle(clean[record], text) for record, text in zip(chosen.tolist(), texts, strict=True)]
    wrong = np.flatnonzero(allowed.numpy() != np.array(expected))
    assert not len(wrong), (clean[chosen[wrong[0]]], texts[wrong[0]], bool(allowed[wrong[0]]), len(wrong))
    assert 0.005 < allowed.double().mean().item() < 0.995, "one verdict hardly ever comes up"

    everyone = torch.arange(len(sequences))
    assert bound.allows(torch.tensor(sequences.tokens), everyone).all()
    some = [*torch.nonzero(allowed)[:150, 0].tolist(), *torch.nonzero(~allowed)[:150, 0].tolist()]
    for row in some:
        assert (bound.reason(tokens[row], int(chosen[row])) is None) == bool(allowed[row])
    order = torch.from_numpy(np.random.default_rng(2).integers(0, len(sequences), 50))
    mine = torch.from_numpy(np.random.default_rng(3).integers(0, 50, 500))
    picked = torch.tensor(sequences.tokens)[order[mine]]
    picked[:, 0] = 0
    verdicts = bound.take(order).allows(picked, mine)
    assert torch.equal(verdicts, bound.allows(picked, order[mine]))
    for row in range(20):
        assert (bound.take(order).reason(picked[row], int(mine[row])) is None) == bool(verdicts[row])
    assert bound.allows(tokens[:0], chosen[:0]).shape == (0,)
    assert constraint.describe()


# Composition and runs ---------------------------------------------------------------------------------------------


def gc(text: str) -> Fraction | None:
    known = len(text) - text.count("N")
    return Fraction(text.count("G") + text.count("C"), known) if known else None


@pytest.mark.parametrize("alphabet", [DNA, RNA])
def test_gc_window(alphabet: Alphabet) -> None:
    low, high = Fraction(3, 10), Fraction(7, 10)

    def oracle(clean: str, text: str) -> bool:
        own, new = gc(clean), gc(text)
        if new is None:
            return True
        assert float(new) == pytest.approx(gc_fraction(text, "remove"), abs=1e-12)
        outside = max(low - own, own - high, Fraction(0)) if own is not None else Fraction(0)
        below = own is not None and own < low
        return low - (outside if below else 0) <= new <= high + (0 if below else outside)

    check(GCContent(low=0.3, high=0.7), records(alphabet), oracle)


def test_gc_change() -> None:
    def oracle(clean: str, text: str) -> bool:
        own, new = gc(clean), gc(text)
        return own is None or new is None or abs(new - own) <= Fraction(1, 20)

    check(GCContent(around_clean=0.05), records(DNA), oracle)


@pytest.mark.parametrize("alphabet", [DNA, PROTEIN])
def test_longest_run(alphabet: Alphabet) -> None:
    @cache
    def longest(text: str) -> int:
        runs = (len(list(group)) for letter, group in itertools.groupby(text) if letter != alphabet.any_letter)
        return max(runs, default=0)

    limit = 2 if alphabet is PROTEIN else 3
    check(LongestRun(limit=limit), records(alphabet), lambda clean, text: longest(text) <= max(limit, longest(clean)))


# Motifs -----------------------------------------------------------------------------------------------------------


def judge(forbids: str, hits: Callable[[str], frozenset[tuple[object, ...]]]) -> Oracle:
    """The verdict from sets of hits."""
    of_clean = cache(hits)

    def oracle(clean: str, text: str) -> bool:
        before, after = of_clean(clean), hits(text)
        gained, lost = after - before, before - after
        return not ((forbids != "loss" and gained) or (forbids != "gain" and lost))

    return oracle


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


# Restriction sites ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forbids", ["gain", "loss", "change"])
def test_restriction_sites(forbids: str) -> None:
    names = ("EcoRI", "HinfI", "BsaI", "MboII", "HpyUM037X")
    enzymes = [getattr(Restriction, name) for name in names]

    def hits(text: str) -> frozenset[tuple[object, ...]]:
        found: set[tuple[object, ...]] = set()
        # Biopython's expressions match an N by a dot; cut at N, nothing can.
        for piece in re.finditer("[ACGT]+", text):
            for enzyme in enzymes:
                for hit in enzyme.compsite.finditer(piece[0]):
                    # Each alternative is a group; those that match here are the strands (and sites) of the hit.
                    for group, word in enumerate(hit.groups()):
                        if word is not None:
                            found.add((str(enzyme), group, piece.start() + hit.start()))
        return frozenset(found)

    rule = RestrictionSites(enzymes=("ecori", *names[1:4]), forbids=forbids)  # type: ignore[arg-type]
    assert rule.enzymes == names[:4]
    enzymes = enzymes[:4]
    check(rule, records(DNA, planted=("GAATTC", "GGTCTC", "TCTTC")), judge(forbids, hits))


def test_restriction_sites_by_the_digest() -> None:
    """Biopython's own search gives the first base behind a cut; EcoRI and BamHI cut behind the first of the site."""
    sequences = records(DNA, planted=("GAATTC", "GGATCC"))
    batch = Restriction.RestrictionBatch(["EcoRI", "BamHI"])

    def hits(text: str) -> frozenset[tuple[object, ...]]:
        found: set[tuple[object, ...]] = set()
        for piece in re.finditer("[ACGT]+", text):
            cuts = batch.search(Seq(piece[0]))
            found |= {(str(enzyme), piece.start() + cut - 2) for enzyme, at in cuts.items() for cut in at}
        return frozenset(found)

    check(RestrictionSites(enzymes=("EcoRI", "BamHI"), forbids="change"), sequences, judge("change", hits), count=5000)


def test_every_enzyme_has_a_site_that_can_be_scanned() -> None:
    every = tuple(str(enzyme) for enzyme in Restriction.AllEnzymes)
    scans = RestrictionSites(enzymes=every, forbids="gain").scans(DNA)
    assert len(scans) >= len(every)


# k-mers -----------------------------------------------------------------------------------------------------------


def mean_log(texts: list[str], order: int, alphabet: Alphabet) -> Callable[[str], float | None]:
    """Log-likelihood per letter under counts of words of known letters, one more of each."""

    def words(text: str) -> list[str]:
        cut = (text[i : i + order + 1] for i in range(len(text) - order))
        return [word for word in cut if alphabet.any_letter not in word]

    counts = Counter(word for text in texts for word in words(text))
    contexts = Counter(word[:-1] for text in texts for word in words(text))
    log = cache(lambda word: math.log((counts[word] + 1) / (contexts[word[:-1]] + alphabet.size)))

    def mean(text: str) -> float | None:
        found = words(text)
        return math.fsum(map(log, found)) / len(found) if found else None

    return mean


@pytest.mark.parametrize(("alphabet", "order"), [(DNA, 0), (DNA, 3), (PROTEIN, 1)])
def test_plausibility_within_a_margin(alphabet: Alphabet, order: int) -> None:
    background = records(alphabet, seed=9)
    mean = cache(mean_log(background.texts, order, alphabet))

    def oracle(clean: str, text: str) -> bool:
        own, new = mean(clean), mean(text)
        return own is None or new is None or new >= own - 0.1 - 1e-8

    model = MarkovModel.fit(background, order)
    check(MarkovPlausibility(model=model, margin=0.1), records(alphabet), oracle)


def test_plausibility_above_a_quantile(tmp_path: Path) -> None:
    background = records(DNA, seed=9)
    path = tmp_path / "background.fa"
    path.write_text("".join(f">{name}\n{text}\n" for name, text in zip(background.ids, background.texts, strict=True)))
    mean = cache(mean_log(background.texts, 2, DNA))
    floor = float(np.quantile([value for text in background.texts if (value := mean(text)) is not None], 0.3))

    def oracle(clean: str, text: str) -> bool:
        own, new = mean(clean), mean(text)
        return new is None or new >= min(floor, own if own is not None else floor) - 1e-8

    check(parse_constraint(f"markov:2@q0.3:{path}", DNA), records(DNA), oracle)


# All together -----------------------------------------------------------------------------------------------------


def test_all_of() -> None:
    pattern = re.compile("(?=TAT)|(?=ATA)")

    def oracle(clean: str, text: str) -> bool:
        own, new = gc(clean), gc(text)
        close = own is None or new is None or abs(new - own) <= Fraction(1, 5)
        hits = {h.start(): text[h.start() : h.start() + 3] for h in pattern.finditer(text)}
        before = {h.start(): clean[h.start() : h.start() + 3] for h in pattern.finditer(clean)}
        return close and set(hits.items()) <= set(before.items())

    rule = parse_constraint("gc:+-20%; no-gain:TAT", DNA)
    assert isinstance(rule, AllOf)
    check(rule, records(DNA), oracle)


def test_all_of_nothing_allows_everything() -> None:
    tokens, chosen = candidates(records(DNA), 100)
    assert AllOf(parts=()).bind(records(DNA)).allows(tokens, chosen).all()


def test_pieces_do_not_matter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "motifs.jaspar"
    path.write_text(JASPAR)
    sequences = records(DNA, planted=("GACGTAC",))
    rule = parse_constraint(f"gc:0.2-0.8; homopolymer:4; no-change:{path}@1e-2; no-site:HinfI", DNA)
    plausible = MarkovPlausibility(model=MarkovModel.fit(sequences, 2), margin=0.3)
    tokens, chosen = candidates(sequences, 3000)
    whole = [each.bind(sequences).allows(tokens, chosen) for each in (rule, plausible)]
    monkeypatch.setattr("seqrobust.threats.constraints.base.CELLS", 700)
    monkeypatch.setattr("seqrobust.threats.constraints.scanning.CELLS", 33)
    plausible = MarkovPlausibility(model=MarkovModel.fit(sequences, 2), margin=0.3)
    for each, before in zip((rule, plausible), whole, strict=True):
        assert torch.equal(each.bind(sequences).allows(tokens, chosen), before)


def test_motifs_wider_than_the_records_ask_nothing() -> None:
    sequences = SequenceSet.from_texts(["ACG", "A"], DNA)
    rule = parse_constraint("no-change:ACGTACGT; homopolymer:1; gc:+-1", DNA)
    assert rule.bind(sequences).allows(torch.tensor([[1, 2, 3], [1, 5, 5]], dtype=torch.uint8), torch.arange(2)).all()
    model = MarkovModel.fit(SequenceSet.from_texts(["ACGTACGT"], DNA), 5)
    bound = MarkovPlausibility(model=model, margin=0).bind(sequences)
    assert bound.allows(torch.tensor([[1, 1, 1]], dtype=torch.uint8), torch.tensor([0])).all()
