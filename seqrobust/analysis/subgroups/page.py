"""The page of a comparison of groups: what may be said, the picture, and the groups of every column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from seqrobust.analysis.subgroups.findings import SubgroupsFindings
from seqrobust.analysis.subgroups.picture import subgroups_figure
from seqrobust.report.look import svg_markup
from seqrobust.report.sections import Details, Page, Picture, Section, Table
from seqrobust.report.words import one_line, plural
from seqrobust.tasks import task_of

_HOW = "[95 %]: Wilson of shares, Student of means; p by permutation over all budgets together, Holm-corrected"


def page(findings: SubgroupsFindings) -> Page:
    """What may be said of every grouping, the picture, and a table each."""
    return Page(
        title=one_line(f"Subgroups of {findings.name}", 200),
        subtitle=" · ".join((findings.task, plural(findings.n, "record"), plural(findings.attacks, "attack"))),
        sections=tuple(_sections(findings)),
    )


def _sections(findings: SubgroupsFindings) -> Iterator[Section]:
    verdicts = findings.verdicts
    yield Section(name="answer", answer=tuple(verdicts.values()))
    caption = "Each group with its 95 % intervals, the weakest on top, at the budget that tells most on all records."
    yield Section(
        title="Groups side by side",
        name="picture",
        pictures=(Picture(svg=lambda: _drawn(findings), caption=caption),),
        for_terminal=False,
    )
    for number, (by, found) in enumerate(findings.by.items()):
        notes = ["\n".join(found["notices"])] if found["notices"] else []
        yield Section(
            title=f"By {one_line(by)}",
            name=f"by-{number}",
            tables=(_groups(findings, found["groups"], by),),
            details=tuple(Details(title="Pooled, cut or left out", code=text) for text in notes),
        )
    yield Section(title="How to read this", name="how", lead=_HOW)


def _drawn(findings: SubgroupsFindings) -> Markup:
    from seqrobust.analysis.subgroups.picture import subgroups_figure

    figure = subgroups_figure(findings.plain(), findings.statements)
    return svg_markup(figure, "subgroups", "Robustness of each group with its interval")


def _groups(findings: SubgroupsFindings, groups: list[dict[str, Any]], by: str) -> Table:
    """A row per group, the weakest first, and one of all records; at the smallest, a middle and the largest budget."""
    regression = task_of(findings.task).measured
    key, clean = ("mean_abs_shift", "clean_error") if regression else ("robust_accuracy", "clean_accuracy")
    budgets = [row["budget"] for row in findings.everyone["budgets"]]
    shown = sorted({0, len(budgets) // 2, len(budgets) - 1})
    decides = shown[1 % len(shown)]
    ordered = sorted(groups, key=lambda one: (1 - 2 * regression) * (one["budgets"][decides][key] or 0))
    rows = []
    for row in [*ordered, findings.everyone]:
        cells = [_cell(row, clean, regression), *(_cell(row["budgets"][at], key, regression) for at in shown)]
        rows.append((one_line(row["group"]), f"{row['n']:,}", *cells, _fewest(row["minimal_edits"], budgets[-1])))
    what = "shift" if regression else "robust, %"
    heads = ["n", "error" if regression else "clean, %", *(f"{what}, k={budgets[at]}" for at in shown), "median edits"]
    return Table(caption="", columns=(one_line(by), *heads), rows=tuple(rows))


def _fewest(edits: Mapping[str, Any], largest: object) -> str:
    """The median of the fewest edits; nothing where no record was attacked."""
    if not edits["n"]:
        return "-"
    return f">{largest}" if edits["median"] is None else f"{edits['median']:g}"


def _cell(row: Mapping[str, Any], key: str, regression: bool) -> str:
    if row.get(key) is None:
        return "-"
    scale, digits = (1, 3) if regression else (100, 1)
    ends = row[f"{key}_ci"]
    interval = f" [{scale * ends[0]:.{digits}f}, {scale * ends[1]:.{digits}f}]" if ends else ""
    return f"{scale * row[key]:.{digits}f}{interval}"


def figure(findings: SubgroupsFindings) -> Figure:
    """Every group's robustness with its interval."""
    return subgroups_figure(findings.plain(), findings.statements)
