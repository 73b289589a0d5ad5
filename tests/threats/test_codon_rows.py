"""What GFF3 leaves unsaid, the genetic code and which exons a transcript has, held against Biopython's translations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from Bio.Seq import Seq
from threats_genes import cds, noise, orf, record_of, write

from seqrobust.alphabet import DNA
from seqrobust.errors import ThreatError
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.encoding import texts_from_tokens
from seqrobust.sequences.readers import read_sequences
from seqrobust.threats import Budget, SubstitutionThreat
from seqrobust.threats.coding import CodedSet, CodedThreat, Codons


def read(tmp_path: Path, texts: dict[str, str], lines: list[str]) -> SequenceSet:
    (tmp_path / "x.fa").write_text("".join(f">{name}\n{text}\n" for name, text in texts.items()), encoding="utf-8")
    (tmp_path / "x.gff3").write_text("\n".join(line.replace(" ", "\t", 8) for line in lines), encoding="utf-8")
    return read_sequences(tmp_path / "x.fa", alphabet=DNA, annotation=tmp_path / "x.gff3").sequences


def edited(sequences: SequenceSet, table: int | None = None, draws: int = 60) -> list[list[str]]:
    """Texts of random members that change as much as they can: every combination of permitted codons is one."""
    coded = CodedSet.of(sequences, Codons(source=DNA, region="CDS", table=table))
    threat = CodedThreat.of(SubstitutionThreat(budget=Budget(1)), coded.coding).bind(coded)
    rng, found = torch.Generator().manual_seed(0), []
    for _ in range(draws):
        weights = torch.rand(threat.permitted.shape, generator=rng) * threat.permitted
        members = torch.where(threat.permitted.any(1), weights.argmax(1).to(torch.uint8), threat.tokens)
        found.append(texts_from_tokens(coded.coding.decode(members).numpy(), DNA))
    return found


def mitochondrial(rng: np.random.Generator, stops: bool) -> str:
    """A gene of the vertebrate mitochondrial code, with TGA inside or without, and with ATA."""
    while True:
        gene = orf(rng, 30, table=2)
        inside = str(Seq(gene[:-3]).translate())
        if ("*" in inside) == stops and "ATA" in [gene[i : i + 3] for i in range(3, 87, 3)]:
            return gene


def test_a_code_that_the_neighbours_contradict_is_not_assumed(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    genes = [mitochondrial(rng, stops) for stops in (True, True, False)]
    lines = [f"r x CDS {1 + 90 * i} {90 * i + 90} . + 0 ID=c{i};gene=g{i}" for i in range(3)]
    sequences = read(tmp_path, {"r": "".join(genes)}, lines)
    with pytest.raises(ThreatError, match="2 of 3 coding sequences of the record stop on their way"):
        edited(sequences)
    with pytest.raises(ThreatError, match="2 of 3 coding sequences"):
        CodedSet.of(sequences, Codons(source=DNA, region="CDS[gene=g2]"))
    clean = [str(Seq(gene).translate(table=2)) for gene in genes]
    found = edited(sequences, table=2)
    assert len({text for (text,) in found}) > 20
    for (text,) in found:
        assert [str(Seq(text[90 * i : 90 * i + 90]).translate(table=2)) for i in range(3)] == clean
    # Contigs of a gene each say it together.
    apart = read(tmp_path, {f"k{i}": gene for i, gene in enumerate(genes)},
                 [f"k{i} x CDS 1 90 . + 0 ID=c{i}" for i in range(3)])  # fmt: skip
    with pytest.raises(ThreatError, match="of all records stop on their way"):
        edited(apart)


@pytest.mark.parametrize(("name", "refused"), [("MT", True), ("chrM", True), ("mitochondrion_genome", True),
                                               ("chrMito2", False), ("M13", False), ("chr1", False)])  # fmt: skip
def test_a_record_called_a_mitochondrion_needs_its_code_named(name: str, refused: bool, tmp_path: Path) -> None:
    gene = mitochondrial(np.random.default_rng(2), stops=False)
    sequences = read(tmp_path, {name: gene}, [f"{name} x CDS 1 90 . + 0 ID=c"])
    if refused:
        with pytest.raises(ThreatError, match="mitochondria are called"):
            edited(sequences)
    else:
        assert edited(sequences, draws=1)
    assert edited(sequences, table=2, draws=1)
    stated = read(tmp_path, {name: gene}, [f"{name} x CDS 1 90 . + 0 ID=c;transl_table=2"])
    assert edited(stated, draws=1)


@pytest.mark.parametrize("ids", ["none", "one an exon", "one a gene"])
@pytest.mark.parametrize("strand", "+-")
def test_an_exon_belongs_to_each_of_its_transcripts(ids: str, strand: str, tmp_path: Path) -> None:
    """The second exon is skipped in one of two transcripts, and ends within a codon on both sides."""
    rng, sizes, skipped = np.random.default_rng(5), (10, 9, 11), 0
    for _ in range(20):
        gene, at, places, pieces = orf(rng, 10), 0, [], []
        for size in sizes:
            places.append((sum(map(len, pieces)), size, at))
            pieces += [gene[at : at + size], noise(rng, 4)]
            at += size
        text = "".join(pieces)
        text = text if strand == "+" else str(Seq(text).reverse_complement())
        lines = [f"r x mRNA 1 {len(text)} . {strand} . ID={name}" for name in "ab"]
        exons = []
        for number, (start, size, read_before) in enumerate(places):
            first = start if strand == "+" else len(text) - start - size
            exons.append((first, first + size))
            own = {"none": "", "one an exon": f"ID=e{number};", "one a gene": "ID=g;"}[ids]
            parents = "a" if number == 1 else "a,b"
            phase = -read_before % 3
            lines.append(f"r x CDS {first + 1} {first + size} . {strand} {phase} {own}Parent={parents}")

        def proteins(text: str, exons: list[tuple[int, int]] = exons) -> list[str]:
            def of(chosen: list[tuple[int, int]]) -> str:
                parts = [Seq(text[a:b]) for a, b in chosen]
                joined = "".join(str(part if strand == "+" else part.reverse_complement()) for part in parts)
                return str(Seq(joined).translate())

            return [of(exons), of([exons[0], exons[2]])]

        if "*" in proteins(text)[1][:-1]:
            skipped += 1
            continue
        for (after,) in edited(read(tmp_path, {"r": text}, lines), draws=10):
            assert proteins(after) == proteins(text)
    assert skipped < 15


def test_parts_are_read_in_the_order_that_ncbi_numbers(tmp_path: Path) -> None:
    text = noise(np.random.default_rng(0), 60)
    lines = ["r x CDS 1 9 . + 0 ID=c;part=2/2", "r x CDS 40 48 . + 0 ID=c;part=1/2"]
    readings = read(tmp_path, {"r": text}, lines).readings
    assert readings is not None
    assert [(part.start, part.end) for part in readings.of_record[0][0].parts] == [(39, 48), (0, 9)]


def test_a_stop_that_is_read_through_is_refused_where_the_file_says_x(tmp_path: Path) -> None:
    gene = cds([(0, 18, 1)], translation="MLXLG")
    path = write(record_of("ATGCTTTAGCTTGGATAA", gene), tmp_path / "x.gb")
    with pytest.raises(ThreatError, match="residue 3 is X in its /translation and"):
        CodedSet.of(read_sequences(path).sequences, Codons(source=DNA, region="CDS"))


@pytest.mark.parametrize(("table", "stop"), [(27, "TGA"), (28, "TAA"), (28, "TGA"), (31, "TAG")])
def test_a_stop_that_elsewhere_is_an_amino_acid_ends_a_protein(table: int, stop: str, tmp_path: Path) -> None:
    gene = "ATGCTTGGA" + stop
    path = write(record_of(gene, cds([(0, 12, 1)], translation="MLG", transl_table=table)), tmp_path / "x.gb")
    coded = CodedSet.of(read_sequences(path).sequences, Codons(source=DNA, region="CDS"))
    threat = CodedThreat.of(SubstitutionThreat(budget=Budget(1)), coded.coding).bind(coded)
    assert int(threat.permitted.sum(1).gt(1).sum()) >= 2
