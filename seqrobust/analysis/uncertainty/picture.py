"""A study of uncertainty as a picture: what raises it, what abstaining costs, what is noticed, what cleaning helps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqrobust.analysis.uncertainty.selective import RiskCoverage
from seqrobust.report.look import ATTACK, CLEAN, CONTROL, EXTRA, INK, MUTED, save_picture, styled
from seqrobust.report.words import interval_of
from seqrobust.tasks import task_in

_WIDTH, _TALL = 9.0, 3.1
_SMALL = 7.2


def draw_uncertainty(path: Path, metrics: dict[str, Any], curves: Mapping[str, RiskCoverage]) -> None:
    """Write the picture of what ``metrics.json`` holds."""
    save_picture(uncertainty_figure(metrics, curves), path)


def uncertainty_figure(metrics: dict[str, Any], curves: Mapping[str, RiskCoverage]) -> Figure:
    """A panel for each question that was asked."""
    panels: list[Callable[[Axes], None]] = [lambda axes: _measures(axes, metrics)]
    if "calibration" in metrics:
        panels.append(lambda axes: _reliability(axes, metrics))
    if curves:
        panels.append(lambda axes: _selective(axes, metrics, curves))
    if "detection" in metrics:
        panels += [lambda axes: _auroc(axes, metrics), lambda axes: _stopped(axes, metrics)]
    for name, found in metrics.get("purification", {}).items():
        panels.append(_purified(name, found))
    return _side_by_side(panels)


@styled
def _side_by_side(panels: list[Callable[[Axes], None]]) -> Figure:
    """Two panels a row."""
    rows = -(-len(panels) // 2)
    figure = Figure(figsize=(_WIDTH, _TALL * rows), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12, wspace=0.04, hspace=0.05)  # type: ignore[union-attr,call-arg]
    for number, draw in enumerate(panels):
        draw(figure.add_subplot(rows, 2 if len(panels) > 1 else 1, number + 1))
    return figure


def _measures(axes: Axes, metrics: dict[str, Any]) -> None:
    """Disagreement against budget, or entropy where there is one member."""
    budgets = metrics["budgets"]
    at = np.arange(len(budgets) + 1)
    first = budgets[0]["means"]["clean"]
    several = metrics["members"] > 1 and "mutual_information" in first
    name = "mutual_information" if several else "entropy" if "entropy" in first else "logit_variance"
    words = {"mutual_information": "mutual information, nats", "entropy": "entropy, nats", "logit_variance": "variance"}
    for kind, colour, label in (
        ("random_edits", CONTROL, "random edits"),
        ("attacked", ATTACK, "attacked to be wrong"),
    ):
        axes.plot(
            at,
            [first[name], *(row["means"][kind][name] for row in budgets)],
            "o-",
            color=colour,
            markersize=4,
            label=label,
        )
    if "epistemic" in metrics and name != "entropy":
        found = metrics["epistemic"]["budgets"]
        values = [metrics["epistemic"]["clean_mean"], *(row["mean"] for row in found)]
        axes.plot(at, values, "s-", color=EXTRA, markersize=4, label="attacked to disagree")
    if "epistemic" in metrics and several:
        limit = metrics["epistemic"]["threshold"]
        axes.axhline(
            limit,
            color=MUTED,
            linewidth=0.8,
            linestyle=(0, (3, 2)),
            label=f"{100 * (1 - metrics['flagged']):g} % of natural below",
        )
    axes.set_xticks(at, ["0", *(row["budget"] for row in budgets)])
    _headroom(axes)
    axes.set_xlabel("budget")
    axes.set_ylabel(words[name])
    axes.set_title("What members disagree about" if several else "How unsure the model is")
    axes.legend(fontsize=_SMALL, loc="upper left", ncols=2, columnspacing=1)


def _headroom(axes: Axes) -> None:
    """Room for a legend above what is drawn, without numbers there."""
    top = axes.get_ylim()[1]
    ticks = [tick for tick in axes.get_yticks() if 0 <= tick <= top]
    axes.set_yticks(ticks)
    axes.set_ylim(0, 1.3 * top)


def _selective(axes: Axes, metrics: dict[str, Any], curves: Mapping[str, RiskCoverage]) -> None:
    scale = 1 if task_in(metrics).measured else 100
    last = metrics["budgets"][-1]["budget"]
    first = metrics["budgets"][0]["budget"]
    shown: list[tuple[str, str, str, str]] = [
        ("clean", CLEAN, "natural", "-"),
        (f"random edits, {last}", CONTROL, f"random edits, {last}", "-"),
    ]
    shown.append((f"attacked, {first}", ATTACK, f"attacked, {first}", "--"))
    if last != first:
        shown.append((f"attacked, {last}", ATTACK, f"attacked, {last}", "-"))
    for key, colour, label, style in shown:
        one = curves[key]
        axes.plot(100 * one.coverage, scale * one.risk, color=colour, linestyle=style, label=label)
    axes.set_xlim(0, 100)
    _headroom(axes)
    axes.set_xlabel("coverage, % of records answered")
    axes.set_ylabel("risk: mean error" if scale == 1 else "risk: % wrong of those")
    axes.set_title("Answering only what is sure")
    axes.legend(fontsize=_SMALL, loc="upper left", ncols=2, columnspacing=1)


def _reliability(axes: Axes, metrics: dict[str, Any]) -> None:
    """How often answers are right, against how sure they are."""
    last = metrics["budgets"][-1]["budget"]
    for key, colour, label, aside in (
        ("clean", CLEAN, "natural", 0.0),
        (f"attacked, {last}", ATTACK, f"attacked, {last}", 0.6),
    ):
        bins = metrics["calibration"][key]["bins"]
        at = [100 * one["confidence"] + aside for one in bins]
        axes.plot(at, [100 * one["accuracy"] for one in bins], "o-", color=colour, markersize=4, label=label)
        ends = 100 * np.array([interval_of(one["accuracy_ci"]) for one in bins])
        axes.vlines(at, ends[:, 0], ends[:, 1], color=colour, linewidth=1.2, alpha=0.6)
    axes.plot([0, 100], [0, 100], color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)), label="calibrated")
    axes.set_xlim(0, 102)
    axes.set_ylim(-2, 130)
    axes.set_yticks(range(0, 101, 20))
    axes.set_xlabel("how sure, % (mean of a bin)")
    axes.set_ylabel("how often right, %")
    axes.set_title("Do probabilities mean what they say?")
    axes.legend(fontsize=_SMALL, loc="upper left", ncols=3, columnspacing=1)


def _auroc(axes: Axes, metrics: dict[str, Any]) -> None:
    detectors = metrics["detection"]["detectors"]
    for line, found in enumerate(detectors.values()):
        row = found["budgets"][-1]
        for key, colour, shift in (("natural", CLEAN, -0.14), ("random_edits", CONTROL, 0.14)):
            value, ends = row[f"auroc_{key}"], row[f"auroc_{key}_ci"]
            if value is None:
                continue
            if ends is not None:
                axes.plot(ends, [line + shift] * 2, color=colour, linewidth=1.3, alpha=0.8)
            axes.plot(value, line + shift, "o", color=colour, markersize=4)
    axes.axvline(0.5, color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)))
    _names(axes, list(detectors))
    axes.set_xlim(-0.02, 1.02)
    axes.set_xlabel(f"AUROC of fooling sequences, budget {metrics['budgets'][-1]['budget']}")
    axes.set_title("Told apart, if unattacked")
    _key(axes, (("against natural", CLEAN), ("against random edits", CONTROL)))


def _stopped(axes: Axes, metrics: dict[str, Any]) -> None:
    detectors = metrics["detection"]["detectors"]
    for line, found in enumerate(detectors.values()):
        row = found["budgets"][-1]["adaptive"]
        if row["stopped"] is None:
            continue
        for key, colour, shift in (("stopped_ignorant", CLEAN, -0.14), ("stopped", ATTACK, 0.14)):
            ends = [100 * end for end in interval_of(row[f"{key}_ci"])]
            axes.plot(ends, [line + shift] * 2, color=colour, linewidth=1.3, alpha=0.8)
            axes.plot(100 * row[key], line + shift, "o", color=colour, markersize=4, clip_on=False)
    axes.axvline(100 * metrics["detection"]["flagged_expected"], color=MUTED, linewidth=0.8, linestyle=(0, (3, 2)))
    _names(axes, list(detectors))
    axes.set_xlim(-2, 102)
    axes.set_xlabel("% of attacks noticed (dashed: of natural records)")
    axes.set_title("Noticed, and still noticed")
    _key(axes, (("attack ignorant of it", CLEAN), ("attack that knows it", ATTACK)))


def _names(axes: Axes, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names, color=INK)
    axes.set_ylim(len(names) - 0.5, -0.9)
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)


def _key(axes: Axes, entries: tuple[tuple[str, str], ...]) -> None:
    handles = [axes.plot([], [], "o", color=colour, markersize=4, label=label)[0] for label, colour in entries]
    axes.legend(handles=handles, fontsize=_SMALL, loc="upper left", ncols=2, borderaxespad=0, handletextpad=0.1)


def _purified(name: str, found: dict[str, Any]) -> Callable[[Axes], None]:
    def draw(axes: Axes) -> None:
        rows = found["budgets"]
        at = np.arange(len(rows))
        lines = (
            ("undefended", MUTED, "without it", (0, (3, 2))),
            ("non_adaptive", CLEAN, "sequences found without it", "-"),
            ("adaptive", ATTACK, "attack that knows it", "-"),
        )
        for number, (key, colour, label, style) in enumerate(lines):
            place = at + 0.05 * (number - 1)
            values = [100 * row[f"robust_{key}"] for row in rows]
            axes.plot(place, values, marker="o", color=colour, linestyle=style, markersize=4, label=label)
            if key != "undefended":
                ends = np.array([interval_of(row[f"robust_{key}_ci"]) for row in rows]) * 100
                axes.vlines(place, ends[:, 0], ends[:, 1], color=colour, linewidth=1.2, alpha=0.6)
        axes.set_xticks(at, [str(row["budget"]) for row in rows])
        axes.set_xlim(-0.35, len(rows) - 0.65)
        axes.set_ylim(-2, 125)
        axes.set_yticks(range(0, 101, 20))
        axes.set_xlabel("budget")
        axes.set_ylabel("robust, % of records")
        axes.set_title(f"Purification: {name}")
        axes.legend(fontsize=6.8, loc="upper right", ncols=2, columnspacing=0.8, handlelength=1.5)

    return draw
