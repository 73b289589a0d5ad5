"""FASTQ against Biopython, FASTA with comments above, and records of another kind in one file."""

from __future__ import annotations

import gzip
import hashlib
import os
from pathlib import Path

import pytest
from Bio import SeqIO

from seqrobust.errors import DataError
from seqrobust.files import sha256
from seqrobust.sequences.checks import check
from seqrobust.sequences.readers import read_sequences

READS = "@r1 lane=3\nACGTACGTAC\n+\nIIIIIIIIII\n@r2\nTTGACAGCTA\n+r2\n@@@@IIII+I\n"
FOLDED = "@r1\r\nACGTAC\r\nGTAC\r\n+\r\nIIIIII\r\nIIII\r\n"


@pytest.mark.parametrize("name", ["x.fastq", "x.fq.gz", "x.txt"])
@pytest.mark.parametrize("text", [READS, FOLDED])
def test_reads_are_those_of_biopython(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    (tmp_path / "plain.fastq").write_text(text, newline="\n")
    with (tmp_path / "plain.fastq").open() as handle:
        expected = [(record.id, str(record.seq)) for record in SeqIO.parse(handle, "fastq")]
    loaded = read_sequences(path)
    assert list(zip(loaded.sequences.ids, loaded.sequences.texts, strict=True)) == expected
    assert "the qualities of the reads are not used" in loaded.notices


def test_comments_above_a_fasta_file(tmp_path: Path) -> None:
    (tmp_path / "x.fa").write_text(";made by hand; twice\n;again\n\n>a\nACGT\n")
    assert read_sequences(tmp_path / "x.fa").sequences.texts == ["ACGT"]


def test_nucleotides_among_proteins_are_warned_of(tmp_path: Path) -> None:
    (tmp_path / "x.faa").write_text(f">p\nMKVLAWYERRQ\n>short\nGATTACA\n>dna\n{'ACGTN' * 4}\n")
    problems = check(read_sequences(tmp_path / "x.faa").sequences)
    assert [p.text for p in problems if "nucleotides" in p.text] == ["1 record of nucleotides among proteins: dna"]
    (tmp_path / "x.fa").write_text(f">dna\n{'ACGTN' * 4}\n")
    assert not any("nucleotides" in p.text for p in check(read_sequences(tmp_path / "x.fa").sequences))


def test_a_pipe_has_no_checksum_to_stand_in_a_manifest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.fa")
    with pytest.raises(DataError, match="only once"):
        sha256(tmp_path / "x.fa")
    (tmp_path / "y.fa").write_bytes(b">a\nACGT\n")
    (tmp_path / "link.fa").symlink_to(tmp_path / "y.fa")
    assert sha256(tmp_path / "link.fa") == hashlib.sha256(b">a\nACGT\n").hexdigest()
