"""A record before and after: two rows of letters, the edited ones raised and boxed, protected stretches shaded.

One column is one unit wide, so every place is counted in columns; what stands in which column is decided in
:mod:`seqrobust.report.logo_layout`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle
from matplotlib.transforms import AffineDeltaTransform

from seqrobust.report.edited import EditedRecord
from seqrobust.report.letters import NUCLEOTIDES, RESIDUES, outline
from seqrobust.report.logo_layout import COLUMNS, Line, edit_labels, lanes, lay_out, region_name, runs
from seqrobust.report.look import ATTACK, CLEAN, INK, MUTED, RULE, SHADE, empty_axes, styled
from seqrobust.report.words import figure as figure_text
from seqrobust.report.words import one_line
from seqrobust.sequences import Region

_INCHES_PER_COLUMN = 0.137
_INCHES_PER_UNIT = 0.2
_MOST_LINES = 12
_LABELS, _LEVEL, _MOST_LEVELS = 3.1, 0.75, 3


@styled
def before_after_logo(example: EditedRecord, columns: int = COLUMNS) -> Figure:
    """The record's letters before and after its edits; see the head of this module."""
    figure = Figure()
    draw_logo(figure, example, columns)
    return figure


def draw_logo(figure: Figure, example: EditedRecord, columns: int = COLUMNS) -> None:
    """Draw onto a figure of any size, which takes the size the letters need."""
    lines = lay_out(len(example.before), [edit.position for edit in example.edits], columns)
    shown = lines[:_MOST_LINES]
    heights = [_bottom(example, line) + _top(example, line) for line in shown]
    margin = _margin(example)
    width = margin + max(len(line.positions) for line in shown) + 3
    figure.set_size_inches(width * _INCHES_PER_COLUMN, sum(heights) * _INCHES_PER_UNIT)
    above = 0.0
    for number, (line, height) in enumerate(zip(shown, heights, strict=True)):
        above += height
        axes = figure.add_axes((0, 1 - above / sum(heights), 1, height / sum(heights)), label=f"line {number}")
        axes.set(xlim=(-margin, width - margin), ylim=(-_bottom(example, line), _top(example, line)))
        empty_axes(axes)
        _draw_line(axes, example, line, first=number == 0)
    if len(lines) > len(shown):
        drawn = {position for line in shown for position in line.positions}
        missing = sum(edit.position not in drawn for edit in example.edits)
        figure.text(0.99, 0.005, f"{missing} more edits are not drawn", ha="right", va="bottom", color=MUTED)


def _draw_line(axes: Axes, example: EditedRecord, line: Line, *, first: bool) -> None:
    edited = {edit.position for edit in example.edits}
    palette = RESIDUES if example.alphabet.name == "PROTEIN" else NUCLEOTIDES
    _shade(axes, example, line)
    for y, text, base in ((1.75, example.before, False), (0.0, example.after, True)):
        places = [(column, p, text[p]) for column, p in enumerate(line.positions) if p >= 0]
        raised = [(column, letter) for column, p, letter in places if p in edited]
        plain = [(column, letter) for column, p, letter in places if p not in edited]
        _letters(axes, plain, y, 0.95, palette, alpha=0.35 if base else 0.9)
        _letters(axes, raised, y, 1.3 if base else 0.95, palette, alpha=1)
    _mark_edits(axes, example, line)
    _draw_ruler(axes, example, line)
    for lane, (region, start, end) in lanes(example, line):
        _draw_region(axes, region, start, end, lane, bounding=region.name in example.bounding)
    for column in (column for column, p in enumerate(line.positions) if p < 0):
        for y in (2.2, 0.45):
            axes.text(column + 0.5, y, "···", ha="center", va="center", color=MUTED, fontsize=8)
    if first:
        _name_rows(axes, example)


def _shade(axes: Axes, example: EditedRecord, line: Line) -> None:
    closed = [p >= 0 and bool(example.protected[p]) for p in line.positions]
    for start, end in runs(closed):
        patch = Rectangle(
            (start, -0.12), end - start, 3.0, facecolor=SHADE, edgecolor="none", zorder=0, gid="protected"
        )
        axes.add_patch(patch)


