"""The page of certificates: the answer, the two curves, shares by budget and class, each record's interval."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from seqrobust.analysis.certify.findings import CertifyFindings
from seqrobust.analysis.certify.picture import certified_curve
from seqrobust.analysis.certify.sentences import answer
from seqrobust.analysis.data_summary import data_summary
from seqrobust.analysis.outcomes import ReportInput, confined_tiles, page_of
from seqrobust.report.look import svg_markup
from seqrobust.report.sections import Details, Page, Picture, Section, Table, Tile
from seqrobust.report.words import figure as number_text
from seqrobust.report.words import interval_of, number, one_line, percent, percent_range, unit_of

_MOST_ROWS = 200
"""Records that the page lists; the table has all."""
_CAPTION = (
    "Above: records that no known sequence breaks. Below: records of which it is proved that no member of the threat "
    "reaches the goal. Between the two lies what is unknown."
)
_MEANING = (
    (
        "Who counts",
        "shares are of the records that may be edited at the largest budget, as in an attack: others stand whatever "
        "the model does, and are counted by themselves.",
    ),
    ("Certified", "no sequence within the threat at that budget reaches the goal. Ties count for the adversary."),
    ("Not broken", "no sequence that reaches the goal is known: an upper bound of the share that truly stands."),
    ("Exact", "share of records for which one or the other is known."),
    (
        "Enumeration",
        "every member was scored, and decided by the model's own forward pass in its own arithmetic. Scores come from "
        "cached layers; members as near to the goal as rounding may move them were scored again by plain forward "
        "passes, and a record with a member that stays short by no more than rounding is left open.",
    ),
    (
        "Window sums",
        "the model adds up what local windows contribute, so that the smallest margin at every budget is a shortest "
        "path, found in double precision; what the model's own rounding can add is taken off before anything is said.",
    ),
    (
        "Bounds",
        "linear bounds over the whole threat in double precision, lowered by what the model's rounding can add.",
    ),
    ("Time limit", "whatever was proved when it ran out is true; more time can only close records that are open."),
)
Metrics = Mapping[str, Any]


def page(findings: CertifyFindings) -> Page:
    """The answer, the curves, the tables, the data."""
    return page_of(
        ReportInput(
            title=f"What no adversary can do to {findings.name}",
            task=findings.metrics["task"],
            labels=findings.labels,
            data_summary=data_summary(findings.sequences),
            sections=tuple(_sections(findings)),
        )
    )


def figure(findings: CertifyFindings) -> Figure:
    """The two curves."""
    return certified_curve(findings.metrics)


def _sections(findings: CertifyFindings) -> Iterator[Section]:
    metrics, settings = findings.metrics, findings.settings
    said = answer(metrics, protect=settings.protect, only=settings.only)
    yield Section(name="answer", answer=tuple(said), tiles=tuple(_tiles(metrics)))
    drawn = Picture(
        svg=lambda: svg_markup(figure(findings), "certified", "Certified and attacked shares by budget"),
        caption=_CAPTION,
    )
    by_class = (_class_table(metrics),) if metrics.get("by_class") else ()
    yield Section(
        title="Certified and attacked", name="curve", pictures=(drawn,), tables=(_budget_table(metrics), *by_class)
    )
    yield Section(title="The fewest edits", tables=tuple(_interval_tables(findings.results, metrics)))
    yield Section(
        title="Record by record",
        lead="Each record's smallest adversarial change costs more than is certified, and no more than is attacked.",
        tables=(_record_table(findings.results),),
        details=(Details(title="What the words mean", items=_MEANING),),
        for_terminal=False,
    )


def _tiles(metrics: Metrics) -> Iterator[Tile]:
    last = metrics["budgets"][-1]
    unit = unit_of(metrics)
    within = f"at {one_line(last['budget'])} {unit}s"
    yield Tile(value=percent(number(last["certified_accuracy"])), name="certified", note=within)
    yield Tile(value=percent(number(last["robust_accuracy"])), name="not broken by any known sequence", note=within)
    yield Tile(value=percent(number(metrics["exact_fraction"])), name="known exactly at every budget")
    yield Tile(value=number_text(metrics["n"]), name="sequences")
    yield from confined_tiles(metrics)


def _budget_table(metrics: Metrics) -> Table:
    rows = tuple((one_line(row["budget"]), *_shares(row)) for row in metrics["budgets"])
    return Table(
        caption="By budget", columns=(f"{unit_of(metrics)}s", "certified", "not broken", "unknown", "exact"), rows=rows
    )


def _class_table(metrics: Metrics) -> Table:
    rows = tuple(
        (one_line(label, 30), one_line(row["budget"]), *_shares(row))
        for label, found in metrics["by_class"].items()
        for row in found["budgets"]
    )
    columns = ("class", f"{unit_of(metrics)}s", "certified", "not broken", "unknown", "exact")
    return Table(caption="By class", columns=columns, rows=rows)


def _shares(row: Metrics) -> tuple[str, ...]:
    cells = []
    for key in ("certified_accuracy", "robust_accuracy"):
        ends = interval_of(row[f"{key}_ci"])
        cells.append(percent(number(row[key])) + (f" ({percent_range(*ends)})" if ends[0] == ends[0] else ""))
    return (*cells, f"{row['unknown']:,}", percent(number(row["exact"])))


def _interval_tables(results: pd.DataFrame, metrics: Metrics) -> Iterator[Table]:
    mine = results[results["attackable"]]
    if metrics.get("nothing_editable"):
        mine = mine[mine["editable"]]
    counts = mine.groupby(["certified_budget", "attacked_budget"], dropna=False).size()
    rows = []
    for (low, high), count in counts.items():
        found = mine[_same(mine["certified_budget"], low) & _same(mine["attacked_budget"], high)]
        known = "exact" if bool(found["exact"].all()) else "open" if not bool(found["exact"].any()) else "some open"
        rows.append((_cost(low), _cost(high), f"{count:,}", known))
    columns = ("certified", "attacked", "records", "")
    yield Table(caption="Intervals of the fewest edits", columns=columns, rows=tuple(rows))
    yield Table(
        caption="By method",
        columns=("method", "records", "exact", "median seconds", "most"),
        rows=tuple(
            (
                name.replace("_", " "),
                f"{found['records']:,}",
                f"{found['exact']:,}",
                number_text(found["median_seconds"]),
                number_text(found["largest_seconds"]),
            )
            for name, found in metrics["by_method"].items()
        ),
    )


def _same(column: pd.Series, value: Any) -> pd.Series:
    same: pd.Series = column.isna() if pd.isna(value) else (column == value).fillna(value=False).astype(bool)
    return same


def _cost(value: Any) -> str:
    return "–" if pd.isna(value) else f"{float(value):g}"


def _record_table(results: pd.DataFrame) -> Table:
    mine = results[results["attackable"]].head(_MOST_ROWS)
    rows = tuple(
        (
            one_line(row.id, 40),
            one_line(row.clean_prediction, 30),
            _cost(row.certified_budget),
            _cost(row.attacked_budget),
            "yes" if row.exact else one_line(row.open_because or "not tried", 80),
            str(row.method or "–").replace("_", " "),
            one_line(row.edits or "–", 40),
            number_text(row.seconds),
        )
        for row in mine.itertuples(index=False)
    )
    more = len(results) > len(rows)
    caption = f"The first {len(rows)}; results.parquet has all" if more else "Records"
    columns = ("id", "prediction", "certified", "attacked", "exact", "method", "cheapest known edits", "seconds")
    return Table(caption=caption, columns=columns, rows=rows)
