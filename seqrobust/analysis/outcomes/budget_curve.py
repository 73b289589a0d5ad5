"""The budget curve: what is left of a model when k letters may change, beside as many random changes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from seqrobust.analysis.outcomes.sentences import budgets_of, clean_accuracy, is_unlabelled, truth_stated
from seqrobust.measures import uneven
from seqrobust.report.look import ATTACK, CONTROL, INK, MUTED, styled
from seqrobust.report.words import budget_size, interval_of, number, one_line, percent, unit_of
from seqrobust.report.words import figure as figure_text
from seqrobust.tasks import task_in

Metrics = Mapping[str, Any]
CONTROL_NAME = "random changes"
Point = tuple[float, float, float, float]
"""Budget, value, low and high end of its interval (NaN where there is none)."""


@dataclass(frozen=True, kw_only=True)
class Curve:
    """One line of the picture."""

    name: str
    colour: str
    points: tuple[Point, ...]


@styled
def budget_curve(attack: Metrics) -> Figure:
    """Robust accuracy against the budget with Wilson intervals; for regression the mean shift, and R² or the error.

    Args:
        attack: ``metrics.json`` of an attack.
    """
    if not task_in(attack).measured:
        figure = Figure(figsize=(8.8, 3.3), layout="constrained")
        draw_accuracy(figure.subplots(), attack)
        return figure
    qualities = ("r2", "spearman", "mse") if truth_stated(attack) else ()
    quality = next((key for key in qualities if _has(attack, key)), None)
    figure = Figure(figsize=(8.8 if quality else 5.6, 3.2), layout="constrained")
    axes = figure.subplots(1, 2 if quality else 1, squeeze=False)[0]
    draw_curves(axes[0], shift_curves(attack), "Mean shift of the prediction", attack)
    if quality:
        names = {"r2": "R² under attack", "spearman": "Spearman correlation under attack", "mse": "Squared error"}
        draw_curves(axes[1], [quality_curve(attack, quality)], names[quality], attack)
    return figure


def _has(attack: Metrics, key: str) -> bool:
    return any(not math.isnan(number(row.get(key))) for row in attack.get("budgets") or [])


def draw_accuracy(axes: Axes, attack: Metrics) -> None:
    """Accuracy, always from 0 to 100 %."""
    axes.set_ylim(0, 1.02)
    title = "Predictions kept" if is_unlabelled(attack) else "Accuracy"
    draw_curves(axes, accuracy_curves(attack), title, attack, percent)
    majority = number(attack.get("majority_accuracy"))
    classes = (budgets_of(attack) or [{}])[-1].get("by_class") or {}
    if not math.isnan(majority) and uneven([one["n"] for one in classes.values()]):
        # What no attack can lower, and nobody should be proud of.
        axes.axhline(majority, color=MUTED, linewidth=0.9, linestyle=":")
        said = f"always answering {one_line(attack['majority_class'], 24)}"
        axes.annotate(said, (0, majority), xytext=(4, -9), textcoords="offset points", fontsize=7.5, color=MUTED)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))


def accuracy_curves(attack: Metrics) -> list[Curve]:
    """Accuracy under attack, and under random changes: the clean accuracy less the attacked records that these flip.

    Without labels the clean predictions stand for the truth, and accuracy is the share of predictions kept.
    """
    known, interval = clean_accuracy(attack)
    clean = 1.0 if is_unlabelled(attack) else known
    n = number(attack.get("n")) - number((attack.get("nothing_editable") or {"n": 0})["n"])
    attacked_share = number(attack.get("attacked")) / n if n and "attacked" in attack else clean
    start = (0.0, clean, *interval)

    def attacked(row: Metrics) -> Point:
        return (_k(row), number(row.get("robust_accuracy")), *interval_of(row.get("robust_accuracy_ci")))

    def random(row: Metrics) -> Point:
        low, high = interval_of(row.get("random_success_rate_ci"))
        kept = [clean - attacked_share * share for share in (number(row.get("random_success_rate")), high, low)]
        return (_k(row), *kept)  # type: ignore[return-value]  # mypy cannot count a list

    return _curves(attack, start, attacked, random)


def shift_curves(attack: Metrics) -> list[Curve]:
    """Mean shift of a regression model's prediction, attacked and at random."""

    def attacked(row: Metrics) -> Point:
        return (_k(row), number(row.get("mean_shift")), *interval_of(row.get("mean_shift_ci")))

    def random(row: Metrics) -> Point:
        return (_k(row), number(row.get("random_mean_shift")), *interval_of(row.get("random_mean_shift_ci")))

    return _curves(attack, (0.0, 0.0, math.nan, math.nan), attacked, random)


