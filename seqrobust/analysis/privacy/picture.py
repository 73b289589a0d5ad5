"""An audit as a picture: what attacks find at small rates of false alarm, and the best one's scores of both kinds."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray
from scipy.stats import beta, rankdata

from seqrobust.analysis.membership import Roc, roc
from seqrobust.analysis.membership.scores import Floats
from seqrobust.report.look import ATTACK, CLEAN, CONTROL, EXTRA, INK, MUTED, save_picture, styled

_COLOURS = (ATTACK, CLEAN, EXTRA, "#cc79a7", "#56b4e9", "#e69f00", INK)
_BINS = 40
_SMALL = 7.2


def draw_privacy(
    path: Path, scores: Mapping[str, Floats], members: NDArray[np.bool_], metrics: Mapping[str, Any]
) -> None:
    """Write the picture as PNG.

    Args:
        path: of the file.
        scores: (N,) by attack.
        members: (N,) bool.
        metrics: what ``metrics.json`` holds.
    """
    save_picture(privacy_figure(scores, members, metrics), path)


@styled
def privacy_figure(scores: Mapping[str, Floats], members: NDArray[np.bool_], metrics: Mapping[str, Any]) -> Figure:
    """Curves on the left, distributions on the right."""
    figure = Figure(figsize=(9.4, 5.0), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.05, 1))
    handles, labels = _curves(left, scores, members, metrics)
    # Below both, for a strong attack's curves fill the upper left and a weak one's the lower right.
    figure.legend(handles, labels, fontsize=6.6, loc="outside lower left", ncols=4)
    _distributions(right, scores[metrics["best_attack"]], members, metrics)
    return figure


def alike(scores: Mapping[str, Floats], first: str) -> list[tuple[str, ...]]:
    """Names of attacks that put the records in one order and so have one curve, those like ``first`` before others."""
    groups: dict[bytes, list[str]] = {}
    for name in (first, *(name for name in scores if name != first)):
        # Rounding parts what is equal; ten digits are more than any curve shows.
        ranks = rankdata(np.round(scores[name], 10))
        groups.setdefault(ranks.tobytes(), []).append(name)
    return [tuple(names) for names in groups.values()]


def band(curve: Roc) -> tuple[Floats, Floats]:
    """(P,) and (P,) 95 % Clopper-Pearson limits of the true-positive rate at each point of a curve."""
    hits, n = curve.true, curve.members
    with np.errstate(invalid="ignore"):
        low = np.where(hits > 0, beta.ppf(0.025, hits, n - hits + 1), 0.0)
        high = np.where(hits < n, beta.ppf(0.975, hits + 1, n - hits), 1.0)
    return np.asarray(low, np.float64), np.asarray(high, np.float64)


def _curves(
    axes: Axes, scores: Mapping[str, Floats], members: NDArray[np.bool_], metrics: Mapping[str, Any]
) -> tuple[list[Any], list[Any]]:
    """Draw, and give handles and labels of a legend, the best attack first."""
    # Below one non-member no rate can be told from none.
    floor = 0.5 / metrics["n_nonmembers"]
    groups = alike(scores, metrics["best_attack"])
    for number, names in reversed(list(enumerate(groups))):
        values = scores[names[0]]
        curve = roc(values[members], values[~members])
        x, y = np.maximum(curve.fpr, floor), np.maximum(curve.tpr, floor)
        colour = _COLOURS[number % len(_COLOURS)]
        label = ", ".join(name.replace("_", " ") for name in names)
        label += f" (AUC {metrics['attacks'][names[0]]['auc']:.3f})"
        style = "-" if number < len(_COLOURS) else "--"
        width = 1.9 if number == 0 else 1.0
        axes.step(x, y, where="post", color=colour, linewidth=width, linestyle=style, label=label)
        if number == 0:
            low, high = (np.maximum(part, floor) for part in band(curve))
            axes.fill_between(x, low, high, step="post", color=colour, alpha=0.16, linewidth=0)
    axes.plot([floor, 1], [floor, 1], color=MUTED, linewidth=0.9, linestyle=(0, (3, 2)), label="chance")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(floor, 1)
    axes.set_ylim(floor, 1.15)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(_percent)
        axis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("share of non-members accused (false-positive rate)")
    axes.set_ylabel("share of members found (true-positive rate)")
    axes.set_title("Who is found at which price")
    handles, labels = axes.get_legend_handles_labels()
    # Drawn from the last to the best, so that the best lies on top; named the other way round.
    order = [*range(len(groups) - 1, -1, -1), len(groups)]
    return [handles[i] for i in order], [labels[i] for i in order]


def _percent(rate: float, _: float) -> str:
    return f"{100 * rate:g} %"


def _distributions(axes: Axes, values: Floats, members: NDArray[np.bool_], metrics: Mapping[str, Any]) -> None:
    name = metrics["best_attack"].replace("_", " ")
    finite = np.isfinite(values)
    low, high = np.quantile(values[finite], [0.005, 0.995]) if finite.any() else (0.0, 1.0)
    # What lies beyond is counted in the outermost columns.
    edges = np.linspace(low, high if high > low else low + 1.0, _BINS + 1)
    shown = np.clip(np.nan_to_num(values, posinf=edges[-1], neginf=edges[0]), edges[0], edges[-1])
    for chosen, colour, label in ((~members, CONTROL, "non-members"), (members, ATTACK, "members")):
        share = np.full(int(chosen.sum()), 100 / max(int(chosen.sum()), 1))
        axes.hist(
            shown[chosen],
            edges.tolist(),
            weights=share,
            histtype="stepfilled",
            color=colour,
            alpha=0.45,
            edgecolor=colour,
            label=f"{label} ({int(chosen.sum()):,})",
        )
    axes.set_xlabel(f"score of {name}, the strongest attack")
    axes.set_ylabel("% of records")
    axes.set_title("How far apart they lie")
    axes.legend(fontsize=_SMALL)
