"""The page of a probe: the answer, what can be moved from where, reliance, and what the edits have in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from matplotlib.figure import Figure

from seqrobust.analysis.data_summary import data_summary
from seqrobust.analysis.outcomes import ReportInput, page_of
from seqrobust.analysis.probe.examples import example_section, writing_sections
from seqrobust.analysis.probe.findings import ProbeFindings
from seqrobust.analysis.probe.picture import probe_figure, rates_figure, reliance_figure, scan_figure
from seqrobust.analysis.probe.shares import share_of
from seqrobust.analysis.probe.verdicts import Verdict
from seqrobust.report.look import svg_markup
from seqrobust.report.sections import Page, Picture, Section, Table
from seqrobust.report.words import figure, number, one_line, percent, plural
from seqrobust.statistics import LEAST
from seqrobust.tasks import task_in

Metrics = Mapping[str, Any]


def page(findings: ProbeFindings) -> Page:
    """What is said of the probe, and the numbers it rests on."""
    return page_of(
        ReportInput(
            title=f"Is {findings.name} right for the right reason?",
            task=findings.metrics["task"],
            data_summary=data_summary(findings.sequences),
            sections=tuple(_sections(findings)),
        )
    )


def _sections(findings: ProbeFindings) -> Iterator[Section]:
    metrics = findings.metrics
    yield _answer(metrics, findings.verdicts)
    yield _rates(metrics)
    yield _reliance(metrics)
    yield _scan(metrics)
    yield from writing_sections(findings)
    if (examples := example_section(findings)) is not None:
        yield examples


def _answer(metrics: Metrics, verdicts: tuple[Verdict, ...]) -> Section:
    first, *further = verdicts
    items = [
        *((one.topic, one.text) for one in further),
        ("Functional", ", ".join(one_line(name) for name in metrics["functional"])),
        ("Adversary", one_line(metrics["threat"], 200) + ", either outside those regions or inside them"),
        ("Goal", one_line(metrics["goal"], 240)),
        ("Records", f"{metrics['n']:,}, of which {metrics['attacked']:,} were attacked"),
    ]
    if metrics["clean_accuracy"] is not None:
        items.append(("Accuracy", share_of(metrics, "clean_accuracy") + " without any change"))
    return Section(title="The answer", lead=first.text, items=tuple(items))


def _rates(metrics: Metrics) -> Section:
    regression = task_in(metrics).measured
    names_of_arms = {"nonfunctional": "outside", "matched": "outside, as many", "functional": "inside"}
    arms = {name: metrics["budgets"][arm] for arm, name in names_of_arms.items()}
    key = "mean_shift" if regression else "flip_rate"
    names = ("mean shift", "random shift") if regression else ("flipped", "random")
    rows = []
    for place, by_budget in arms.items():
        for row in by_budget:
            cells = [figure(row[one]) if regression else share_of(row, one) for one in (key, f"random_{key}")]
            rows.append(
                (
                    f"{place}; {row['budget']}",
                    f"{row['n']:,}",
                    *cells,
                    figure(row["drop_per_edit"]),
                    figure(row["mean_edits"]),
                )
            )
    table = Table(
        caption="By place and budget",
        columns=("place, letters", "records", *names, "shift per edit" if regression else "margin per edit", "edits"),
        rows=tuple(rows),
    )
    tables = [table]
    if metrics["classes"]:
        tables.append(_class_table(metrics))
    picture = Picture(
        svg=lambda: svg_markup(rates_figure(metrics), "rates", "Flip rates against the number of changed letters"),
        caption="The same attack, confined to one kind of positions or the other; green: "
        "to as many positions outside as are functional, drawn at random; dotted: random edits there. "
        "Shaded: 95 % intervals.",
    )
    return Section(title="What can be moved from where", pictures=(picture,), tables=tuple(tables))


def _class_table(metrics: Metrics) -> Table:
    outside, inside = (metrics["classes"][arm] for arm in ("nonfunctional", "functional"))
    rows = tuple(
        (one_line(name, 30), f"{row['n']:,}", share_of(row, "flip_rate"), share_of(inside.get(name, {}), "flip_rate"))
        for name, row in outside.items()
    )
    return Table(
        caption="By class, at the largest budget", columns=("class", "records", "flipped outside", "inside"), rows=rows
    )


def _reliance(metrics: Metrics) -> Section:
    found, effect = metrics["reliance"], metrics["effect_per_position"]
    rows = [
        ("all records", found),
        *found["classes"].items(),
        *((f"{name} alone", one) for name, one in found["regions"].items()),
    ]
    table = Table(
        caption="Reliance",
        columns=("", "records", "score", "95 %", "placed elsewhere", "p, two-sided", "p, Holm"),
        rows=tuple(
            (
                one_line(name, 36),
                f"{one['n']:,}",
                figure(one["score"]),
                _interval(one),
                figure(one["null_mean"]),
                figure(one["p_two_sided"]),
                figure(one.get("p_adjusted")),
            )
            for name, one in rows
        ),
    )
    exchange = metrics["exchange"]
    items = [
        (
            "Best single edit",
            f"moves the objective by {figure(effect['functional'])} at a functional position, by "
            f"{figure(effect['nonfunctional'])} elsewhere, on average.",
        )
    ]
    if exchange["gap"] is not None:
        gap = figure(abs(exchange["gap"]) if not task_in(metrics).measured else exchange["gap"])
        side = "higher" if exchange["gap"] >= 0 else "lower"
        text = f"slope {gap}" if task_in(metrics).measured else f"margin {gap} {side} on a background of the same class"
        items.append(("Exchanged backgrounds", f"{text}; p = {exchange['p_value']:.2g}, {exchange['donors']} donors."))
    picture = Picture(
        svg=lambda: svg_markup(reliance_figure(metrics), "reliance", "The score beside its null distribution"),
        caption="Grey: the scores that the same regions would have, turned round the records as on a circle. p, Holm: "
        "corrected for the number of classes and regions.",
    )
    lead = (
        f"Of what the {found['edits']} best single edits move, the share that lies outside functional positions, both "
        "kinds cut to one size. Exchanged backgrounds need no adversary: all letters outside functional positions come "
        "from another record."
    )
    return Section(title="Reliance", lead=lead, items=tuple(items), pictures=(picture,), tables=(table,))


def _interval(one: Metrics) -> str:
    """The interval, or why there is none."""
    if one["ci"] is not None:
        return f"{one['ci'][0]:.2f} to {one['ci'][1]:.2f}"
    return f"none: {plural(one['n_units'], 'independent unit')}, {LEAST} wanted" if one["n_units"] < LEAST else "none"


def _scan(metrics: Metrics) -> Section:
    scan = metrics["scan"]
    columns = ("", "records", "expected", "p", "q")
    tables = []
    for action in ("written", "destroyed"):
        rows = tuple(
            (*_counted(kmer["word"], kmer), percent(number(kmer["functional_share"])))
            for kmer in scan["words"]
            if kmer["deed"] == action
        )
        if rows:
            tables.append(Table(caption=f"k-mers {action} most", columns=(*columns, "functional"), rows=rows))
    motifs = tuple(_counted(f"{one_line(one['motif'], 40)}, {one['change']}", one) for one in scan["motifs"])
    if motifs:
        tables.append(Table(caption="Motif hits", columns=columns, rows=motifs))
    lead = (
        f"The edits of {scan['edited']:,} records outside functional positions, beside as many random edits of the "
        "same records. A record counts once; q: Benjamini and Hochberg's. Functional: the share of all places "
        "where the k-mer stands that lie in functional regions; where one of them is written anew, the truth may "
        "change."
    )
    picture = Picture(
        svg=lambda: svg_markup(scan_figure(metrics), "scan", "Positions edited and k-mers written or destroyed")
    )
    return Section(title="What the adversary keeps choosing", lead=lead, pictures=(picture,), tables=tuple(tables))


def _counted(name: str, one: Metrics) -> tuple[str, ...]:
    return (
        name,
        f"{one['records']:,} of {one['n']:,}",
        figure(one["expected"]),
        f"{one['p_value']:.1g}",
        f"{one['q_value']:.1g}",
    )


def whole_figure(findings: ProbeFindings) -> Figure:
    """Flip rates by place and budget, the reliance and the scan."""
    return probe_figure(findings.metrics)
