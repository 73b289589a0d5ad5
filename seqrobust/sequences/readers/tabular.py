"""Text tables: CSV and TSV. Text stays text, so that a class called NA or 007 is what it says."""

from __future__ import annotations

import io
import re
from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

from seqrobust.errors import DataError
from seqrobust.sequences.readers.dialect import Dialect, dialect_of, unwrapped
from seqrobust.sequences.readers.source import Source
from seqrobust.sequences.readers.table import Table, named_ids
from seqrobust.sequences.wording import counted

_BLOCK = 1 << 24
_MOST_COLUMNS = 20_000
"""More than any record has targets."""
_LARGEST = (1 << 31) - 1
_DECIMAL_COMMA = re.compile(r"[+-]?\d+(?:,\d+)?(?:[eE][+-]?\d+)?")
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(?:,\d{3})+")


def read_delimited(source: Source) -> Table:
    """Rows of a CSV or TSV file, every column as text, only the empty field missing.

    Raises DataError for a header with a repeated name, a row with too few or too many fields, or a quote that is open
    at the end of its line.
    """
    dialect = dialect_of(source)
    names = _distinct_names(source, dialect)
    where = _DataLines(source, dialect)
    table = _parsed(source, dialect, names, where)
    columns = pd.DataFrame({name: table.column(name).to_pylist() for name in names}, dtype=object)
    _refuse_second_header(source, dialect, columns, where)
    notices = list(dialect.notices)
    if not dialect.quoted and '"' in dialect.body:
        columns = columns.map(unwrapped)
    columns = columns.drop(
        columns=[n for n, given in zip(names, dialect.names, strict=True) if not given and _blank(columns, n)]
    )
    if dialect.separator == ";":
        columns, said = _decimal_points(columns)
        notices += said
    columns, said = named_ids(columns, [n for n, given in zip(names, dialect.names, strict=True) if not given])
    made = Table(columns=columns, where=where, notices=(*notices, *said))
    return _without_blank_rows(made)


def _refuse_second_header(source: Source, dialect: Dialect, columns: pd.DataFrame, where: _DataLines) -> None:
    """Raise DataError for a row that says the header again, as of tables joined end to end."""
    names = [name.strip() for name in dialect.names]
    if len(names) < 2 or not len(columns):
        return
    last = np.flatnonzero(columns.iloc[:, -1].str.strip() == names[-1])
    again = [int(row) for row in last if [str(cell).strip() for cell in columns.iloc[row]] == names]
    if again:
        raise DataError(
            "the header stands again among the rows",
            found=", ".join(names)[:60],
            where=f"{source.path}, {where(again[0])}",
            fix="two tables were joined: remove the second header, and see that no record is there twice",
        )


def _distinct_names(source: Source, dialect: Dialect) -> list[str]:
    """The header's names; an empty one becomes ``column 3``, after its place."""
    names = [name or f"column {place}" for place, name in enumerate(dialect.names, start=1)]
    if len(names) > _MOST_COLUMNS:
        raise DataError(
            "the table has too many columns",
            expected=f"at most {_MOST_COLUMNS:,}",
            found=f"{len(names):,}",
            where=f"{source.path}, line {dialect.header}",
            fix="a record is a row: turn the table over if records are its columns; or keep only the columns needed",
        )
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise DataError(
            "a column name stands twice in the header",
            found=", ".join(repr(name) for name in repeated),
            where=f"{source.path}, line {dialect.header}",
            fix="rename one of them",
        )
    return names


def _parsed(source: Source, dialect: Dialect, names: list[str], where: _DataLines) -> pa.Table:
    bad: list[csv.InvalidRow] = []

    def note(row: csv.InvalidRow) -> str:
        bad.append(row)
        return "error"

    body = dialect.body.strip("\n")
    if not body:
        return pa.table({name: pa.array([], pa.string()) for name in names})
    data = f"{body}\n".encode()
    longest = _BLOCK if len(data) <= _BLOCK else max(map(len, data.split(b"\n"))) + 1
    try:
        table = csv.read_csv(
            io.BytesIO(data),
            read_options=csv.ReadOptions(
                use_threads=False, block_size=min(max(_BLOCK, longest), _LARGEST), column_names=names
            ),
            parse_options=csv.ParseOptions(
                delimiter=dialect.separator, quote_char='"' if dialect.quoted else False, invalid_row_handler=note
            ),
            convert_options=csv.ConvertOptions(
                column_types={name: pa.string() for name in names}, strings_can_be_null=False
            ),
        )
    except pa.ArrowInvalid as error:
        raise _broken_row(source, bad, error, where) from None
    lines = sum(1 for line in body.split("\n") if line) if "\n\n" in body else body.count("\n") + 1
    if table.num_rows != lines:
        raise DataError(
            "the table holds more lines than rows",
            expected=str(lines),
            found=str(table.num_rows),
            where=str(source.path),
        )
    return table


def _broken_row(source: Source, bad: list[csv.InvalidRow], error: pa.ArrowInvalid, where: _DataLines) -> DataError:
    if not bad:
        return DataError("the table cannot be read", found=str(error), where=str(source.path))
    row = bad[0]
    few = row.actual_columns < row.expected_columns
    fix = "complete the row" if few else "quote a field that holds the separator"
    if row.actual_columns == row.expected_columns + 1 and row.number == 1:
        fix = f"{fix}; R writes row names without a header: use row.names = FALSE there"
    return DataError(
        f"a row has too {'few' if few else 'many'} fields",
        expected=f"{row.expected_columns}, as in the header",
        found=f"{row.actual_columns}: {row.text[:60]!r}",
        where=f"{source.path}, {where(row.number - 1) if row.number else 'a row'}",
        fix=fix,
    )


def _blank(columns: pd.DataFrame, name: str) -> bool:
    return bool((columns[name].str.strip() == "").all())


def _without_blank_rows(table: Table) -> Table:
    """Without the rows of separators alone that spreadsheets leave below the data."""
    blank = (table.columns == "").all(axis=1).to_numpy(bool)
    if not blank.any() or table.columns.shape[1] < 2:
        return table
    kept = table.take(np.flatnonzero(~blank))
    return kept.noting(f"{counted(int(blank.sum()), 'row')} without any field filled left out")


def _decimal_points(columns: pd.DataFrame) -> tuple[pd.DataFrame, list[str]]:
    """Decimal commas as points in columns that hold nothing but numbers.

    A column of numbers such as 1,012 alone is left as it is: the comma may part thousands.
    """
    changed = []
    for name in columns:
        values = [value.strip() for value in columns[name] if value.strip()]
        with_comma = [value for value in values if "," in value]
        if (
            with_comma
            and all(_DECIMAL_COMMA.fullmatch(value) for value in values)
            and not all(_THOUSANDS.fullmatch(value) for value in with_comma)
        ):
            columns[name] = columns[name].str.replace(",", ".", regex=False)
            changed.append(repr(name))
    return columns, [f"decimal commas read as points in column {', '.join(changed)}"] if changed else []


class _DataLines:
    """Row to its line, blank lines counted; the file is searched only when an error asks."""

    def __init__(self, source: Source, dialect: Dialect) -> None:
        self._body = dialect.body
        self._first = dialect.header + 1

    def __call__(self, row: int) -> str:
        filled = [number for number, line in enumerate(self._body.split("\n"), start=self._first) if line]
        return f"line {filled[row]}" if row < len(filled) else f"row {row + 1}"
