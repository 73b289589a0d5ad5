"""The report's tables, as rows of ready-made text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from seqrobust.analysis.outcomes.sentences import budgets_of, truth_stated
from seqrobust.report.sections import Table
from seqrobust.report.words import figure, interval_of, number, one_line, percent, percent_range, unit_of
from seqrobust.tasks import task_in

_ACRONYMS = {
    "mse": "MSE",
    "mae": "MAE",
    "rmse": "RMSE",
    "auroc": "AUROC",
    "auprc": "AUPRC",
    "r2": "R²",
    "f1": "F1",
    "mcc": "MCC",
    "spearman": "Spearman",
    "n": "records",
}
_SAID_ELSEWHERE = ("commonest_answer_share", "others_given_it")
"""Numbers that a sentence is made of, and a row says little of."""
_ERRORS = ("mse", "r2", "spearman")
"""Of predictions against the values before the edit: no errors where edits may change those."""
_BUDGET_COLUMNS = {
    "robust_accuracy": "robust accuracy",
    "mse": "MSE",
    "r2": "R²",
    "spearman": "Spearman",
    "mean_shift": "mean shift",
    "attack_success_rate": "success",
    "random_success_rate": "random success",
    "random_mean_abs_shift": "random, up or down",
    "random_best_shift": "best random draw",
    "mean_edits": "edits",
    "forwards_per_record": "forwards",
    "gradients_per_record": "gradients",
}


def budget_table(attack: Mapping[str, Any]) -> Table:
    """A row per budget with everything that was measured there, intervals beneath their shares."""
    rows = budgets_of(attack)
    hidden = () if truth_stated(attack) or not task_in(attack).measured else _ERRORS
    keys = [key for key in _BUDGET_COLUMNS if key not in hidden and any(row.get(key) is not None for row in rows)]
    cells = tuple((one_line(row["budget"]), *(_budget_cell(row, key) for key in keys)) for row in rows)
    return Table(
        caption="By budget", columns=(f"{unit_of(attack)}s", *(_BUDGET_COLUMNS[key] for key in keys)), rows=cells
    )


def _budget_cell(row: Mapping[str, Any], key: str) -> str:
    value = number(row.get(key))
    if not key.endswith(("accuracy", "rate")):
        return figure(value)
    low, high = interval_of(row.get(f"{key}_ci"))
    return percent(value) + (f" ({percent_range(low, high)})" if low == low and value == value else "")


def metrics_table(metrics: Mapping[str, Any], caption: str = "On clean test records") -> Table:
    """Every single number among metrics of predictions, with its interval where there is one."""
    rows = []
    for key, value in metrics.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or key in _SAID_ELSEWHERE:
            continue
        share = any(word in key for word in ("accuracy", "rate"))
        low, high = interval_of(metrics.get(f"{key}_ci"))
        text = percent(number(value)) if share else figure(value)
        if low == low:
            text += f" ({percent_range(low, high)})" if share else f" ({figure(low)} to {figure(high)})"
        words = f"always answering {one_line(metrics['majority_class'], 40)}" if key == "majority_accuracy" else None
        rows.append((words or metric_name(key), text))
    return Table(caption=caption, columns=("measure", "value"), rows=tuple(rows))


def metric_name(key: str) -> str:
    """A metric's key in words.

    >>> metric_name("balanced_accuracy"), metric_name("r2"), metric_name("test_auroc")
    ('balanced accuracy', 'R²', 'test AUROC')
    """
    return " ".join(_ACRONYMS.get(word, word) for word in one_line(key).split("_"))


def data_tables(summary: Mapping[str, Any]) -> list[Table]:
    """What is in the data: facts, classes by split, regions."""
    tables = [Table(caption="Records", columns=("", ""), rows=tuple(_facts(summary)))]
    if classes := summary.get("classes"):
        splits = list(dict.fromkeys(split for counts in classes.values() for split in counts))
        rows = [
            (one_line(name), *(figure(counts.get(split, 0)) for split in splits)) for name, counts in classes.items()
        ]
        tables.append(Table(caption="Classes", columns=("class", *map(one_line, splits)), rows=tuple(rows)))
    if regions := summary.get("regions"):
        rows = [
            (one_line(name), figure(one.get("count")), figure(one.get("records")), figure(one.get("median_length")))
            for name, one in regions.items()
        ]
        columns = ("region", "intervals", "records with it", "median length")
        tables.append(Table(caption="Regions", columns=columns, rows=tuple(rows)))
    return [table for table in tables if table.rows]


def _facts(summary: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    if "n" in summary:
        yield "records", figure(summary["n"])
    if "alphabet" in summary:
        yield "alphabet", one_line(summary["alphabet"])
    if lengths := summary.get("lengths"):
        low, middle, high = (figure(lengths.get(key)) for key in ("min", "median", "max"))
        yield "length", f"{low} letters, all" if low == high else f"{low} to {high} letters, median {middle}"
    for name, count in (summary.get("splits") or {}).items():
        yield f"in split {one_line(name)}", figure(count)
    if (ambiguous := summary.get("ambiguous")) is not None:
        codes = ", ".join(f"{figure(count)} {one_line(code)}" for code, count in ambiguous.items())
        yield "ambiguous letters", codes or "none"
    for name, one in (summary.get("leakage") or {}).items():
        near = (
            "" if one.get("nearest") is None else f"; the median one {figure(one['nearest'])} letters from its nearest"
        )
        found = f"{figure(one['copies'])} copies, {figure(one['near'])} near copies of training records"
        yield f"of {figure(one['looked_at'])} in {one_line(name)}", found + near
    if duplicates := summary.get("duplicates"):
        if "within" in duplicates:
            yield "repeats of a sequence", figure(duplicates["within"])
        if "across_splits" in duplicates:
            yield "of these across splits", figure(duplicates["across_splits"])
