"""What is written is read back, equal records give equal bytes, and a failed write leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqrobust.alphabet import DNA
from seqrobust.errors import DataError
from seqrobust.files import replacing
from seqrobust.sequences import Region, SequenceSet
from seqrobust.sequences.readers import Columns, read_sequences
from seqrobust.sequences.simulation import EXAMPLES, example, simulate, varied, with_shortcut
from seqrobust.sequences.writing import as_table, write_sequences

SUFFIXES = [".tsv", ".csv", ".fa", ".fasta", ".tsv.gz", ".csv.gz", ".fa.gz", ".parquet"]


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("name", list(EXAMPLES))
def test_simulated_records_are_read_back(tmp_path: Path, suffix: str, name: str) -> None:
    made = simulate(with_shortcut(varied(example(name), length=(60, 90)), 0.5), 40, seed=2)
    path = tmp_path / f"made{suffix}"
    write_sequences(made, path)
    assert made.targets is not None
    columns = Columns(targets=tuple(map(str, made.targets.columns)))
    read = read_sequences(path, alphabet=made.alphabet, columns=columns).sequences
    assert read.texts == made.texts
    assert read.ids == made.ids
    assert read.splits is not None
    assert read.splits.tolist() == made.splits.tolist()  # type: ignore[union-attr]
    assert [read.regions.of(i) for i in range(40)] == [made.regions.of(i) for i in range(40)]
    assert read.targets is not None
    for column in made.targets:
        if pd.api.types.is_numeric_dtype(made.targets[column]):
            np.testing.assert_array_equal(pd.to_numeric(read.targets[column]), made.targets[column])
        else:
            assert read.targets[column].tolist() == made.targets[column].tolist()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_equal_records_give_equal_bytes_whatever_the_file_is_called(tmp_path: Path, suffix: str) -> None:
    for name in ("one", "two"):
        write_sequences(simulate(example("promoter"), 30, seed=1), tmp_path / f"{name}{suffix}")
    assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


def test_groups_and_ambiguity_codes_survive(tmp_path: Path) -> None:
    made = SequenceSet.from_texts(
        ["ACGTN", "RY"],
        DNA,
        ids=["a|1", "b, c"],
        groups=["g1", "g2"],
        regions=[[Region("BINDING[Fe:S, x]", 1, 3)], []],
        targets=pd.DataFrame({"label": ['say "x"', "y"]}),
    )
    assert as_table(made).columns.tolist() == ["id", "label", "group", "sequence", "regions"]
    for suffix in (".tsv", ".csv", ".parquet"):
        write_sequences(made, tmp_path / f"x{suffix}")
        read = read_sequences(tmp_path / f"x{suffix}", alphabet=DNA).sequences
        assert (read.texts, read.ids) == (made.texts, made.ids)
        assert read.groups is not None
        assert read.groups.tolist() == ["g1", "g2"]
        assert read.regions.of(0) == made.regions.of(0)
        assert read.targets is not None
        assert read.targets["label"].tolist() == ['say "x"', "y"]


def test_folders_are_made(tmp_path: Path) -> None:
    write_sequences(SequenceSet.from_texts(["ACGT"], DNA), tmp_path / "new" / "folder" / "x.fa")
    assert (tmp_path / "new" / "folder" / "x.fa").read_text() == ">seq1\nACGT\n"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x.tsv"
    path.write_text("old")

    def write_half() -> None:
        with replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["x.tsv"]


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    made = SequenceSet.from_texts(["ACGT"], DNA, targets=pd.DataFrame({"my column": [1]}))
    for name in ("x.txt", "x", "x.parquet.gz", "x.gz"):
        with pytest.raises(DataError, match="cannot be written in that format"):
            write_sequences(made, tmp_path / name)
    with pytest.raises(DataError, match="FASTA header"):
        write_sequences(made, tmp_path / "x.fa")
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        write_sequences(made, tmp_path / "file" / "x.tsv")
    reserved = SequenceSet.from_texts(["ACGT"], DNA, targets=pd.DataFrame({"sequence": [1]}))
    with pytest.raises(DataError, match="reserved"):
        write_sequences(reserved, tmp_path / "x.tsv")
