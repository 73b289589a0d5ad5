"""A compression study as a picture: accuracy and robustness of every copy, transfer, and what single layers cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from seqrobust.report.look import ATTACK, CLEAN, CONTROL, EXTRA, MUTED, RULE, save_picture, styled
from seqrobust.tasks import task_of

_PIXELS_PER_INCH = 160
_LAYERS = 20

Entry: TypeAlias = Mapping[str, Any]
Value: TypeAlias = tuple[float | None, list[float] | None]


def draw_compression(path: Path, metrics: Entry) -> None:
    """Write the picture as PNG."""
    figure = compression_figure(metrics)
    save_picture(figure, path, width_in_pixels=round(figure.get_size_inches()[0] * _PIXELS_PER_INCH))


@styled
def compression_figure(metrics: Entry) -> Figure:
    """Whole copies left, in the middle whether old sequences still work, single layers right."""
    whole = [metrics["original"], *(one for one in metrics["variants"] if one["layer"] is None)]
    single = [one for one in metrics["variants"] if one["layer"] is not None]
    layers = list(dict.fromkeys(one["layer"] for one in single))[:_LAYERS]
    rows = max(len(whole), len(layers), 4)
    height = 1.25 + 0.25 * rows
    figure = Figure(figsize=(13.0 if layers else 8.6, height))
    longest = max((len(name) for name in layers), default=0)
    wide = figure.get_size_inches()[0]
    edges = {"bottom": 0.55 / height, "top": 1 - 0.6 / height}
    left, right = (1.15 / wide, 0.64 if layers else 0.985)
    grid = figure.add_gridspec(1, 2, width_ratios=[1.3, 1], left=left, right=right, wspace=0.07, **edges)
    level = shown_budget(metrics["original"])
    names = [one["name"] for one in whole]
    first = figure.add_subplot(grid[0, 0])
    _draw_whole(first, whole, level, metrics["task"])
    second = figure.add_subplot(grid[0, 1])
    _draw_transfer(second, whole, level)
    for axes in (first, second):
        axes.set_yticks(range(len(names)), names, fontsize=7.5)
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.grid(axis="x")
    second.set_yticklabels([])
    if layers:
        beside = figure.add_gridspec(1, 1, left=min(0.66 + 0.0052 * longest, 0.85), right=0.985, **edges)
        _draw_layers(figure.add_subplot(beside[0, 0]), metrics["original"], single, layers, level)
    return figure


def shown_budget(original: Entry) -> int:
    """The budget, by its place, at which the original stands nearest to half of its records."""
    shares = [abs((standing(entry)[0] or 0.0) - 0.5) for entry in original["budgets"]]
    return int(np.argmin(shares))


def standing(budget: Entry) -> Value:
    """Share of records that the model's own attack leaves standing at a budget: robust accuracy, or for regression what
    was not shifted so far."""
    if "robust_accuracy" in budget:
        return budget["robust_accuracy"], budget["robust_accuracy_ci"]
    rate, ends = budget["attack_success_rate"], budget["attack_success_rate_ci"]
    return (None, None) if rate is None else (1 - rate, None if ends is None else [1 - ends[1], 1 - ends[0]])


def worst(budget: Entry) -> Value:
    """What is left where the original's sequences are shown too; of the original, what its own attack leaves."""
    return (budget["standing"], budget["standing_ci"]) if "standing" in budget else standing(budget)


def clean(entry: Entry, task: str) -> Value:
    """Clean accuracy, or R2 of a regression; agreement with the original where nothing is known of the truth, which of
    a regression is a correlation and no R2 (see :func:`clean_name`)."""
    if task_of(task).measured:
        return (entry["clean_r2"] if "clean_r2" in entry else entry.get("agreement", 1.0)), None
    if entry.get("clean_accuracy") is None:
        return entry.get("agreement", 1.0), entry.get("agreement_ci")
    return entry["clean_accuracy"], entry["clean_accuracy_ci"]


