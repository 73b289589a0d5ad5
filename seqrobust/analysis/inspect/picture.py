"""An inspection as a picture: gates of one or two records, what layers make of a difference, the way to the edit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from seqrobust.analysis.inspect.drawn import Drawn
from seqrobust.report.look import ATTACK, CLEAN, CONTROL, EXTRA, INK, MUTED, save_picture, styled

_PIXELS_PER_INCH = 160
_WIDE = 13.0
_LINES = ("-", "--", "-.", ":")
_MOST_LAYERS = 24
_HEAD, _GATES, _FEET = 0.62, 1.6, 0.55
"""Inches of a record's row: its name and the titles, the heat maps, the numbers below them."""
_BETWEEN = _HEAD + _FEET


def draw_inspection(path: Path, records: Sequence[Drawn], table: pd.DataFrame, metrics: Mapping[str, Any]) -> None:
    """Write the picture as PNG."""
    figure = inspection_figure(records, table, metrics)
    save_picture(figure, path, width_in_pixels=round(figure.get_size_inches()[0] * _PIXELS_PER_INCH))


@styled
def inspection_figure(records: Sequence[Drawn], table: pd.DataFrame, metrics: Mapping[str, Any]) -> Figure:
    """A row of gates a record, where there are any; below, layers, ways and how far first order holds."""
    gated = [record for record in records if record.gate is not None]
    layers = metrics["layers"][:_MOST_LAYERS]
    below = max(2.6, 0.55 + 0.2 * len(layers))
    height = (_HEAD + _GATES + _FEET) * len(gated) + below + (0.5 if gated else 0.1)
    figure = Figure(figsize=(_WIDE, height))
    longest = max((len(row["name"]) for row in layers), default=5)
    top = 1 - _HEAD / height
    for record in gated:
        bottom = top - _GATES / height
        grid = figure.add_gridspec(1, 4, left=0.05, right=0.985, top=top, bottom=bottom, wspace=0.2)
        _draw_gates(figure, grid, record)
        title = f"{record.id}: {_shortened(record.edits)}"
        figure.text(0.05, top + 0.3 / height, title, va="baseline", fontweight="bold", fontsize=9.5)
        about = f"{record.gate.name if record.gate else ''}; triangles: edited positions"
        figure.text(0.985, top + 0.3 / height, about, ha="right", va="baseline", fontsize=8, color=MUTED)
        top = bottom - _BETWEEN / height
    low = figure.add_gridspec(
        1, 3, left=min(0.03 + 0.0062 * longest, 0.24), right=0.985, top=(below - 0.2) / height, bottom=0.55 / height,
        wspace=0.24,
    )  # fmt: skip
    _draw_layers(figure.add_subplot(low[0, 0]), layers)
    _draw_ways(figure.add_subplot(low[0, 1]), records)
    _draw_good(figure.add_subplot(low[0, 2]), table, metrics)
    return figure


def _draw_gates(figure: Figure, grid: GridSpec, record: Drawn) -> None:
    gate = record.gate
    assert gate is not None
    order = gate.order
    change = (gate.adversarial - gate.clean)[order]
    end = float(np.quantile(np.abs(change), 0.999)) or 1.0
    shown = (
        ("clean", gate.clean[order], "cividis", Normalize(gate.low, gate.high)),
        ("adversarial", gate.adversarial[order], "cividis", Normalize(gate.low, gate.high)),
        ("difference", change, "PuOr_r", TwoSlopeNorm(0, -end, end)),
    )
    for number, (title, values, colours, norm) in enumerate(shown):
        axes = figure.add_subplot(grid[0, number])
        image = axes.imshow(
            values, aspect="auto", interpolation="nearest", cmap=mpl.colormaps[colours], norm=norm,
            extent=(0.5, record.length + 0.5, len(values), 0), rasterized=True,
        )  # fmt: skip
        axes.grid(False)
        axes.set_title(title, fontsize=8)
        axes.set_yticks([])
        axes.set_xlabel("position")
        if not number:
            axes.set_ylabel(f"{len(values)} units")
        _mark_edits(axes, record)
        bar = figure.colorbar(image, ax=axes, pad=0.015, fraction=0.04)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=6.5, length=0)
    _draw_distances(figure.add_subplot(grid[0, 3]), record)


def _mark_edits(axes: Axes, record: Drawn) -> None:
    axes.plot(
        record.edited + 1, np.full(len(record.edited), 1.0), marker="v", linestyle="none", color=ATTACK, markersize=4.5,
        transform=axes.get_xaxis_transform(), clip_on=False, markeredgewidth=0,
    )  # fmt: skip


def _draw_distances(axes: Axes, record: Drawn) -> None:
    names = list(dict.fromkeys(line.name for line in record.lines))
    for line in record.lines:
        place = (np.arange(len(line.values)) + 0.5) * line.letters + 0.5
        style = _LINES[names.index(line.name) % len(_LINES)]
        colour = ATTACK if line.kind == "adversarial" else CONTROL
        label = f"{_last(line.name)}, {line.kind}" if len(names) > 1 else line.kind
        wide = 1.6 if line.kind == "adversarial" else 1.0
        axes.plot(place, line.values, style, color=colour, linewidth=wide, label=label)
    axes.set_xlim(0.5, record.length + 0.5)
    axes.set_ylim(0, axes.get_ylim()[1] * (1.12 + 0.09 * min(2 * len(names), 6)))
    axes.set_title("distance of states, |h' - h|", fontsize=8)
    axes.set_xlabel("position")
    _mark_edits(axes, record)
    axes.legend(fontsize=6, loc="upper right", handlelength=2.2, labelspacing=0.25, borderaxespad=0.2)


