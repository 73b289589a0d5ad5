"""Pictures of an evaluation: every method's own curve, how few edits suffice, who contributes, and what effort buys."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from seqrobust.analysis.outcomes.budget_curve import Curve, allowed, draw_curves
from seqrobust.report.look import ATTACK, CLEAN, CONTROL, EXTRA, INK, MUTED, styled
from seqrobust.report.words import budget_size, interval_of, number, one_line, percent
from seqrobust.report.words import figure as figure_text
from seqrobust.tasks import task_in

Metrics = Mapping[str, Any]

_COLOURS = (CLEAN, EXTRA, "#e69f00", "#56b4e9", "#cc79a7", INK)
WORST, RANDOM = "worst case", "random changes"


@styled
def method_curves(metrics: Metrics) -> Figure:
    """Success against the budget (regression: mean absolute shift): every method alone, and the worst case over all."""
    shifts = task_in(metrics).measured
    key, whole = ("mean_abs_shift", "mean_abs_shift") if shifts else ("alone", "attack_success_rate")
    figure = Figure(figsize=(8.8, 3.3), layout="constrained")
    axes = figure.subplots()
    drawn = [] if shifts else [_rising(metrics["budgets"], "random_success_rate", RANDOM, CONTROL)]
    drawn += [
        _rising(method["budgets"], key, one_line(method["method"], 24), _COLOURS[index % len(_COLOURS)])
        for index, method in enumerate(metrics["contributions"])
    ]
    drawn.append(_rising(metrics["budgets"], whole, WORST, ATTACK))
    for curve in (curve for curve in drawn if curve.points):
        k, value, low, high = zip(*curve.points, strict=True)
        strong = curve.name in (WORST, RANDOM)
        written = figure_text(value[-1]) if shifts else percent(value[-1])
        axes.plot(
            k,
            value,
            color=curve.colour,
            marker="o",
            markersize=4 if strong else 3,
            linewidth=2.4 if strong else 1.2,
            # There are more methods than colours; those of other models are dashed.
            linestyle=(0, (4, 2)) if curve.name.startswith("transfer:") else "-",
            zorder=2 if strong else 3,
            label=f"{curve.name} {written}",
            clip_on=False,
        )
        if strong:
            axes.fill_between(k, low, high, color=curve.colour, alpha=0.16, linewidth=0)
    axes.set_xlabel(allowed(metrics))
    axes.set_xlim(left=0)
    axes.set_title("Mean absolute shift" if shifts else "Attacked records that reach the goal")
    if not shifts:
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    # The eye looks for names in the order of the lines' ends.
    lines = sorted(axes.get_lines(), key=lambda line: -float(line.get_ydata()[-1]))  # type: ignore[index,arg-type]
    axes.legend(handles=lines, loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


def _rising(rows: Sequence[Metrics], key: str, name: str, colour: str) -> Curve:
    # The origin is no measurement, but what no change does is known.
    points = [(0.0, 0.0, math.nan, math.nan)]
    points += [(budget_size(row["budget"]), number(row.get(key)), *interval_of(row.get(f"{key}_ci"))) for row in rows]
    return Curve(name=name, colour=colour, points=tuple(point for point in points if not math.isnan(point[1])))


@styled
def minimal_edit_histogram(metrics: Metrics) -> Figure:
    """Records by the fewest edits that broke them; those never broken stand apart, in grey."""
    found, largest = metrics["minimal_edits"], one_line(metrics["budgets"][-1]["budget"])
    n = max(found["n"], 1)
    counts = {int(edits): count for edits, count in found["counts"].items()}
    last = max(counts, default=0)
    figure = Figure(figsize=(min(3.2 + 0.35 * last, 8.8), 2.8), layout="constrained")
    axes = figure.subplots()
    axes.bar(list(counts), [count / n for count in counts.values()], color=ATTACK, width=0.8, gid="broken")
    axes.bar([last + 1.5], [found["censored"] / n], color=CONTROL, width=0.8, gid="censored")
    if found["median"] is not None:
        axes.axvline(found["median"], color=MUTED, linewidth=1, linestyle=(0, (2, 2)))
    ticks = [edits for edits in range(1, last + 1) if last <= 12 or edits % math.ceil(last / 12) == 0]
    axes.set_xticks([*ticks, last + 1.5], [*map(str, ticks), f"not within\n{largest}"])
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.set_xlabel("fewest edits that reached the goal")
    axes.set_title("Attacked records")
    return figure


def telling_level(metrics: Metrics) -> int:
    """The budget at which the worst case breaks about half of the records: where methods differ most."""
    rates = [number(row.get("attack_success_rate")) for row in metrics["budgets"]]
    return min(range(len(rates)), key=lambda level: abs((0 if math.isnan(rates[level]) else rates[level]) - 0.5))


@styled
def contribution_bars(metrics: Metrics) -> Figure:
    """Per method: all that it breaks by itself, and the part that nothing else breaks."""
    level, methods = telling_level(metrics), metrics["contributions"]
    rows = range(len(methods))
    alone = [number(method["budgets"][level]["alone"]) for method in methods]
    unique = [method["budgets"][level]["unique"] / max(method["n"], 1) for method in methods]
    figure = Figure(figsize=(5.6, 1.2 + 0.28 * len(methods)), layout="constrained")
    axes = figure.subplots()
    axes.barh(rows, alone, color=CONTROL, alpha=0.5, height=0.66, label="breaks", gid="alone")
    axes.barh(rows, unique, color=ATTACK, height=0.66, label="that nothing else breaks", gid="unique")
    axes.set_yticks(list(rows), [one_line(method["method"], 30) for method in methods])
    axes.set_ylim(len(methods) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.grid(False, axis="y")
    axes.grid(True, axis="x")
    axes.tick_params(axis="y", labelcolor=INK)
    budget = one_line(metrics["budgets"][level]["budget"])
    axes.set_title(f"Attacked records, each method alone at budget {budget}", pad=22)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2, handlelength=1.2, columnspacing=1.2)
    return figure


def efforts(success: Mapping[str, float]) -> dict[int, list[tuple[int, float]]]:
    """From settings such as ``10 steps, 2 restarts``: by number of restarts, (steps, success)."""
    lines: dict[int, list[tuple[int, float]]] = {}
    for setting, share in success.items():
        steps, restarts = map(int, re.findall(r"\d+", setting))
        lines.setdefault(restarts, []).append((steps, number(share)))
    return lines


@styled
def convergence_curves(values: Metrics) -> Figure:
    """Success of one attack against the steps it takes, and for more than one start."""
    lines = efforts(values["success"])
    figure = Figure(figsize=(6.4, 2.8), layout="constrained")
    axes = figure.subplots()
    for colour, (restarts, points) in zip((ATTACK, CLEAN, EXTRA), sorted(lines.items()), strict=False):
        steps, share = zip(*sorted(points), strict=True)
        axes.plot(steps, share, color=colour, marker="o", markersize=4, label=f"{restarts} restarts")
    axes.set_ylim(0, 1.02)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.set_xlabel("gradient steps per start")
    axes.set_title(f"Success of discrete PGD at budget {one_line(values.get('budget', ''))}")
    axes.legend(loc="center left", bbox_to_anchor=(1.01, 0.5))
    return figure


@styled
def direction_curves(metrics: Metrics) -> Figure:
    """Mean shift of a regression's prediction, up and down, beside as many random changes."""
    curves: list[Curve] = []
    for way, name, colour in (("up", "upwards", ATTACK), ("down", "downwards", CLEAN)):
        rows = [{**row[way], "budget": row["budget"]} for row in metrics["budgets"] if way in row]
        if rows and not curves:
            curves.append(_rising(rows, "random_mean_shift", RANDOM, CONTROL))
        curves.append(_rising(rows, "mean_shift", name, colour))
    figure = Figure(figsize=(8.8, 3.2), layout="constrained")
    draw_curves(figure.subplots(), curves, "Mean shift of the prediction", metrics)
    return figure
