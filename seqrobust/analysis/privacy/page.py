"""The page of an audit: what each attack finds beside chance, whether the sides differ without the model, who is
exposed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from seqrobust.analysis.privacy.findings import PrivacyFindings
from seqrobust.analysis.privacy.performance import performance_words
from seqrobust.analysis.privacy.picture import privacy_figure
from seqrobust.report.look import svg_markup
from seqrobust.report.sections import Page, Picture, Section, Table
from seqrobust.report.words import one_line

_RATES = {"0.01": "found at 1 %, %", "0.001": "at 0.1 %, %"}
"""Columns of members found at so small a false-positive rate."""
_COPIES = ("exact", "other_strand", "near")
_MEANING = (
    "Found: the share of members that an attack names, where it may name that share of the non-members wrongly. "
    "95 % intervals in brackets."
)


def page(findings: PrivacyFindings) -> Page:
    """The verdict, the attacks, the test of a shift, and who is exposed."""
    metrics = findings.metrics
    sections = (_answer(metrics), _attacks(findings), _shift(metrics), *_exposure(metrics))
    return Page(title=f"Membership audit of {findings.name}", subtitle=metrics["task"], sections=sections)


def figure(findings: PrivacyFindings) -> Figure:
    """What attacks find at small false-positive rates, and how far the best one's scores lie apart."""
    return privacy_figure(findings.scores, findings.is_member, findings.metrics)


def _answer(metrics: Mapping[str, Any]) -> Section:
    count = metrics["shadows"]["n"]
    models = f"{count} shadow models" if count else "no shadow models"
    said = metrics["verdict"]
    return Section(
        answer=(
            f"{said[0].upper()}{said[1:]}.",
            f"{metrics['n_members']:,} members, {metrics['n_nonmembers']:,} non-members; {models}",
        )
    )


def _attacks(findings: PrivacyFindings) -> Section:
    metrics = findings.metrics
    refused = {text for one in metrics["attacks"].values() for text in one["tpr_at_fpr_refused"].values() if text}
    left_out = [(name.replace("_", " "), f"left out: {reason}") for name, reason in metrics["left_out"].items()]
    picture = Picture(
        svg=lambda: svg_markup(figure(findings), "privacy", "Members found at each false-positive rate"),
        caption="Left: members found at each false-positive rate, both on logarithmic axes, with a 95 % band around "
        "the strongest attack. Right: its scores.",
    )
    return Section(
        title="What each attack finds",
        lead=_MEANING,
        items=(*(("not known (-)", one_line(text, 300)) for text in sorted(refused)), *left_out),
        pictures=(picture,),
        tables=(attack_table(metrics),),
    )


def attack_table(metrics: Mapping[str, Any]) -> Table:
    """A row per attack, the largest AUC first, and what chance finds."""
    copied = any(metrics["copies"][kind] for kind in _COPIES)
    columns = ("attack", "AUC", *(["without copies"] if copied else []), *_RATES.values(), "balanced acc., %")
    ordered = sorted(metrics["attacks"].items(), key=lambda item: -item[1]["auc"])
    rows = [_attack_row(name, one, copied=copied) for name, one in ordered]
    by_chance = next(iter(metrics["attacks"].values()))["tpr_at_fpr_by_chance"]
    lucky = [_cell(by_chance[rate], None, 100, 1) for rate in _RATES]
    rows.append(("by chance", "0.500", *(["0.500"] if copied else []), *lucky, "50.0"))
    return Table(caption="Attacks", columns=columns, rows=tuple(rows))


def _attack_row(name: str, one: Mapping[str, Any], *, copied: bool) -> tuple[str, ...]:
    cells = [_cell(one["auc"], one["auc_ci"], 1, 3)]
    if copied:
        cells.append(_cell((one["without_copies"] or {}).get("auc"), None, 1, 3))
    cells += [_cell(one["tpr_at_fpr"][rate], one["tpr_at_fpr_ci"][rate], 100, 1) for rate in _RATES]
    return (name.replace("_", " "), *cells, _cell(one["balanced_accuracy"], None, 100, 1))


def _shift(metrics: Mapping[str, Any]) -> Section:
    """Whether the sides differ without the model, and copies across them: either may pass for a leak, or hide one."""
    shift, copies = metrics["shift"], metrics["copies"]
    if shift is None:
        found = [("members against non-members without the model", f"not tested: {metrics['left_out'].get('shift')}")]
    else:
        kinds = (("members against non-members without the model", shift), ("by their targets alone", shift["targets"]))
        found = [(name, _difference(one)) for name, one in kinds]
    told = (shift["warning"], shift["targets"]["warning"]) if shift else ()
    warnings = [text for text in (*told, copies["warning"]) if text]
    counted = ", ".join(f"{copies[kind]:,} {kind.replace('_', ' ')}" for kind in _COPIES)
    return Section(
        title="Are the two sides alike?",
        items=(
            ("answered", one_line(performance_words(metrics["performance"]), 200)),
            *found,
            ("copies of members among the non-members", f"{counted}; {copies['nonmembers_left']:,} others"),
            *(("warning", one_line(text, 600)) for text in warnings),
        ),
    )


def _difference(shift: Mapping[str, Any]) -> str:
    told = "they DIFFER, see the warning" if shift["warning"] else "no difference found"
    return f"AUC {_cell(shift['auc'], shift['auc_ci'], 1, 3)}, {told}"


def _exposure(metrics: Mapping[str, Any]) -> tuple[Section, ...]:
    """Classes, groups and single members by how well the strongest attack finds them."""
    best = metrics["best_attack"].replace("_", " ")
    kinds = (("class", metrics["per_class"]), ("group", metrics["per_group"]))
    tables = [_group_table(kind, groups) for kind, groups in kinds if groups]
    by_kind = Section(
        title="Who is exposed",
        lead=f"By {best}, the strongest attack, at the threshold of a false-positive rate of 1 % over all records.",
        tables=tuple(tables),
    )
    records = Section(tables=(_record_table(metrics),), for_terminal=False)
    return (*((by_kind,) if tables else ()), records)


def _group_table(kind: str, groups: list[dict[str, Any]]) -> Table:
    columns = (kind, "members", "non-members", "AUC", "members found, %", "non-members accused, %")
    rows = [
        (
            one_line(one["group"]),
            f"{one['n_members']:,}",
            f"{one['n_nonmembers']:,}",
            _cell(one["auc"], one["auc_ci"], 1, 3),
            *(_cell(one[key], one[f"{key}_ci"], 100, 1) for key in ("found", "accused")),
        )
        for one in groups
    ]
    return Table(caption=f"By {kind}", columns=columns, rows=tuple(rows))


def _record_table(metrics: Mapping[str, Any]) -> Table:
    rows = [
        (
            one_line(one["id"]),
            f"{one['score']:.4g}",
            f"{one['false_positives']:,}",
            f"{100 * one['fpr_upper']:.1f}",
        )
        for one in metrics["exposed"]
    ]
    columns = ("member", "score", "non-members that score as high", "false-positive rate below, %")
    return Table(caption="The members that the strongest attack is surest of", columns=columns, rows=tuple(rows))


def _cell(value: float | None, ends: list[float] | None, scale: float, digits: int) -> str:
    if value is None:
        return "-"
    interval = f" [{scale * ends[0]:.{digits}f}, {scale * ends[1]:.{digits}f}]" if ends else ""
    return f"{scale * value:.{digits}f}{interval}"
