"""How the model learned and how well it reads clean records: training curves, confusion, predicted against measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from seqrobust.analysis.outcomes.where import draw_matrix
from seqrobust.report.look import ATTACK, CLEAN, CONTROL, EXTRA, INK, MUTED, styled
from seqrobust.report.words import one_line

_COLOURS = {"train": CONTROL, "valid": CLEAN, "robust": ATTACK, "one_step": EXTRA, "both": CONTROL}
_DASHES = {"balanced_accuracy": "--", "average_precision": ":"}
"""Lines of measures that stand beside an accuracy."""
_WORDS = {"one step": "under one step", "both": "mean of clean and robust"}
"""What scores are called that their column's name does not explain."""


def history_columns(history: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Columns to draw: losses, and validation qualities; those without a number are left out, and so are areas and
    coefficients that more lines than can be told apart would be needed for."""
    filled = [str(name) for name in history.columns if name != "epoch" and history[name].notna().any()]
    losses = [name for name in filled if name.endswith("loss")]
    undrawn = ("auroc", "mcc")
    return losses, [name for name in filled if name.startswith("valid_") and not name.endswith(("loss", *undrawn))]


@styled
def training_curves(history: pd.DataFrame) -> Figure:
    """Loss, and beside it what is measured on validation records, against the epoch."""
    groups = [names for names in history_columns(history) if names]
    figure = Figure(figsize=(4.5 * max(len(groups), 1), 2.7), layout="constrained")
    panels = figure.subplots(1, max(len(groups), 1), squeeze=False)[0]
    for axes, names in zip(panels, groups, strict=False):
        is_loss = names[0].endswith("loss")
        axes.set_title("Loss" if is_loss else "On validation records")
        for name in names:
            _draw_history(axes, history, name)
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=8))
        if not is_loss and all("accuracy" in name for name in names):
            axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
        if len(names) > 3:
            # More lines than leave a free corner.
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.24), ncols=2, fontsize=7.5)
        else:
            axes.legend(loc="best", fontsize=7.5)
    return figure


def _draw_history(axes: Axes, history: pd.DataFrame, name: str) -> None:
    known = history[["epoch", name]].dropna() if "epoch" in history else history[[name]].dropna().reset_index()
    kind = next((kind for kind in ("robust", "one_step", "both") if kind in name), name.partition("_")[0])
    said = one_line(name.removeprefix("valid_") if not name.endswith("loss") else name).replace("_", " ")
    for words, better in _WORDS.items():
        said = better if said.startswith(words) else said
    axes.plot(
        known.iloc[:, 0],
        known[name],
        color=_COLOURS.get(kind, EXTRA),
        linestyle=_DASHES.get(next((measure for measure in _DASHES if name.endswith(measure)), ""), "-"),
        marker="o" if len(known) < 40 else None,
        markersize=2.5,
        label=said,
    )


@styled
def confusion_picture(counts: NDArray[np.int64], labels: Sequence[str]) -> Figure:
    """Of the records of each class (row), the share read as each class (column)."""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    names = [one_line(label, 14) for label in labels]
    side = min(2.3 + 0.32 * len(names), 7.5)
    figure = Figure(figsize=(side + 0.4, side), layout="constrained")
    axes = figure.subplots()
    draw_matrix(axes, shares, names, CLEAN, write=len(names) <= 8)
    axes.set_ylabel("true class")
    axes.set_xlabel("read as")
    axes.set_title("Clean records, share of each true class")
    return figure


def confusion_counts(target: pd.Series, prediction: pd.Series, labels: Sequence[str]) -> NDArray[np.int64]:
    """(C, C): records of the row's class read as the column's; rows with another name are left out."""
    index = {name: code for code, name in enumerate(labels)}
    pairs = pd.DataFrame({"row": target.astype(str).map(index), "column": prediction.astype(str).map(index)}).dropna()
    counts = np.zeros((len(labels), len(labels)), np.int64)
    np.add.at(counts, (pairs["row"].to_numpy(int), pairs["column"].to_numpy(int)), 1)
    return counts


@styled
def scatter_picture(measured: NDArray[np.float64], predicted: NDArray[np.float64], name: str = "value") -> Figure:
    """Predicted against measured, with the line on which they agree."""
    known = np.isfinite(measured) & np.isfinite(predicted)
    measured, predicted = measured[known], predicted[known]
    figure = Figure(figsize=(3.9, 3.7), layout="constrained")
    axes = figure.subplots()
    ends = np.array([min(measured.min(), predicted.min()), max(measured.max(), predicted.max())])
    axes.plot(ends, ends, color=MUTED, linewidth=0.9, linestyle=(0, (1, 2)))
    many = len(measured) > 400
    # Thousands of vector points make a page slow; as one small bitmap they look the same.
    axes.scatter(
        measured,
        predicted,
        s=9,
        color=CLEAN,
        alpha=0.25 if many else 0.55,
        linewidths=0,
        rasterized=many,
        gid="records",
    )
    axes.set(xlabel=f"measured {one_line(name, 30)}", ylabel=f"predicted {one_line(name, 30)}")
    axes.set_title("Clean records")
    axes.tick_params(labelcolor=INK)
    return figure
