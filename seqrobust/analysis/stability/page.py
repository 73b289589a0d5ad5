"""The page of a study of explanations: verdicts, what edits did to them, and the checks beside that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from seqrobust.analysis.stability.findings import StabilityFindings
from seqrobust.analysis.stability.picture import stability_figure
from seqrobust.analysis.stability.verdict import ALIKE_ABOVE, UNRELATED_ABOVE, Verdict
from seqrobust.report.sections import Details, Page, Picture, Section, Table
from seqrobust.report.words import joined, one_line, percent, plural

_HELD = ("stable",)
_OPEN = ("not seen to move", "untold")
"""Verdicts that neither speak for a method nor against it."""

_FEW = 10
"""Attacked records below which a verdict is rough."""

_WHO = {
    "random": "random edits, prediction kept",
    "change": "an adversary, prediction kept",
    "keep": "an adversary, prediction flipped",
}

_SPREAD = "A point a record, the bar their median; dashed: where an explanation counts as changed, and as the same."

_MEANING = (
    ("unrelated to the weights", "ranks of importance under random weights still correlate with those of the model"),
    ("unstable", "random edits that keep the prediction change the explanation in half of the cases"),
    ("movable", "found edits change the explanation and keep the prediction in half of the records"),
    (
        "silent",
        "found edits flip the prediction and leave the explanation elsewhere as it is in half of the records, and "
        "it had not pointed at the edited letters",
    ),
    ("alike for all records", "not movable, but different records with one prediction have one explanation"),
    ("stable", "none of these within the budgets. A search that finds nothing proves nothing: it is no guarantee"),
    ("not seen to move", "none of these on edits found against another method: ones of its own may do more"),
    ("untold", "nothing was looked at that could tell"),
)


def page(findings: StabilityFindings) -> Page:
    """See the head of this module."""
    metrics = findings.metrics
    return Page(
        title=f"Explanations of {one_line(findings.name, 200)}",
        subtitle=f"{metrics['task']} · {plural(metrics['n'], 'record')} studied · {findings.alphabet}",
        sections=tuple(_sections(findings)),
    )


def _sections(findings: StabilityFindings) -> Iterator[Section]:
    metrics = findings.metrics
    yield Section(name="answer", answer=_answer(findings))
    yield Section(
        title="Verdicts",
        name="verdicts",
        items=tuple((_spaced(one.method), one.sentence) for one in findings.verdicts),
        details=(Details(title="What the verdicts mean", items=_MEANING),),
    )
    yield Section(
        title="What edits do to explanations",
        name="edits",
        lead=_thresholds(metrics["thresholds"]),
        pictures=(Picture(svg=lambda: _spread(findings), caption=_SPREAD),) if findings.settings.draw else (),
        tables=(_edits(metrics["methods"]),),
    )
    if findings.examples:
        yield Section(
            title="Before and after",
            name="examples",
            lead="Height: absolute importance of the letter. Shaded, with the letter above: edited.",
            pictures=tuple(
                Picture(svg=partial(_example, findings, number)) for number in range(len(findings.examples))
            ),
            for_terminal=False,
        )
    yield from _beside(metrics)


def _answer(findings: StabilityFindings) -> tuple[str, ...]:
    """Which explanations failed a check, which held, and of which nothing is known."""
    verdicts = findings.verdicts
    failed = [one for one in verdicts if one.word not in (*_HELD, *_OPEN)]
    held = [one for one in verdicts if one.word in _HELD]
    open_ = [one for one in verdicts if one.word in _OPEN]
    sentences = []
    most = _attacked(findings.metrics["methods"])
    if not most:
        sentences.append(
            "No record could be attacked: none is classified correctly and has an explanation that varies."
        )
    elif most < _FEW:
        sentences.append(f"Only {plural(most, 'record')} could be attacked: take this as rough.")
    if failed:
        sentences.append(f"Not to be relied on within these budgets: {_listed(failed)}.")
    if held:
        sentences.append(f"No check failed in half of the records: {_listed(held)}.")
    if open_:
        sentences.append(f"Neither shown to hold nor to fail: {_listed(open_)}.")
    return tuple(sentences)


def _listed(verdicts: Sequence[Verdict]) -> str:
    return joined([f"{_spaced(one.method)} ({one.finding})" for one in verdicts])


def _attacked(methods: Mapping[str, Any]) -> int:
    """The most records that any goal looked at."""
    return max((found["n"] for goals in methods.values() for found in goals.values()), default=0)


def _thresholds(thresholds: Mapping[str, Any]) -> str:
    text = (
        f"Changed: a correlation below {thresholds['changed_below']:g} with the clean explanation, edited positions "
        f"left out; the same: {thresholds['kept_above']:g} or more."
    )
    if thresholds["kept_lead"] is not None:
        return f"{text} A prediction is kept where {percent(thresholds['kept_lead'])} of its margin is left."
    moved = ", ".join(f"{value:.3g}" for value in thresholds["tolerance"] or ())
    return (
        f"{text} A prediction is kept where it moves by at most {moved}, another one from {thresholds['delta']:.3g} on."
    )


def _edits(methods: Mapping[str, Any]) -> Table:
    rows = [
        (_spaced(method), str(level["budget"]), _WHO[goal], str(level["n"]), _rate(level), *_measures(level))
        for method, goals in methods.items()
        for goal, found in goals.items()
        for level in found["budgets"]
    ]
    return Table(
        caption="mean similarity to the clean explanation; reached: share of records [95 % interval]",
        columns=("method", "edits", "by", "n", "reached, %", "correlation", "spearman", "top-k (chance)"),
        rows=tuple(rows),
    )


def _rate(level: Mapping[str, Any]) -> str:
    if level["success_rate"] is None:
        return "-"
    ends = level["success_rate_ci"]
    return f"{100 * level['success_rate']:.0f}" + (f" [{100 * ends[0]:.0f}, {100 * ends[1]:.0f}]" if ends else "")


def _measures(found: Mapping[str, Any]) -> tuple[str, ...]:
    chance = found.get("top_k_chance")
    top = _number(found["top_k_overlap"]) + ("" if chance is None else f" ({chance:.2f})")
    return (_number(found["correlation"]), _number(found["spearman"]), top)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def _beside(metrics: Mapping[str, Any]) -> Iterator[Section]:
    """What similarity is to be read beside: other records, random weights, other models."""
    rows = tuple(
        (_spaced(method), str(found["n"]), _number(found["correlation"]), _number(found["spearman"]))
        for method, found in metrics["between_records"].items()
    )
    yield Section(
        title="Different records",
        name="between",
        lead="How similar explanations of different records with one prediction are, position by position: to be read "
        f"beside what edits do. From {ALIKE_ABOVE:g} on all records have one explanation, which edits cannot move.",
        tables=(Table(caption="", columns=("method", "n", "correlation", "spearman"), rows=rows),),
        for_terminal=False,
    )
    if metrics["sanity"]:
        yield _sanity(metrics["sanity"])
    if "seeds" in metrics:
        yield _seeds(metrics["seeds"])


def _sanity(sanity: Mapping[str, Any]) -> Section:
    rows = [
        (_spaced(method), _number(found["all_at_once"]["spearman"]), _passed(found["passed"]))
        for method, found in sanity.items()
    ]
    cascade = [
        (_spaced(method), one_line(stage["stage"]), str(stage["layers"]), _number(stage["spearman"]))
        for method, found in sanity.items()
        for stage in found["cascade"]
    ]
    columns = ("method", "down to layer", "random layers", "rank correlation")
    return Section(
        title="Random weights",
        name="sanity",
        lead="Rank correlation with the explanations of the same network with random weights; above "
        f"{UNRELATED_ABOVE:g} an explanation shows the input rather than the model (Adebayo et al. 2018).",
        tables=(
            Table(
                caption="All layers at once", columns=("method", "rank correlation", "comes apart"), rows=tuple(rows)
            ),
            Table(caption="From the output down", columns=columns, rows=tuple(cascade)),
        ),
        for_terminal=False,
    )


def _passed(passed: bool | None) -> str:
    return "-" if passed is None else "yes" if passed else "no"


def _seeds(seeds: Mapping[str, Any]) -> Section:
    """Agreement of models, pair by pair."""
    rows = [
        (_spaced(method), one_line(pair["one"], 40), one_line(pair["other"], 40), str(pair["n"]), *_measures(pair))
        for method, found in seeds.items()
        for pair in found["pairs"]
    ]
    items = tuple(
        (
            _spaced(method),
            "no record for which all predict the same"
            if found["spearman"] is None
            else f"rank correlation {found['spearman']:.2f} between models",
        )
        for method, found in seeds.items()
    )
    columns = ("method", "model", "other model", "n", "correlation", "spearman", "top-k")
    return Section(
        title="Other models",
        name="seeds",
        lead="Records for which both models of a pair predict the same.",
        items=items,
        tables=(Table(caption="Pairs of models", columns=columns, rows=tuple(rows)),),
    )


def _spread(findings: StabilityFindings) -> Markup:
    from seqrobust.analysis.stability.picture import spread_figure
    from seqrobust.report.look import svg_markup

    return svg_markup(spread_figure(findings), "spread", "correlations with the clean explanation by method and goal")


def _example(findings: StabilityFindings, number: int) -> Markup:
    from seqrobust.analysis.stability.picture import example_figure
    from seqrobust.report.look import svg_markup

    name = one_line(findings.examples[number].id)
    return svg_markup(example_figure(findings, number), f"example{number}", f"explanation of {name} before and after")


def _spaced(name: str) -> str:
    return name.replace("_", " ")


def figure(findings: StabilityFindings) -> Figure:
    """Explanations before and after, and how far they moved."""
    return stability_figure(findings)
