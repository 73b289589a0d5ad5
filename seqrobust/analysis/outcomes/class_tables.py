"""Tables of how each class, or each of several labels, fares: what one mean hides where classes are uneven."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqrobust.report.sections import Table
from seqrobust.report.words import figure, interval_of, number, one_line, percent, percent_range

_MOST = 40
"""Rows of such a table; the rest are in ``metrics.json``."""


def classes_table(metrics: Mapping[str, Any]) -> Table:
    """Each class's records and the share of them that is answered right."""
    rows = [
        (one_line(name), figure(one["n"]), share(one, "recall"))
        for name, one in list((metrics.get("by_class") or {}).items())[:_MOST]
    ]
    return Table(caption="By true class", columns=("class", "records", "recall"), rows=tuple(rows))


def labels_table(metrics: Mapping[str, Any]) -> Table:
    """Each label's measures."""
    labels = metrics.get("labels") or {}
    rows = [
        (
            one_line(name),
            figure(one["positives"]),
            share(one, "recall"),
            share(one, "specificity"),
            measure(one, "auroc"),
            measure(one, "average_precision"),
            measure(one, "mcc"),
        )
        for name, one in list(labels.items())[:_MOST]
    ]
    columns = ("label", "records with it", "recall", "specificity", "AUROC", "average precision", "MCC")
    return Table(caption="By label", columns=columns, rows=tuple(rows))


def share(metrics: Mapping[str, Any], key: str) -> str:
    """A share in per cent with its interval; a dash where nobody knows."""
    value = number(metrics.get(key))
    low, high = interval_of(metrics.get(f"{key}_ci"))
    if value != value:
        return "-"
    return percent(value) + (f" ({percent_range(low, high)})" if low == low else "")


def measure(metrics: Mapping[str, Any], key: str) -> str:
    """A measure with its interval; a dash where nobody knows."""
    value = number(metrics.get(key))
    low, high = interval_of(metrics.get(f"{key}_ci"))
    if value != value:
        return "-"
    return figure(value) + (f" ({figure(low)} to {figure(high)})" if low == low else "")
