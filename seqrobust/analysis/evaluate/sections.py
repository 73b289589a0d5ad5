"""The sections that an evaluation adds to the page: the methods, the diagnosis of masked gradients, and the claims."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqrobust.analysis.evaluate.pictures import (
    contribution_bars,
    convergence_curves,
    direction_curves,
    method_curves,
    minimal_edit_histogram,
)
from seqrobust.report.look import svg_markup
from seqrobust.report.sections import Picture, Section, Table
from seqrobust.report.words import figure, interval_of, number, one_line, percent, percent_range, plural
from seqrobust.tasks import task_in

Metrics = Mapping[str, Any]

_VERDICTS = {
    "none": "No sign of masked gradients was found.",
    "suspected": "Gradients are suspected of being masked: robustness may be smaller than it looks.",
    "masked": "Gradients are masked: attacks that follow them are blind, and robustness is smaller than they show.",
}


def evaluation_sections(metrics: Metrics) -> tuple[Section, ...]:
    """Sections of an evaluation, from its ``metrics.json``."""
    made = [_diagnosis(metrics["masking"]), _claims(metrics)]
    if metrics["attacked"]:
        made = [_methods(metrics), *_surrogates(metrics), _fewest(metrics), *made]
    if task_in(metrics).measured and metrics["attacked"]:
        picture = svg_markup(direction_curves(metrics), "directions", "Mean shift up and down against the budget")
        lead = "The largest shift found in each direction, on average, beside as many letters changed at random."
        made.insert(0, Section(title="Up and down", lead=lead, pictures=(Picture(svg=picture),)))
    return tuple(made)


def for_the_page(metrics: Metrics) -> dict[str, Any]:
    """Metrics in the terms of an attack's page, which knows one shift per budget: of two directions, the absolute."""
    budgets = [
        row if "mean_abs_shift" not in row else {**row, "mean_shift": row.get("mean_shift", row["mean_abs_shift"])}
        for row in metrics["budgets"]
    ]
    return {**metrics, "budgets": budgets}


def _methods(metrics: Metrics) -> Section:
    curves = svg_markup(method_curves(metrics), "methods", "Success of every method alone, against the budget")
    bars = svg_markup(contribution_bars(metrics), "contributions", "What each method breaks, and what it alone breaks")
    return Section(
        title="Every method alone",
        lead="Each method was run by itself on all records; the worst case takes, for every record, whatever reached "
        "the goal with the fewest edits. Bands are 95 % intervals.",
        pictures=(Picture(svg=curves), Picture(svg=bars)),
        tables=(_contributions(metrics),),
    )


def _contributions(metrics: Metrics) -> Table:
    seen = {method["name"]: method["access"] for method in metrics["methods"]}
    rows = []
    for method in metrics["contributions"]:
        last = method["budgets"][-1]
        low, high = interval_of(last["alone_ci"])
        share = percent(number(last["alone"])) + (f" ({percent_range(low, high)})" if low == low else "")
        name = one_line(method["method"])
        rows.append((name, seen[method["method"]], share, figure(last["unique"]), figure(last["added"])))
    return Table(
        caption=f"At the largest budget, of {plural(int(metrics['attacked']), 'attacked record')}",
        columns=("method", "sees", "breaks alone", "only it", "adds in order"),
        rows=tuple(rows),
    )


_KINDS = {"given": "given", "ensemble": "mean of the others"}


def _surrogates(metrics: Metrics) -> list[Section]:
    """Other models whose sequences were shown to this one: how like it they are, and what that was worth."""
    others = metrics.get("surrogates") or []
    if not others:
        return []
    alone = {method["method"]: method["budgets"] for method in metrics["contributions"]}
    regression = task_in(metrics).measured
    rows = []
    for one in others:
        low, high = interval_of(one["agreement_ci"])
        agreement = number(one["agreement"])
        like = figure(agreement) if regression else percent(agreement)
        like += f" ({percent_range(low, high)})" if low == low else ""
        kind = _KINDS.get(one["kind"]) or f"trained on {plural(int(one['taught']), 'answer')}"
        shares = [percent(number(row["alone"])) for row in alone.get(one["method"], [])]
        rows.append((one_line(one["name"], 40), kind, like, " · ".join(shares) or "n/a"))
    sizes = " · ".join(one_line(row["budget"]) for row in metrics["budgets"])
    table = Table(
        caption=f"On {plural(int(others[0]['n']), 'record')}",
        columns=(
            "surrogate",
            "how it came about",
            "correlation with the model" if regression else "says what the model says",
            f"breaks alone at {sizes}",
        ),
        rows=tuple(rows),
    )
    lead = "Found by the gradients of other models, and shown to this one, which masked gradients cannot hinder."
    if poor := [one_line(one["name"], 40) for one in others if one["low"]]:
        lead += (
            f" Little follows from {', '.join(poor)}, which too often {'answer' if poor[1:] else 'answers'} otherwise."
        )
    return [Section(title="Sequences from other models", lead=lead, tables=(table,))]


def _fewest(metrics: Metrics) -> Section:
    edits = metrics["minimal_edits"]
    picture = svg_markup(minimal_edit_histogram(metrics), "fewest", "Records by the fewest edits that broke them")
    lead = "The fewest edits of any sequence that reached the goal, for each attacked record. "
    if edits["median"] is None:
        lead += f"More than half ({edits['censored']:,} of {edits['n']:,}) were not broken, so there is no median."
    else:
        lead += f"The median is {edits['median']}. A stronger attack may find fewer, never more."
    return Section(title="How few edits are enough", lead=lead, pictures=(Picture(svg=picture),))


def _diagnosis(masking: Metrics) -> Section:
    items = [
        (f"{one_line(item['check']).replace('_', ' ')}: {item['verdict']}", one_line(item["explanation"], 600))
        for item in masking["evidence"]
    ]
    effort = next((item for item in masking["evidence"] if item["check"] == "convergence"), None)
    pictures = []
    if effort is not None and effort["n"]:
        svg = svg_markup(convergence_curves(effort["values"]), "effort", "Success against steps and restarts")
        pictures.append(Picture(svg=svg, caption="Where the lines are flat, more of the same finds nothing more."))
    lead = _VERDICTS[masking["verdict"]] + (
        " A sign counts only if it is both certain and large; few records show few signs."
    )
    return Section(title="Are gradients masked?", lead=lead, items=tuple(items), pictures=tuple(pictures))


def _claims(metrics: Metrics) -> Section:
    items = [
        (
            one["standing"],
            one_line(one["claim"] + (f", because {'; '.join(one['reasons'])}" if one["reasons"] else "") + ".", 900),
        )
        for one in metrics["claims"]
    ]
    return Section(
        title="What may be claimed", lead="Refused claims may be true; this does not show it.", items=tuple(items)
    )
