"""Subgroups as a forest plot: a row per group, sorted, clean and attacked side by side with their intervals."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from textwrap import wrap
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqrobust.report.look import ATTACK, CLEAN, INK, MUTED, RULE, save_picture, styled
from seqrobust.tasks import task_in

_ROW, _HEAD, _FOOT, _WIDTH = 0.27, 0.88, 0.5, 7.2
_MOST = 40
"""Rows of a panel; of more groups the weakest and the strongest are drawn."""
_LONGEST = 26


def draw_subgroups(path: Path, metrics: dict[str, Any], statements: Mapping[str, str]) -> None:
    """Write the picture of what ``metrics.json`` holds, with what may be said of each grouping."""
    save_picture(subgroups_figure(metrics, statements), path)


@styled
def subgroups_figure(metrics: dict[str, Any], statements: Mapping[str, str]) -> Figure:
    """A panel per grouping, the weakest group on top; at the budget that tells most on all records together."""
    shown = shown_budget(metrics["all"]["budgets"])
    panels = [(by, _rows(found, shown)) for by, found in metrics["by"].items()]
    heights = [_HEAD + _ROW * len(rows) + _FOOT for _, rows in panels]
    figure = Figure(figsize=(_WIDTH, sum(heights)))
    top = sum(heights)
    for (by, rows), tall in zip(panels, heights, strict=True):
        bottom = (top - tall + _FOOT) / sum(heights)
        axes = figure.add_axes((0.25, bottom, 0.5, (tall - _HEAD - _FOOT) / sum(heights)))
        _draw(axes, rows, metrics, shown)
        _title(figure, by, statements[by], top, sum(heights))
        top -= tall
    return figure


def shown_budget(budgets: list[dict[str, Any]]) -> int:
    """Number of the budget at which the most common outcome is least sure: success nearest to a half."""
    return int(np.argmin([abs((row["attack_success_rate"] or 0) - 0.5) for row in budgets]))


def _rows(found: dict[str, Any], shown: int) -> list[dict[str, Any]]:
    key = "robust_accuracy" if "robust_accuracy" in found["groups"][0]["budgets"][0] else "mean_abs_shift"
    sign = 1 if key == "robust_accuracy" else -1
    ordered = sorted(found["groups"], key=lambda one: sign * (one["budgets"][shown][key] or 0))
    return ordered if len(ordered) <= _MOST else [*ordered[: _MOST // 2], *ordered[-_MOST // 2 :]]


def _title(figure: Figure, by: str, statement: str, top: float, tall: float) -> None:
    figure.text(0.02, (top - 0.22) / tall, f"By {by}", fontsize=9.5, fontweight="bold", color=INK)
    text = "\n".join(wrap(statement, 118))
    figure.text(0.02, (top - 0.32) / tall, text, fontsize=7.2, color=MUTED, va="top", linespacing=1.25)


def _draw(axes: Axes, rows: list[dict[str, Any]], metrics: dict[str, Any], shown: int) -> None:
    regression = task_in(metrics).measured
    key = "mean_abs_shift" if regression else "robust_accuracy"
    scale = 1 if regression else 100
    everyone = metrics["all"]["budgets"][shown]
    axes.axvline(scale * everyone[key], color=ATTACK, alpha=0.45, linewidth=0.9, linestyle=(0, (3, 2)), zorder=0)
    if not regression and metrics["all"].get("clean_accuracy") is not None:
        _points(axes, [(row["clean_accuracy"], row["clean_accuracy_ci"]) for row in rows], scale, CLEAN, "o", -0.13)
    attacked = [(row["budgets"][shown][key], row["budgets"][shown][f"{key}_ci"]) for row in rows]
    _points(axes, attacked, scale, ATTACK, "s", 0.13)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_yticks(range(len(rows)), [_short(row["group"]) for row in rows], color=INK)
    if not regression:
        axes.set_xlim(-2, 102)
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    what = "mean absolute shift of the prediction" if regression else "accuracy, %"
    axes.set_xlabel(what, labelpad=2)
    budget = everyone["budget"]
    legend = "" if regression else "\u25cf clean   "
    left, right = axes.get_xlim()
    axes.text(left, -0.95, legend, color=CLEAN, fontsize=7.2, va="center")
    offset = 0 if regression else 0.17 * (right - left)
    edits = f"\u25a0 at budget {budget}; dashed: all records"
    axes.text(left + offset, -0.95, edits, color=ATTACK, fontsize=7.2, va="center")
    for place, name in ((1.08, "n"), (1.3, "median edits")):
        axes.text(
            place,
            -0.95,
            name,
            transform=axes.get_yaxis_transform(),
            fontsize=7.2,
            color=MUTED,
            ha="center",
            va="center",
        )
    for line, row in enumerate(rows):
        for place, text in ((1.08, f"{row['n']:,}"), (1.3, _median(row["minimal_edits"], metrics))):
            axes.text(place, line, text, transform=axes.get_yaxis_transform(), fontsize=7.5, ha="center", va="center")
        axes.axhline(line + 0.5, color=RULE, linewidth=0.4, zorder=0)


def _points(axes: Axes, values: list[tuple[Any, Any]], scale: int, colour: str, marker: str, shift: float) -> None:
    for line, (value, ends) in enumerate(values):
        if value is None:
            continue
        if ends is not None:
            axes.plot([scale * end for end in ends], [line + shift] * 2, color=colour, linewidth=1.3, alpha=0.75)
        axes.plot(scale * value, line + shift, marker, color=colour, markersize=4, clip_on=False)


def _median(edits: dict[str, Any], metrics: dict[str, Any]) -> str:
    beyond = f">{metrics['all']['budgets'][-1]['budget']}"
    low, high = ("" if end is None else f"{end:g}" for end in edits["median_ci"])
    value = beyond if edits["median"] is None else f"{edits['median']:g}"
    if not edits["n"]:
        return "-"
    return value if value == beyond and not low else f"{value} [{low or beyond}, {high or beyond}]"


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else f"{name[: _LONGEST - 1]}\u2026"
