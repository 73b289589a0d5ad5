"""What certificates and attacks say together, in sentences: *exact* only where the two meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqrobust.analysis.alarms import about_threat
from seqrobust.report.words import budget_size, budget_words, figure, number, percent, place_words, plural, unit_of
from seqrobust.tasks import task_in

Metrics = Mapping[str, Any]


def answer(metrics: Metrics, *, protect: Sequence[str] = (), only: Sequence[str] = ()) -> list[str]:
    """What the rates leave out, the largest budget, then the smallest, then how much is known."""
    warned = [f"{said[0].upper()}{said[1:]}." for said in about_threat(metrics)]
    return [*warned, *_answer(metrics, protect, only)]


def _answer(metrics: Metrics, protect: Sequence[str], only: Sequence[str]) -> list[str]:
    if not metrics["attacked"] and metrics.get("nothing_editable"):
        return ["There is nothing to certify: no record that may be edited gives the right answer unchanged."]
    if not metrics["attacked"]:
        return ["There is nothing to certify: no record gives the right answer unchanged."]
    rows = [row for row in metrics["budgets"] if budget_size(row["budget"]) > 0]
    if not rows:
        return ["No budget above zero was asked for, so there is nothing to certify."]
    place = place_words(protect, only)
    chosen = rows if len(rows) == 1 else [rows[-1], rows[0]]
    return [*(_of_budget(metrics, row, place) for row in chosen), *_known(metrics)]


def _of_budget(metrics: Metrics, row: Metrics, place: str) -> str:
    within = f"With {budget_words(row['budget'], unit_of(metrics))}{place}"
    low, high = number(row["certified_accuracy"]), number(row["robust_accuracy"])
    kept = f"{_those_editable(metrics)}{_kept(metrics)}"
    if not row["unknown"]:
        return f"{within}, exactly {percent(low)} of the sequences {kept}: each was proved, or is broken."
    if not low:
        return f"{within}, at most {percent(high)} of the sequences {kept}; nothing was proved of {_those(row)}."
    return (
        f"{within}, at least {percent(low)} of the sequences {kept}, as is proved, and at most {percent(high)}; "
        f"of {_those(row)} it is unknown."
    )


def _those_editable(metrics: Metrics) -> str:
    return "that may be edited " if metrics.get("nothing_editable") else ""


def _kept(metrics: Metrics) -> str:
    if task_in(metrics).measured:
        unit = f" ({metrics['delta_unit']})" if metrics.get("delta_unit") else ""
        return f"cannot be shifted by {figure(metrics['delta'])}{unit}"
    return "keep their prediction" if not metrics["labelled"] else "are classified correctly whatever is done to them"


def _those(row: Metrics) -> str:
    return plural(int(row["unknown"]), "record")


def _known(metrics: Metrics) -> list[str]:
    share, those = percent(number(metrics["exact_fraction"])), _those_editable(metrics)
    said = f"At every budget {share} of the records {those}are known exactly."
    note = "Wilson intervals speak about other sequences like these; the certificates themselves hold without any."
    return [said, note]
