"""Parquet: columns with types, an index that is a column like others, and cells that may hold lists."""

from __future__ import annotations

import io
from collections import Counter

import pandas as pd
from pyarrow import parquet

from seqrobust.errors import DataError
from seqrobust.sequences.readers.source import Source
from seqrobust.sequences.readers.table import USUAL_NAMES, Table, named_ids

_LETTERS = 8
"""Single letters of a list that is a sequence and not a few labels of one letter."""


def read_parquet(source: Source) -> Table:
    """Rows of a Parquet file with the types it has.

    Named levels of a pandas index are columns. The single letters of a sequence become one text; other lists of
    texts are joined by ``;``, as several labels or regions are. Dates are text.

    Raises DataError for a damaged file, or an index level with the name of a column that holds something else.
    """
    try:
        columns = parquet.ParquetFile(io.BytesIO(source.data)).read().to_pandas()
    except Exception as error:  # damaged bytes may fail anywhere inside the library, with any type of error
        found = f"{type(error).__name__}: {error}"[:200]
        raise DataError("the Parquet file is damaged", found=found, where=str(source.path)) from None
    columns, unnamed = _with_index(source, columns)
    columns.columns = [_name(name) for name in columns.columns]
    if repeated := [name for name, count in Counter(columns.columns).items() if count > 1]:
        raise DataError(
            "a column name stands twice",
            found=", ".join(map(repr, repeated)),
            where=str(source.path),
            fix="rename one of them",
        )
    notices = [said for name in columns.columns for said in _flatten(columns, name)]
    columns, said = named_ids(columns, unnamed)
    return Table(columns=columns, where=lambda row: f"row {row + 1}", notices=(*notices, *said))


def _name(name: object) -> str:
    return "_".join(map(str, name)) if isinstance(name, tuple) else str(name)


def _with_index(source: Source, columns: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """The table with the levels of its index as columns, and the names given to those that had none."""
    index, unnamed = columns.index, []
    columns = columns.reset_index(drop=True)
    for level in range(index.nlevels - 1, -1, -1):
        values, name = pd.Series(index.get_level_values(level)), index.names[level]
        if name is None:
            if index.nlevels == 1 and pd.api.types.is_integer_dtype(values.dtype):
                continue  # row numbers
            name = "index" if index.nlevels == 1 else f"index {level + 1}"
            unnamed.append(name)
        if name not in columns.columns:
            columns.insert(0, name, values)
        elif columns[name].astype(str).tolist() != values.astype(str).tolist():
            raise DataError(
                "a level of the index has the name of a column and other values",
                found=repr(name),
                where=str(source.path),
                fix="rename one of them",
            )
    return columns, unnamed


def _flatten(columns: pd.DataFrame, name: str) -> list[str]:
    """Bytes, dates and lists of texts as one text, in place; other lists stay, and are refused where they are used."""
    if columns[name].dtype.kind in "mM":  # a date is no number of nanoseconds
        columns[name] = columns[name].astype(object).map(lambda value: "" if pd.isna(value) else str(value))
        return []
    if not pd.api.types.is_object_dtype(columns[name]):
        return []
    values = columns[name].tolist()
    if any(isinstance(value, bytes) for value in values):
        columns[name] = [value.decode("utf-8", "replace") if isinstance(value, bytes) else value for value in values]
        return []
    lists = [list(value) for value in values if hasattr(value, "__iter__") and not isinstance(value, str | dict)]
    if not lists or not all(isinstance(item, str) for items in lists for item in items):
        return []
    letters = all(len(item) == 1 for items in lists for item in items)
    sequence = name.lower() in USUAL_NAMES["sequence"] or max(map(len, lists)) >= _LETTERS
    glue = "" if letters and sequence else ";"
    columns[name] = [
        value if isinstance(value, str) or not hasattr(value, "__iter__") else glue.join(value) for value in values
    ]
    return [f"the lists in column {name!r} joined" + (f" by {glue!r}" if glue else " to one text")]
