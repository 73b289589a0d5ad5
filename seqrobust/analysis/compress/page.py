"""The page of a study of compression."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from matplotlib.figure import Figure

from seqrobust.analysis.compress.findings import CompressFindings
from seqrobust.analysis.compress.picture import clean, clean_name, compression_figure, shown_budget, standing, worst
from seqrobust.analysis.outcomes.class_tables import balanced_tables
from seqrobust.report.look import svg_markup
from seqrobust.report.sections import Page, Picture, Section, Table
from seqrobust.report.words import figure as number_text
from seqrobust.report.words import one_line, percent, percent_range
from seqrobust.tasks import task_in

_MEANING = (
    "R²: of the variance of the targets; r: Pearson's correlation of a copy's predictions with the original's. "
    "Bits: of a weight of the original, zeros counted as none. Own attack: robust accuracy (regression: not shifted). "
    "And others': where the original's adversarial sequences are shown too, to the original those of all copies. Less "
    "original: against the original that is shown the copy's sequences, record by record. Transfer: the share of those "
    "that still work. 95 % intervals in brackets."
)


def page(findings: CompressFindings) -> Page:
    """Every copy beside the original: size, accuracy, robustness, transfer."""
    metrics = findings.metrics
    picture = Picture(
        svg=lambda: svg_markup(figure(findings), "compress", "Accuracy and robustness of every compressed copy")
    )
    section = Section(
        title="Before and after",
        lead=_MEANING,
        pictures=(picture,),
        items=(*_goal(metrics), *_cautions(metrics)),
        tables=(_table(metrics), *_balanced(metrics)),
    )
    return Page(title=f"Compression of {findings.name}", subtitle=metrics["task"], sections=(section,))


def figure(findings: CompressFindings) -> Figure:
    """Accuracy and robustness of every copy."""
    return compression_figure(findings.metrics)


def _less(found: dict[str, Any] | None) -> str:
    """By how many points less or more stand than of the original, with its interval and p-value."""
    if not found or found["difference"] is None:
        return ""
    ends = found["difference_ci"]
    span = "" if ends is None else f" [{100 * ends[0]:+.1f}, {100 * ends[1]:+.1f}]"
    return f"{100 * found['difference']:+.1f}{span}, p = {found['p_value']:.2g}"


def _table(metrics: dict[str, Any]) -> Table:
    level = shown_budget(metrics["original"])
    budget = metrics["original"]["budgets"][level]["budget"]
    regression = task_in(metrics).measured
    both = regression and "clean_r2" in metrics["original"]
    rows = []
    for row in [metrics["original"], *metrics["variants"]]:
        found = row["budgets"][level]
        to = found.get("transfer_to") or {"rate": None, "rate_ci": None}
        known = clean(row, metrics["task"])
        rows.append(
            (
                one_line(row["name"]),
                f"{row.get('bits_per_weight', 32):.1f}",
                number_text(known[0]) if regression else _share(*known),
                *((number_text(row.get("agreement", 1.0)),) if both else ()),
                _share(*standing(found)),
                _share(*worst(found)),
                _less(found.get("less_original")),
                _share(to["rate"], to["rate_ci"]),
            )
        )
    columns = (
        "model",
        "bits",
        clean_name(metrics["original"], metrics["task"]) if regression else "clean",
        *(("r with original",) if both else ()),
        f"own attack, k = {budget}",
        "and others'",
        "less original",
        "transfer",
    )
    return Table(caption="Copies", columns=columns, rows=tuple(rows))


def _goal(metrics: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What counts as a shift, of every copy alike."""
    if task_in(metrics).measured and metrics.get("goal"):
        yield "goal", one_line(metrics["goal"], 240)


def _cautions(metrics: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What the shares of a copy, or of the original, should not be read as."""
    for row in [metrics["original"], *metrics["variants"]]:
        if said := row.get("cautions"):
            yield one_line(row["name"]), "; ".join(said) + ". That it is hard to fool then is no robustness."


def _balanced(metrics: dict[str, Any]) -> list[Table]:
    """What uneven classes do not flatter, of every copy; nothing where the truth is not known."""
    rows = [metrics["original"], *metrics["variants"]]
    if metrics["original"].get("clean_balanced_accuracy") is None:
        return []
    level = shown_budget(metrics["original"])
    budget = metrics["original"]["budgets"][level]["budget"]
    return balanced_tables([(row["name"], row, row["budgets"][level]) for row in rows], budget)


def _share(value: float | None, ends: list[float] | None) -> str:
    if value is None:
        return "n/a"
    return percent(value) + (f" ({percent_range(*ends)})" if ends else "")
