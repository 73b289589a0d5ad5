"""What spreadsheets and tables' readers make of names and letters that look like something else."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from seqrobust.alphabet import DNA, PROTEIN
from seqrobust.errors import DataError
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.checks import check
from seqrobust.sequences.readers.loading import read_sequences
from seqrobust.sequences.readers.table import Columns
from seqrobust.sequences.spreadsheet import changed_names


@pytest.mark.parametrize(
    "name", ["1-Mar", "2-Sep", "12-SEP", "Mar-01", "1-Mar-24", "01-Dec-2024", "2.31E+13", "6.31E+12", "1-Mar#2"]
)
def test_names_that_were_changed(name: str) -> None:
    assert changed_names([name, "gene"]) == [name]
    records = SequenceSet.from_texts(["ACGTACGT", "TTGACAAC"], DNA, ids=[name, "gene"], groups=["g", "h"])
    assert any("spreadsheet" in problem.text and name in problem.text for problem in check(records))
    groups = SequenceSet.from_texts(["ACGTACGT", "TTGACAAC"], DNA, ids=["a", "b"], groups=[name, "h"])
    assert any("spreadsheet" in problem.text and "group" in problem.text for problem in check(groups))


@pytest.mark.parametrize(
    "name",
    ["MARCH1", "SEPT2", "DEC1", "Mar", "1-2", "chr1:1-100", "chr1-Mar", "2310009E13Rik", "1E5", "HLA-A*02", "5-Methyl"],
)
def test_names_that_were_not(name: str) -> None:
    assert not changed_names([name])


def test_a_table_of_changed_names_is_said(tmp_path: Path) -> None:
    lines = "\n".join(
        f"{name},ACGTACGT{letter}" for name, letter in zip(["1-Mar", "1-Mar", "TP53"], "ACG", strict=True)
    )
    (tmp_path / "t.csv").write_text(f"id,sequence\n{lines}\n")
    loaded = read_sequences(tmp_path / "t.csv", alphabet=DNA)
    assert any("spreadsheet" in notice and "1-Mar" in notice for notice in loaded.notices)
    assert loaded.sequences.ids == ("1-Mar", "1-Mar#2", "TP53")


def test_letters_and_names_that_read_as_missing(tmp_path: Path) -> None:
    """A peptide of asparagine and alanine, the neuraminidase segment, ids of n/a: none is a missing value."""
    peptides = ["NA", "NAN", "NILL", "NALL"]
    (tmp_path / "p.tsv").write_text("id\tsequence\n" + "".join(f"{one}\t{one}\n" for one in peptides))
    assert read_sequences(tmp_path / "p.tsv", alphabet=PROTEIN).sequences.texts == peptides
    (tmp_path / "s.csv").write_text("id,segment,sequence\nn/a,NA,ACGTAC\nNULL,HA,ACGTAA\nnan,NA,ACGTTT\n")
    records = read_sequences(tmp_path / "s.csv", alphabet=DNA, columns=Columns(targets=("segment",))).sequences
    assert records.ids == ("n/a", "NULL", "nan")
    assert records.targets is not None
    assert records.targets["segment"].tolist() == ["NA", "HA", "NA"]


def test_files_joined_after_compression(tmp_path: Path) -> None:
    """Every member is read, and a cut last one is no shorter file."""
    whole = b"".join(gzip.compress(f">r{i}\nACGTACGT\n".encode()) for i in range(5))
    (tmp_path / "m.fa.gz").write_bytes(whole)
    assert len(read_sequences(tmp_path / "m.fa.gz", alphabet=DNA).sequences) == 5
    (tmp_path / "cut.fa.gz").write_bytes(whole[:-20])
    with pytest.raises(DataError, match="damaged"):
        read_sequences(tmp_path / "cut.fa.gz", alphabet=DNA)
