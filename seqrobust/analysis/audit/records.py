"""Records in and out: each once at every budget, none that nobody gave; those left out counted by reason and class."""

from __future__ import annotations

from collections import Counter

import numpy as np

from seqrobust.analysis.audit.attacked_table import AttackTable
from seqrobust.analysis.audit.outcome import Outcome, faults_of
from seqrobust.tasks import task_of

_MOST = 50
"""Classes that are counted one by one."""


def records_whole(table: AttackTable) -> Outcome:
    """Every record is there once at every budget, in order, and what was left out is known."""
    name, what = "records in and out", "records given against rows, at each budget"
    expected = [name for name in table.sequences.ids for _ in range(table.levels)]
    given = table.results["id"].astype(str).tolist()
    faults = []
    if given != expected:
        missing, strange = Counter(expected) - Counter(given), Counter(given) - Counter(expected)
        faults += [f"{count} rows of record {name!r} are missing" for name, count in missing.items()]
        faults += [f"{count} rows of record {name!r} too many" for name, count in strange.items()]
        faults += [] if faults else ["rows are in another order than records"]
        return faults_of(name, what, len(given), faults)
    return Outcome(name=name, checked=what, rows=len(given), more=left_out(table))


def left_out(table: AttackTable) -> dict[str, object]:
    """How many records were attacked, and how many were not and why, by class."""
    first = table.results.iloc[:: table.levels]
    last = slice(table.levels - 1, None, table.levels)
    attacked = table.attacked[:: table.levels]
    unread = table.read is not None and table.read != len(first)
    read = {"read": table.read, "of other splits or not drawn": (table.read or 0) - len(first)} if unread else {}
    counts: dict[str, object] = {**read, "records": len(first), "attacked": int(attacked.sum())}
    reasons = {"not attacked": ~attacked}
    for reason, column in (("not searched", "was_searched"), ("nothing editable", "editable")):
        if column in table.results:
            reasons[reason] = attacked & ~table.results[column].to_numpy(bool)[last]
    for reason, mask in reasons.items():
        if mask.any():
            counts[reason] = _by_class(table, np.asarray(first["target"], object)[mask])
    return counts


def _by_class(table: AttackTable, targets: np.ndarray) -> object:
    """A count, by class where there are classes and not too many."""
    if task_of(table.predictor.task).measured:
        return len(targets)
    named = Counter(map(str, targets))
    return len(targets) if len(named) > _MOST else dict(sorted(named.items()))
