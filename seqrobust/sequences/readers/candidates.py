"""Columns that look like targets though nobody named them and none bears a usual name: those of 0 and 1."""

from __future__ import annotations

from collections.abc import Collection

import pandas as pd

from seqrobust.sequences.readers.table import USUAL_NAMES, Table


def label_columns(table: Table, taken: Collection[str | None] = ()) -> list[str]:
    """Names of a table's columns that hold both 0 and 1 and nothing else, gaps aside, in their order.

    None of an annotated flat file, whose columns are what an annotator wrote.

    Args:
        table: the file's rows.
        taken: columns that hold something else.
    """
    if table.qualifiers:
        return []
    usual = {name for names in USUAL_NAMES.values() for name in names}
    columns = [name for name in map(str, table.columns.columns) if name.lower() not in usual and name not in taken]
    return [name for name in columns if _is_label(table.columns[name])]


def _is_label(column: pd.Series) -> bool:
    values = column.dropna().astype(str).str.strip().str.lower()
    return set(values[values != ""].map(lambda text: text.removesuffix(".0"))) in ({"0", "1"}, {"false", "true"})
