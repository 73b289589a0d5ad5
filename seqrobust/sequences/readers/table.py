"""What every reader makes of its file: rows of text columns, the format's own regions, and where each row stood."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ConfigError, DataError
from seqrobust.sequences.readings import Readings
from seqrobust.sequences.regions import Region

Where = Mapping[str, str | int | float | bool | Sequence[str | int | float | bool]]
"""Column to the value, or the values, a row may have there; compared as text."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Which column holds what; None looks for the usual names, and an empty ``targets`` for one usual name.

    Attributes:
        id, sequence, group, split, regions: column names.
        targets: target columns, in order.
        unlabelled: no target is looked for.
    """

    id: str | None = None
    sequence: str | None = None
    targets: tuple[str, ...] = ()
    group: str | None = None
    split: str | None = None
    regions: str | None = None
    unlabelled: bool = False

    def __post_init__(self) -> None:
        if self.unlabelled and self.targets:
            raise ConfigError(
                "targets are both named and not wanted",
                found=", ".join(self.targets),
                fix="leave out --target-column or --no-targets",
            )


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
        if pd.api.types.is_float_dtype(values):
            return ["" if value != value else f"{value:.15g}" for value in values.tolist()]
        return ["" if value is None or value != value else str(value) for value in values.tolist()]

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


def _as_text(value: object) -> str:
    return f"{value:.15g}" if isinstance(value, float) else str(value)


def _some(values: Sequence[str], most: int = 12) -> str:
    shown = ", ".join(repr(value) for value in values[:most])
    return shown + (f" ... ({len(values)} in all)" if len(values) > most else "")
