"""Rows sent go with the shards' files, and are left out where a file does not know them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from seqrobust.analysis.rows_sent import ROWS_SENT, joined, taken


def test_rows_outlive_the_file_and_add_up(tmp_path: Path) -> None:
    for number, rows in enumerate((48, 160)):
        table = pd.DataFrame({"id": [number]})
        table.attrs[ROWS_SENT] = rows
        table.to_parquet(tmp_path / f"{number}.parquet", index=False)
    parts = [pd.read_parquet(tmp_path / f"{number}.parquet") for number in (0, 1)]
    whole = joined(parts)
    assert taken(whole) == {"rows_sent": 208}
    assert taken(whole) == {}
    assert taken(joined([*parts, pd.DataFrame({"id": [2]})])) == {}
