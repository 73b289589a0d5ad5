"""Trials of a sweep, robust against clean score, and the front of those that no other beats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from seqrobust.report.look import ATTACK, CONTROL, INK, styled


@dataclass(frozen=True, kw_only=True)
class Dot:
    """One trial; ``name`` is written beside it where it is not empty."""

    clean: float
    robust: float
    on_front: bool
    name: str = ""


@styled
def front_picture(dots: Sequence[Dot]) -> Figure:
    """A dot per trial, larger being better on both axes, and the front as steps: what is beaten lies beneath it."""
    figure = Figure(figsize=(6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    axes.grid(True, axis="both")
    rest = [dot for dot in dots if not dot.on_front]
    front = sorted((dot for dot in dots if dot.on_front), key=lambda dot: (dot.clean, -dot.robust))
    axes.scatter([dot.clean for dot in rest], [dot.robust for dot in rest], s=18, color=CONTROL, alpha=0.8)
    clean, robust = [dot.clean for dot in front], [dot.robust for dot in front]
    axes.step(clean, robust, where="pre", color=ATTACK, linewidth=1.2, zorder=2)
    axes.scatter(clean, robust, s=30, color=ATTACK, zorder=3)
    for dot in dots:
        if dot.name:
            axes.annotate(
                dot.name,
                (dot.clean, dot.robust),
                # Above and to the right of the front there is no other dot.
                xytext=(6, 5),
                textcoords="offset points",
                color=INK,
                annotation_clip=False,
            )
    axes.margins(0.12)
    axes.set_xlabel("clean validation score")
    axes.set_ylabel("robust validation score")
    return figure
