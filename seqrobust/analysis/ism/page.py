"""The page of a saturation scan: how much substitutions matter, where, and the map of some records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from seqrobust.analysis.data_summary import data_summary
from seqrobust.analysis.ism.drawing import Drawing
from seqrobust.analysis.ism.findings import IsmFindings
from seqrobust.analysis.ism.layout import make_panel
from seqrobust.analysis.ism.picture import map_figure
from seqrobust.analysis.ism.storage import MapStore
from seqrobust.analysis.outcomes import ReportInput, page_of
from seqrobust.report.look import svg_markup
from seqrobust.report.sections import Page, Picture, Section, Table
from seqrobust.report.words import figure, number, one_line, percent, plural

Metrics = Mapping[str, Any]


def page(findings: IsmFindings) -> Page:
    """What was scanned, the outputs, regions where records have some, and the picture."""
    return page_of(
        ReportInput(
            title=f"Every single substitution, seen by {findings.name}",
            task=findings.metrics["task"],
            labels=findings.outputs,
            data_summary=data_summary(findings.sequences),
            sections=tuple(_sections(findings)),
        )
    )


def _sections(findings: IsmFindings) -> Iterator[Section]:
    metrics = findings.metrics
    yield Section(name="answer", answer=tuple(_answer(metrics)))
    if metrics["outputs"]:
        yield _outputs(metrics)
    if metrics.get("regions"):
        yield _regions(metrics)
    if findings.drawing is not None:
        yield _map(findings.drawing, findings.store)


def _answer(metrics: Metrics) -> Iterator[str]:
    parts = (("n", "record"), ("positions", "position"), ("candidates", "substitution"))
    counted = ", ".join(plural(metrics[key], noun) for key, noun in parts)
    rate = metrics["candidates_per_second"]
    time = f" scored in {metrics['seconds']:.2f} s ({rate:,.0f} a second)" if rate else ""
    yield f"{counted}{time}."
    if flips := metrics.get("flips"):
        yield (
            f"{plural(flips['substitutions'], 'substitution')} ({percent(flips['share_of_substitutions'])}) change the "
            f"prediction, in {plural(flips['records'], 'record')} ({percent(flips['share_of_records'])})."
        )


def _outputs(metrics: Metrics) -> Section:
    rows = tuple(
        (
            one_line(name, 30),
            figure(found["mean_abs_delta"]),
            *(_largest(found[key]) for key in ("largest_decrease", "largest_increase")),
        )
        for name, found in metrics["outputs"].items()
    )
    columns = ("output", "mean |change|", "largest decrease", "largest increase")
    return Section(
        title="How much a substitution matters",
        lead="Changes of the model's raw outputs, over all substitutions scored.",
        tables=(Table(caption="By output", columns=columns, rows=rows),),
    )


def _largest(end: Metrics | None) -> str:
    return "n/a" if end is None else f"{end['delta']:+.3g} at {one_line(end['id'], 40)} {end['edit']}"


def _regions(metrics: Metrics) -> Section:
    rows = tuple(
        (
            one_line(name, 30),
            one_line(output, 30),
            f"{found['candidates']:,}",
            figure(change),
            figure(number(found["mean_abs_delta_elsewhere"][output])),
        )
        for name, found in metrics["regions"].items()
        for output, change in found["mean_abs_delta"].items()
    )
    columns = ("region", "output", "substitutions", "mean |change| inside", "elsewhere")
    return Section(title="Where", tables=(Table(caption="By region", columns=columns, rows=rows),))


def _map(drawing: Drawing, store: MapStore) -> Section:
    return Section(
        title="The map",
        lead="Rows are the letters put there, columns positions; the record's own letters are written in.",
        pictures=(Picture(svg=lambda: _drawn(drawing, store)),),
        for_terminal=False,
    )


def _drawn(drawing: Drawing, store: MapStore) -> Markup:
    found = store.opened()
    panels = [make_panel(drawing, found, record) for record in drawing.records]
    return svg_markup(map_figure(panels), "map", "The change of an output with every letter at every position")
