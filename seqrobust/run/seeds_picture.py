"""Runs of several seeds in one picture: the mean curve with its interval, and each run's own curve, thin."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from seqrobust.analysis.outcomes.budget_curve import Curve, accuracy_curves, draw_curves, shift_curves
from seqrobust.report.look import styled
from seqrobust.report.words import figure as figure_text
from seqrobust.report.words import number, percent
from seqrobust.run.over_seeds import estimate
from seqrobust.tasks import task_in

Metrics = Mapping[str, Any]


@styled
def seeds_picture(attacks: Sequence[Metrics]) -> Figure:
    """Accuracy (for regression the mean shift) against the budget: mean and 95 % interval over runs, and every run.

    Args:
        attacks: ``metrics.json`` of the attack of each run, with the same budgets.
    """
    figure = Figure(figsize=(8.8, 3.3), layout="constrained")
    axes = figure.subplots()
    if task_in(attacks[0]).measured:
        _draw(axes, attacks, shift_curves, "Mean shift of the prediction", figure_text)
    else:
        axes.set_ylim(0, 1.02)
        _draw(axes, attacks, accuracy_curves, "Accuracy", percent)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    return figure


def _draw(
    axes: Axes,
    attacks: Sequence[Metrics],
    curves_of: Callable[[Metrics], list[Curve]],
    title: str,
    written: Callable[[float], str],
) -> None:
    singles = [curves_of(attack) for attack in attacks]
    for curve in (curve for run in singles for curve in run if curve.points):
        k, value, *_ = zip(*curve.points, strict=True)
        axes.plot(k, value, color=curve.colour, linewidth=0.6, alpha=0.55, zorder=2)
    shares = curves_of is accuracy_curves
    means = [mean_curve(alike, share=shares) for alike in zip(*singles, strict=True)]
    draw_curves(axes, means, title, attacks[0], written)


def mean_curve(curves: Sequence[Curve], *, share: bool = False) -> Curve:
    """The mean of curves of one kind, with Student's interval over them, at the budgets that all of them know."""
    levels = [{point[0]: point[1] for point in curve.points} for curve in curves]
    points = []
    for k in sorted(set.intersection(*(set(level) for level in levels))):
        mean = estimate([level[k] for level in levels], share=share)
        low, high = (math.nan if end is None else end for end in (mean.low, mean.high))
        points.append((k, number(mean.mean), low, high))
    return Curve(name=curves[0].name, colour=curves[0].colour, points=tuple(points))
