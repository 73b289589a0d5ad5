"""The picture of certificates: the attack's curve above, the certificate's below, and what is unknown between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from seqrobust.analysis.outcomes.budget_curve import allowed
from seqrobust.report.look import ATTACK, CLEAN, MUTED, SHADE, styled
from seqrobust.report.words import budget_size, number, percent


@styled
def certified_curve(metrics: Mapping[str, Any]) -> Figure:
    """Shares of records that stand, against the budget.

    Args:
        metrics: ``metrics.json`` of a certification.
    """
    figure = Figure(figsize=(8.8, 3.3), layout="constrained")
    axes = figure.subplots()
    n = metrics["n"] - (metrics.get("nothing_editable") or {"n": 0})["n"]
    start = metrics["attacked"] / n if n else 0.0
    rows = [row for row in metrics["budgets"] if budget_size(row["budget"]) > 0]
    k = [0.0, *(budget_size(row["budget"]) for row in rows)]
    above = [start, *(number(row["robust_accuracy"]) for row in rows)]
    below = [start, *(number(row["certified_accuracy"]) for row in rows)]
    axes.fill_between(k, below, above, color=SHADE, linewidth=0, zorder=1)
    axes.plot(k, above, color=ATTACK, marker="o", markersize=4, clip_on=False, zorder=3)
    axes.plot(k, below, color=CLEAN, marker="s", markersize=4, clip_on=False, zorder=4)
    axes.set_ylim(0, 1.02)
    axes.set_xlim(-0.03 * k[-1] if k[-1] else -0.5, k[-1] or 0.5)
    axes.set_title("Records that stand", pad=10)
    axes.set_xlabel(allowed(metrics))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    _name_ends(axes, k[-1], above[-1], below[-1])
    widest = max(range(len(k)), key=lambda i: above[i] - below[i])
    if above[widest] - below[widest] > 0.08:
        middle = (above[widest] + below[widest]) / 2
        axes.annotate("unknown", (k[widest], middle), xytext=(-34, 0), textcoords="offset points", color=MUTED)
    return figure


def _name_ends(axes: Any, last: float, above: float, below: float) -> None:
    """Names and last values behind the ends of the two lines; one name where they meet."""
    if above == below:
        axes.annotate(
            f"exact {percent(above)}", (last, above), xytext=(8, 0), textcoords="offset points", va="center",
            color=CLEAN, fontweight="bold", annotation_clip=False,
        )  # fmt: skip
        return
    apart = max(0.0, 0.09 - (above - below)) / 2
    for text, height, colour in (
        (f"not broken by the attack {percent(above)}", above + apart, ATTACK),
        (f"certified {percent(below)}", below - apart, CLEAN),
    ):
        axes.annotate(
            text, (last, height), xytext=(8, 0), textcoords="offset points", va="center", color=colour,
            fontweight="bold", annotation_clip=False,
        )  # fmt: skip
