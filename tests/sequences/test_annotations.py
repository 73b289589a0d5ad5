"""Regions of a second file against painted letters: circles, blocks, both strands, and the dialects of GFF."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from seqrobust.sequences import Region
from seqrobust.sequences.readers import Loaded, read_sequences

LENGTH = 80
CIRCLE = f"c\ts\tregion\t1\t{LENGTH}\t.\t+\t.\tID=r;Is_circular=true\n"


def regions_of(loaded: Loaded) -> list[list[Region]]:
    return [loaded.sequences.regions.of(row) for row in range(len(loaded.sequences))]


def covered(loaded: Loaded, row: int, name: str) -> list[bool]:
    records = loaded.sequences
    shape = (len(records), records.width)
    return records.regions.cover([name], shape)[row, : int(records.lengths[row])].tolist()


def a_circle(tmp_path: Path) -> tuple[Path, str]:
    sequence = "".join(Random(0).choices("ACGT", k=LENGTH))
    (tmp_path / "g.fa").write_text(f">c circular\n{sequence}\n")
    return tmp_path / "g.fa", sequence


def painted(start: int, end: int) -> NDArray[np.bool_]:
    """(LENGTH,): letters of the closed 1-based interval, going round."""
    marks = np.zeros(LENGTH, bool)
    for place in range(start, end + 1):
        marks[(place - 1) % LENGTH] = True
    return marks


@pytest.mark.parametrize("strand", "+-")
@pytest.mark.parametrize(("start", "end"), [(70, 95), (80, 81), (2, 81), (60, 80), (1, 80), (5, 20)])
def test_a_feature_over_the_origin_of_a_circle(tmp_path: Path, strand: str, start: int, end: int) -> None:
    genome, _ = a_circle(tmp_path)
    (tmp_path / "a.gff3").write_text(f"c\ts\texon\t{start}\t{end}\t.\t{strand}\t.\tID=e\n{CIRCLE}")
    marks = painted(start, end)
    loaded = read_sequences(genome, annotation=tmp_path / "a.gff3")
    assert covered(loaded, 0, "exon") == marks.tolist()
    windows = [(0, 30, "+"), (0, 30, "-"), (60, 80, "-"), (10, 70, "."), (75, 80, "+")]
    (tmp_path / "x.bed").write_text("".join(f"c\t{a}\t{b}\t.\t0\t{s}\n" for a, b, s in windows))
    loaded = read_sequences(tmp_path / "x.bed", genome=genome, annotation=tmp_path / "a.gff3")
    for row, (low, high, side) in enumerate(windows):
        expected = marks[low:high][:: -1 if side == "-" else 1].tolist()
        assert covered(loaded, row, "exon") == expected


def test_blocks_of_a_bed_line_are_regions(tmp_path: Path) -> None:
    genome, _ = a_circle(tmp_path)
    (tmp_path / "a.bed").write_text("c\t10\t40\tgene\t0\t-\t10\t40\t0\t3\t5,2,4,\t0,10,26,\n")
    loaded = read_sequences(genome, annotation=tmp_path / "a.bed")
    assert regions_of(loaded) == [[Region("gene", 10, 15), Region("gene", 20, 22), Region("gene", 36, 40)]]


def test_a_bed_of_blocks_is_cut_whole_and_said(tmp_path: Path) -> None:
    genome, sequence = a_circle(tmp_path)
    (tmp_path / "x.bed").write_text(
        "c\t10\t40\tgene\t0\t+\t10\t40\t0\t2\t5,4\t0,26\nc\t1\t9\t.\t0\t+\t0\t0\t0\t1\t8\t0\n"
    )
    loaded = read_sequences(tmp_path / "x.bed", genome=genome)
    assert loaded.sequences.texts == [sequence[10:40], sequence[1:9]]
    assert "1 interval of several blocks cut whole, introns included" in loaded.notices


@pytest.mark.parametrize(
    ("attributes", "name"),
    [
        ('gene_id "g1"; transcript_id "t1";', "exon[g1]"),
        ('gene_id "g1"; gene_name "a;b c"; exon_number 2;', "exon[a,b c]"),
        ("gene_id g1 ; transcript_id t1", "exon[g1]"),
        ("ID=e1;Name=x", "exon[x]"),
        ("ID=e1;gene_name=x", "exon"),
        (".", "exon"),
        ("", "exon"),
    ],
)
@pytest.mark.parametrize("suffix", [".gtf", ".gff", ".gtf.gz"])
def test_gtf_and_gff3_name_their_features(tmp_path: Path, suffix: str, attributes: str, name: str) -> None:
    import gzip

    genome, _ = a_circle(tmp_path)
    text = f"#!genome-build x\nc\tsrc\texon\t5\t20\t.\t-\t.\t{attributes}\n".encode()
    path = tmp_path / f"a{suffix}"
    path.write_bytes(gzip.compress(text) if suffix.endswith(".gz") else text)
    assert regions_of(read_sequences(genome, annotation=path)) == [[Region(name, 4, 20)]]
