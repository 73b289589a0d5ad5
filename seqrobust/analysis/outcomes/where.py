"""Where an adversary edits: along the sequence, by region beside chance, and from which letter to which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, PercentFormatter
from numpy.typing import NDArray

from seqrobust.report.edits import EditTable
from seqrobust.report.look import ATTACK, CLEAN, CONTROL, INK, MUTED, RULE, empty_axes, styled
from seqrobust.report.words import one_line, percent
from seqrobust.sequences import SequenceSet

_MOST_TRACKS = 8
_MOST_BINS = 120
_MOST_COMPARED = 60
OUTSIDE = "outside every region"


@dataclass(frozen=True, kw_only=True)
class Bins:
    """How positions are put into bins.

    Attributes:
        count: number of bins.
        relative: whether a bin is a share of a record's own length; else it is ``width`` letters wide.
        width: letters per bin where all records have one length.
    """

    count: int
    relative: bool
    width: int = 1

    def of(self, position: NDArray[np.int64], length: NDArray[np.int64]) -> NDArray[np.int64]:
        """The bin of each position on a record of that length."""
        return position * self.count // np.maximum(length, 1) if self.relative else position // self.width


def choose_bins(sequences: SequenceSet) -> Bins:
    """Positions as they are where all records have one length, else fiftieths of each record's length."""
    if len(set(sequences.lengths.tolist())) > 1:
        return Bins(count=50, relative=True)
    width = -(-sequences.width // _MOST_BINS)
    return Bins(count=-(-sequences.width // width), relative=False, width=width)


def binned_edits(sequences: SequenceSet, edits: EditTable, bins: Bins) -> NDArray[np.float64]:
    """(count,): share of all edits in each bin."""
    bin_of = bins.of(edits.position, sequences.lengths[edits.record])
    return np.bincount(bin_of, minlength=bins.count) / max(len(edits), 1)


def binned_regions(sequences: SequenceSet, names: Sequence[str], bins: Bins) -> NDArray[np.float64]:
    """(names, count): share of the letters in each bin that lie in a region of that name."""
    inside = np.arange(sequences.width) < sequences.lengths[:, None]
    record, position = np.nonzero(inside)
    bin_of = bins.of(position, sequences.lengths[record])
    total = np.maximum(np.bincount(bin_of, minlength=bins.count), 1)
    rows = [
        np.bincount(bin_of, weights=_cover(sequences, name)[inside], minlength=bins.count) / total for name in names
    ]
    return np.array(rows).reshape(len(names), bins.count)


def _cover(sequences: SequenceSet, name: str) -> NDArray[np.bool_]:
    return sequences.regions.cover([name], (len(sequences), sequences.width))


def commonest_regions(sequences: SequenceSet, most: int = _MOST_TRACKS) -> list[str]:
    """Names of the regions that cover most letters, in the order of the file."""
    regions = sequences.regions
    covered = np.bincount(regions.name, weights=regions.end - regions.start, minlength=len(regions.names))
    kept = set(np.argsort(-covered, kind="stable")[:most].tolist())
    return [name for code, name in enumerate(regions.names) if code in kept and covered[code] > 0]


@styled
def edit_positions(sequences: SequenceSet, edits: EditTable, bounding: Sequence[str] = ()) -> Figure:
    """Share of edits at each position, above a track per region that is the darker the more records have it there."""
    bins, names = choose_bins(sequences), commonest_regions(sequences)
    figure = Figure(figsize=(8.8, 2.7 + 0.2 * len(names)), layout="constrained")
    tracks = max(0.2 * len(names), 0.01)
    axes, below = figure.subplots(2, 1, sharex=True, gridspec_kw={"height_ratios": [2.2, tracks], "hspace": 0.0})
    heights = binned_edits(sequences, edits, bins)
    first = 0.5 if not bins.relative else 0.0
    step = 100 / bins.count if bins.relative else bins.width
    left = first + step * np.arange(bins.count)
    axes.bar(left, heights, width=step * 0.88, align="edge", color=ATTACK, gid="edits")
    axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.set_xlim(left[0], left[-1] + step)
    axes.set_title("Share of all edits by position" + (f", {bins.width} letters a bar" if bins.width > 1 else ""))
    axes.tick_params(labelbottom=True)
    axes.set_xlabel("position along the sequence" + (" (% of its length)" if bins.relative else ""))
    _draw_tracks(below, binned_regions(sequences, names, bins), names, (float(left[0]), float(step)), bounding)
    return figure


def _draw_tracks(
    axes: Axes,
    shares: NDArray[np.float64],
    names: Sequence[str],
    place: tuple[float, float],
    bounding: Sequence[str],
) -> None:
    empty_axes(axes)
    axes.set_ylim(len(names) or 1, 0)
    for row, (name, share) in enumerate(zip(names, shares, strict=True)):
        colour = CLEAN if name in bounding else CONTROL
        levels = np.ceil(share * 8).astype(int)
        edges = np.flatnonzero(np.diff(levels, prepend=-1, append=-1))
        for start, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
            if levels[start]:
                corner, width = (place[0] + place[1] * start, row + 0.2), place[1] * (end - start)
                axes.add_patch(Rectangle(corner, width, 0.6, facecolor=colour, alpha=levels[start] / 8, linewidth=0))
        axes.annotate(
            one_line(name, 22),
            (0, row + 0.5),
            xycoords=("axes fraction", "data"),
            xytext=(-6, 0),
            textcoords="offset points",
            ha="right",
            va="center",
            fontsize=7.5,
            color=INK if name in bounding else MUTED,
        )


def region_shares(
    sequences: SequenceSet, edits: EditTable, editable: NDArray[np.bool_]
) -> Mapping[str, tuple[float, float]]:
    """Region name to (share of edits, share of editable letters); regions may overlap, so shares need not add to one.

    Only records with an edit count. A region without an editable letter is left out, as are the rarest of very many.
    """
    chosen = np.unique(edits.record)
    total = int(editable[chosen].sum())
    shares: dict[str, tuple[float, float]] = {}
    elsewhere = ~sequences.regions.cover(sequences.regions.names, editable.shape)
    for name in commonest_regions(sequences, _MOST_COMPARED):
        shares[name] = _pair(_cover(sequences, name), edits, editable, chosen, total)
    shares[OUTSIDE] = _pair(elsewhere, edits, editable, chosen, total)
    return {name: pair for name, pair in shares.items() if pair[1] > 0}


def _pair(
    inside: NDArray[np.bool_], edits: EditTable, editable: NDArray[np.bool_], chosen: NDArray[np.int64], total: int
) -> tuple[float, float]:
    edited = float(inside[edits.record, edits.position].mean()) if len(edits) else 0.0
    return edited, float((inside[chosen] & editable[chosen]).sum()) / max(total, 1)


@styled
def region_picture(shares: Mapping[str, tuple[float, float]], most: int = 12) -> Figure:
    """Two dots per region: the share of edits, and the share that edits strewn at random would have."""
    names = sorted(shares, key=lambda name: -max(shares[name]))[:most]
    figure = Figure(figsize=(4.8, 1.25 + 0.27 * len(names)), layout="constrained")
    axes = figure.subplots()
    rows = range(len(names))
    edited, expected = [shares[name][0] for name in names], [shares[name][1] for name in names]
    axes.hlines(rows, expected, edited, color=RULE, linewidth=2.5, zorder=1)
    axes.scatter(
        expected,
        rows,
        s=34,
        facecolor="none",
        edgecolor=MUTED,
        linewidth=1.4,
        label="of editable letters",
        zorder=3,
    )
    axes.scatter(edited, rows, s=38, color=ATTACK, label="of edits", zorder=4)
    axes.set_yticks(list(rows), [one_line(name, 26) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(PercentFormatter(1, decimals=0, symbol=" %"))
    axes.grid(False, axis="y")
    axes.grid(True, axis="x")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", labelcolor=INK)
    axes.set_title("Share by region", pad=22)
    axes.legend(loc="lower left", bbox_to_anchor=(-0.02, 1.0), ncols=2, handletextpad=0.2, columnspacing=1.2)
    return figure


def switch_counts(edits: EditTable, letters: str) -> NDArray[np.int64]:
    """(K, K): how often the letter of the row became the letter of the column."""
    known = list(letters)
    counts = np.zeros((len(known), len(known)), np.int64)
    for before, after in zip(edits.before.tolist(), edits.after.tolist(), strict=True):
        if before in letters and after in letters:
            counts[known.index(before), known.index(after)] += 1
    return counts


@styled
def letter_switches(edits: EditTable, letters: str) -> Figure:
    """Heat map of letter switches, rows from, columns to, as shares of all edits."""
    counts = switch_counts(edits, letters)
    size = 2.2 + 0.1 * len(letters)
    figure = Figure(figsize=(size, size + 0.15), layout="constrained")
    axes = figure.subplots()
    draw_matrix(axes, counts / max(counts.sum(), 1), list(letters), ATTACK, write=len(letters) <= 6)
    axes.set_title("Letters switched, from (row) to (column)" if len(letters) > 6 else "Letters switched")
    axes.set_xlabel("to")
    axes.set_ylabel("from")
    return figure


def draw_matrix(axes: Axes, shares: NDArray[np.float64], names: Sequence[str], colour: str, *, write: bool) -> None:
    """Squares as strong as their share of the largest; a square of nothing is not drawn."""
    largest = max(float(shares.max(initial=0)), 1e-12)
    count = len(names)
    for row, column in zip(*(index.tolist() for index in np.nonzero(shares > 0)), strict=True):
        share = float(shares[row, column])
        patch = Rectangle((column + 0.03, row + 0.03), 0.94, 0.94, facecolor=colour, linewidth=0)
        patch.set_alpha(0.06 + 0.74 * share / largest)
        axes.add_patch(patch)
        if write:
            axes.text(column + 0.5, row + 0.5, percent(share), ha="center", va="center", fontsize=7.5)
    axes.set(xlim=(0, count), ylim=(count, 0), aspect="equal")
    ticks = np.arange(count) + 0.5
    size = 8.5 if count <= 24 else 5.5
    axes.set_xticks(ticks, names, fontsize=size, rotation=90 if max(map(len, names), default=0) > 6 else 0)
    axes.set_yticks(ticks, names, fontsize=size)
    axes.tick_params(length=0, labelcolor=INK)
    axes.grid(False)
    for spine in axes.spines.values():
        spine.set(visible=True, color=RULE)
