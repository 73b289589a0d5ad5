"""A study of explanations as a picture: two records before and after, and how alike explanations stay over all records.

To the left a record's importances as letters, clean above and edited below, edited letters marked; to the right, for
every method, how the correlations with the clean explanation are spread, under random and under found edits, and what
different records with one prediction have in common.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.transforms import AffineDeltaTransform
from numpy.typing import NDArray

from seqrobust.analysis.stability.examples import Example
from seqrobust.analysis.stability.findings import StabilityFindings
from seqrobust.report.letters import NUCLEOTIDES, RESIDUES, outline
from seqrobust.report.look import ATTACK, CONTROL, EXTRA, INK, MUTED, SHADE, save_picture, styled
from seqrobust.report.words import one_line

_WINDOW = 90
"""Positions drawn of a record; of a longer one, those around the first edit."""
_COLOURS = {"random": CONTROL, "change": ATTACK, "keep": EXTRA}
_WORDS = {
    "random": "random edits, prediction kept",
    "change": "edits that change it, prediction kept",
    "keep": "edits that flip the prediction",
}


def draw_stability(path: Path, findings: StabilityFindings) -> None:
    """Write the picture as PNG."""
    save_picture(stability_figure(findings), path, width_in_pixels=2000)


@styled
def stability_figure(findings: StabilityFindings) -> Figure:
    """See the head of this module."""
    shown = findings.examples
    rows = max(2 * len(shown), 2)
    figure = Figure(figsize=(11.5, max(1.25 * rows, _tall(findings)) + 0.5), layout="constrained")
    grid = figure.add_gridspec(rows, 2, width_ratios=(2.1, 1))
    for number, example in enumerate(shown):
        axes = [figure.add_subplot(grid[2 * number + half, 0]) for half in (0, 1)]
        _draw_example(axes[0], axes[1], example, _palette(findings))
    _draw_spread(figure.add_subplot(grid[:, 1]), findings)
    return figure


@styled
def example_figure(findings: StabilityFindings, number: int) -> Figure:
    """One record before and after edits."""
    figure = Figure(figsize=(8.5, 2.7), layout="constrained")
    above, below = figure.subplots(2, 1)
    _draw_example(above, below, findings.examples[number], _palette(findings))
    return figure


@styled
def spread_figure(findings: StabilityFindings) -> Figure:
    """How alike explanations stay over all records."""
    figure = Figure(figsize=(6, _tall(findings) + 0.8), layout="constrained")
    _draw_spread(figure.subplots(), findings)
    return figure


def _tall(findings: StabilityFindings) -> float:
    return 0.75 * findings.results["method"].nunique() + 1.6


def _palette(findings: StabilityFindings) -> Mapping[str, str]:
    return RESIDUES if findings.alphabet == "PROTEIN" else NUCLEOTIDES


def _draw_example(above: Axes, below: Axes, example: Example, palette: Mapping[str, str]) -> None:
    changed = np.array([a != b for a, b in zip(*example.texts, strict=True)])
    window = _window(changed)
    clean, found = example.importances
    top = 1.3 * max(float(np.nanmax(clean, initial=0)), float(np.nanmax(found, initial=0)), 1e-12)
    for axes, text, values, name, answer in zip(
        (above, below), example.texts, example.importances, ("clean", "edited"), example.predictions, strict=True
    ):
        _draw_profile(axes, text, values, changed, window, top, palette)
        axes.set_ylabel(f"{name}\n{_answer(answer)}", fontsize=7.5, color=INK)
    above.set_title(
        f"{one_line(example.id, 24)}: {example.method}, {example.n_edits} edits ({example.edits}), "
        f"correlation {example.correlation:.2f}",
        fontsize=8.5,
    )
    above.tick_params(labelbottom=False)
    if window != (0, len(changed)):
        unseen = int(changed.sum() - changed[slice(*window)].sum())
        below.set_xlabel(f"of {len(changed)} positions; {unseen} edits are not drawn", fontsize=7)


def _answer(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else one_line(value, 16)


def _window(changed: NDArray[np.bool_]) -> tuple[int, int]:
    """First and one past the last position drawn."""
    if len(changed) <= _WINDOW:
        return 0, len(changed)
    middle = int(np.median(np.flatnonzero(changed))) if changed.any() else len(changed) // 2
    first = min(max(middle - _WINDOW // 2, 0), len(changed) - _WINDOW)
    return first, first + _WINDOW


def _draw_profile(
    axes: Axes,
    text: str,
    values: NDArray[np.float32],
    changed: NDArray[np.bool_],
    window: tuple[int, int],
    top: float,
    palette: Mapping[str, str],
) -> None:
    first, last = window
    axes.set(xlim=(first, last), ylim=(0, top))
    axes.set_yticks([])
    axes.grid(False)
    axes.spines["left"].set_visible(False)
    columns = AffineDeltaTransform(axes.transData)  # type: ignore[arg-type]
    for place in range(first, last):
        if changed[place]:
            axes.axvspan(place, place + 1, facecolor=SHADE, zorder=0)
            axes.text(place + 0.5, top, text[place], ha="center", va="top", fontsize=7, color=ATTACK, weight="bold")
        height = float(values[place])
        if not np.isfinite(height) or height < 0.003 * top:
            continue
        shape = outline(text[place], 0.9, height)
        drawn = PathCollection([shape], offsets=[(place + 0.05, 0)], offset_transform=axes.transData, linewidths=0)
        drawn.set(facecolor=palette.get(text[place], MUTED), transform=columns)
        axes.add_collection(drawn, autolim=False)
    ticks = [place for place in range(first, last) if (place + 1) % 10 == 0]
    axes.set_xticks([place + 0.5 for place in ticks], [str(place + 1) for place in ticks], fontsize=6.5)


def _draw_spread(axes: Axes, findings: StabilityFindings) -> None:
    """For each method and goal a point a record, jittered by rank, and the median."""
    results, between = findings.results, findings.metrics["between_records"]
    methods = list(dict.fromkeys(results["method"]))
    goals = [goal for goal in _COLOURS if goal in set(results["goal"])]
    most = results["budget"].max() if "budget_share" not in results else None
    labels, y = [], 0.0
    for method in methods:
        start = y
        if (chance := between[method]["correlation"]) is not None:
            last = method == methods[-1]
            span = [y - 0.45, y + len(goals) - 0.55]
            name = "mean of different records with one prediction" if last else None
            axes.plot([chance] * 2, span, color=MUTED, linewidth=1.2, linestyle=":", label=name)
        for goal in goals:
            rows = results[(results["method"] == method) & (results["goal"] == goal)]
            rows = rows if most is None else rows[rows["budget"] == most]
            rows = rows[rows["flipped"]] if goal == "keep" else rows
            values = rows["correlation"].dropna().to_numpy()
            if len(values):
                _points(axes, values, y, _COLOURS[goal], label=_WORDS[goal] if method == methods[0] else None)
            y += 1
        labels.append(((start + y - 1) / 2, method))
        y += 0.8
    axes.axvline(findings.settings.changed_below, color=ATTACK, linewidth=0.8, linestyle="--")
    axes.axvline(findings.settings.kept_above, color=EXTRA, linewidth=0.8, linestyle="--")
    axes.set(ylim=(y - 0.6, -0.8), xlim=(min(-0.05, axes.get_xlim()[0]), 1.04))
    axes.set_yticks([place for place, _ in labels], [name.replace("_", "\n") for _, name in labels], fontsize=7.5)
    axes.grid(True, axis="x")
    axes.grid(False, axis="y")
    axes.set_xlabel("correlation with the clean explanation")
    axes.set_title("All records" + ("" if most is None else f", {most} edits"))
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.12), fontsize=7, ncols=1)


def _points(axes: Axes, values: NDArray[np.float64], y: float, colour: str, label: str | None) -> None:
    order = np.argsort(values, kind="stable")
    jitter = np.empty(len(values))
    jitter[order] = ((np.arange(len(values)) * 0.618) % 1 - 0.5) * 0.7
    axes.scatter(values, y + jitter, s=5, color=colour, alpha=0.45, linewidths=0, label=label)
    axes.plot([np.median(values)] * 2, [y - 0.42, y + 0.42], color=colour, linewidth=2.2)
