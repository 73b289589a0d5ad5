"""The page of a comparison of attributions: what methods find, logos, numbers, how far methods agree."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

from markupsafe import Markup

from seqrobust.analysis.attribute.findings import FEWEST_RECORDS, LEVEL, AttributeFindings
from seqrobust.analysis.attribute.layout import Drawn, make_panel
from seqrobust.analysis.attribute.picture import attribution_figure
from seqrobust.report.look import svg_markup
from seqrobust.report.sections import Details, Page, Picture, Section, Table
from seqrobust.report.words import joined, one_line, plural

_SHOWN_NAMES = 8
_MEASURES = (("region_auroc", 1, 3), ("region_aupr", 1, 3), ("mass_in_regions", 100, 1))
"""Key, factor and decimals of what is measured against annotation."""
_COLUMNS = ("AUROC", "average precision", "mass in regions, %")

_MEANING = (
    ("AUROC", "the chance that a functional position of a record ranks above another one; 0.5 for a random ranking"),
    ("average precision", "precision averaged over the functional positions as the ranking reaches them"),
    ("mass in regions", "share of the sum of absolute importances that lies in functional regions"),
    ("sum missed by", "how far contributions are, on average, from the difference that they should add up to"),
    (
        "DeepLIFT",
        "functions of one number: the quotient of differences from the baseline; products and other functions of a few "
        "numbers: Shapley values; softmax and norms: the derivative averaged along the straight line from the "
        "baseline; maxima: to where record and baseline have theirs",
    ),
    (
        "other records",
        "the AUROC of other records' importances on this record's regions, and by how much its own are better: near 0 "
        "where one explanation does for all",
    ),
    (
        "chance",
        "positions in random order; a method that gives all the same importance has an AUROC of 0.5, and an average "
        "precision of the share of functional positions. A method that prefers the same places in every record may "
        "find regions that lie at the same places, so look at the letters too; a poor score may be the method's fault "
        "or the model's",
    ),
)


def page(findings: AttributeFindings) -> Page:
    """See the head of this module."""
    task, alphabet = findings.metrics["task"], findings.metrics["alphabet"]
    return Page(
        title=f"Attributions of {one_line(findings.name, 200)}",
        subtitle=f"{task} · {plural(findings.metrics['n'], 'record')} explained · {alphabet}",
        sections=tuple(_sections(findings)),
    )


def _sections(findings: AttributeFindings) -> Iterator[Section]:
    metrics = findings.metrics
    yield Section(name="answer", answer=_answer(findings), lead=_lead(metrics))
    yield Section(title="Methods", name="methods", tables=(_methods(findings),), details=(_meaning(metrics),))
    if len(metrics["methods"]) > 1:
        yield Section(
            title="Do methods agree?",
            name="agreement",
            tables=(_agreement(metrics["agreement"]),),
        )
    if findings.drawn:
        yield _logos(findings)
    yield from _apart(metrics)
    if metrics["left_out"]:
        reasons = tuple((_spaced(name), one_line(reason, 300)) for name, reason in metrics["left_out"].items())
        yield Section(title="Left out", name="left-out", items=reasons, for_terminal=False)


def _answer(findings: AttributeFindings) -> tuple[str, ...]:
    """Whether methods find what is annotated, and what that rests on."""
    verdicts, methods = findings.verdicts, findings.metrics["methods"]
    if set(verdicts.values()) == {"not compared"}:
        if findings.metrics["regions"]:
            return (
                "What is named functional leaves no letter to compare it with: attributions are shown, not judged.",
            )
        return ("Nothing is annotated that attributions could be compared with, so they are shown, and not judged.",)
    records = max(found["records"] for found in methods.values())
    if set(verdicts.values()) <= {"too few records", "not compared"}:
        compared = plural(records, "record")
        return (f"Only {compared} could be compared with annotation; {FEWEST_RECORDS} or more are needed to judge.",)
    above = [name for name, verdict in verdicts.items() if verdict == "above chance"]
    below = [name for name, verdict in verdicts.items() if verdict == "below chance"]
    if set(verdicts.values()) == {"cannot be told"}:
        least = min(found["region_auroc_null"]["least"] for found in methods.values())
        return (f"It cannot be told: of records so short no p-value below {least:.2g} can come out.",)
    if not above:
        first = "No method ranks the functional positions clearly higher than the same regions placed elsewhere."
    else:
        best = max(above, key=lambda name: methods[name]["region_auroc"])
        auroc = _measured(methods[best], *_MEASURES[0])
        every = len(above) == len(methods)
        which = "Every method" if every else f"{len(above)} of {plural(len(methods), 'method')}"
        verb = "ranks" if every or len(above) == 1 else "rank"
        first = (
            f"{which} {verb} the functional positions clearly higher than the same regions placed elsewhere, "
            f"most of all {_spaced(best)} (AUROC {auroc}).{_no_better_than_others(methods[best])}"
        )
    further = [f"Below chance: {joined([_spaced(name) for name in below])}."] if below else []
    return (first, *further)


def _no_better_than_others(found: Mapping[str, Any]) -> str:
    """What is said where other records' importances do as well."""
    others = found["region_auroc_others"]
    if others["difference"] is None or (others["difference"] > 0 and others["p_value"] <= LEVEL):
        return ""
    return (
        f" Importances of other records find them as well, as far as can be told (AUROC {others['mean']:.3f}): this "
        "may be a place that is preferred in every record rather than what the letters say."
    )


