"""The page of an inspection: what edits change, layer by layer, how long they are remembered, how linear the way is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from seqrobust.analysis.inspect.findings import InspectFindings
from seqrobust.report.look import svg_markup
from seqrobust.report.sections import Page, Picture, Section, Table
from seqrobust.report.words import one_line
from seqrobust.tasks import task_in


def page(findings: InspectFindings) -> Page:
    """The answer, the picture, layers, memory of recurrent layers, and linearity."""
    metrics = findings.metrics
    return Page(
        title=one_line(f"Inside {findings.name}", 200),
        subtitle=" · ".join((metrics["task"], f"{metrics['n']:,} records inspected")),
        sections=tuple(_sections(findings, metrics)),
    )


def _sections(findings: InspectFindings, metrics: Mapping[str, Any]) -> Iterator[Section]:
    yield Section(name="answer", answer=(_answer(metrics),))
    if findings.drawn is not None:
        yield _picture(findings)
    yield Section(title="Difference by layer", name="layers", tables=(_layers(metrics),))
    if metrics["recurrent"]:
        yield Section(
            title="How long an edit is remembered",
            name="memory",
            items=tuple((name, _memories(found)) for name, found in metrics["recurrent"].items()),
        )
    if metrics["linearity"]:
        yield Section(
            title="How linear the way to the adversarial sequence is",
            name="linearity",
            items=tuple((f"linearity, {kind}", _linearity(found)) for kind, found in metrics["linearity"].items()),
        )


def _answer(metrics: Mapping[str, Any]) -> str:
    flips = metrics["flips"]
    text = f"{metrics['n']:,} records, {metrics['mean_edits']:.2f} edits on average"
    if task_in(metrics).measured:
        return text
    return (
        f"{text}; of these records, chosen for the edits that an attack found, they change "
        f"{_percent(flips['adversarial'])} of predictions, random edits {_percent(flips['random'])}"
    )


def _picture(findings: InspectFindings) -> Section:
    def drawn() -> Markup:
        from seqrobust.analysis.inspect.picture import inspection_figure

        figure = inspection_figure(findings.drawn or (), findings.table, findings.metrics)
        return svg_markup(figure, "inspection", "Gates, layers and the way to the adversarial sequence")

    caption = (
        "Above, gates of single records on their clean and on their adversarial sequence. Below, what each layer makes "
        "of adversarial and of as many random edits, and the score on the straight way to the adversarial sequence."
    )
    return Section(
        title="Single records", name="picture", pictures=(Picture(svg=drawn, caption=caption),), for_terminal=False
    )


def _layers(metrics: Mapping[str, Any]) -> Table:
    rows = []
    for row in metrics["layers"]:
        ratio = "" if row.get("ratio") is None else f"{row['ratio']:.2f} {_interval(row['ratio_ci'])}".strip()
        differences = [_number(row[f"{kind}_relative_difference"]) for kind in ("adversarial", "random")]
        rows.append((one_line(row["name"]), row["kind"], *differences, ratio))
    return Table(
        caption="adversarial, random: |a' - a| / |a| of the layer's output, mean over records; "
        "ratio: of the two amplifications",
        columns=("layer", "kind", "adversarial", "random", "ratio [95 %]"),
        rows=tuple(rows),
    )


def _memories(found: Mapping[str, Any]) -> str:
    return "; ".join(_memory(kind, one) for kind, one in found.items())


def _memory(kind: str, found: Mapping[str, Any]) -> str:
    half = found["half_life_median"]
    steps = "longer than the records go on" if half is None or half == float("inf") else f"{half:g} steps"
    return f"{kind} half-life {steps} (median), {_percent(found['kept'])} left at the end"


def _linearity(found: Mapping[str, Any]) -> str:
    text = f"first order predicts {_percent(found['predicted_share_median'])} of the change (median)"
    text += f", its sign in {_percent(found['sign_agreement'])}"
    if found["regions"]:
        text += f"; {found['regions'][1]:g} linear regions"
    if found["radius_edits"] and found["radius_edits"][1] != float("inf"):
        text += f", the first ends after {found['radius_edits'][1]:.3g} edits"
    return text + f"; good to 5 % for {_percent(found['good_until'][1])} of the way"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _interval(ends: list[float] | None) -> str:
    return "" if ends is None else f"[{ends[0]:.2f}, {ends[1]:.2f}]"
