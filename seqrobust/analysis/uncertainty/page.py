"""The page of a study of uncertainty: what raises it, what is detected, what abstaining and purification are worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup
from matplotlib.figure import Figure

from seqrobust.analysis.uncertainty.calibration import calibration_statement
from seqrobust.analysis.uncertainty.defending.purifying import purification_statement
from seqrobust.analysis.uncertainty.detection import detection_statement
from seqrobust.analysis.uncertainty.findings import UncertaintyFindings
from seqrobust.analysis.uncertainty.picture import uncertainty_figure
from seqrobust.report.look import svg_markup
from seqrobust.report.sections import Page, Picture, Section, Table
from seqrobust.report.words import one_line, plural

_MEASURES = ("entropy", "mutual_information", "logit_variance")


def page(findings: UncertaintyFindings) -> Page:
    """The answer, the picture, and a section for each question that was asked."""
    metrics = findings.metrics
    return Page(
        title=one_line(f"Uncertainty of {findings.name}", 200),
        subtitle=" · ".join((metrics["task"], f"{metrics['n']:,} records attacked")),
        sections=tuple(_sections(findings, metrics)),
    )


def _sections(findings: UncertaintyFindings, metrics: Mapping[str, Any]) -> Iterator[Section]:
    yield Section(name="answer", answer=tuple(_answer(metrics)))
    yield Section(
        title="All questions at a glance",
        name="picture",
        pictures=(Picture(svg=lambda: _drawn(findings), caption="Intervals are 95 %."),),
        for_terminal=False,
    )
    yield Section(title="What raises uncertainty", name="measures", tables=(_measures(metrics),))
    if "calibration" in metrics:
        yield _calibration(metrics["calibration"])
    if "detection" in metrics:
        yield _detection(metrics["detection"])
    if "selective" in metrics:
        yield Section(
            title="Answering only what is certain", name="selective", tables=(_selective(metrics["selective"]),)
        )
    if "purification" in metrics:
        yield _purification(metrics["purification"])


def _answer(metrics: Mapping[str, Any]) -> Iterator[str]:
    count = metrics["members"]
    kind = f"{count} draws of dropout" if metrics["member_kind"] == "dropout" else plural(count, "member")
    yield f"{kind}; goal: {metrics['goal']}; threat: {metrics['threat']}"
    yield f"{metrics['n']} records attacked, {metrics['n_calibration']} natural ones set thresholds"
    if "epistemic" in metrics:
        found = metrics["epistemic"]
        last = found["budgets"][-1]
        quantity = found["quantity"].replace("_", " ")
        yield (
            f"an attack on the members' disagreement raises {quantity} from {found['clean_mean']:.3g} to "
            f"{last['mean']:.3g} at budget {last['budget']} (random edits {last['random_edits_mean']:.3g}); "
            f"{_percent(last['raised_above_threshold'])} of the records then look stranger than nearly all natural ones"
        )


def _drawn(findings: UncertaintyFindings) -> Markup:
    from seqrobust.analysis.uncertainty.picture import uncertainty_figure

    figure = uncertainty_figure(findings.metrics, findings.curves)
    return svg_markup(figure, "uncertainty", "Uncertainty, abstention, detection and purification by budget")


def _measures(metrics: Mapping[str, Any]) -> Table:
    """Means over records of natural, randomly edited and attacked sequences."""
    natural = metrics["budgets"][0]["means"]["clean"]
    several = metrics["members"] > 1
    shown = [*(name for name in _MEASURES if name in natural and (several or name == "entropy")), "background"]
    kinds: list[tuple[str, float | None, Mapping[str, float]]] = [("natural", None, natural)]
    for row in metrics["budgets"]:
        kinds.append((f"random edits, {row['budget']}", None, row["means"]["random_edits"]))
        kinds.append((f"attacked, {row['budget']}", row["robust"], row["means"]["attacked"]))
    rows = [
        (name, "" if robust is None else _percent(robust, unit=""), *(f"{means[key]:.3g}" for key in shown))
        for name, robust, means in kinds
    ]
    return Table(
        caption="entropy, mutual information in nats; background: -ln likelihood per letter",
        columns=("mean over records", "robust, %", *(name.replace("_", " ") for name in shown)),
        rows=tuple(rows),
    )


def _calibration(found: dict[str, Any]) -> Section:
    rows = [
        (
            name,
            _number(one["nll"], one["nll_ci"]),
            _number(one["brier"], one["brier_ci"]),
            f"{one['ece']:.3f}",
            "{:.3f} ({:.3f} to {:.3f})".format(one["ece_if_calibrated"], *one["ece_if_calibrated_range"]),
        )
        for name, one in found.items()
    ]
    return Section(
        title="Do probabilities mean what they say?",
        name="calibration",
        items=(("natural records", calibration_statement(found)),),
        tables=(
            Table(
                caption="log loss in nats; calibration error beside that of answers drawn from the model's own "
                "probabilities (95 %)",
                columns=("records", "log loss", "Brier score", "calibration error", "if calibrated"),
                rows=tuple(rows),
            ),
        ),
    )


def _detection(found: Mapping[str, Any]) -> Section:
    rows, items = [], []
    for name, one in found["detectors"].items():
        row = one["budgets"][-1]
        aware = row["adaptive"]
        numbers = [_number(row[f"auroc_{key}"], row[f"auroc_{key}_ci"]) for key in ("natural", "random_edits")]
        shares = [_percent(aware[key], aware[f"{key}_ci"], unit="") for key in ("stopped_ignorant", "stopped")]
        rows.append((name, *numbers, *shares))
        items.append((name, detection_statement(str(row["budget"]), aware, one["standing"])))
    columns = ("detector", "AUROC, natural", "AUROC, random edits", "noticed, %", "adaptive, %")
    table = Table(caption="", columns=columns, rows=tuple(rows))
    return Section(
        title="Whether attacks are detected",
        name="detection",
        lead="AUROC of fooling sequences at the largest budget; noticed: of attacks that do not know the detector, and "
        "adaptive: of attacks that do.",
        items=tuple(items),
        tables=(table,),
    )


def _selective(found: Mapping[str, Any]) -> Table:
    risk = found["stated_risk"]
    rows = []
    for name, one in found["curves"].items():
        cells = [] if risk is None else [_percent(one["coverage_at_risk"])]
        rows.append((name, f"{one['area']:.3f}", f"{one['risk']:.3f}", *cells))
    return Table(
        caption="area under the curve of risk against coverage, the most certain records answered first",
        columns=("records", "area", "risk of all", *(() if risk is None else (f"coverage at {risk:g}",))),
        rows=tuple(rows),
    )


def _purification(found: Mapping[str, Any]) -> Section:
    rows = []
    for name, one in found.items():
        for row in one["budgets"]:
            shares = [row[f"robust_{key}"] for key in ("undefended", "non_adaptive", "adaptive")]
            ends = [None, row["robust_non_adaptive_ci"], row["robust_adaptive_ci"]]
            cells = [_percent(share, interval, unit="") for share, interval in zip(shares, ends, strict=True)]
            rows.append((name, str(row["budget"]), _percent(one.get("clean_accuracy"), unit=""), *cells))
    columns = ("robust, %", "budget", "clean", "without", "non-adaptive", "adaptive")
    return Section(
        title="What purification is worth",
        name="purification",
        items=tuple((name, purification_statement(one["budgets"])) for name, one in found.items()),
        tables=(Table(caption="", columns=columns, rows=tuple(rows)),),
    )


def _percent(value: float | None, interval: list[float] | None = None, *, unit: str = " %") -> str:
    if value is None:
        return "-"
    ends = f" [{100 * interval[0]:.0f}, {100 * interval[1]:.0f}]" if interval else ""
    return f"{100 * value:.1f}{unit}{ends}"


def _number(value: float | None, interval: list[float] | None) -> str:
    if value is None:
        return "-"
    ends = f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else ""
    return f"{value:.3f}{ends}"


def figure(findings: UncertaintyFindings) -> Figure:
    """Uncertainty, detection and selection side by side."""
    return uncertainty_figure(findings.metrics, findings.curves)
