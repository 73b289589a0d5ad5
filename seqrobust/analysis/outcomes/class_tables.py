"""Tables of how each class, or each of several labels, fares: what one mean hides where classes are uneven."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from seqrobust.analysis.confinement import of_editable
from seqrobust.analysis.outcomes.sentences import budgets_of
from seqrobust.report.sections import Table
from seqrobust.report.words import figure, interval_of, number, one_line, percent, percent_range, unit_of

_MEASURES = (
    ("balanced_accuracy", "balanced accuracy", True),
    ("mcc", "MCC", False),
    ("auroc", "AUROC", False),
    ("average_precision", "average precision", False),
)
_RANKINGS = ("auroc", "average_precision")
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


def attacked_tables(attack: Mapping[str, Any]) -> list[Table]:
    """Of an attack: what uneven classes do not flatter by budget, and each class or label at the largest budget."""
    attack, spent = of_editable(attack), budgets_of(attack)
    if not spent or attack.get("clean_balanced_accuracy") is None:
        return [table for table in [_attacked_classes(attack, spent[-1])] if table.rows] if spent else []
    means = "mean_" if "clean_labels" in attack else ""
    kinds = [(f"{means}{key}" if key in _RANKINGS else key, words, part) for key, words, part in _MEASURES]
    kinds = [(key, words, part) for key, words, part in kinds if f"clean_{key}" in attack]
    rows = [("0", *(_either(attack, f"clean_{key}", is_share=part) for key, _, part in kinds))]
    rows += [
        (one_line(row["budget"]), *(_either(row, f"robust_{key}", is_share=part) for key, _, part in kinds))
        for row in spent
    ]
    balanced = Table(
        caption="What uneven classes do not flatter",
        columns=(f"{unit_of(attack)}s", *(words for _, words, _ in kinds)),
        rows=tuple(rows),
    )
    tables = [balanced, _attacked_classes(attack, spent[-1]), _attacked_labels(attack, spent[-1])]
    return [table for table in tables if table.rows]


def balanced_tables(models: Sequence[tuple[str, Mapping[str, Any], Mapping[str, Any]]], budget: Any) -> list[Table]:
    """Several models, or copies of one, side by side: what uneven classes do not flatter, clean and under attack.

    Args:
        models: each one's name, its attack's metrics and the row of the budget shown.
        budget: that budget.
    """
    means = "mean_" if any("clean_labels" in attack for _, attack, _ in models) else ""
    kinds = [(f"{means}{key}" if key in _RANKINGS else key, part) for key, _, part in _MEASURES]

    def table(caption: str, which: str, of: Sequence[Mapping[str, Any]]) -> Table:
        rows = [
            (one_line(name), *(_either(one, f"{which}_{key}", is_share=part) for key, part in kinds))
            for (name, _, _), one in zip(models, of, strict=True)
        ]
        return Table(caption=caption, columns=("model", *(words for _, words, _ in _MEASURES)), rows=tuple(rows))

    return [
        table("What uneven classes do not flatter, clean", "clean", [attack for _, attack, _ in models]),
        table(
            f"The same under the model's own attack, budget {one_line(budget)}", "robust", [row for *_, row in models]
        ),
    ]


def _attacked_classes(attack: Mapping[str, Any], last: Mapping[str, Any]) -> Table:
    rows = [
        (
            one_line(name),
            figure(one["n"]),
            figure(one["attacked"]),
            share(one, "attack_success_rate"),
            share(one, "robust_accuracy"),
        )
        for name, one in list((last.get("by_class") or {}).items())[:_MOST]
    ]
    told = "predicted class" if attack.get("clean_accuracy") is None else "true class"
    columns = (told, "records", "attacked", "success", "kept right under attack")
    return Table(caption=f"By class, budget {one_line(last['budget'])}", columns=columns, rows=tuple(rows))


def _attacked_labels(attack: Mapping[str, Any], last: Mapping[str, Any]) -> Table:
    """Each label's recall, specificity and rankings, clean and as the attack left the records."""
    clean, robust = attack.get("clean_labels") or {}, last.get("robust_labels") or {}
    rows = [
        (
            one_line(name),
            figure(one["positives"]),
            *(f"{of(one, key)} → {of(robust[name], key)}" for key, of in _OF_LABELS),
        )
        for name, one in list(clean.items())[:_MOST]
        if name in robust
    ]
    columns = ("label", "records with it", "recall", "specificity", "AUROC", "average precision")
    caption = f"By label, clean → under attack, budget {one_line(last['budget'])}"
    return Table(caption=caption, columns=columns, rows=tuple(rows))


def _either(metrics: Mapping[str, Any], key: str, *, is_share: bool) -> str:
    return share(metrics, key) if is_share else measure(metrics, key)


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


_OF_LABELS = (("recall", share), ("specificity", share), ("auroc", measure), ("average_precision", measure))
