"""The page of an attacked set: the answer, the curve, what an analysis adds, examples, the model and the data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from markupsafe import Markup

from seqrobust.analysis.outcomes.attack_sections import examples_section, how_section, tiles, where_section
from seqrobust.analysis.outcomes.budget_curve import budget_curve, curve_caption
from seqrobust.analysis.outcomes.class_tables import attacked_tables
from seqrobust.analysis.outcomes.model_section import model_section
from seqrobust.analysis.outcomes.report_input import ReportInput
from seqrobust.analysis.outcomes.sentences import answer, budgets_of
from seqrobust.analysis.outcomes.tables import budget_table, data_tables
from seqrobust.report.html import render, write_page
from seqrobust.report.look import svg_markup
from seqrobust.report.sections import Page, Picture, Section
from seqrobust.report.words import one_line, plural


def write_report(report: ReportInput, path: Path) -> None:
    """Write the page; it appears whole or not at all. The same input gives the same bytes."""
    write_page(page_of(report), path, report.manifest)


def render_report(report: ReportInput) -> str:
    """The page as text."""
    return render(page_of(report), report.manifest)


def page_of(report: ReportInput) -> Page:
    """The page, of the parts that there is something to say about."""
    return Page(title=one_line(report.title, 200), subtitle=_subtitle(report), sections=tuple(_sections(report)))


def _sections(report: ReportInput) -> Iterator[Section]:
    attack = report.attack
    if attack:
        said = answer(attack, protect=report.protect, only=report.only, labels=report.labels)
        yield Section(name="answer", answer=tuple(said), tiles=tuple(tiles(attack)))
        if budgets_of(attack):
            yield _curve(report)
    yield from report.sections
    if attack:
        yield examples_section(report)
    for section in (where_section(report), model_section(report)):
        if section is not None:
            yield section
    if report.data_summary and (tables := data_tables(report.data_summary)):
        yield Section(title="The data", name="data", aside=tuple(tables), for_terminal=False)
    if attack:
        yield how_section(report, attack)


def _subtitle(report: ReportInput) -> str:
    parts = [report.task or (report.attack or {}).get("task")]
    if report.sequences is not None:
        parts += [plural(len(report.sequences), "sequence") + " attacked", report.sequences.alphabet.name]
    parts.append((report.manifest or {}).get("started"))
    return " · ".join(one_line(part) for part in parts if part)


def _curve(report: ReportInput) -> Section:
    assert report.attack is not None
    attack = report.attack
    caption = (
        "Each point is the strongest attack found with at most that many changes, re-scored on the real sequence by a "
        f"plain forward pass. {curve_caption(report.attack)}"
    )
    return Section(
        title="Robustness by budget",
        name="curve",
        pictures=(Picture(svg=lambda: _drawn_curve(attack), caption=caption),),
        tables=(budget_table(report.attack), *attacked_tables(report.attack)),
    )


def _drawn_curve(attack: Mapping[str, Any]) -> Markup:
    return svg_markup(budget_curve(attack), "curve", "Accuracy or shift against the number of changed letters")