def _draw_layers(axes: Axes, layers: Sequence[Mapping[str, Any]]) -> None:
    """Relative difference of each layer, adversarial and random, with intervals."""
    for kind, colour, shift in (("adversarial", ATTACK, -0.14), ("random", CONTROL, 0.14)):
        key = f"{kind}_relative_difference"
        rows = [(number, row[key], row[f"{key}_ci"]) for number, row in enumerate(layers) if row[key] is not None]
        if not rows:
            continue
        y = np.array([number for number, *_ in rows]) + shift
        x = np.array([value for _, value, _ in rows])
        ends = np.array([[value, value] if ci is None else ci for _, value, ci in rows])
        axes.hlines(y, ends[:, 0], ends[:, 1], color=colour, linewidth=1.2)
        axes.plot(x, y, "o-", color=colour, markersize=3.2, linewidth=0.8, label=kind)
    axes.set_yticks(range(len(layers)), [str(row["name"]) for row in layers], fontsize=6.8)
    axes.set_ylim(len(layers) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.grid(axis="x")
    axes.set_title("Difference by layer")
    axes.set_xlabel("|a' - a| / |a|, mean over records")
    axes.legend(fontsize=7, loc="best")


def _draw_ways(axes: Axes, records: Sequence[Drawn]) -> None:
    """The score on the way to the adversarial sequence, its bends, and what first order foresees."""
    for record, colour in zip(records, (CLEAN, EXTRA), strict=False):
        way = record.way
        if way is None:
            continue
        pieces = f"{way.regions:,} pieces" if way.regions is not None else "sampled"
        axes.plot(way.knots, way.values, color=colour, linewidth=1.6, label=f"{_fitting(record.id, 20)}: {pieces}")
        axes.plot([0, 1], [way.values[0], way.values[0] + way.slope], ":", color=colour, linewidth=1.1)
        if way.exact:
            axes.plot(
                way.knots[1:-1], np.full(len(way.knots) - 2, 0.012 + 0.03 * (colour == EXTRA)), "|", color=colour,
                markersize=4, markeredgewidth=0.5, transform=axes.get_xaxis_transform(),
            )  # fmt: skip
    axes.set_title("Score on the way to the adversarial sequence")
    if all(record.way is None for record in records):
        _empty(axes)
        return
    axes.axhline(0, color=MUTED, linewidth=0.7)
    axes.set_xlim(0, 1)
    axes.margins(y=0.12)
    behind = "; ticks: bends" if any(record.way is not None and record.way.exact for record in records) else ""
    axes.set_xlabel(f"share of the way (dotted: first order{behind})")
    axes.legend(fontsize=7, loc="best")


def _draw_good(axes: Axes, table: pd.DataFrame, metrics: Mapping[str, Any]) -> None:
    """How far the network is linear: until the first bend, or where sampled until first order is 5 % off."""
    rows = table[table["part"] == "linearity"]
    exact = metrics["linearity"] is not None and all(part["exact"] == 1 for part in metrics["linearity"].values())
    measure = "radius_edits" if exact else "good_until"
    found = {
        kind: rows[(rows["edits"] == kind) & (rows["measure"] == measure)]["value"]
        for kind in ("adversarial", "random")
    }
    values = {kind: part.to_numpy(np.float64) for kind, part in found.items()}
    known = np.concatenate([part[np.isfinite(part) & (part > 0)] for part in values.values()] or [np.zeros(0)])
    axes.set_title("How far it is linear")
    if not len(known):
        _empty(axes)
        return
    if exact:
        bins = np.geomspace(known.min() * 0.99, known.max() * 1.01, 13).tolist()
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("edits (of the hull) to the first bend")
    else:
        bins = np.linspace(0, 1, 21).tolist()
        axes.set_xlabel("share of the way on which first order is within 5 %")
    for kind, colour in (("adversarial", ATTACK), ("random", CONTROL)):
        part = values[kind][np.isfinite(values[kind])]
        axes.hist(part, bins=bins, histtype="stepfilled", color=colour, alpha=0.45, label=f"{kind}, n = {len(part)}")
        axes.hist(part, bins=bins, histtype="step", color=colour, linewidth=1.1)
    axes.set_ylabel("records")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(0, axes.get_ylim()[1] * 1.3)
    axes.legend(fontsize=7, loc="upper right", ncols=2, labelcolor=INK)


def _empty(axes: Axes) -> None:
    axes.text(0.5, 0.5, "nothing was followed", ha="center", color=MUTED, transform=axes.transAxes)
    axes.set_axis_off()


def _last(name: str) -> str:
    """The end of a layer's path."""
    path, _, way = name.partition(" ")
    return _fitting(" ".join([path.split(".")[-1], way]).strip() or name, 22)


def _shortened(edits: str, most: int = 4) -> str:
    parts = edits.split(";")
    return " ".join(parts[:most]) + (f" + {len(parts) - most}" if len(parts) > most else "")


def _fitting(text: str, most: int = 46) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
