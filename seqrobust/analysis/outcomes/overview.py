"""One picture that tells the story: the budget curve, and beneath it one sequence before and after."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import Any

from matplotlib.figure import Figure

from seqrobust.analysis.outcomes.budget_curve import draw_accuracy, draw_curves, shift_curves
from seqrobust.report.edited import EditedRecord
from seqrobust.report.logo import draw_logo
from seqrobust.report.look import INK, MUTED, PAPER, styled
from seqrobust.report.words import one_line
from seqrobust.tasks import task_in

_CURVE_INCHES = 2.9
_GAP_INCHES = 0.45


@styled
def overview_picture(attack: Mapping[str, Any], example: EditedRecord, headline: str = "") -> Figure:
    """The budget curve above the letters of one example record.

    Args:
        attack: ``metrics.json`` of an attack.
        example: the record to show, of :func:`seqrobust.analysis.outcomes.example_edits`.
        headline: a sentence above the picture.
    """
    figure = Figure(facecolor=PAPER)
    draw_logo(figure, example)
    width, letters = (float(size) for size in figure.get_size_inches())
    lines = wrap(one_line(headline, 240), 92)
    head = 0.1 + 0.24 * len(lines)
    height = letters + _GAP_INCHES + _CURVE_INCHES + head
    figure.set_size_inches(width, height)
    for axes in figure.axes:
        left, bottom, wide, high = axes.get_position().bounds
        axes.set_position((left, bottom * letters / height, wide, high * letters / height))
    place = (0.075, (letters + _GAP_INCHES + 0.5) / height, 0.925 - 1.75 / width, (_CURVE_INCHES - 0.85) / height)
    curve = figure.add_axes(place)
    if task_in(attack).measured:
        draw_curves(curve, shift_curves(attack), "Mean shift of the prediction", attack)
    else:
        draw_accuracy(curve, attack)
    if lines:
        figure.text(0.012, 1 - 0.08 / height, "\n".join(lines), fontsize=11, va="top", color=INK, weight="bold")
    text = f"{one_line(example.id, 40)}: {example.changes}"
    figure.text(0.012, (letters + 0.1) / height, text, fontsize=8.5, color=MUTED, va="bottom")
    return figure
