"""Which edited records to show: the fewest edits first, and every class in turn before a second of any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.alphabet import Alphabet
from seqrobust.pipeline.report.edits import Edit, decisive_rows, parse_edits
from seqrobust.sequences import Region, SequenceSet
from seqrobust.threats import Budget, SubstitutionThreat
from seqrobust.threats.substitution import OUTSIDE, PROTECTED


@dataclass(frozen=True, kw_only=True, eq=False)
class EditedRecord:
    """One record before and after.

    Attributes:
        id: the record's name.
        alphabet: what its letters mean.
        before, after: letters.
        edits: what was switched.
        regions: the record's regions; those that bound the threat first, then the shortest.
        bounding: names of the regions that bound the threat.
        protected: (L,) positions the adversary may not touch.
        row: the record's row of ``results.parquet``: predictions, scores, attack.
    """

    id: str
    alphabet: Alphabet
    before: str
    after: str
    edits: tuple[Edit, ...]
    regions: tuple[Region, ...]
    bounding: frozenset[str]
    protected: NDArray[np.bool_]
    row: Mapping[str, Any]


def example_edits(
    results: pd.DataFrame | None,
    sequences: SequenceSet | None,
    *,
    protect: Sequence[str] = (),
    only: Sequence[str] = (),
    per_class: int = 2,
    most: int = 8,
) -> list[EditedRecord]:
    """At most ``most`` flipped records, ``per_class`` of each clean prediction, the fewest edits first."""
    rows = decisive_rows(results)
    if sequences is None or rows.empty:
        return []
    known = rows[rows["id"].astype(str).isin(sequences.ids)]
    kinds = known["clean_prediction"].astype(str)
    if pd.api.types.is_numeric_dtype(known["clean_prediction"]):
        kinds, per_class = kinds.mask(kinds.notna(), ""), most
    rank = known.groupby(kinds, sort=False).cumcount()
    chosen = known[rank < per_class].assign(rank=rank).sort_values("rank", kind="stable").head(most)
    index = {name: record for record, name in enumerate(sequences.ids)}
    return [
        edited_record(row, sequences, index[str(row["id"])], protect=protect, only=only)
        for row in chosen.to_dict("records")
    ]


def edited_record(
    row: Mapping[Any, Any], sequences: SequenceSet, record: int, *, protect: Sequence[str], only: Sequence[str]
) -> EditedRecord:
    """The picture's data for one row of results."""
    one = sequences.take([record])
    names = {name for pattern in (*protect, *only) for name in one.regions.named(pattern)}
    threat = SubstitutionThreat(budget=Budget(1), protect=tuple(protect), only=tuple(only))
    closed = np.isin(threat.blocked(one), (PROTECTED, OUTSIDE))
    length = int(one.lengths[0])
    return EditedRecord(
        id=one.ids[0],
        alphabet=one.alphabet,
        before=one.texts[0],
        after=_after(one.texts[0], parse_edits(row["edits"])),
        edits=parse_edits(row["edits"]),
        regions=tuple(sorted(one.regions.of(0), key=lambda r: (r.name not in names, r.end - r.start, r.start))),
        bounding=frozenset(names),
        protected=closed[0, :length],
        row={str(key): value for key, value in row.items()},
    )


def _after(text: str, edits: Sequence[Edit]) -> str:
    letters = list(text)
    for edit in edits:
        letters[edit.position] = edit.after
    return "".join(letters)
