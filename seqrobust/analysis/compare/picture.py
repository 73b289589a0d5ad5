"""The transfer matrix: whose sequences fool whom."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from seqrobust.report.look import ATTACK, CLEAN, INK, RULE, styled
from seqrobust.report.sections import Table
from seqrobust.report.words import (
    budget_words,
    figure,
    interval_of,
    number,
    one_line,
    percent,
    percent_range,
    unit_of,
)

Metrics = Mapping[str, Any]

_MOST_PANELS = 3


def shown_budgets(metrics: Metrics) -> list[Metrics]:
    """The smallest, the middle and the largest."""
    rows = metrics["budgets"]
    last = len(rows) - 1
    return [rows[level] for level in sorted({0, last // 2, last})][:_MOST_PANELS]


def matrix(budget: Metrics, names: list[str], key: str = "rate") -> NDArray[np.float64]:
    """(M, M) of one budget: row the source, column the target; NaN where there was nothing to count."""
    found = np.full((len(names), len(names)), np.nan)
    for pair in budget["pairs"]:
        found[names.index(pair["source"]), names.index(pair["target"])] = number(pair[key])
    return found


@styled
def transfer_picture(metrics: Metrics) -> Figure:
    """A square per pair of models, as strong as the share that is fooled; framed where a model meets its own."""
    names, budgets = list(metrics["names"]), shown_budgets(metrics)
    side = 1.3 + 0.62 * len(names)
    figure = Figure(figsize=(side * len(budgets) + 0.6, side + 0.5), layout="compressed")
    panels = figure.subplots(1, len(budgets), squeeze=False)[0]
    for place, (axes, budget) in enumerate(zip(panels, budgets, strict=True)):
        _draw(axes, matrix(budget, names), names, first=place == 0)
        axes.set_title(budget_words(budget["budget"], unit_of(metrics)))
    return figure


def _draw(axes: Axes, rates: NDArray[np.float64], names: list[str], *, first: bool) -> None:
    count = len(names)
    for (row, column), rate in np.ndenumerate(rates):
        own = row == column
        patch = Rectangle((column + 0.03, row + 0.03), 0.94, 0.94, linewidth=1.6 if own else 0)
        patch.set_facecolor((*_rgb(ATTACK), 0.05 + 0.75 * rate if rate == rate else 0.0))
        patch.set_edgecolor(CLEAN if own else RULE)
        axes.add_patch(patch)
        axes.text(column + 0.5, row + 0.5, percent(float(rate)), ha="center", va="center", fontsize=8)
    shown = [one_line(name, 16) for name in names]
    axes.set(xlim=(0, count), ylim=(count, 0), aspect="equal")
    ticks = np.arange(count) + 0.5
    axes.set_xticks(ticks, shown, rotation=90 if max(map(len, shown)) > 6 else 0)
    axes.set_yticks(ticks, shown if first else [""] * count)
    axes.tick_params(length=0, labelcolor=INK)
    axes.grid(False)
    axes.set_xlabel("shown to")
    if first:
        axes.set_ylabel("found against")
    for spine in axes.spines.values():
        spine.set(visible=True, color=RULE)


def _rgb(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def transfer_table(budget: Metrics, unit: str = "letter") -> Table:
    """Every pair at one budget, a number of units, in numbers."""
    rows = []
    for pair in budget["pairs"]:
        cells = [_share(pair, key) for key in ("rate", "rate_of_found", "own_rate")]
        names = f"{one_line(pair['source'], 24)} → {one_line(pair['target'], 24)}"
        rows.append((names, figure(pair["n"]), *cells))
    return Table(
        caption=f"With {budget_words(budget['budget'], unit)}",
        columns=("found against → shown to", "both right", "fooled", "of those that fooled their own", "by its own"),
        rows=tuple(rows),
    )


def _share(pair: Metrics, key: str) -> str:
    low, high = interval_of(pair[f"{key}_ci"])
    return percent(number(pair[key])) + (f" ({percent_range(low, high)})" if low == low else "")
