"""The page of predictions: how good they are where that is known, and what was answered how often."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from seqrobust.analysis.data_summary import data_summary
from seqrobust.analysis.outcomes.class_tables import classes_table, labels_table
from seqrobust.analysis.outcomes.tables import data_tables, metrics_table
from seqrobust.analysis.predict.findings import PredictFindings
from seqrobust.report.sections import Page, Section, Table
from seqrobust.report.words import figure, interval_of, number, one_line, percent, percent_range, plural
from seqrobust.tasks import task_in

_MOST_ANSWERS = 20
_NO_MEASURE = ("threshold", "threshold_of_validation")


def page(findings: PredictFindings) -> Page:
    """See the head of this module."""
    return Page(
        title=f"Predictions of {one_line(findings.name, 200)}",
        subtitle=f"{findings.metrics['task']} · {plural(len(findings.table), 'record')}",
        sections=tuple(_sections(findings)),
    )


def _sections(findings: PredictFindings) -> Iterator[Section]:
    metrics = findings.metrics
    measured = {name: value for name, value in metrics.items() if name not in _NO_MEASURE}
    tables = [
        metrics_table(measured, "How good they are"),
        classes_table(metrics),
        labels_table(metrics),
        _answers(findings),
    ]
    yield Section(name="answer", answer=tuple(_answer(metrics)), tables=tuple(table for table in tables if table.rows))
    if tables := data_tables(data_summary(findings.sequences)):
        yield Section(title="The data", name="data", aside=tuple(tables), for_terminal=False)


def _answer(metrics: Mapping[str, Any]) -> Iterator[str]:
    if "accuracy" in metrics:
        low, high = interval_of(metrics.get("accuracy_ci"))
        ends = "" if low != low else f" (95 % interval {percent_range(low, high)} %)"
        yield f"{percent(number(metrics['accuracy']))} of {metrics['n']:,} records are classified correctly{ends}."
    elif "r2" in metrics:
        yield (
            f"R² is {figure(metrics['r2'])} and Spearman's correlation {figure(metrics['spearman'])} on "
            f"{metrics['n']:,} records."
        )
    else:
        yield f"{plural(metrics['n'], 'record')} were answered; nothing is known of what is true of them."
    for caution in metrics.get("cautions", ()):
        yield f"{caution[0].upper()}{caution[1:]}."
    if (threshold := metrics.get("threshold")) is not None:
        best = metrics.get("threshold_of_validation")
        other = "" if best is None or best == threshold else f"; {figure(best)} was best on validation (--threshold)"
        attacks = "" if threshold == 0.5 else ", while attacks take one half"
        yield f"Positive is called from a probability of {figure(threshold)} on{attacks}{other}."


def _answers(findings: PredictFindings) -> Table:
    """How often each answer was given; of values, how they spread."""
    if task_in(findings.metrics).measured:
        rows = tuple(
            (one_line(name, 40), *(figure(float(findings.table[name].quantile(share))) for share in (0, 0.5, 1)))
            for name in map(str, findings.table)
            if name.startswith("prediction")
        )
        return Table(caption="Predicted values", columns=("value", "smallest", "median", "largest"), rows=rows)
    counts = findings.table["prediction"].value_counts().head(_MOST_ANSWERS)
    total = len(findings.table)
    rows = tuple((one_line(name, 40) or "none", str(n), percent(n / total)) for name, n in counts.items())
    return Table(caption="Answers", columns=("answer", "records", "share, %"), rows=rows)