def _lead(metrics: Mapping[str, Any]) -> str:
    output = metrics["explained"]["output"]
    explained = metrics["explained"]["quantity"] + (f" {one_line(output)}" if output else "")
    lead = f"{metrics['n']:,} records; explained: {explained}; baseline: {metrics['baseline']}"
    return lead + (f"; functional: {_some(metrics['regions'])}" if metrics["regions"] else "")


def _some(names: list[str]) -> str:
    more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
    return ", ".join(one_line(name) for name in names[:_SHOWN_NAMES]) + more


def _methods(findings: AttributeFindings) -> Table:
    methods, verdicts = findings.metrics["methods"], findings.verdicts
    compared = [found for found in methods.values() if found.get("records")]
    rows = []
    for name, found in methods.items():
        delta = found.get("completeness_delta")
        missed, seconds = "-" if delta is None else f"{100 * delta:.2g}", f"{found['seconds']:.1f}"
        nulls = (_null(found.get("region_auroc_null")), _others(found.get("region_auroc_others")))
        against = (*_agreement_cells(found), *nulls, verdicts[name]) if compared else ()
        rows.append((_spaced(name), *against, missed, seconds))
    caption = ""
    if compared:
        chance = compared[0]["random"]
        cells = [f"{scale * chance[key]:.{digits}f}" for key, scale, digits in _MEASURES]
        rows.append(("random ranking", *cells, "", "", "", "", ""))
        caption = (
            "functional positions ranked against the others by absolute importance: mean over "
            f"{compared[0]['records']:,} records [95 % interval]"
        )
    columns = (*_COLUMNS, "AUROC, regions elsewhere", "AUROC, other records", "AUROC is") if compared else ()
    return Table(caption=caption, columns=("method", *columns, "sum missed by, %", "s"), rows=tuple(rows))


def _null(found: Mapping[str, Any] | None) -> str:
    """The AUROC of the same regions placed elsewhere, and how seldom one of them is as far off as the real one."""
    if not found or found["mean"] is None:
        return "-"
    low, high = found["range"]
    return f"{found['mean']:.3f} ({low:.3f} to {high:.3f}); p = {found['p_value']:.2g}, least {found['least']:.2g}"


def _others(found: Mapping[str, Any] | None) -> str:
    """The AUROC of other records' importances, and how much better the record's own are."""
    if not found or found["difference"] is None:
        return "-"
    ends = found["difference_ci"]
    interval = "" if ends is None else f" [{ends[0]:+.3f}, {ends[1]:+.3f}]"
    return f"{found['mean']:.3f}; own {found['difference']:+.3f}{interval}, p = {found['p_value']:.2g}"


def _agreement_cells(found: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(_measured(found, *measure) for measure in _MEASURES)


def _measured(found: Mapping[str, Any], key: str, scale: float, digits: int) -> str:
    value, ends = found.get(key), found.get(f"{key}_ci")
    if value is None:
        return "-"
    interval = "" if ends is None else f" [{scale * ends[0]:.{digits}f}, {scale * ends[1]:.{digits}f}]"
    return f"{scale * value:.{digits}f}{interval}"


def _meaning(metrics: Mapping[str, Any]) -> Details:
    compared = any(found.get("records") for found in metrics["methods"].values())
    return Details(title="What the numbers mean", items=_MEANING if compared else _MEANING[3:5])


def _agreement(agreement: Mapping[str, Mapping[str, Any]]) -> Table:
    """Pairs of methods; columns are numbered, for names are long."""
    names = list(agreement)
    rows = []
    for number, one in enumerate(names):
        cells = [_pair(agreement[one][other]) if place > number else "" for place, other in enumerate(names) if place]
        rows.append((f"{number + 1} {_spaced(one)}", *cells))
    columns = ("", *(str(place + 1) for place in range(1, len(names))))
    return Table(caption="rank correlation of methods, mean over records", columns=columns, rows=tuple(rows))


def _pair(found: Mapping[str, Any]) -> str:
    return "-" if found["spearman"] is None else f"{found['spearman']:.2f}"


def _logos(findings: AttributeFindings) -> Section:
    return Section(
        title="Letters",
        name="letters",
        lead="A row a method, each on its own scale; downward and pale: against what is explained. Shaded: functional.",
        pictures=tuple(
            Picture(svg=partial(_logo, drawn, f"logo{number}")) for number, drawn in enumerate(findings.drawn)
        ),
        for_terminal=False,
    )


def _logo(drawn: Drawn, name: str) -> Markup:
    figure = attribution_figure([make_panel(drawn)], protein=drawn.alphabet.name == "PROTEIN")
    return svg_markup(figure, name, f"importance of the letters of {one_line(drawn.title)} by method")


def _apart(metrics: Mapping[str, Any]) -> Iterator[Section]:
    """Classes and regions by themselves, where there are several."""
    for key, what in (("per_class", "class"), ("per_region", "region")):
        rows = [
            (_spaced(name), one_line(part), str(numbers["records"]), *_agreement_cells(numbers))
            for name, found in metrics["methods"].items()
            if len(found.get(key, {})) > 1
            for part, numbers in found[key].items()
            if numbers["records"]
        ]
        if rows:
            table = Table(
                caption=f"Agreement with annotation by {what}",
                columns=("method", what, "records", *_COLUMNS),
                rows=tuple(rows),
            )
            yield Section(title=f"By {what}", name=key.replace("_", "-"), tables=(table,), for_terminal=False)


def _spaced(name: str) -> str:
    return name.replace("_", " ")
