"""Edits as numbers: the rows that count, and the letters they change."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.errors import InternalError

_EDIT = re.compile(r"([A-Za-z])(\d+)([A-Za-z]|del)|(\d+)_\d+ins([A-Za-z])")


class Edit(NamedTuple):
    """One switched letter; ``position`` is 0-based.

    Of a deletion ``after`` is ``-``. Of an insertion ``before`` is, and the position that of the letter behind it.
    """

    position: int
    before: str
    after: str

    @property
    def name(self) -> str:
        """As geneticists write it, 1-based."""
        if self.before == "-":
            return f"ins{self.after}"
        return f"{self.before}{self.position + 1}{'del' if self.after == '-' else self.after}"


def parse_edits(text: Any) -> tuple[Edit, ...]:
    """Edits of an ``edits`` cell; none for a missing one. Raises InternalError for text that this package never writes.

    >>> parse_edits("A12G;C40T")
    (Edit(position=11, before='A', after='G'), Edit(position=39, before='C', after='T'))
    """
    if not isinstance(text, str) or not text.strip():
        return ()
    matches = [_EDIT.fullmatch(item.strip()) for item in text.split(";")]
    if None in matches:
        raise InternalError(f"an edit cannot be read: {text!r}")
    return tuple(_edit(match) for match in matches if match)


def _edit(match: re.Match[str]) -> Edit:
    before, number, after, gap, inserted = match.groups()
    if inserted:
        return Edit(int(gap), "-", inserted.upper())
    return Edit(int(number) - 1, before.upper(), "-" if after == "del" else after.upper())


def decisive_rows(results: pd.DataFrame | None) -> pd.DataFrame:
    """Each flipped record once, at the fewest edits that flip it; fewest first.

    Where success is not defined at all (a shift without a threshold), every record once, at the largest budget.
    """
    if results is None or results.empty:
        nothing: pd.DataFrame = pd.DataFrame({name: [] for name in ("id", "edits", "n_edits", "budget")})
        return nothing
    edited = results.loc[results["n_edits"].fillna(0) > 0]
    if results["success"].isna().all() and pd.api.types.is_numeric_dtype(results["clean_prediction"]):
        largest = edited.sort_values("budget", kind="stable").drop_duplicates("id", keep="last")
        shift = (largest["adversarial_prediction"] - largest["clean_prediction"]).abs()
        order = shift.sort_values(ascending=False, kind="stable").index
        by_shift: pd.DataFrame = largest.loc[order]
        return by_shift
    flipped = edited[edited["success"].astype("boolean").fillna(False).to_numpy(bool)]
    fewest: pd.DataFrame = flipped.sort_values(["n_edits", "budget"], kind="stable").drop_duplicates("id")
    return fewest


@dataclass(frozen=True, kw_only=True)
class EditTable:
    """E edits as parallel arrays.

    Attributes:
        record: (E,) index into the sequence set.
        position: (E,) 0-based.
        before, after: (E,) single letters.
    """

    record: NDArray[np.int64]
    position: NDArray[np.int64]
    before: NDArray[np.str_]
    after: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.record)


def edit_table(rows: pd.DataFrame, ids: Sequence[str], lengths: Sequence[int] | NDArray[np.int64]) -> EditTable:
    """The edits of those result rows, of records of those lengths; a row whose id is not among ``ids`` is left out."""
    index = {name: record for record, name in enumerate(ids)}
    last = {name: int(length) - 1 for name, length in zip(ids, lengths, strict=True)}
    found = [
        # What is appended is counted at the last letter.
        (index[str(name)], *edit._replace(position=min(edit.position, last[str(name)])))
        for name, text in zip(rows["id"], rows["edits"], strict=True)
        if str(name) in index
        for edit in parse_edits(text)
    ]
    columns = list(zip(*found, strict=True)) or [(), (), (), ()]
    return EditTable(
        record=np.array(columns[0], np.int64),
        position=np.array(columns[1], np.int64),
        before=np.array(columns[2], "U1"),
        after=np.array(columns[3], "U1"),
    )
