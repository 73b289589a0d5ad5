"""What every reader makes of its file: rows of text columns, the format's own regions, and where each row stood."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from seqrobust.alphabet import Alphabet
from seqrobust.errors import DataError
from seqrobust.sequences.data_source import Columns as Columns
from seqrobust.sequences.readings import Readings
from seqrobust.sequences.regions import Region

Where = Mapping[str, str | int | float | bool | Sequence[str | int | float | bool]]
"""Column to the value, or the values, a row may have there; compared as text."""


USUAL_NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "name", "accession"),
    "sequence": ("sequence", "seq"),
    "targets": ("label", "class", "target"),
    "group": ("group", "cluster"),
    "split": ("split",),
    "regions": ("regions",),
}
"""Role to the column names looked for, in either case, the first found taken."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a record was cut from: ``[start, end)`` of ``chrom``, perhaps its other strand."""

    chrom: str
    start: int
    end: int
    reverse: bool
    chrom_length: int


@dataclass(frozen=True, kw_only=True)
class Table:
    """N rows.

    Attributes:
        columns: text columns (numbers too where the file has types), only the empty string missing.
        where: row to its place in the file, for errors.
        regions: regions the format itself gives, or None for a format that keeps them in a column.
        places: where each record was cut from, or None.
        alphabet: what the file says its letters are, or None.
        readings: the coding sequences that the format gives, or None for a format that knows of none.
        qualifiers: the columns are what an annotator wrote about a record, not a user's own table: only id and sequence
            are looked for under their usual names.
        notices: what the reader changed or left out.
    """

    columns: pd.DataFrame
    where: Callable[[int], str]
    regions: list[list[Region]] | None = None
    places: list[Place] | None = None
    alphabet: Alphabet | None = None
    readings: Readings | None = None
    qualifiers: bool = False
    notices: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.columns)

    def column(self, role: str, name: str | None) -> str | None:
        """The column of a role: the one named, else a usual name that is there, else None.

        Raises DataError that lists the columns where the named one is missing.
        """
        present = [str(column) for column in self.columns.columns]
        if name is not None:
            if name not in present:
                raise DataError(
                    "there is no such column",
                    expected=f"one of {', '.join(present)}",
                    found=repr(name),
                    fix=f"name the column that holds the {role}",
                )
            return name
        if self.qualifiers and role not in ("id", "sequence"):
            return None
        by_lower = {column.lower(): column for column in reversed(present)}
        return next((by_lower[usual] for usual in USUAL_NAMES[role] if usual in by_lower), None)

    def texts(self, column: str) -> list[str]:
        """A column as text: missing is empty, and the 1.0 that an integer column with gaps becomes is ``1``."""
        values = self.columns[column]
        missing = values.isna().to_numpy(bool)
        if pd.api.types.is_float_dtype(values.dtype):
            return ["" if gap else f"{value:.15g}" for value, gap in zip(values.tolist(), missing, strict=True)]
        cells = values.tolist()
        nested = (row for row, value in enumerate(cells) if hasattr(value, "__iter__") and not isinstance(value, str))
        if (row := next(nested, None)) is not None:
            raise DataError(
                f"a cell of column {column!r} holds several values",
                expected="one text or one number",
                found=repr(cells[row])[:80],
                where=self.where(row),
                fix="give every value a column of its own, or join names by ; in one text",
            )
        return ["" if gap else str(value) for value, gap in zip(cells, missing, strict=True)]

    def noting(self, notice: str) -> Table:
        """The same rows with one thing more to say about them."""
        return replace(self, notices=(*self.notices, notice))

    def take(self, kept: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Table:
        """Those rows."""
        return replace(
            self,
            columns=self.columns.iloc[kept].reset_index(drop=True),
            where=lambda row: self.where(int(kept[row])),
            regions=None if self.regions is None else [self.regions[row] for row in kept],
            readings=None if self.readings is None else self.readings.take(kept),
            places=None if self.places is None else [self.places[row] for row in kept],
        )

    def filtered(self, where: Where) -> Table:
        """Rows whose columns hold one of the values asked for.

        Raises DataError that lists the values there are when no row is left.
        """
        table = self
        for name, wanted in where.items():
            values = table.texts(str(table.column("filter", name)))
            accepted = {_as_text(value) for value in ([wanted] if isinstance(wanted, str | int | float) else wanted)}
            kept = np.flatnonzero([value in accepted for value in values])
            if not kept.size:
                raise DataError(
                    f"no row has {name} = {' or '.join(sorted(accepted))}",
                    expected=f"one of {_some(sorted(set(values)))}",
                    fix="choose values that the column holds",
                )
            table = table.take(kept)
        return table


def named_ids(columns: pd.DataFrame, unnamed: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """A first column without a name, such as a pandas index leaves, taken as the ids where it holds names.

    Args:
        columns: the table.
        unnamed: what columns without a name are called now.
    """
    present = {str(name).lower() for name in columns.columns}
    if not len(columns) or not unnamed or unnamed[0] != columns.columns[0] or present & set(USUAL_NAMES["id"]):
        return columns, []
    values = columns[unnamed[0]].astype(str)
    if values.str.fullmatch(r"\d+|").all() or values.duplicated().any():
        return columns, []
    return columns.rename(columns={unnamed[0]: "id"}), ["ids from the column without a name"]


def _as_text(value: object) -> str:
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _some(values: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(repr(value) for value in values[:most])
    return shown + (f" ... ({len(values)} in all)" if len(values) > most else "")
