"""What a report says about records, as plain data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from seqrobust.sequences import SequenceSet
from seqrobust.sequences.dividing.leakage import Leak
from seqrobust.sequences.summary import describe


def data_summary(sequences: SequenceSet, leaks: Sequence[Leak] = ()) -> dict[str, Any]:
    """What a report says about records, as plain data.

    Args:
        sequences: the records.
        leaks: how much of each split stands in the training records, where that was looked for.
    """
    summary = describe(sequences)
    return {
        "n": summary.records,
        "alphabet": summary.alphabet,
        "lengths": {"min": summary.lengths.min, "median": summary.lengths.median, "max": summary.lengths.max},
        "splits": dict(summary.splits),
        "classes": {name: dict(counts) for column in summary.classes.values() for name, counts in column.items()}
        if len(summary.classes) == 1
        else {},
        "ambiguous": dict(summary.ambiguous),
        "duplicates": {"within": summary.copies.within, "across_splits": sum(summary.copies.across.values())},
        "regions": {
            region.name: {"count": region.count, "records": region.records, "median_length": region.median_length}
            for region in summary.regions
        },
        **({"leakage": {leak.split: leak.plain() for leak in leaks}} if leaks else {}),
    }
