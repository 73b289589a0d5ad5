"""Codon usage: which synonyms are put in, beside counts by hand."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import torch
from Bio.Seq import Seq

from seqrobust.alphabet import DNA, RNA, Alphabet
from seqrobust.errors import ThreatError
from seqrobust.sequences import Region, SequenceSet
from seqrobust.threats import Budget, SubstitutionThreat
from seqrobust.threats.coding import CodedSet, CodedThreat, parse_moves
from seqrobust.threats.coding.parsing import moves_files

# Behind the interval stand codons that are not counted.
TEXT = "GCTGCTGCCCTGCTGCTGCTTTTACGACGTAGA" + "GCAGCAGCA"


def reached(moves: str, text: str = TEXT, alphabet: Alphabet = DNA) -> dict[int, set[str]]:
    """By codon of the interval, what one edit puts there."""
    plain = SequenceSet.from_texts([text], alphabet, regions=[[Region("cds", 0, 33)]])
    coding = parse_moves(moves, alphabet)
    assert coding is not None
    coded = CodedSet.of(plain, coding)
    threat = CodedThreat.of(SubstitutionThreat(budget=Budget(1)), coded.coding).bind(coded)
    found: dict[int, set[str]] = {i: set() for i in range(11)}
    for piece, column in torch.nonzero(threat.permitted[0] & ~threat.clean[0]).tolist():
        tokens = coded.tokens.copy()
        tokens[0, column] = piece
        edited = coded.written(tokens)[0].text
        at = next(i for i in range(0, 33, 3) if edited[i : i + 3] != text[i : i + 3])
        assert str(Seq(edited[:33]).translate()) == str(Seq(text[:33]).translate())
        found[at // 3].add(edited[at : at + 3])
    return found


def synonyms(text: str, often: Counter[str], least: float) -> dict[int, set[str]]:
    """By counting: codons of the same meaning whose share of that meaning is large enough."""
    every = [a + b + c for a in "ACGT" for b in "ACGT" for c in "ACGT"]
    found = {}
    for i in range(11):
        codon = text[3 * i : 3 * i + 3]
        same = [one for one in every if str(Seq(one).translate()) == str(Seq(codon).translate())]
        total = sum(often[one] for one in same)
        found[i] = {one for one in same if one != codon and total and often[one] / total >= least}
    return found


@pytest.mark.parametrize("least", [0.01, 0.2, 0.25, 0.34, 0.6, 1.0])
def test_synonyms_that_the_records_use_often_enough(least: float) -> None:
    counts = Counter(TEXT[i : i + 3] for i in range(0, 33, 3))
    assert reached(f"codons:cds@usage:{least}") == synonyms(TEXT, counts, least)
    assert reached("codons:cds") != reached(f"codons:cds@usage:{least}")


@pytest.mark.parametrize(("alphabet", "head"), [(DNA, "codon\tcount\n"), (RNA, "")])
def test_a_table_decides_where_one_is_given(tmp_path: Path, alphabet: Alphabet, head: str) -> None:
    given = Counter({"GCA": 30.5, "GCG": 60, "GCT": 9.5, "CTG": 1, "AGA": 1, "CGT": 3})
    letters = (lambda text: text.replace("T", "U")) if alphabet is RNA else str
    file = tmp_path / "usage.tsv"
    file.write_text(head + "".join(f"{letters(codon)}\t{count}\n" for codon, count in given.items()))
    moves = f"codons:cds@usage:25%:{file}"
    found = reached(moves, letters(TEXT), alphabet)
    wanted = synonyms(TEXT, Counter(given), 0.25)
    assert {i: {one.replace("U", "T") for one in codons} for i, codons in found.items()} == wanted
    assert moves_files(moves) == [file]
    assert moves_files("codons:CDS") == moves_files("indels:left") == []
    coding = parse_moves(moves, alphabet)
    assert coding is not None
    plain = SequenceSet.from_texts([letters(TEXT)], alphabet, regions=[[Region("cds", 0, 33)]])
    assert "0.25 or more of the codons of their meaning (of usage.tsv)" in coding.on(plain).describe("2")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("codons:cds@usage:", "is a number"),
        ("codons:cds@usage:0", "above 0"),
        ("codons:cds@usage:1.5", "above 0"),
        ("codons:cds@usage:0.1:nowhere.tsv", "does not exist"),
        ("indels:left@usage:0.1", "about codon moves"),
    ],
)
def test_usage_that_cannot_be_read(text: str, said: str) -> None:
    with pytest.raises(ThreatError, match=said):
        parse_moves(text, DNA)


@pytest.mark.parametrize("table", ["", "CTG -1\n", "CTG 1\nCTG 2\n", "CTX 1\n", "CTG\n", "codon count\n"])
def test_tables_that_cannot_be_read(tmp_path: Path, table: str) -> None:
    (tmp_path / "usage.txt").write_text(table)
    with pytest.raises(ThreatError, match="codon usage cannot be read"):
        reached(f"codons:cds@usage:0.1:{tmp_path / 'usage.txt'}")
