"""Variants put into their genome: windows are those of a chromosome edited as a whole; what cannot be is refused."""

from __future__ import annotations

import gzip
import random
from functools import partial
from pathlib import Path

import pytest

import seqrobust as sr
from seqrobust.alphabet import DNA
from seqrobust.errors import DataError
from seqrobust.sequences.data_config import DataConfig, load_data
from seqrobust.sequences.readers import Columns, Loaded, read_sequences

HEAD = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\tFILTER\tINFO\n"
CHROMOSOMES = {"1": "".join(random.Random(0).choices("ACGT", k=300)), "X": "acgtn" * 12}


@pytest.fixture
def genome(tmp_path: Path) -> Path:
    path = tmp_path / "genome.fa"
    path.write_text("".join(f">{name} of nothing\n{text}\n" for name, text in CHROMOSOMES.items()))
    return path


def read(folder: Path, genome: Path | None, *lines: str, head: str = HEAD, variants: str | None = "41") -> Loaded:
    path = folder / "some.vcf"
    path.write_text(head + "".join(f"{line}\n" for line in lines))
    return read_sequences(path, genome=genome, alphabet=DNA, variants=variants)


def line(start: int, length: int, alt: str, name: str = ".", more: str = "", chrom: str = "1") -> str:
    ref = CHROMOSOMES[chrom][start : start + length]
    return f"{chrom}\t{start + 1}\t{name}\t{ref}\t{alt}\t.\tPASS\t{more or '.'}"


@pytest.mark.parametrize("length", [1, 8, 41, 200, 290])
@pytest.mark.parametrize(
    ("start", "ref", "alt"),
    [(100, 1, "T"), (100, 1, "A"), (150, 1, "ACGTACG"), (150, 5, "C"), (60, 3, "GGG"), (0, 1, "GG"), (299, 1, "AC")],
)
def test_windows_are_those_of_an_edited_chromosome(
    genome: Path, tmp_path: Path, length: int, start: int, ref: int, alt: str
) -> None:
    chromosome = CHROMOSOMES["1"]
    if chromosome[start : start + ref] == alt:
        alt = {"A": "C", "T": "G"}.get(alt, "TTT")
    if max(ref, len(alt)) > length:
        with pytest.raises(DataError, match="longer than the window"):
            read(tmp_path, genome, line(start, ref, alt), variants=str(length))
        return
    edited = chromosome[:start] + alt + chromosome[start + ref :]
    found = read(tmp_path, genome, line(start, ref, alt), variants=f"{length}:pairs").sequences
    for text, region, whole, allele in zip(
        found.texts, (found.regions.of(0)[0], found.regions.of(1)[0]), (chromosome, edited),
        (chromosome[start : start + ref], alt), strict=True,
    ):  # fmt: skip
        first = start - region.start
        assert text == whole[first : first + length]
        assert text[region.start : region.end] == allele
        assert len(text) == length or first + length > len(whole)
        assert region.start == min(start, (length - 1) // 2, length - len(allele))
    assert found.ids == (f"1:{start + 1}:{chromosome[start : start + ref]}>{alt}/ref", found.ids[0][:-3] + "alt")
    assert found.groups is not None
    assert len(set(found.groups.tolist())) == 1


def test_every_alternative_is_a_record_of_its_own(genome: Path, tmp_path: Path) -> None:
    ref = CHROMOSOMES["1"][50]
    others = [letter for letter in "ACGT" if letter != ref]
    loaded = read(
        tmp_path, genome, line(50, 1, ",".join(others), "rs1", "AF=.1,.2,.3;DB"), line(7, 1, others[0] + "AA", "rs2")
    )
    assert loaded.sequences.ids == (*(f"rs1:{ref}>{alt}" for alt in others), "rs2")
    assert [text[20] for text in loaded.sequences.texts[:3]] == others
    assert loaded.sequences.targets is None


def test_what_stands_for_no_letters_is_left_out_and_counted(genome: Path, tmp_path: Path) -> None:
    ref = CHROMOSOMES["1"][50]
    alt = "A" if ref != "A" else "C"
    head = HEAD.replace("INFO\n", "INFO\tFORMAT\ta\tb\n")
    lines = [line(50, 1, f"{alt},*,<NON_REF>"), line(51, 1, "."), line(50, 1, ref)]
    loaded = read(tmp_path, genome, *lines, head=head)
    assert len(loaded.sequences) == 1
    said = " ".join(loaded.notices)
    for words in (
        "1 alternative left out: an allele *",
        "2 alternatives left out: no other allele",
        "2 samples are not",
    ):
        assert words in said
    assert "equal to the reference" in said


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("1\t51\t.\tA\t<DEL>", "a symbolic allele"),
        ("1\t51\t.\tA\tA[2:20[", "a breakend"),
        ("1\t51\t.\tA\tA-C", "does not say which letters"),
        ("1\t51\t.\t-\tA", "a reference allele is no sequence"),
        ("1\t0\t.\tA\tC", "cannot be read"),
        ("1 51 . A C", "cannot be read"),
        ("1\t51\trs1", "cannot be read"),
        ("chr1\t51\t.\tA\tC", "rename the file's chromosomes"),
        ("7\t51\t.\tA\tC", "the genome that the variants were called on"),
        ("1\t301\t.\tA\tC", "the sequence ends before"),
    ],
)
def test_what_cannot_be_applied_is_refused_with_its_line(genome: Path, tmp_path: Path, bad: str, said: str) -> None:
    fine = "A" if CHROMOSOMES["1"][9] != "A" else "C"
    with pytest.raises(DataError) as caught:
        read(tmp_path, genome, line(9, 1, fine), bad)
    assert said in f"{caught.value} {caught.value.fix}"
    assert "line 4" in str(caught.value.where)


