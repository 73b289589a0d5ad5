"""Which rows of a table of results belong to one independent unit, and how many units are said to be there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from seqrobust.report.words import plural
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.dividing.relatives import IDENTITY, linked, near_pairs
from seqrobust.sequences.kmers import expected_jaccard, word_length
from seqrobust.statistics import LEAST, Units, count_units, unit_numbers

CLUSTER = "cluster"
"""The column that names each row's cluster, where records come in clusters."""

MOST_LOOKED_AT = 5_000
"""Records up to which near copies are looked for unasked."""
SOME = 0.05
"""Share of the records that have to be near copies before it is said: of very short ones a few are by chance."""


def units_in(rows: pd.DataFrame) -> Units:
    """The independent units of a table's rows, which hold each record once; None where each is a unit of its own."""
    return unit_numbers(rows[CLUSTER].to_numpy(np.str_)) if CLUSTER in rows else None


def independence(sequences: SequenceSet) -> dict[str, Any]:
    """What ``metrics.json`` says of them: ``{"records", "units", "clustered"}``."""
    units = sequences.units
    return {
        "records": len(sequences),
        "units": count_units(len(sequences), units),
        "clustered": sequences.clusters is not None or sequences.groups is not None,
    }


def near_copies(sequences: SequenceSet) -> str | None:
    """What to say where no cluster is named and records are near copies of each other; None otherwise."""
    if sequences.clusters is not None or sequences.groups is not None or not 1 < len(sequences) <= MOST_LOOKED_AT:
        return None
    k = word_length(sequences.alphabet, int(np.median(sequences.lengths)))
    one, other = near_pairs(sequences, k, expected_jaccard(IDENTITY, k))
    count = len(np.union1d(one, other))
    if count < SOME * len(sequences):
        return None
    kinds = plural(len(np.unique(linked(len(sequences), one, other))), "kind")
    return (
        f"{count:,} of {len(sequences):,} records are near copies of another one ({kinds} in all), and are "
        "taken for independent all the same: intervals are too narrow unless --cluster names a column of families"
    )


def independence_words(found: dict[str, Any]) -> str:
    """The same in a sentence for a page."""
    records, units = plural(found["records"], "record"), plural(found["units"], "cluster")
    if not found["clustered"]:
        return f"{records}, each taken for independent of the others (--cluster names those that are not)"
    if found["units"] == found["records"]:
        return f"{records}, none of which shares a cluster with another"
    few = "" if found["units"] >= LEAST else f": too few for an interval, {LEAST} wanted"
    return f"{records} in {units}, which are the independent units of intervals and tests{few}"
