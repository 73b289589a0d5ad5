"""Codon moves on genes with a rule of their own: other codes, recoding, slippage, partial and unclear ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from Bio.Seq import Seq
from Bio.SeqFeature import AfterPosition, BeforePosition, SeqFeature, SimpleLocation
from threats_genes import cds, noise, orf, place, proteins, put, record_of, write

from seqrobust.alphabet import DNA, RNA
from seqrobust.errors import ThreatError
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.encoding import texts_from_tokens
from seqrobust.sequences.readers import read_sequences
from seqrobust.sequences.readers.coding_rows import annotated_readings
from seqrobust.sequences.writing import write_sequences
from seqrobust.threats import Budget, SubstitutionThreat
from seqrobust.threats.coding import CodedSet, CodedThreat, CodonColumns, Codons


def coded_of(sequences: SequenceSet, region: str | None = "CDS", table: int | None = None) -> CodedSet:
    return CodedSet.of(sequences, Codons(source=sequences.alphabet, region=region, table=table))


def columns_of(coded: CodedSet) -> CodonColumns:
    assert isinstance(coded.coding, CodonColumns)
    return coded.coding


def draws(coded: CodedSet, count: int = 300) -> list[str]:
    """Texts of random members at every size, as they are written (and checked against the protein)."""
    threat = CodedThreat.of(SubstitutionThreat(budget=Budget(99)), coded.coding).bind(coded)
    rng = torch.Generator().manual_seed(0)
    texts = []
    for _ in range(count // 10):
        uniforms = torch.rand(len(coded), coded.width + 1, dtype=torch.float64, generator=rng)
        for full in (True, False):
            texts += [one.text for one in coded.written(threat.sample(uniforms, full=full).numpy())]
    return texts


def changed_places(text: str, edited: list[str]) -> set[int]:
    return {at for one in edited for at, (a, b) in enumerate(zip(text, one, strict=True)) if a != b}


def genbank(tmp_path: Path, text: str, *features: SeqFeature, **rules: Any) -> SequenceSet:
    return read_sequences(write(record_of(text, *features, **rules), tmp_path / "x.gb")).sequences


def said(coded: CodedSet) -> str:
    return "; ".join(columns_of(coded).notices)


# Genetic codes --------------------------------------------------------------------------------------------------------


def test_a_bacterial_operon_on_the_minus_strand(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    genes = [cds([(a, a + 36, -1)], gene=f"g{a}", transl_table=11) for a in (6, 42, 80)]
    text = noise(rng, 120)
    for gene, start in zip(genes, ("GTG", "TTG", "ATG"), strict=True):
        text = put(text, gene, orf(rng, 12, 11, start))
        gene.qualifiers["translation"] = ["M" + str(Seq(str(gene.extract(Seq(text)))).translate(table=11))[1:-1]]
    coded = coded_of(genbank(tmp_path, text, *genes))
    edited = draws(coded)
    wanted = proteins(text, genes)
    assert all(proteins(one, genes) == wanted for one in edited)
    changed = changed_places(text, edited)
    assert len(changed) > 30
    for gene in genes:
        assert not set(list(gene.location)[:3]) & changed
    assert "3 first of their protein" in said(coded)
    assert columns_of(coded).describe("2") == (
        "at most 2 codons of CDS changed to synonymous ones (g6, g42 and g80; minus strand; genetic code 11)"
    )


def test_the_code_is_the_records_and_another_is_refused(tmp_path: Path) -> None:
    gene = cds([(4, 22, 1)], transl_table=4)
    text = put(noise(np.random.default_rng(2), 30), gene, "ATGTGATGGTGACTTTAA")
    sequences = genbank(tmp_path, text, gene)
    codons = {one[4 + 3 * i : 7 + 3 * i] for one in draws(coded_of(sequences)) for i in (1, 2, 3)}
    assert codons == {"TGA", "TGG"}
    with pytest.raises(ThreatError, match="another than the one that was named"):
        coded_of(sequences, table=1)
    assert coded_of(sequences, table=4).width == coded_of(sequences).width
    # Nothing said is the standard code, in which the same letters stop on their way.
    del gene.qualifiers["transl_table"]
    with pytest.raises(ThreatError, match="codon 2 of 6 is a stop in genetic code 1"):
        coded_of(genbank(tmp_path, text, gene))
    assert "genetic code 4 where the file names none" in said(coded_of(genbank(tmp_path, text, gene), table=4))


def test_a_mitochondrial_stop_that_polyadenylation_completes(tmp_path: Path) -> None:
    gene = cds([(2, 21, 1)], transl_table=2, transl_except="(pos:21,aa:TERM)", translation="MKWMW" + "L")
    text = put(noise(np.random.default_rng(3), 24), gene, "ATGAAATGAATATGACTT" + "T")
    coded = coded_of(genbank(tmp_path, text, gene))
    edited = draws(coded)
    assert proteins(edited[0], [gene]) == ["MKWMWL"]
    assert 20 not in changed_places(text, edited)
    assert len(changed_places(text, edited)) >= 5
    assert "1 letter of incomplete codons" in said(coded)
    bare = cds([(2, 21, 1)], transl_table=2)
    with pytest.raises(ThreatError, match="19 letters, which is no whole number of codons"):
        coded_of(genbank(tmp_path, text, bare))


def test_a_selenoprotein_keeps_its_tga(tmp_path: Path) -> None:
    for strand in (1, -1):
        parts = [(2, 20, strand)]
        at = "9..11" if strand == 1 else "complement(12..14)"
        gene = cds(parts, transl_except=f"(pos:{at},aa:Sec)", translation="MKULL")
        text = put(noise(np.random.default_rng(4), 24), gene, "ATGAAATGACTTCTTTAG")
        coded = coded_of(genbank(tmp_path, text, gene))
        edited = draws(coded)
        assert {str(gene.extract(Seq(one)))[6:9] for one in edited} == {"TGA"}
        assert {str(gene.extract(Seq(one)))[-3:] for one in edited} == {"TAG", "TAA", "TGA"}
        assert "1 of a meaning of their own" in said(coded)


# Ribosomes that slip --------------------------------------------------------------------------------------------------


def test_a_coronavirus_slips_back_by_a_letter(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    slip, end = 30, 63  # the letter at 29 is read twice
    whole = cds([(3, slip, 1), (slip - 1, end - 1, 1)], gene="ORF1ab", ribosomal_slippage="")
    short = cds([(3, 39, 1)], gene="ORF1a")
    for _ in range(10_000):
        text = noise(rng, 70)
        text = text[:3] + "ATG" + text[6:23] + "TTTAAAC" + text[30:]
        if all("*" not in one[:-1] for one in proteins(text, [whole, short])):
            break
    coded = coded_of(genbank(tmp_path, text, whole, short))
    edited = draws(coded)
    wanted = proteins(text, [whole, short])
    assert all(proteins(one, [whole, short]) == wanted for one in edited)
    changed = changed_places(text, edited)
    assert not changed & set(range(slip - 7, slip + 2))
    assert len(changed) > 5
    assert "at a frameshift of the ribosome" in said(coded)


def test_a_letter_that_is_skipped_stays(tmp_path: Path) -> None:
    gene = cds([(0, 12, 1), (13, 25, 1)], gene="prfB", transl_table=11)
    text = put(noise(np.random.default_rng(6), 28), gene, "ATGCTTCTTCTT" + "GATCTTCTTTAA")
    changed = changed_places(text, draws(coded_of(genbank(tmp_path, text, gene))))
    assert changed
    assert not changed & set(range(5, 15))


def test_stops_in_a_row_end_a_construct(tmp_path: Path) -> None:
    gene = cds([(0, 15, 1)])
    coded = coded_of(genbank(tmp_path, "ATGCTTCTTTAATGA", gene))
    assert {proteins(one, [gene])[0] for one in draws(coded)} == {"MLL**"}


# Ends and letters that are not known ----------------------------------------------------------------------------------


def test_partial_genes_keep_the_letters_of_cut_codons(tmp_path: Path) -> None:
    text = noise(np.random.default_rng(7), 30).replace("T", "C")
    gene = SeqFeature(
        SimpleLocation(BeforePosition(0), AfterPosition(30), -1), "CDS", qualifiers={"codon_start": ["3"]}
    )
    coded = coded_of(genbank(tmp_path, text, gene))
    edited = draws(coded)
    assert all(proteins(one, [gene]) == proteins(text, [gene]) for one in edited)
    assert not changed_places(text, edited) & {29, 28, 0}
    assert "3 letters of incomplete codons" in said(coded)
    assert "first of their protein" not in said(coded)


def test_letters_of_cut_codons_stay_also_where_another_gene_reads_them(tmp_path: Path) -> None:
    cut = SeqFeature(SimpleLocation(2, AfterPosition(13), 1), "CDS", qualifiers={"gene": ["cut"]})
    whole = cds([(0, 24, 1)], gene="whole")
    text = "ATGCTTCTTCTTCTTCTTCTTTAA"
    changed = {
        name: changed_places(text, draws(coded_of(genbank(tmp_path, text, *genes), "CDS[gene=whole]")))
        for name, genes in {"alone": [whole], "both": [whole, cut]}.items()
    }
    assert 12 in changed["alone"]
    assert 11 in changed["alone"]
    assert not changed["both"] & {11, 12}
    assert {14, 17, 20} <= changed["both"]


def test_unknown_letters_keep_their_codon_and_their_code(tmp_path: Path) -> None:
    gene = cds([(0, 18, 1)])
    text = "ATGCTNCTTCTYCTTTAA"
    coded = coded_of(genbank(tmp_path, text, gene))
    edited = draws(coded)
    assert all(one[3:6] == "CTN" and one[9:12] == "CTY" for one in edited)
    assert "2 with an unknown letter" in said(coded)
    assert changed_places(text, edited) == {6, 8, 12, 14, 16, 17}


def test_rna_is_read_with_u_from_a_flat_file(tmp_path: Path) -> None:
    text = put(noise(np.random.default_rng(9), 40), gene := cds([(30, 40, -1), (3, 14, 1)]), "ATGCTTCTTCTTCTTCTTTAA")
    path = write(record_of(text, gene), tmp_path / "x.gb")
    loaded = read_sequences(path, alphabet=RNA)
    assert "T read as U" in loaded.notices
    edited = draws(coded_of(loaded.sequences))
    assert all("T" not in one for one in edited)
    wanted = proteins(text, [gene])
    assert all(proteins(one.replace("U", "T"), [gene]) == wanted for one in edited)
    assert len(set(edited)) > 10


# What cannot be believed ----------------------------------------------------------------------------------------------

UNCLEAR = {
    "a pseudogene": {"pseudo": ""},
    "is not what its letters say": {"exception": "RNA editing"},
    "cannot be read: nonsense": {"transl_except": "nonsense"},
    "an exception lies outside it": {"transl_except": "(pos:1..3,aa:Sec)"},
    "codon_start=7": {"codon_start": "7"},
    "unknown genetic code 7": {"transl_table": "7"},
    "residue 3 is W in its /translation and L": {"translation": "MKWL"},
    "has 3 residues, the letters 4": {"translation": "MKL"},
}


@pytest.mark.parametrize("why", UNCLEAR)
def test_unclear_readings_are_left_as_they_are(why: str, tmp_path: Path) -> None:
    odd = cds([(5, 20, 1)], gene="odd", **UNCLEAR[why])
    text = put(noise(np.random.default_rng(10), 60), odd, "ATGAAACTTCTTTAA")
    with pytest.raises(ThreatError, match="no coding sequence can be edited") as caught:
        coded_of(genbank(tmp_path, text, odd))
    assert why in str(caught.value)
    fine = cds([(16, 46, 1)], gene="fine")
    text = put(text, fine, "ATG" + str(np.random.default_rng(1).choice(["CTT"])) * 8 + "TAA")
    text = put(text, odd, "ATGAAACTTCTATGC") if "stop" in why else text
    coded = coded_of(genbank(tmp_path, text, fine, odd))
    changed = changed_places(text, draws(coded))
    assert changed
    assert not changed & set(range(5, 20))
    assert "odd: not edited, since" in said(coded)


@pytest.mark.parametrize(
    ("location", "why"),
    [
        (place([(0, 9, 1), (12, 21, 1)]), "without their order"),
        (SimpleLocation(0, AfterPosition(21), 1) + SimpleLocation(24, 30, 1), "not known exactly"),
    ],
)
def test_locations_that_leave_letters_open_are_refused(location: Any, why: str, tmp_path: Path) -> None:
    if "order" in why:
        location.operator = "order"
    text = "ATG" + "CTT" * 9
    with pytest.raises(ThreatError) as caught:
        coded_of(genbank(tmp_path, text, SeqFeature(location, "CDS")))
    assert why in str(caught.value)


def test_features_without_a_frame_are_refused(tmp_path: Path) -> None:
    gene = cds([(3, 18, -1)], gene="g")
    text = put(noise(np.random.default_rng(0), 30), gene, "ATGAAACTTCTTTAA")
    features = [SeqFeature(SimpleLocation(3, 18, -1), "gene"), SeqFeature(SimpleLocation(3, 18, -1), "exon")]
    sequences = genbank(tmp_path, text, gene, *features)
    for name in ("gene", "exon", "CDS[gene=h]", "CDS[h]"):
        with pytest.raises(ThreatError, match=r"no (coding sequence|region) has that name"):
            coded_of(sequences, name)
    with pytest.raises(ThreatError, match="says where coding sequences lie"):
        coded_of(sequences, None)
    for name in ("ge*", "*"):
        with pytest.raises(ThreatError, match="no coding sequence has that name"):
            coded_of(sequences, name)
    lines = ["r x gene 4 18 . - . ID=g", "r x CDS 4 18 . - 0 ID=c"]
    with pytest.raises(ThreatError, match="no coding sequence has that name"):
        coded_of(rows(tmp_path, text, lines), "gene")
    with pytest.raises(ThreatError, match="no coding sequence has that name"):
        coded_of(genbank(tmp_path, text, *features))


# Rows -----------------------------------------------------------------------------------------------------------------


def rows(tmp_path: Path, text: str, lines: list[str], suffix: str = ".gff3") -> SequenceSet:
    (tmp_path / "x.fa").write_text(f">r\n{text}\n", encoding="utf-8")
    path = tmp_path / f"x{suffix}"
    path.write_text("\n".join(line.replace(" ", "\t", 8) for line in lines) + "\n", encoding="utf-8")
    return read_sequences(tmp_path / "x.fa", alphabet=DNA, annotation=path).sequences


def parts_of(sequences: SequenceSet) -> list[tuple[tuple[int, int, int], ...]]:
    assert sequences.readings is not None
    return [tuple(map(tuple, one.parts)) for one in sequences.readings.of_record[0]]  # type: ignore[misc]


def test_rows_are_joined_by_id_or_by_transcript_and_not_by_gene(tmp_path: Path) -> None:
    text = noise(np.random.default_rng(0), 60)
    shared = ["r x CDS 1 9 . + 0 ID=c", "r x CDS 20 28 . + 0 ID=c", "r x CDS 40 48 . + 0 ID=d"]
    assert parts_of(rows(tmp_path, text, shared)) == [((0, 9, 1), (19, 28, 1)), ((39, 48, 1),)]
    exons = ["r x mRNA 1 60 . - . ID=m", "r x CDS 1 10 . - 1 ID=a;Parent=m", "r x CDS 20 27 . - 0 ID=b;Parent=m"]
    assert parts_of(rows(tmp_path, text, exons)) == [((19, 27, -1), (0, 10, -1))]
    gene = [line.replace("mRNA", "gene") for line in exons]
    assert sorted(parts_of(rows(tmp_path, text, gene))) == [((0, 10, -1),), ((19, 27, -1),)]
    bare = ["r x CDS 1 9 . + 0 Parent=m", "r x CDS 20 28 . + 0 Parent=m", "r x CDS 31 36 . + 0 ."]
    assert parts_of(rows(tmp_path, text, bare)) == [((0, 9, 1), (19, 28, 1)), ((30, 36, 1),)]
    gtf = [
        f'r x CDS {a} {b} . - {p} gene_id "g"; transcript_id "t{t}";'
        for a, b, p, t in ((1, 9, 0, 1), (20, 28, 0, 1), (40, 48, 0, 2))
    ]
    assert parts_of(rows(tmp_path, text, gtf, ".gtf")) == [((19, 28, -1), (0, 9, -1)), ((39, 48, -1),)]


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        (["r x CDS 1 9 . + 0 ID=c", "r x CDS 20 28 . + 1 ID=c"], "disagree on the frame"),
        (["r x CDS 1 9 . + 0 ID=c", "r x CDS 20 28 . - 0 ID=c"], "both strands"),
        (["r x CDS 1 9 . + . ID=c"], "no phase"),
        (["r x CDS 1 9 . . 0 ID=c"], "its strand is '.'"),
        (["r x CDS 1 9 . + 0 ID=c;pseudo=true"], "a pseudogene"),
        (["r x CDS 1 10 . + 0 ID=c"], "no whole number of codons"),
    ],
)
def test_rows_that_are_no_reading_are_refused(lines: list[str], why: str, tmp_path: Path) -> None:
    with pytest.raises(ThreatError) as caught:
        coded_of(rows(tmp_path, "ATG" + "CTT" * 12, lines))
    assert why in str(caught.value)


def test_rows_beyond_the_end_of_a_circle_go_on_at_its_beginning(tmp_path: Path) -> None:
    path = tmp_path / "x.gff3"
    lines = ["r x CDS 8 14 . + 0 ID=a", "r x CDS 9 13 . - 0 ID=b"]
    path.write_text("\n".join(line.replace(" ", "\t", 8) for line in lines) + "\n", encoding="utf-8")
    readings = annotated_readings(path, ["r"], [10], None)
    found = [tuple(map(tuple, one.parts)) for one in readings.of_record[0]]
    assert found == [((7, 10, 1), (0, 4, 1)), ((0, 3, -1), (8, 10, -1))]


def test_the_names_of_ncbi_answer_to_cds(tmp_path: Path) -> None:
    lines = ["r x CDS 1 9 . + 0 ID=a;Name=YP_1.1;gene=S", "r x CDS 13 21 . + 0 ID=b;Name=YP_2.1;gene=N"]
    sequences = rows(tmp_path, "ATGCTTTAAGGGATGCTTTAAGGG", lines)
    for name, changing in {"CDS": {0, 12}, "CDS[YP_2.1]": {12}, "CDS[gene=S]": {0}}.items():
        changed = changed_places(sequences.texts[0], draws(coded_of(sequences, name)))
        assert {12 * (at >= 12) for at in changed} == changing


def test_a_stop_codon_outside_a_gtf_cds_stays(tmp_path: Path) -> None:
    lines = [
        'r x CDS 1 9 . + 0 gene_id "g"; transcript_id "t";',
        'r x stop_codon 10 12 . + 0 gene_id "g"; transcript_id "t";',
    ]
    text = "ATGCTTCTTTAAGGG"
    assert max(changed_places(text, draws(coded_of(rows(tmp_path, text, lines, ".gtf"))))) < 9


# Pieces of records ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("strand", ["+", "-"])
@pytest.mark.parametrize("gene_strand", [1, -1])
def test_windows_of_a_genome_keep_its_proteins(strand: str, gene_strand: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    parts = [(10, 31, 1), (50, 77, 1), (90, 105, 1)]
    gene = cds(parts if gene_strand == 1 else [(a, b, -1) for a, b, _ in parts[::-1]])
    genome = put(noise(rng, 120), gene, orf(rng, 21))
    write(record_of(genome, gene, name="chr1"), tmp_path / "g.gff3")
    (tmp_path / "w.bed").write_text(f"chr1\t24\t70\tw\t0\t{strand}\n", encoding="utf-8")
    sequences = read_sequences(
        tmp_path / "w.bed", genome=tmp_path / "g.fa", annotation=tmp_path / "g.gff3", alphabet=DNA
    ).sequences
    coded = coded_of(sequences)
    edited = draws(coded)
    assert len(set(edited)) > 10
    wanted = proteins(genome, [gene])
    for one in edited:
        window = str(Seq(one).reverse_complement()) if strand == "-" else one
        assert proteins(genome[:24] + window + genome[70:], [gene]) == wanted
    assert "partly beyond the record" in said(coded)


def test_pieces_and_files_of_records_keep_their_readings(tmp_path: Path) -> None:
    rng = np.random.default_rng(12)
    genes = [cds([(4, 25, strand)], gene="g", transl_except="(pos:5..7,aa:OTHER)") for strand in (-1, 1)]
    records = [record_of(put(noise(rng, 40), gene, orf(rng, 7)), gene, name=f"r{at}") for at, gene in enumerate(genes)]
    from Bio import SeqIO

    SeqIO.write(records, tmp_path / "x.gb", "genbank")
    sequences = read_sequences(tmp_path / "x.gb").sequences
    turned = sequences.take([1, 0])
    assert turned.readings is not None
    assert sequences.readings is not None
    assert turned.readings.of_record == sequences.readings.of_record[::-1]
    for name in ("y.tsv", "y.csv.gz", "y.parquet", "y.fa"):
        write_sequences(sequences, tmp_path / name)
        again = read_sequences(tmp_path / name, alphabet=DNA).sequences
        assert again.readings == sequences.readings
        assert draws(coded_of(again)) == draws(coded_of(sequences))
    short = sequences.cropped(20)
    coded = coded_of(short)
    for row, one in enumerate(coded.written(coded.tokens)):
        assert one.text == short.texts[row]
    threat = CodedThreat.of(SubstitutionThreat(budget=Budget(9)), coded.coding).bind(coded.take([1, 0]))
    moved = threat.sample(torch.rand(2, coded.width + 1, dtype=torch.float64), full=True)
    texts = texts_from_tokens(coded.coding.decode(moved).numpy(), DNA)
    wanted = [proteins(str(records[at].seq), [genes[at]])[0] for at in (1, 0)]
    for at, text, protein in zip((1, 0), texts, wanted, strict=True):
        assert proteins(text + str(records[at].seq)[20:], [genes[at]]) == [protein]


def test_user_given_regions_are_read_from_their_first_letter(tmp_path: Path) -> None:
    text = "GG" + "ATGCTTCTT" + "CC" + "GTGCTTAA"
    (tmp_path / "x.tsv").write_text(f"sequence\tregions\n{text}\torf:2-11;orf:13-21\n", encoding="utf-8")
    sequences = read_sequences(tmp_path / "x.tsv").sequences
    coded = coded_of(sequences, "orf", 11)
    edited = draws(coded)
    assert {one[13:16] for one in edited} == {"GTG"}
    assert changed_places(text, edited) == {5, 7, 8, 10, 16, 18}
    assert "2 first of their protein" in said(coded)
    bed = tmp_path / "x.bed"
    bed.write_text("seq1\t2\t11\torf\t0\t-\n", encoding="utf-8")
    (tmp_path / "x.fa").write_text(f">seq1\n{text}\n", encoding="utf-8")
    with pytest.raises(ThreatError, match="no coding sequence has that name"):
        coded_of(read_sequences(tmp_path / "x.fa", alphabet=DNA, annotation=bed).sequences, "orf")


def test_readings_without_regions_of_that_name(tmp_path: Path) -> None:
    sequences = SequenceSet.from_texts(["ATGCTTTAA"], DNA)
    with pytest.raises(ThreatError, match="no region has that name"):
        coded_of(sequences)
    coded = coded_of(replace(sequences), None)
    assert changed_places("ATGCTTTAA", draws(coded)) == {3, 5, 7, 8}
