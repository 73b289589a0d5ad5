"""Attributions as logos: a panel a record, a row a method, functional regions shaded and named below.

What stands where is decided in :mod:`seqrobust.analysis.attribute.layout`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from seqrobust.analysis.attribute.layout import Drawn, Panel, Row, make_panel
from seqrobust.report.letter_row import draw_letters
from seqrobust.report.look import CLEAN, INK, MUTED, RULE, SHADE, empty_axes, save_picture, styled
from seqrobust.report.words import figure as figure_text

_PIXELS_PER_INCH = 160
_LEFT, _RIGHT = 2.05, 0.45
_HEAD, _FOOT, _TITLE, _ROW, _SPACE, _RULER, _LANE, _GAP = 0.1, 0.3, 0.4, 0.5, 0.07, 0.2, 0.2, 0.14
"""Inches: a heading, a method's row and the space below it, the numbers of positions, a lane of regions."""
_EDGE = 0.1
"""Columns that a region falls short of at each end, so that neighbours stay apart."""


def draw_attributions(path: Path, records: Sequence[Drawn]) -> None:
    """Write the picture as PNG."""
    protein = records[0].alphabet.name == "PROTEIN"
    figure = attribution_figure([make_panel(record) for record in records], protein=protein)
    save_picture(figure, path, width_in_pixels=round(figure.get_size_inches()[0] * _PIXELS_PER_INCH))


@styled
def attribution_figure(panels: Sequence[Panel], *, protein: bool) -> Figure:
    """Panels below one another. Each row has a scale of its own, for methods speak in different units."""
    heading = max(0.062 * max(len(panel.title) * 1.2, len(panel.subtitle)) for panel in panels)
    width = _LEFT + max(*(panel.width for panel in panels), heading - 1.6, 3.0) + _RIGHT
    height = sum(_height(panel) for panel in panels) + _HEAD + _FOOT
    figure = Figure(figsize=(width, height))
    top = height - _HEAD
    for panel in panels:
        _draw_panel(figure, panel, top, protein=protein)
        top -= _height(panel)
    note = "height: importance, each row on its own scale; downward and pale: against what is explained"
    if any(panel.lanes for panel in panels):
        note += "; shaded: functional"
    figure.text(0.12 / width, 0.1 / height, note, ha="left", va="bottom", fontsize=6.5, color=MUTED)
    return figure


def _height(panel: Panel) -> float:
    return _TITLE + len(panel.rows) * (_ROW + _SPACE) + _RULER + _LANE * len(panel.lanes) + _GAP


def _axes(figure: Figure, panel: Panel, top: float, height: float) -> Axes:
    """Axes over the columns of a panel, at so many inches from the bottom."""
    wide, tall = figure.get_size_inches()
    axes = figure.add_axes((_LEFT / wide, (top - height) / tall, panel.width / wide, height / tall))
    axes.set_xlim(0, len(panel.letters))
    empty_axes(axes)
    return axes


def _draw_panel(figure: Figure, panel: Panel, top: float, *, protein: bool) -> None:
    wide, tall = figure.get_size_inches()
    figure.text(0.12 / wide, (top - 0.16) / tall, panel.title, va="baseline", fontsize=9, fontweight="bold")
    figure.text(0.12 / wide, (top - 0.3) / tall, panel.subtitle, va="baseline", fontsize=7.2, color=MUTED)
    top -= _TITLE
    rows = len(panel.rows) * (_ROW + _SPACE)
    behind = _axes(figure, panel, top, rows)
    for bar in (bar for lane in panel.lanes for bar in lane):
        shade = Rectangle(
            (bar.start + _EDGE, 0), bar.end - bar.start - 2 * _EDGE, 1, facecolor=SHADE, gid="functional", linewidth=0
        )
        behind.add_patch(shade)
    for row in panel.rows:
        _draw_row(_axes(figure, panel, top, _ROW), panel, row, protein=protein)
        top -= _ROW + _SPACE
    below = _RULER + _LANE * len(panel.lanes)
    _draw_below(_axes(figure, panel, top, below), panel, below)


def _draw_row(axes: Axes, panel: Panel, row: Row, *, protein: bool) -> None:
    known = row.heights[np.isfinite(row.heights)]
    high, low = max(known.max(initial=0.0), 0.0), min(known.min(initial=0.0), 0.0)
    span = high - low
    # Nothing but zeros still gets a line.
    axes.set_ylim(low - 0.02 * span, high + 0.02 * span) if span > 0 else axes.set_ylim(-1, 1)
    axes.axhline(0, color=RULE, linewidth=0.6, zorder=0)
    draw_letters(axes, panel.letters, row.heights, protein=protein)
    name = row.name.replace("_", " ")
    for place, text, size, colour in ((0.52, name, 7.8, INK), (0.22, _range(low, high), 6.2, MUTED)):
        axes.text(-0.012, place, text, transform=axes.transAxes, ha="right", va="center", fontsize=size, color=colour)


def _range(low: float, high: float) -> str:
    return f"{figure_text(low)} to {figure_text(high)}" if high > low else "all zero"


def _draw_below(axes: Axes, panel: Panel, height: float) -> None:
    """Numbers of positions, and the names of regions; one unit is an inch."""
    axes.set_ylim(-height, 0)
    for column in panel.ticks:
        axes.plot([column + 0.5] * 2, [0, -0.03], color=MUTED, linewidth=0.6)
        axes.text(
            column + 0.5, -0.05, f"{panel.start + column + 1:,}", ha="center", va="top", fontsize=6.3, color=MUTED
        )
    for number, lane in enumerate(panel.lanes):
        y = -_RULER - _LANE * number
        for bar in lane:
            place, width = (bar.start + _EDGE, y - 0.035), bar.end - bar.start - 2 * _EDGE
            axes.add_patch(Rectangle(place, width, 0.035, facecolor=CLEAN, edgecolor="none"))
            axes.text(bar.at, y - 0.05, bar.name, ha="left", va="top", fontsize=6.8, color=INK)
