"""Coding sequences over the origin of a circle in GFF3, on both strands: every member beside Biopython's."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from Bio.Seq import Seq

from seqrobust.alphabet import DNA
from seqrobust.errors import ThreatError
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.readers import read_sequences
from seqrobust.threats import Budget, SubstitutionThreat
from seqrobust.threats.coding import CodedSet, CodedThreat, Codons

CODONS = ["".join(letters) for letters in itertools.product("ACGT", repeat=3)]
SENSE = [codon for codon in CODONS if str(Seq(codon).translate(table=11)) != "*"]


def circle(seed: int, strand: str, start: int, length: int) -> tuple[str, list[int]]:
    """A record with ATG, three codons and a stop from ``start`` on over the origin; and the places of its letters."""
    rng = np.random.default_rng(seed)
    gene = "ATG" + "".join(rng.choice(SENSE, 3)) + "TAA"
    letters = rng.choice(list("ACGT"), length)
    places = [(start + i) % length for i in range(len(gene))]
    on_plus = gene if strand == "+" else str(Seq(gene).reverse_complement())
    for place, letter in zip(places, on_plus, strict=True):
        letters[place] = letter
    return "".join(letters), places if strand == "+" else places[::-1]


def protein(text: str, places: list[int], strand: str) -> str:
    read = "".join(text[place] for place in places)
    return str((Seq(read) if strand == "+" else Seq(read).complement()).translate(table=11))


def edited(text: str, places: list[int], strand: str, k: int) -> set[str]:
    """All records with up to k codons behind the first one changed and the same protein."""
    want, found = protein(text, places, strand), set()
    codons = range(3, len(places), 3)
    for chosen in itertools.combinations(codons, k):
        same = [[new for new in CODONS if str(Seq(new).translate(table=11)) == want[codon // 3]] for codon in chosen]
        for put in itertools.product(*same):
            letters = list(text)
            for codon, new in zip(chosen, put, strict=True):
                for place, letter in zip(places[codon : codon + 3], new, strict=True):
                    letters[place] = letter if strand == "+" else str(Seq(letter).complement())
            assert protein("".join(letters), places, strand) == want
            found.add("".join(letters))
    return found


def loaded(folder: Path, text: str, rows: list[str]) -> SequenceSet:
    head = f"##gff-version 3\nc\t.\tregion\t1\t{len(text)}\t.\t+\t.\tID=c;Is_circular=true\n"
    (folder / "c.gff3").write_text(head + "\n".join(rows) + "\n")
    (folder / "c.fa").write_text(f">c\n{text}\n")
    return read_sequences(folder / "c.fa", alphabet=DNA, annotation=folder / "c.gff3").sequences


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize("start", [10, 11, 15, 17, 20, 21, 22, 23])
def test_members_over_the_origin_are_those_of_biopython(tmp_path: Path, strand: str, start: int) -> None:
    text, places = circle(start, strand, start, 24)
    # As NCBI writes it: one row that runs past the end.
    row = f"c\t.\tCDS\t{start + 1}\t{start + 15}\t.\t{strand}\t0\tID=cds1;transl_table=11"
    coded = CodedSet.of(loaded(tmp_path, text, [row]), Codons(source=DNA, region="CDS"))
    threat = CodedThreat.of(SubstitutionThreat(budget=Budget(2)), coded.coding).bind(coded)
    pieces_of = [torch.nonzero(column).flatten().tolist() for column in threat.permitted[0].T]
    for k in (1, 2):
        found = set()
        for columns in itertools.combinations([i for i, pieces in enumerate(pieces_of) if len(pieces) > 1], k):
            for pieces in itertools.product(*(pieces_of[column] for column in columns)):
                tokens = coded.tokens.copy()
                tokens[0, list(columns)] = pieces
                found.add(coded.written(tokens)[0].text)
        assert found | {text} == edited(text, places, strand, k) | {text}


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize("start", [12, 17, 20])
def test_two_rows_that_meet_at_the_origin_are_not_read_in_the_wrong_order(
    tmp_path: Path, strand: str, start: int
) -> None:
    text, _ = circle(start, strand, start, 24)
    before = 24 - start
    phases = (0, -before % 3) if strand == "+" else (-(15 - before) % 3, 0)
    rows = [
        f"c\t.\tCDS\t{first}\t{last}\t.\t{strand}\t{phase}\tID=cds1;transl_table=11"
        for first, last, phase in ((start + 1, 24, phases[0]), (1, 15 - before, phases[1]))
    ]
    with pytest.raises(ThreatError, match="no coding sequence can be edited"):
        CodedSet.of(loaded(tmp_path, text, rows), Codons(source=DNA, region="CDS"))
