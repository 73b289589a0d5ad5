"""A saturation map as heat maps: a panel a record, rows letters, columns positions, colour the change of one output.

A record longer than a line holds is wrapped; one longer than a few lines is summarised, each column then showing the
largest change within a stretch. What stands where is decided in :mod:`seqrobust.analysis.ism.layout`.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, Normalize, TwoSlopeNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from seqrobust.analysis.ism.drawing import Drawing
from seqrobust.analysis.ism.layout import (
    GAP,
    LEFT,
    RIGHT,
    TITLE,
    TRACK,
    Line,
    Panel,
    make_panel,
    panel_height,
    row_height,
    widest_line,
)
from seqrobust.analysis.ism.storage import SaturationMap
from seqrobust.report.look import CLEAN, INK, MUTED, SHADE, empty_axes, save_picture, styled

_PIXELS_PER_INCH = 200
_TICKS = 0.2
"""Inches under a heat map for the numbers of its positions."""
_FOOT, _BAR, _HEAD = 0.3, 1.1, 0.1
_QUANTILE = 0.995
"""Colours saturate beyond this quantile of all changes drawn, so that one extreme does not bleach the rest."""


def draw_map(path: Path, drawing: Drawing, found: SaturationMap) -> None:
    """Write the picture as PNG."""
    figure = map_figure([make_panel(drawing, found, record) for record in drawing.records])
    save_picture(figure, path, width_in_pixels=round(figure.get_size_inches()[0] * _PIXELS_PER_INCH))


@styled
def map_figure(panels: list[Panel]) -> Figure:
    """Panels below one another on one scale of colours, centred on no change."""
    heights = [panel_height(panel) for panel in panels]
    width = LEFT + max(widest_line(panel) for panel in panels) + RIGHT
    height = max(sum(heights), _BAR + TITLE + 0.2) + _HEAD + _FOOT
    figure = Figure(figsize=(width, height))
    norm, beyond = _scale(panels)
    colours = mpl.colormaps["RdBu_r"].with_extremes(bad=SHADE)
    top = height - _HEAD
    for panel, tall in zip(panels, heights, strict=True):
        _draw_panel(figure, panel, top, norm, colours)
        top -= tall
    _draw_scale(figure, panels, norm, colours, extended=beyond)
    note = "letters: the record's own"
    if any(np.isnan(line.delta).any() for panel in panels for line in panel.lines):
        note += "; grey: not scanned"
    figure.text(LEFT / width, 0.1 / height, note, ha="left", va="bottom", fontsize=6.5, color=MUTED)
    return figure


def _scale(panels: list[Panel]) -> tuple[Normalize, bool]:
    """Colours of changes, and whether some change lies beyond them."""
    shown = np.abs(np.concatenate([line.delta.ravel() for panel in panels for line in panel.lines]))
    shown = shown[np.isfinite(shown) & (shown > 0)]
    end = float(np.quantile(shown, _QUANTILE)) if shown.size else 1.0
    return TwoSlopeNorm(0, -end, end), bool(shown.size and shown.max() > end * 1.0001)


def _axes(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Axes at a place counted in inches from the upper left."""
    wide, tall = figure.get_size_inches()
    return figure.add_axes((left / wide, (top - height) / tall, width / wide, height / tall))


def _draw_panel(figure: Figure, panel: Panel, top: float, norm: Normalize, colours: Colormap) -> None:
    wide, tall = figure.get_size_inches()
    figure.text(LEFT / wide, (top - 0.15) / tall, panel.title, va="baseline", fontsize=8.5, fontweight="bold")
    figure.text(LEFT / wide, (top - 0.28) / tall, panel.subtitle, va="baseline", fontsize=7, color=MUTED)
    top -= TITLE
    row = row_height(panel)
    for line in panel.lines:
        heat = _axes(figure, LEFT, top, line.width, row * len(panel.letters))
        heat.imshow(line.delta, aspect="auto", interpolation="nearest", cmap=colours, norm=norm)
        _letter_rows(heat, panel)
        _position_ticks(heat, line)
        if panel.bin == 1:
            _own_letters(heat, panel, line)
        top -= row * len(panel.letters) + _TICKS
        if line.tracks:
            _draw_regions(_axes(figure, LEFT, top, line.width, TRACK * len(line.tracks)), line)
        top -= TRACK * len(line.tracks) + GAP


def _letter_rows(axes: Axes, panel: Panel) -> None:
    size = 6.5 if len(panel.letters) < 10 else 5.5
    axes.set_yticks(range(len(panel.letters)), panel.letters, fontsize=size, family="monospace")
    axes.tick_params(axis="both", length=0, pad=2)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _position_ticks(axes: Axes, line: Line) -> None:
    places = [(place + 0.5) / line.bin - 0.5 - line.first for place in line.ticks]
    axes.set_xticks(places, [f"{place + 1:,}" for place in line.ticks], fontsize=6.5)
    axes.tick_params(axis="x", length=2, pad=1)


def _own_letters(axes: Axes, panel: Panel, line: Line) -> None:
    """The record's own letter in its cell, which no colour fills."""
    for column, token in enumerate(line.own):
        if token < len(panel.letters):
            letter = panel.letters[token]
            axes.text(column, token, letter, ha="center", va="center_baseline", fontsize=5, color=INK, alpha=0.75)


def _draw_regions(axes: Axes, line: Line) -> None:
    columns = line.delta.shape[1]
    axes.set(xlim=(-0.5, columns - 0.5), ylim=(len(line.tracks), 0))
    empty_axes(axes)
    for number, track in enumerate(line.tracks):
        for bar in track:
            place, width = (bar.start - 0.5, number + 0.08), max(bar.end - bar.start, 0.4)
            axes.add_patch(Rectangle(place, width, 0.25, facecolor=CLEAN, edgecolor="white", linewidth=1))
            axes.text(bar.at - 0.5, number + 0.45, bar.name, va="top", fontsize=6, color=MUTED)


def _draw_scale(figure: Figure, panels: list[Panel], norm: Normalize, colours: Colormap, *, extended: bool) -> None:
    wide, tall = figure.get_size_inches()
    axes = _axes(figure, wide - RIGHT + 0.2, tall - _HEAD - TITLE, 0.09, _BAR)
    ends = "both" if extended else "neither"
    bar = figure.colorbar(ScalarMappable(norm, colours), cax=axes, extend=ends)
    bar.outline.set_visible(False)
    axes.tick_params(labelsize=6.5, length=2)
    axes.grid(False)
    names: list[str] = list(dict.fromkeys(panel.quantity for panel in panels))
    label = "change of\n" + (names[0] if len(names) == 1 else "the output")
    axes.set_ylabel(label, fontsize=6.5, color=MUTED, labelpad=3)
