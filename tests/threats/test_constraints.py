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
from Bio import Restriction
from Bio.Seq import Seq
from Bio.SeqUtils import gc_fraction
from constraint_toys import JASPAR, candidates, check, judge, records

from seqrobust.alphabet import DNA, PROTEIN, RNA, Alphabet
from seqrobust.sequences import SequenceSet
from seqrobust.threats.constraints import (
    AllOf,
    GCContent,
    LongestRun,
    MarkovModel,
    MarkovPlausibility,
    RestrictionSites,
    parse_constraint,
)

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