def quality_curve(attack: Metrics, key: str) -> Curve:
    """One quality of a regression model (``r2``, ``spearman``, ``mse``) against the budget."""
    start = (0.0, number(attack.get(f"clean_{key}")), *interval_of(attack.get(f"clean_{key}_ci")))
    rows = [(_k(row), number(row.get(key)), *interval_of(row.get(f"{key}_ci"))) for row in budgets_of(attack)]
    return Curve(name="attack", colour=ATTACK, points=_measured(start, rows))


def curve_caption(attack: Metrics) -> str:
    """What to say under :func:`budget_curve`: of bands and the control only where they are drawn."""
    curves = shift_curves(attack) if task_in(attack).measured else accuracy_curves(attack)
    # A band needs two points with an interval.
    bands = any(sum(not math.isnan(point[2]) for point in curve.points) > 1 for curve in curves)
    control = any(curve.name == CONTROL_NAME and curve.points for curve in curves)
    parts = ["bands are 95 % intervals"] if bands else []
    parts += ["grey is the control, as many letters changed at random"] if control else []
    said = "; ".join(parts)
    return f"{said[:1].upper()}{said[1:]}." if said else ""


def _k(row: Metrics) -> float:
    return budget_size(row["budget"])


def _curves(
    attack: Metrics, start: Point, attacked: Callable[[Metrics], Point], random: Callable[[Metrics], Point]
) -> list[Curve]:
    rows = budgets_of(attack)
    return [
        Curve(name=CONTROL_NAME, colour=CONTROL, points=_measured(start, list(map(random, rows)))),
        Curve(name="attack", colour=ATTACK, points=_measured(start, list(map(attacked, rows)))),
    ]


def _measured(start: Point, points: list[Point]) -> tuple[Point, ...]:
    """With the start, which by itself is no curve."""
    known = _known(points)
    return _known([start, *known]) if known else ()


def _known(points: list[Point]) -> tuple[Point, ...]:
    return tuple(point for point in points if not math.isnan(point[1]))


def allowed(attack: Metrics) -> str:
    """What the axis of budgets counts."""
    unit = unit_of(attack)
    return "edits the adversary may make" if unit == "edit" else f"{unit}s the adversary may change"


def draw_curves(
    axes: Axes, curves: list[Curve], title: str, attack: Metrics, written: Callable[[float], str] = figure_text
) -> None:
    """Lines with a dot per budget and a band per interval, each named at its end."""
    for curve in (curve for curve in curves if curve.points):
        k, value, low, high = zip(*curve.points, strict=True)
        axes.plot(k, value, color=curve.colour, marker="o", markersize=4, label=curve.name, clip_on=False, zorder=3)
        axes.fill_between(k, low, high, color=curve.colour, alpha=0.16, linewidth=0)
    in_percent = any(str(row["budget"]).strip().endswith("%") for row in budgets_of(attack))
    axes.set_xlabel(allowed(attack) + (" (% of those editable)" if in_percent else ""))
    axes.set_title(title, pad=10)
    axes.xaxis.set_major_locator(MaxNLocator(integer=not in_percent, nbins=8))
    largest = max((curve.points[-1][0] for curve in curves if curve.points), default=0)
    axes.set_xlim(-0.03 * largest if largest else -0.5, largest or 0.5)
    _name_ends(axes, [curve for curve in curves if len(curve.points) > 1], written)


def _name_ends(axes: Axes, curves: list[Curve], written: Callable[[float], str]) -> None:
    """Names and last values behind the lines' ends, pushed apart where lines meet."""
    low, high = axes.get_ylim()
    apart = 0.09 * max(high - low, 1e-9)
    height = -math.inf
    for curve in sorted(curves, key=lambda curve: curve.points[-1][1]):
        k, value = curve.points[-1][:2]
        height = max(value, height + apart)
        axes.annotate(
            f"{curve.name} {written(value)}",
            (k, height),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            color=curve.colour if curve.colour == ATTACK else INK,
            fontweight="bold" if curve.colour == ATTACK else "normal",
            annotation_clip=False,
        )