def test_another_genome_is_noticed_by_the_reference_allele(genome: Path, tmp_path: Path) -> None:
    wrong = "ACGT"[("ACGT".index(CHROMOSOMES["1"][50]) + 1) % 4]
    with pytest.raises(DataError, match="not what the genome has there") as caught:
        read(tmp_path, genome, f"1\t51\t.\t{wrong}\t{wrong}A")
    assert CHROMOSOMES["1"][50] in str(caught.value.expected)


def test_a_genome_in_lower_case_is_the_same(genome: Path, tmp_path: Path) -> None:
    found = read(tmp_path, genome, "X\t11\t.\tA\tg", "X\t15\t.\tN\tA", variants="5").sequences
    assert found.texts == ["TNGCG", "GTAAC"]


@pytest.mark.parametrize("variants", [None, "0", "long", "41:both"])
def test_the_length_has_to_be_said(genome: Path, tmp_path: Path, variants: str | None) -> None:
    with pytest.raises(DataError, match="holds variants, not sequences") as caught:
        read(tmp_path, genome, line(50, 1, "A"), variants=variants)
    assert "--variants 1000:pairs" in str(caught.value.fix)
    with pytest.raises(DataError, match="windows around variants are for VCF files"):
        read_sequences(genome, variants="41")


def test_columns_of_the_file_can_be_targets_and_filters(genome: Path, tmp_path: Path) -> None:
    """Packed, and from a config; reference and alternative stay in one split."""
    path, alts = _labelled(tmp_path)
    config = DataConfig(path=path, genome=genome, variants="21:pairs", target="allele", alphabet="DNA")
    sequences = load_data(config, "binary", 0).sequences
    assert len(sequences) == 120
    assert sequences.splits is not None
    assert all(sequences.splits[row] == sequences.splits[row + 1] for row in range(0, 120, 2))
    one = DataConfig(path=path, genome=genome, variants="21", target="INFO_SIG", where={"alt": "C"})
    assert len(load_data(one, "binary", 0).sequences) == alts.count("C")


@pytest.mark.parametrize("name", ["INFO_SIG", "FILTER", "alt"])
def test_a_reference_allele_has_no_label_of_its_variant(genome: Path, tmp_path: Path, name: str) -> None:
    path, _ = _labelled(tmp_path)
    pairs = partial(read_sequences, path, genome=genome, alphabet=DNA, variants="21:pairs")
    with pytest.raises(DataError, match="not true of the reference allele") as caught:
        pairs(columns=Columns(targets=(name,)))
    assert "60 records" in str(caught.value.found)
    with pytest.raises(DataError, match="not true of the reference allele"):
        pairs(known_targets=[[name]])
    assert len(pairs(columns=Columns(unlabelled=True)).sequences) == 120
    alternatives = pairs(columns=Columns(targets=(name,)), where={"allele": ["alt"]}).sequences
    alone = read_sequences(path, genome=genome, variants="21", columns=Columns(targets=(name,))).sequences
    assert alternatives.texts == alone.texts
    assert alternatives.targets is not None
    assert alone.targets is not None
    assert alternatives.targets[name].tolist() == alone.targets[name].tolist()


def test_files_may_be_named_by_text(genome: Path, tmp_path: Path) -> None:
    path, _ = _labelled(tmp_path)
    assert len(sr.read(str(path), genome=str(genome), variants="21")) == 60
    bed = tmp_path / "some.bed"
    bed.write_text("1\t10\t40\tpeak\n")
    named = sr.read(str(bed), genome=str(genome), annotation=str(bed))
    assert named.texts == [CHROMOSOMES["1"][10:40]]


def _labelled(folder: Path) -> tuple[Path, list[str]]:
    """A packed file of 60 variants whose INFO names one of two classes, and their alternatives."""
    alts = [{"A": "C"}.get(CHROMOSOMES["1"][start], "A") for start in range(30, 90)]
    lines = [
        line(start, 1, alt, f"v{start}", f"SIG={start % 2}") for start, alt in zip(range(30, 90), alts, strict=True)
    ]
    path = folder / "some.vcf.gz"
    path.write_bytes(gzip.compress((HEAD + "\n".join(lines) + "\n").encode()))
    return path, alts
