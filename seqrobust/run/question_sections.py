"""What a report says of a run's questions: certificates, attributions, a probe, explanations and membership."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqrobust.report.sections import Section, Table
from seqrobust.report.words import figure, percent, percent_range, plural, unit_of


def question_sections(answers: Mapping[str, Mapping[str, Any]]) -> tuple[Section, ...]:
    """A section for each question that was answered, from its ``metrics.json``."""
    makers = {
        "certify": _certificates,
        "attribute": _attribution,
        "probe": _probe,
        "stability": _stability,
        "privacy": _privacy,
    }
    return tuple(make(answers[name]) for name, make in makers.items() if name in answers)


def _interval(value: float | None, ci: list[float] | None) -> str:
    if value is None:
        return "–"
    return figure(value) if not ci else f"{figure(value)} [{figure(ci[0])}, {figure(ci[1])}]"


def _certificates(metrics: Mapping[str, Any]) -> Section:
    unit = unit_of(metrics)
    rows = []
    for found in metrics["budgets"]:
        shares = [
            f"{percent(found[key])} ({percent_range(*found[f'{key}_ci'])})" if found[key] is not None else "n/a"
            for key in ("certified_accuracy", "robust_accuracy")
        ]
        rows.append((str(found["budget"]), *shares, f"{found['unknown']:,}"))
    exact = metrics["exact_fraction"]
    known = "" if exact is None else f" At every budget {percent(exact)} of the records are known exactly."
    return Section(
        title="What is guaranteed",
        lead="Certified: proved that no sequence within the threat reaches the goal. Not broken: none is known to."
        f"{known} More in certify/report.html.",
        tables=(
            Table(
                caption="Certified and attacked",
                columns=(f"{unit}s", "certified", "not broken", "unknown"),
                rows=tuple(rows),
            ),
        ),
    )


def _attribution(metrics: Mapping[str, Any]) -> Section:
    rows, compared = [], False
    for name, found in metrics["methods"].items():
        cells = [name.replace("_", " ")]
        for key in ("region_auroc", "region_aupr", "mass_in_regions"):
            compared |= found.get(key) is not None
            cells.append(_interval(found.get(key), found.get(f"{key}_ci")))
        rows.append(tuple(cells))
    chance = next((found["random"] for found in metrics["methods"].values() if "random" in found), None)
    lead = "attribute/attribute.png shows the letters. "
    if compared and chance is not None:
        lead += (
            "How well each method ranks the functional positions of a record above its others: by chance AUROC is "
            f"{figure(chance['region_auroc'])}, average precision {figure(chance['region_aupr'])} and share of "
            f"importance {figure(chance['mass_in_regions'])}."
        )
    else:
        lead += "No functional regions are annotated, so attributions are not compared with any."
    columns = ("method", "AUROC", "average precision", "share of importance")
    return Section(
        title="Which letters predictions rest on",
        lead=lead,
        tables=(Table(caption="Attribution against annotation", columns=columns, rows=tuple(rows)),)
        if compared
        else (),
    )


def _probe(metrics: Mapping[str, Any]) -> Section:
    first, *further = metrics["verdicts"]
    items = tuple((one["topic"], one["text"]) for one in further)
    return Section(title="Right for the right reason?", lead=f"{first['text']} More in probe/probe.html.", items=items)


def _stability(metrics: Mapping[str, Any]) -> Section:
    items = tuple(
        (one["method"].replace("_", " "), one["text"].removeprefix(f"{one['method']}: ")) for one in metrics["verdicts"]
    )
    return Section(
        title="Can the explanation be believed?",
        lead="Explanations were attacked like predictions: moved while the prediction stays, kept while it flips. "
        "stability/stability.png shows two records.",
        items=items,
    )


def _privacy(metrics: Mapping[str, Any]) -> Section:
    shown = {"0.01": "found, 1 in 100 accused wrongly", "0.001": "1 in 1,000"}
    # A rate is refused for all attacks alike, where there are too few non-members.
    known = [rate for rate in shown if all(one["tpr_at_fpr"][rate] is not None for one in metrics["attacks"].values())]
    rows = []
    for name, one in sorted(metrics["attacks"].items(), key=lambda item: -item[1]["auc"]):
        found = [f"{percent(one['tpr_at_fpr'][rate])} ({percent_range(*one['tpr_at_fpr_ci'][rate])})" for rate in known]
        rows.append((name.replace("_", " "), _interval(one["auc"], one["auc_ci"]), *found))
    lucky = next(iter(metrics["attacks"].values()))["tpr_at_fpr_by_chance"]
    rows.append(("by chance", figure(0.5), *(percent(lucky[rate]) for rate in known)))
    said = metrics["verdict"]
    return Section(
        title="Does the model betray what it was trained on?",
        lead=f"{said[0].upper()}{said[1:]}. Compared were {metrics['n_members']:,} training records and "
        f"{metrics['n_nonmembers']:,} others, with {plural(metrics['shadows']['n'], 'shadow model')}; "
        "privacy/privacy.png shows the curves, privacy/results.parquet each record.",
        tables=(
            Table(
                caption="Membership inference",
                columns=("attack", "AUC", *(shown[rate] for rate in known)),
                rows=tuple(rows),
            ),
        ),
    )
