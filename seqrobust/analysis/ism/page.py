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
    """What was found, the most important first; how much was scored comes last."""
    if flips := metrics.get("flips"):
        share = percent(flips["share_of_substitutions"])
        yield (
            f"One substitution is enough to change the prediction of {flips['records']:,} of "
            f"{plural(metrics['n'], 'record')} ({percent(flips['share_of_records'])}); {share} of the substitutions do "
            f"({flips['substitutions']:,} of {metrics['candidates']:,})."
        )
    if metrics["outputs"]:
        yield _strongest(metrics["outputs"])
    yield from _where(metrics)
    parts = (("n", "record"), ("positions", "position"), ("candidates", "substitution"))
    yield f"Scored: {', '.join(plural(metrics[key], noun) for key, noun in parts)}."


def _strongest(outputs: Metrics) -> str:
    """The largest change of any output, beside the mean one of the same."""

    def size(name: str) -> float:
        return max(abs(float(found["delta"])) for found in _ends(outputs[name]))

    name = max(outputs, key=size)
    largest = max(_ends(outputs[name]), key=lambda found: abs(found["delta"]))
    return (
        f"The largest change is {largest['delta']:+.3g} in the output {one_line(name, 30)} "
        f"({one_line(largest['id'], 40)}, {largest['edit']}); the mean one is "
        f"{figure(outputs[name]['mean_abs_delta'])} up or down."
    )


def _ends(found: Metrics) -> list[Metrics]:
    return [found[key] for key in ("largest_decrease", "largest_increase") if found[key] is not None]


def _where(metrics: Metrics) -> Iterator[str]:
    """The region that matters most, in proportion to what lies outside it."""
    ratios = {
        (region, output): change / elsewhere
        for region, found in (metrics.get("regions") or {}).items()
        for output, change in found["mean_abs_delta"].items()
        if (elsewhere := number(found["mean_abs_delta_elsewhere"][output])) > 0
    }
    if ratios:
        region, output = max(ratios, key=lambda key: ratios[key])
        yield (
            f"Inside {one_line(region, 30)} the mean change of the output {one_line(output, 30)} is "
            f"{ratios[region, output]:.2g} times that elsewhere."
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
