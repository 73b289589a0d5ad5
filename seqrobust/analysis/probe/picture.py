"""The probe in pictures: flip rates side by side, the score on its null, where edits fall, which k-mers they spell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from seqrobust.report.look import ATTACK, CLEAN, CONTROL, EXTRA, INK, MUTED, RULE, save_picture, styled
from seqrobust.report.words import interval_of, number, one_line
from seqrobust.tasks import task_in

Metrics = Mapping[str, Any]
_KMERS = 8
_ASIDE = 0.012
"""Share of the budget axis by which curves are set apart."""


def draw_probe(path: Path, metrics: Metrics) -> None:
    """Write the picture as PNG."""
    save_picture(probe_figure(metrics), path, width_in_pixels=2000)


@styled
def probe_figure(metrics: Metrics) -> Figure:
    """Four panels; what was not measured is said in its place."""
    figure = Figure(figsize=(10.4, 7.2), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.12, h_pad=0.12)  # type: ignore[union-attr, call-arg]
    axes = figure.subplots(2, 2)
    _rates(axes[0, 0], metrics)
    _null(axes[0, 1], metrics["reliance"])
    _places(axes[1, 0], metrics["scan"])
    _kmers(axes[1, 1], metrics["scan"])
    return figure


@styled
def rates_figure(metrics: Metrics) -> Figure:
    """Flip rates, or shifts, against the budget."""
    figure = Figure(figsize=(8.8, 3.2), layout="constrained")
    axes = figure.subplots()
    _rates(axes, metrics)
    axes.legend(fontsize=7.5, loc="center left", bbox_to_anchor=(1.0, 0.5), handlelength=1.8)
    return figure


@styled
def reliance_figure(metrics: Metrics) -> Figure:
    """The score on its null, and by class and region."""
    parts = _parts(metrics["reliance"])
    figure = Figure(figsize=(9.6, 3.0 + 0.12 * max(len(parts) - 8, 0)), layout="constrained")
    axes = figure.subplots(1, 2) if len(parts) > 1 else [figure.subplots()]
    _null(axes[0], metrics["reliance"])
    if len(parts) > 1:
        kinds = [
            name for name, found in (("class", "classes"), ("region alone", "regions")) if metrics["reliance"][found]
        ]
        _groups(axes[1], parts, "By " + ", and by ".join(kinds))
    return figure


@styled
def scan_figure(metrics: Metrics) -> Figure:
    """Where edits fall, and which k-mers they spell."""
    figure = Figure(figsize=(9.6, 3.4), layout="constrained")
    axes = figure.subplots(1, 2)
    _places(axes[0], metrics["scan"])
    _kmers(axes[1], metrics["scan"])
    return figure


def _rates(axes: Axes, metrics: Metrics) -> None:
    regression = task_in(metrics).measured
    key = "mean_shift" if regression else "flip_rate"
    lines = [
        ("outside functional", "nonfunctional", key, ATTACK, "-"),
        ("random, outside", "nonfunctional", f"random_{key}", ATTACK, ":"),
        ("outside, as many positions", "matched", key, EXTRA, "-"),
        ("inside functional", "functional", key, CLEAN, "-"),
        ("random, inside", "functional", f"random_{key}", CLEAN, ":"),
    ]
    # Curves that are alike lie beside each other instead of one beneath the other.
    span = max((row["budget"] for rows in metrics["budgets"].values() for row in rows), default=1)
    for place, (name, arm, column, colour, dashes) in enumerate(lines):
        rows = [row for row in metrics["budgets"][arm] if row.get(column) is not None]
        budgets = [row["budget"] + _ASIDE * span * (place - 2) for row in rows]
        values = [number(row[column]) for row in rows]
        axes.plot(budgets, values, dashes, marker="o" if dashes == "-" else "", ms=4, color=colour, label=name)
        ends = [interval_of(row.get(f"{column}_ci")) for row in rows]
        if dashes == "-" and rows:
            axes.fill_between(
                budgets, [low for low, _ in ends], [high for _, high in ends], color=colour, alpha=0.14, lw=0
            )
    axes.set_title("Mean shift of the prediction" if regression else "Records flipped")
    axes.set_xlabel("letters changed at most")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    if regression:
        axes.axhline(0, color=RULE, lw=0.8)
    else:
        axes.set_ylim(-0.02, 1.02)
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.legend(fontsize=7.5, loc="best", handlelength=1.8)


def _null(axes: Axes, found: Metrics) -> None:
    axes.set_title("Reliance on what lies outside")
    axes.set_xlim(0, 1)
    axes.grid(False)
    axes.spines["left"].set_visible(False)
    axes.set_yticks([])
    axes.set_xlabel("0: only functional positions move the decision · 1: only others do", fontsize=7.5)
    if found["score"] is None:
        axes.text(0.5, 0.5, "no record has both kinds of positions", ha="center", transform=axes.transAxes, color=MUTED)
        return
    counts, edges = np.histogram([number(value) for value in found["null"]], bins=np.linspace(0, 1, 51))
    top = max(int(counts.max()), 1)
    axes.bar(
        edges[:-1],
        counts / top,
        width=0.018,
        align="edge",
        color=CONTROL,
        alpha=0.6,
        label="same regions, placed elsewhere",
    )
    axes.set_ylim(0, 1.45)
    if found["ci"] is not None:
        axes.axvspan(found["ci"][0], found["ci"][1], ymax=0.83, color=ATTACK, alpha=0.2, lw=0)
    axes.plot([found["score"]] * 2, [0, 1.2], color=ATTACK, lw=2)
    right = found["score"] > 0.6
    axes.text(
        found["score"] + (-0.015 if right else 0.015),
        1.25,
        f"this model: {found['score']:.2f}",
        ha="right" if right else "left",
        color=ATTACK,
        fontweight="bold",
        va="center",
    )
    middle = (found["score"] + number(found["null_mean"])) / 2
    axes.legend(fontsize=7.5, loc="upper right" if middle < 0.5 else "upper left", bbox_to_anchor=(0, 0.86, 1, 0))


def _parts(found: Metrics) -> list[tuple[str, Metrics]]:
    return [*found["classes"].items(), *found["regions"].items()][:20]


def _groups(axes: Axes, parts: Sequence[tuple[str, Metrics]], title: str) -> None:
    rows = range(len(parts))
    axes.set_title(title)
    for row, (_, one) in enumerate(parts):
        low, high = one["null_interval"]
        axes.plot([low, high], [row, row], color=RULE, lw=6, solid_capstyle="butt", zorder=1)
        axes.plot(interval_of(one["ci"]), [row, row], color=ATTACK, lw=1.6, zorder=2)
        axes.scatter([one["score"]], [row], color=ATTACK, s=26, zorder=3)
    axes.set_yticks(list(rows), [one_line(name, 24) for name, _ in parts])
    axes.set_ylim(len(parts) - 0.4, -0.6)
    axes.set_xlim(0, 1)
    axes.grid(False, axis="y")
    axes.grid(True, axis="x")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_xlabel("reliance; grey: 95 % of placements elsewhere", fontsize=7.5)


def _places(axes: Axes, scan: Metrics) -> None:
    profile, label = scan["positions"], "position along the sequence"
    if profile is None and scan["around"]:
        name, profile = max(scan["around"].items(), key=lambda item: item[1]["n"])
        label = f"letters from the start of {one_line(name, 24)}"
    axes.set_title("Where the adversary edits, outside functional positions")
    if profile is None or not profile["edited"]:
        axes.text(0.5, 0.5, "no record was edited", ha="center", transform=axes.transAxes, color=MUTED)
        return
    at = profile["start"] + np.arange(len(profile["edited"]))
    width = 0.85 if len(at) <= 150 else 1.0
    axes.bar(at, profile["edited"], width=width, color=ATTACK, label="adversary")
    axes.step(at, profile["expected"], where="mid", color=INK, lw=1, label="random edits")
    axes.set_xlim(at[0] - 1, at[-1] + 1)
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.yaxis.set_major_locator(MaxNLocator(5))
    axes.set_xlabel(label)
    axes.set_ylabel("edited records")
    axes.legend(fontsize=7.5)


def _kmers(axes: Axes, scan: Metrics) -> None:
    axes.set_title("k-mers written and destroyed beyond chance")
    kmers = scan["words"][:_KMERS]
    if not kmers:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "none", ha="center", transform=axes.transAxes, color=MUTED)
        return
    rows = np.arange(len(kmers))
    values = [kmer["records"] / kmer["n"] for kmer in kmers]
    expected = [kmer["expected"] / kmer["n"] for kmer in kmers]
    colours = [ATTACK if kmer["deed"] == "written" else CLEAN for kmer in kmers]
    axes.barh(rows, values, height=0.62, color=colours)
    axes.scatter(expected, rows, marker="|", s=120, color=INK, zorder=3, label="by random edits")
    names = [f"{'+' if kmer['deed'] == 'written' else '−'} {kmer['word']}" for kmer in kmers]
    axes.set_yticks(rows, names, family="DejaVu Sans Mono", fontsize=8)
    axes.set_ylim(max(len(kmers), 5) + 0.4, -0.6)
    for row, kmer in enumerate(kmers):
        axes.annotate(
            f"q = {kmer['q_value']:.1g}",
            (values[row], row),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=7,
            color=MUTED,
        )
    axes.set_xlim(0, max(values) * 1.25)
    axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.xaxis.set_major_locator(MaxNLocator(5))
    axes.grid(False, axis="y")
    axes.grid(True, axis="x")
    axes.tick_params(axis="y", labelcolor=INK)
    axes.spines["left"].set_visible(False)
    axes.set_xlabel("edited records; + written, − destroyed")
    axes.legend(fontsize=7.5, loc="lower right")
