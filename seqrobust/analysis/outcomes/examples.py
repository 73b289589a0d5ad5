"""Which edited records to show: the fewest edits first, and every class in turn before a second of any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.report.edited import EditedRecord
from seqrobust.report.edits import Edit, decisive_rows, parse_edits
from seqrobust.sequences import SequenceSet
from seqrobust.threats import Budget, SubstitutionThreat
from seqrobust.threats.substitution import OUTSIDE, PROTECTED


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
    lined = _lined_up(one.texts[0], parse_edits(row["edits"]))
    column = np.append(np.flatnonzero(lined.numbers), len(lined.before))
    regions = [
        region._replace(start=column[region.start], end=column[region.end - 1] + 1) for region in one.regions.of(0)
    ]
    protected = np.zeros(len(lined.before), bool)
    protected[column[:-1]] = closed[0, : int(one.lengths[0])]
    return EditedRecord(
        id=one.ids[0],
        alphabet=one.alphabet,
        before=lined.before,
        after=lined.after,
        edits=lined.edits,
        numbers=lined.numbers,
        regions=tuple(sorted(regions, key=lambda r: (r.name not in names, r.end - r.start, r.start))),
        bounding=frozenset(names),
        protected=protected,
        row={str(key): value for key, value in row.items()},
    )


class _LinedUp(NamedTuple):
    before: str
    after: str
    edits: tuple[Edit, ...]
    numbers: NDArray[np.int64]


def _lined_up(text: str, edits: Sequence[Edit]) -> _LinedUp:
    """The two sequences one under the other, with gaps where a letter was inserted or deleted."""
    before, after, numbers = list(text), list(text), list(range(1, len(text) + 1))
    placed: list[Edit] = []
    # The last edit first, and a letter before what is inserted ahead of it, so that earlier places stay as they are.
    for edit in sorted(edits, key=lambda edit: (edit.position, edit.before != "-"), reverse=True):
        if edit.before == "-":
            placed = [other._replace(position=other.position + 1) for other in placed]
            before.insert(edit.position, "-")
            after.insert(edit.position, edit.after)
            numbers.insert(edit.position, 0)
        else:
            after[edit.position] = edit.after
        placed.append(edit)
    return _LinedUp("".join(before), "".join(after), tuple(reversed(placed)), np.array(numbers, np.int64))