def clean_name(entry: Entry, task: str) -> str:
    """What :func:`clean` gives, in words."""
    if task_of(task).measured:
        return "R²" if "clean_r2" in entry else "correlation with the original"
    return "clean accuracy" if entry.get("clean_accuracy") is not None else "agreement with the original"


def _draw_whole(axes: Axes, whole: Sequence[Entry], level: int, task: str) -> None:
    budget = whole[0]["budgets"][level]["budget"]
    edits = f"{budget} edit" if budget == 1 else f"{budget} edits"
    measured = task_of(task).measured
    said = clean_name(whole[0], task)
    stands = f"not shifted by {edits}" if measured else f"robust accuracy, {edits} (own + original's)"
    series = (
        (said, CLEAN, -0.13, [clean(one, task) for one in whole]),
        (stands, ATTACK, 0.13, [worst(one["budgets"][level]) for one in whole]),
    )
    for name, colour, shift, values in series:
        _dots(axes, values, colour, shift, name)
        if values[0][0] is not None:
            axes.axvline(values[0][0], color=colour, linewidth=0.8, linestyle=":")
    axes.set_xlim(None if measured else 0, 1.02)
    axes.set_title("Accuracy and robustness", pad=18)
    _legend_above(axes)
    axes.set_xlabel(f"{said}, and share of records" if measured else "share of records (dotted: original)")


def _draw_transfer(axes: Axes, whole: Sequence[Entry], level: int) -> None:
    for key, colour, shift, name in (
        ("transfer_to", EXTRA, -0.13, "original's fool the copy"),
        ("transfer_back", CONTROL, 0.13, "the copy's fool the original"),
    ):
        found = [one["budgets"][level].get(key) for one in whole]
        values: list[Value] = [(None, None) if one is None else (one["rate"], one["rate_ci"]) for one in found]
        _dots(axes, values, colour, shift, name)
    axes.set_xlim(0, 1.02)
    axes.set_title("Transfer of adversarial sequences", pad=18)
    _legend_above(axes)
    axes.set_xlabel("share of those that were found")


def _dots(axes: Axes, values: Sequence[Value], colour: str, shift: float, name: str) -> None:
    known = [(number + shift, value, ends) for number, (value, ends) in enumerate(values) if value is not None]
    for y, _, ends in known:
        if ends is not None:
            axes.plot(ends, [y, y], color=colour, linewidth=1.1)
    axes.plot([value for _, value, _ in known], [y for y, *_ in known], "o", color=colour, markersize=3.8, label=name)


def _draw_layers(axes: Axes, original: Entry, single: Sequence[Entry], layers: Sequence[str], level: int) -> None:
    """What stands where one layer alone is compressed."""
    base = standing(original["budgets"][level])[0] or 0.0
    methods = list(dict.fromkeys(one["method"] for one in single))
    spread = np.linspace(-0.22, 0.22, len(methods)) if len(methods) > 1 else np.zeros(1)
    colours = (ATTACK, CLEAN, EXTRA, CONTROL)
    for number, method in enumerate(methods):
        rows = {one["layer"]: worst(one["budgets"][level]) for one in single if one["method"] == method}
        values: list[Value] = [
            (None, None) if rows[name][0] is None else (rows[name][0], rows[name][1]) for name in layers
        ]
        _dots(axes, values, colours[number % len(colours)], float(spread[number]), method)
    axes.axvline(base, color=MUTED, linewidth=0.9, linestyle=":")
    for row in range(len(layers) - 1):
        axes.axhline(row + 0.5, color=RULE, linewidth=0.4)
    axes.set_yticks(range(len(layers)), layers, fontsize=7)
    axes.set_ylim(len(layers) - 0.4, -0.6)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, 1.02)
    axes.set_title("One layer at a time", pad=18)
    _legend_above(axes)
    axes.set_xlabel("share that stands (dotted: original)")


def _legend_above(axes: Axes) -> None:
    axes.legend(
        fontsize=7, loc="lower left", bbox_to_anchor=(-0.01, 0.995), ncols=3, handletextpad=0.3, columnspacing=1.2,
        borderaxespad=0.1,
    )  # fmt: skip
