"""Tables: CSV, TSV and Parquet. Text stays text, so that a class called NA or 007 is what it says."""

from __future__ import annotations

import io
from collections import Counter

import pandas as pd
import pyarrow as pa
from pyarrow import csv, parquet

from seqrobust.errors import DataError
from seqrobust.sequences.readers.source import Source
from seqrobust.sequences.readers.table import Table

_SEPARATORS = {"csv": ",", "tsv": "\t"}


def read_delimited(source: Source) -> Table:
    """Rows of a CSV or TSV file, every column as text, only the empty field missing.

    Raises DataError for a header with a repeated name, or a row with too few or too many fields.
    """
    text = source.text.strip("\n") + "\n"
    header = _header(source, text)
    bad: list[csv.InvalidRow] = []

    def note(row: csv.InvalidRow) -> str:
        bad.append(row)
        return "error"

    try:
        table = csv.read_csv(
            io.BytesIO(text.encode()),
            read_options=csv.ReadOptions(use_threads=False, block_size=1 << 24),
            parse_options=csv.ParseOptions(
                delimiter=_SEPARATORS[source.format], newlines_in_values=True, invalid_row_handler=note
            ),
            convert_options=csv.ConvertOptions(
                column_types={name: pa.string() for name in header}, strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise _broken_row(source, bad, error) from None
    columns = pd.DataFrame({name: table.column(name).to_pylist() for name in table.column_names}, dtype=object)
    return Table(columns=columns, where=_DataLines(source))


def _header(source: Source, text: str) -> list[str]:
    separator = _SEPARATORS[source.format]
    first = text.lstrip("\n").split("\n", 1)[0]
    other = next(
        (name for name, mark in {**_SEPARATORS, ";": ";"}.items() if mark != separator and mark in first), None
    )
    if separator not in first and other is not None:
        raise DataError(
            f"the header line has no {'comma' if separator == ',' else 'tab'}",
            found=repr(first[:80]),
            where=f"{source.path}, line 1",
            fix="replace the semicolons by commas" if other == ";" else f"it looks like {other}: say --format {other}",
        )
    names = next(iter(pd.read_csv(io.StringIO(first), sep=separator, header=None, dtype=str).fillna("").to_numpy()))
    repeated = [str(name) for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DataError(
            "a column name stands twice in the header",
            found=", ".join(repr(name) for name in repeated),
            where=f"{source.path}, line 1",
            fix="rename one of them",
        )
    return [str(name) for name in names]


def _broken_row(source: Source, bad: list[csv.InvalidRow], error: pa.ArrowInvalid) -> DataError:
    if not bad:
        return DataError("the table cannot be read", found=str(error), where=str(source.path))
    row = bad[0]
    few = row.actual_columns < row.expected_columns
    return DataError(
        f"a row has too {'few' if few else 'many'} fields",
        expected=f"{row.expected_columns}, as in the header",
        found=f"{row.actual_columns}: {row.text[:60]!r}",
        where=f"{source.path}, {_DataLines(source)(row.number - 2) if row.number else 'a row'}",
        fix="complete the row" if few else "quote a field that holds the separator",
    )


class _DataLines:
    """Row to its line, blank lines counted; the file is searched only when an error asks."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def __call__(self, row: int) -> str:
        filled = [number for number, line in enumerate(self._source.text.split("\n"), start=1) if line]
        return f"line {filled[row + 1]}" if row + 1 < len(filled) else f"row {row + 1}"


def read_parquet(source: Source) -> Table:
    """Rows of a Parquet file with the types it has. Raises DataError for a damaged one."""
    try:
        columns = parquet.read_table(io.BytesIO(source.data)).to_pandas()
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError("the Parquet file is damaged", found=str(error)[:200], where=str(source.path)) from None
    return Table(columns=columns.reset_index(drop=True), where=lambda row: f"row {row + 1}")
