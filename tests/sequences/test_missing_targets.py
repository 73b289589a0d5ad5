"""Records without a target are left out where that is asked for, and counted."""

from __future__ import annotations

from pathlib import Path

import pytest

from seqrobust.errors import DataError
from seqrobust.sequences.data_config import DataConfig, load_data
from seqrobust.sequences.readers import Columns, read_sequences

ROWS = [("ACGTACGTAA", "1.5", "2"), ("ACGTACGTCC", "", "3"), ("ACGTACGTGG", "NaN", ""), ("ACGTACGTTT", "2.5", "1")]


def table(folder: Path, rows: list[tuple[str, str, str]]) -> Path:
    lines = [f"r{i},{text},{one},{other}" for i, (text, one, other) in enumerate(rows)]
    (folder / "a.csv").write_text("\n".join(["id,sequence,y,z", *lines]) + "\n")
    return folder / "a.csv"


def test_records_without_a_value_are_left_out_and_counted(tmp_path: Path) -> None:
    file = table(tmp_path, ROWS)
    found = read_sequences(file, columns=Columns(targets=("y", "z"), drop_missing=True))
    assert found.sequences.ids == ("r0", "r3")
    assert "2 of 4 records left out for want of a target (2 without y, 1 without z)" in found.notices
    assert len(read_sequences(file, columns=Columns(targets=("z",), drop_missing=True)).sequences) == 3
    assert len(read_sequences(file, columns=Columns(targets=("y",))).sequences) == 4
    whole = read_sequences(table(tmp_path, ROWS[:1]), columns=Columns(targets=("y",), drop_missing=True))
    assert not any("left out" in notice for notice in whole.notices)


def test_what_is_no_number_is_not_missing(tmp_path: Path) -> None:
    file = table(tmp_path, [*ROWS, ("ACGTACGTAC", "<LOD", "1")])
    columns = Columns(targets=("y",), drop_missing=True)
    assert read_sequences(file, columns=columns).sequences.ids == ("r0", "r3", "r4")


def test_a_config_drops_them_and_a_refusal_names_the_way(tmp_path: Path) -> None:
    file = table(
        tmp_path,
        [
            *ROWS,
            *(
                (f"ACGT{a}{b}CCCC", f"{i}.5", "1")
                for i, (a, b) in enumerate(zip("ACGT" * 3, "AACCGGTTACGT", strict=True))
            ),
        ],
    )
    asked = {"path": file, "target": "y"}
    with pytest.raises(DataError, match="drop_missing: true"):
        load_data(DataConfig(**asked), "regression", 1)
    data = load_data(DataConfig(**asked, drop_missing=True), "regression", 1)
    assert len(data.sequences) == 14


def test_none_left(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no record has a value"):
        read_sequences(table(tmp_path, ROWS[1:2]), columns=Columns(targets=("y",), drop_missing=True))
