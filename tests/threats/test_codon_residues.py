"""Codons of another amino acid, within a limit: every member beside translations and scores of Biopython."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from Bio.Align import substitution_matrices
from Bio.Seq import Seq

from seqrobust.alphabet import DNA
from seqrobust.errors import InternalError, ThreatError
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.readings import Part, Reading, Readings
from seqrobust.threats import Budget, SubstitutionThreat
from seqrobust.threats.coding import CodedSet, CodedThreat, Codons, parse_moves
from seqrobust.threats.coding.residues import Residues

BLOSUM = substitution_matrices.load("BLOSUM62")
CODONS = ["".join(letters) for letters in itertools.product("ACGT", repeat=3)]
# ATG, five codons, a stop, on the minus strand over an intron within a codon.
GENE = "ATGAAATGGCTTGACTAA"
PARTS = (Part(14, 24, -1), Part(2, 10, -1))


def record(*readings: Reading) -> SequenceSet:
    letters = list("ACGTACGTACGTACGTACGTACGT")
    places = [*range(23, 13, -1), *range(9, 1, -1)]
    for place, letter in zip(places, GENE, strict=True):
        letters[place] = str(Seq(letter).complement())
    return replace(SequenceSet.from_texts(["".join(letters)], DNA), readings=Readings.of([list(readings)]))


def bound(sequences: SequenceSet, moves: str, k: int) -> tuple[CodedSet, list[str]]:
    """The members at most k codons away, as the letters of the gene."""
    coding = parse_moves(moves, DNA)
    assert coding is not None
    coded = CodedSet.of(sequences, coding)
    threat = CodedThreat.of(SubstitutionThreat(budget=Budget(k)), coded.coding).bind(coded)
    pieces = [torch.nonzero(column).flatten().tolist() for column in threat.permitted[0].T]
    found = []
    for columns in itertools.combinations([i for i, one in enumerate(pieces) if len(one) > 1], k):
        rows = torch.tensor(coded.tokens).repeat(int(np.prod([len(pieces[i]) for i in columns])), 1)
        for row, put in zip(rows, itertools.product(*(pieces[i] for i in columns)), strict=True):
            row[list(columns)] = torch.tensor(put, dtype=torch.uint8)
        kept = threat.take(torch.zeros(len(rows), dtype=torch.int64)).contains(rows)
        # Of very many, each is counted and every so many-th is written out.
        step = 1 if k == 1 else 29
        some = [spliced(coded.written(row[None].numpy())[0].text) for row in rows[kept][::step]]
        found += some + [""] * (int(kept.sum()) - len(some))
    return coded, found


def spliced(text: str) -> str:
    return str(Seq(text[14:24]).reverse_complement()) + str(Seq(text[2:10]).reverse_complement())


def options(least: float) -> list[tuple[set[str], set[str]]]:
    """Per codon behind the first: those of the same meaning, and those of an amino acid that is similar enough."""
    found = []
    for at in range(3, 18, 3):
        old = str(Seq(GENE[at : at + 3]).translate())
        means = {codon: str(Seq(codon).translate()) for codon in CODONS}
        same = {codon for codon, new in means.items() if new == old}
        like = {c for c, new in means.items() if new != old and "*" not in (old, new) and BLOSUM[old, new] >= least}
        found.append((same, like))
    return found


WHOLE = Reading(name="CDS", parts=PARTS, gene="a")


@pytest.mark.parametrize(("most", "rule", "least"), [(1, "", -9.0), (1, ":blosum62:0", 0.0), (2, ":blosum62:1", 1.0)])
def test_members_are_those_of_biopython(most: int, rule: str, least: float) -> None:
    coded, found = bound(record(WHOLE), f"codons:CDS@protein:{most}{rule}", 1)
    every = options(least)
    assert set(found) == {
        GENE[: 3 * at] + codon + GENE[3 * at + 3 :]
        for at, (same, like) in enumerate(every, start=1)
        for codon in same | like
        if len(same | like) > 1
    }
    pairs = itertools.combinations([one for one in every if len(one[0] | one[1]) > 1], 2)
    sizes = [(len(a), len(b), len(c), len(d)) for (a, b), (c, d) in pairs]
    # Both the same, one of them like, and both like where two may be.
    count = sum(a * c + a * d + b * c + (b * d if most > 1 else 0) for a, b, c, d in sizes)
    _, found = bound(record(WHOLE), f"codons:CDS@protein:{most}{rule}", 2)
    assert len(found) == count
    assert max(map(sum_changed, filter(None, found))) == most
    said = coded.coding.describe("2")
    assert f"at most {most} amino acid" in said
    assert "synonymous" not in said


def sum_changed(gene: str) -> int:
    pairs = zip(str(Seq(gene).translate()), str(Seq(GENE).translate()), strict=True)
    return sum(a != b for a, b in pairs)


def test_two_changes_of_pairs_are_refused_and_named() -> None:
    coded, _ = bound(record(WHOLE), "codons:CDS@protein:1", 1)
    threat = CodedThreat.of(SubstitutionThreat(budget=Budget(3)), coded.coding).bind(coded)
    tokens = torch.tensor(coded.tokens)
    lysine, leucine = (int(torch.nonzero(tokens[0] == CODONS.index(codon)).flatten()[-1]) for codon in ("AAA", "CTT"))
    tokens[0, lysine] = CODONS.index("AGA")
    tokens[0, leucine] = CODONS.index("CTG")
    assert threat.explain(tokens, coded.alphabet) == [None]
    assert coded.written(tokens.numpy())[0].codon_edits == "K2R(AAA>AGA);L4CTT>CTG"
    tokens[0, leucine] = CODONS.index("ATG")
    assert threat.explain(tokens, coded.alphabet) == ["2 amino acids are changed, the limit is 1"]
    with pytest.raises(InternalError, match="2 amino acids changed, 1 may"):
        coded.written(tokens.numpy())


def test_a_protein_that_was_not_chosen_stays() -> None:
    # A second gene reads the first exon in the same frame: what both read may only change to synonyms.
    short = Reading(name="CDS", parts=(Part(15, 24, -1),), gene="b", partial_end=True)
    _, found = bound(record(WHOLE, short), "codons:CDS[gene=a]@protein:1", 1)
    assert {str(Seq(gene[:9]).translate()) for gene in found} == {"MKW"}
    assert len({str(Seq(gene).translate()) for gene in found}) > 5
    _, both = bound(record(WHOLE, short), "codons:CDS@protein:1", 1)
    assert len({str(Seq(gene[:9]).translate()) for gene in both}) > 5


def test_limits_are_read_in_any_order(tmp_path: object) -> None:
    for text in ("codons:CDS:11@protein:2:blosum62:0@usage:0.1", "codons:CDS:11@usage:0.1@protein:2:blosum62:0"):
        moves = parse_moves(text, DNA)
        assert isinstance(moves, Codons)
        assert (moves.region, moves.table, moves.changes) == ("CDS", 11, Residues(most=2, rule="blosum62:0"))
        assert moves.usage is not None
    for text in ("codons:CDS@protein:0", "codons:CDS@protein:x", "codons:CDS@protein:1:like", "indels@protein:1"):
        with pytest.raises(ThreatError):
            parse_moves(text, DNA)