def _letters(
    axes: Axes, placed: Sequence[tuple[int, str]], y: float, height: float, palette: Mapping[str, str], alpha: float
) -> None:
    """Letters stretched to their column, one collection per letter, so that an SVG holds each outline once."""
    # The stubs ask for an affine transform; data to display is one on linear axes.
    columns_wide = AffineDeltaTransform(axes.transData)  # type: ignore[arg-type]
    for letter in sorted({letter for _, letter in placed}):
        corners = [(column + 0.06, y) for column, other in placed if other == letter]
        shape = outline(letter, 0.88, height)
        drawn = PathCollection([shape], offsets=corners, offset_transform=axes.transData, alpha=alpha, linewidths=0)
        drawn.set(facecolor=palette.get(letter, MUTED), transform=columns_wide, gid=letter)
        axes.add_collection(drawn, autolim=False)


def _mark_edits(axes: Axes, example: EditedRecord, line: Line) -> None:
    """A box around both letters of each edit, and its name above; names stand upright where they are too many."""
    labels = edit_labels(example, line)
    upright = max((level for level, _, _ in labels), default=0) > _MOST_LEVELS
    for level, column, name in labels:
        box = "round,pad=0,rounding_size=0.25"
        patch = FancyBboxPatch((column + 0.02, -0.1), 0.96, 2.9, boxstyle=box, facecolor="none", zorder=4, gid="edit")
        patch.set(edgecolor=ATTACK, linewidth=1.1)
        axes.add_patch(patch)
        if upright:
            axes.text(column + 0.55, 3.05, name, rotation=90, ha="center", va="bottom", fontsize=6.2, color=ATTACK)
            continue
        y = _LABELS + _LEVEL * level
        if level:
            axes.plot([column + 0.12] * 2, [2.8, y + 0.55], color=ATTACK, linewidth=0.8)
        axes.text(column + 0.02 + 0.3 * (level > 0), y, name, fontsize=7.5, fontweight="bold", color=ATTACK)


def _draw_ruler(axes: Axes, example: EditedRecord, line: Line) -> None:
    """1-based positions at each window's first and last letter and at every tenth."""
    last = -10.0
    for start, end in runs([p >= 0 for p in line.positions]):
        for column in range(start, end):
            position = int(example.numbers[line.positions[column]])
            at_end = column in (start, end - 1)
            near_end = column != end - 1 and end - 1 - column < 3
            if position and (at_end or position % 10 == 0) and column - last >= 3 and not near_end:
                axes.text(column + 0.5, -0.25, str(position), ha="center", va="top", fontsize=6.5, color=MUTED)
                last = column


def _draw_region(axes: Axes, region: Region, start: int, end: int, lane: int, *, bounding: bool) -> None:
    y = -1.45 - 1.0 * lane
    axes.add_patch(
        Rectangle((start, y + 0.35), end - start, 0.16, facecolor=CLEAN if bounding else RULE, edgecolor="none")
    )
    colour = INK if bounding else MUTED
    axes.text(start, y + 0.25, region_name(region), ha="left", va="top", fontsize=6.8, color=colour)


def _top(example: EditedRecord, line: Line) -> float:
    labels = edit_labels(example, line)
    levels = max((level for level, _, _ in labels), default=0)
    if levels > _MOST_LEVELS:
        return 3.3 + 0.5 * max(len(name) for _, _, name in labels)
    return _LABELS + 0.9 + _LEVEL * levels


def _bottom(example: EditedRecord, line: Line) -> float:
    return 1.0 + max((lane + 1 for lane, _ in lanes(example, line)), default=0)


def _prediction(value: object) -> str:
    return figure_text(value) if isinstance(value, float) else one_line(value, 16)


def _margin(example: EditedRecord) -> float:
    """Columns to the left of the letters, where rows are named."""
    names = [_prediction(example.row.get(key)) for key in ("clean_prediction", "adversarial_prediction")]
    return max(4.0, 0.78 * max(map(len, names)) + 1.2)


def _name_rows(axes: Axes, example: EditedRecord) -> None:
    row = example.row
    for y, name, key in ((1.75, "before", "clean_prediction"), (0.0, "after", "adversarial_prediction")):
        axes.text(-0.6, y + 0.72, name, ha="right", va="bottom", fontsize=7, color=MUTED)
        axes.text(
            -0.6,
            y + 0.02,
            _prediction(row.get(key)),
            ha="right",
            va="baseline",
            fontsize=8.5,
            fontweight="bold",
            color=INK,
        )
