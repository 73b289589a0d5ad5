"""Columns that look like targets though nobody named them and none bears a usual name: those of 0 and 1."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from seqrobust.sequences.readers.loading import read_table
from seqrobust.sequences.readers.source import open_source
from seqrobust.sequences.readers.table import USUAL_NAMES


def label_columns(path: Path) -> list[str]:
    """Names of a table's columns that hold both 0 and 1 and nothing else, gaps aside, in their order.

    None of an annotated flat file, whose columns are what an annotator wrote. Raises DataError for an unreadable file.
    """
    table = read_table(open_source(path, None))
    if table.qualifiers:
        return []
    taken = {usual for names in USUAL_NAMES.values() for usual in names}
    columns = [name for name in map(str, table.columns.columns) if name.lower() not in taken]
    return [name for name in columns if _is_label(table.columns[name])]


def _is_label(column: pd.Series) -> bool:
    values = column.dropna().astype(str).str.strip().str.lower()
    return set(values[values != ""].map(lambda text: text.removesuffix(".0"))) in ({"0", "1"}, {"false", "true"})
