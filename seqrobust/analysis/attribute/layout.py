"""Which positions of a record a picture of attributions shows, and in which column and lane each thing stands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrobust.alphabet import Alphabet
from seqrobust.report.words import figure as figure_text
from seqrobust.report.words import one_line
from seqrobust.sequences import Region

COLUMNS, RESIDUES = 160, 120
"""Positions that are shown of a record, of nucleotides and of a protein."""
WIDTH = 11.0
"""Inches that so many positions take at most."""
_COLUMN, _LETTER, _LANES = 0.13, 0.052, 4
_ROUND = 10
"""Windows begin behind a multiple of so many positions, so that round positions are numbered."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Drawn:
    """One record and what methods say of it.

    Attributes:
        title: its id.
        name, quantity, value: the output explained, which number of it, and how large it is.
        tokens: (l,).
        alphabet: of the tokens.
        rows: name of a method, whether a position's importance is the value at its own letter, and values (K, l).
        regions: those that are marked.
    """

    title: str
    name: str
    quantity: str
    value: float
    tokens: NDArray[np.uint8]
    alphabet: Alphabet
    rows: tuple[tuple[str, bool, NDArray[np.float32]], ...]
    regions: tuple[Region, ...]


class Bar(NamedTuple):
    """A region: first column, last column + 1, name, and the column at which the name begins."""

    start: int
    end: int
    name: str
    at: float


class Row(NamedTuple):
    """A method's name and the height of each column's letter, NaN where none is known."""

    name: str
    heights: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """A record as it is drawn.

    Attributes:
        title, subtitle: its heading.
        letters: what stands in each column.
        rows: methods.
        start: position of the first column, from 0.
        ticks: columns that are numbered.
        lanes: regions, lane by lane; all of them are shaded.
        width: in inches.
    """

    title: str
    subtitle: str
    letters: str
    rows: list[Row]
    start: int
    ticks: list[int]
    lanes: list[list[Bar]]
    width: float

    @property
    def column(self) -> float:
        """Inches a column takes."""
        return self.width / len(self.letters)


def make_panel(drawn: Drawn) -> Panel:
    """The panel of one record."""
    known = drawn.tokens < drawn.alphabet.size
    heights = [_heights(values, present, drawn.tokens, known) for _, present, values in drawn.rows]
    start, end = window(heights, drawn.regions, COLUMNS if drawn.alphabet.size < 10 else RESIDUES)
    letters = "".join(drawn.alphabet.letters[t] if t < drawn.alphabet.size else " " for t in drawn.tokens[start:end])
    width = min(_COLUMN * (end - start), WIDTH)
    subtitle = f"{one_line(drawn.name, 40)}: {drawn.quantity} is {figure_text(drawn.value)}"
    if end - start < len(drawn.tokens):
        subtitle += f"; positions {start + 1:,}–{end:,} of {len(drawn.tokens):,}"
    regions = [region for region in drawn.regions if region.end > start and region.start < end]
    return Panel(
        title=one_line(drawn.title, 60),
        subtitle=subtitle,
        letters=letters,
        rows=[Row(name, each[start:end]) for (name, _, _), each in zip(drawn.rows, heights, strict=True)],
        start=start,
        ticks=_ticks(start, end, width),
        lanes=_lanes(regions, start, end, width),
        width=width,
    )


def _heights(
    values: NDArray[np.float32], present: bool, tokens: NDArray[np.uint8], known: NDArray[np.bool_]
) -> NDArray[np.float64]:
    at = values[np.where(known, tokens, 0), np.arange(len(tokens))] if present else np.abs(values).max(0)
    heights: NDArray[np.float64] = np.where(known, at, np.nan).astype(np.float64)
    return heights


def window(
    heights: Sequence[NDArray[np.float64]], regions: Sequence[Region], columns: int = COLUMNS
) -> tuple[int, int]:
    """The stretch that is shown of a longer record: where most methods see most, and more so where it is annotated.

    Each method's absolute heights are taken as shares of their sum; an annotated position has twice a mean one's weight
    besides, so that regions are shown even where no method finds them.
    """
    length = len(heights[0]) if heights else 0
    if length <= columns:
        return 0, length
    shares = np.zeros(length)
    for each in heights:
        size = np.nan_to_num(np.abs(each))
        shares += size / (size.sum() * len(heights)) if size.sum() > 0 else 0.0
    covered = np.zeros(length, bool)
    for region in regions:
        covered[region.start : region.end] = True
    if covered.any() and not covered.all():
        shares += covered / covered.sum()
    sums = np.concatenate([[0.0], np.cumsum(shares)])
    starts = np.unique([*range(0, length - columns, _ROUND), (length - columns) // _ROUND * _ROUND])
    ends = np.minimum(starts + columns, length)
    # Of windows that hold nearly the same, the one whose content stands in the middle.
    held = sums[ends] - sums[starts]
    good = starts[held >= held.max() * 0.999]
    start = int(good[len(good) // 2])
    return start, min(start + columns, length)


def _ticks(start: int, end: int, width: float) -> list[int]:
    """The first column, and those of round positions (counted from 1) about half an inch apart at least."""
    most = max(width / 0.5, 1)
    steps = (base * 10**power for power in range(1, 10) for base in (1, 2, 5))
    step = next(step for step in steps if (end - start) / step <= most)
    first = [0] if step - start % step > step * 0.4 else []
    return [*first, *range((-start - 1) % step, end - start, step)]


def _lanes(regions: list[Region], start: int, end: int, width: float) -> list[list[Bar]]:
    """Regions side by side where bars and names leave room, else below one another, four deep."""
    column = width / (end - start)
    lanes: list[list[Bar]] = []
    reach: list[float] = []
    left_out = 0
    for region in sorted(regions, key=lambda one: (one.start, one.end)):
        bar = _bar(max(region.start, start) - start, min(region.end, end) - start, region.name, column, width)
        free = (number for number, until in enumerate(reach) if until <= min(bar.start, bar.at))
        lane = next(free, len(reach))
        if lane == _LANES:
            left_out += 1
            continue
        if lane == len(lanes):
            lanes.append([])
            reach.append(0.0)
        lanes[lane].append(bar)
        reach[lane] = max(bar.end, bar.at + (len(bar.name) * _LETTER + 0.08) / column)
    if left_out:
        last = lanes[-1].pop()
        lanes[-1].append(_bar(last.start, last.end, f"{last.name} (and {left_out} more)", column, width))
    return lanes


def _bar(start: int, end: int, name: str, column: float, width: float) -> Bar:
    """A name begins with its bar, unless it would leave the panel."""
    short = one_line(name, 36)
    latest = (width + 0.2 - len(short) * _LETTER) / column
    return Bar(start, end, short, max(min(float(start), latest), 0.0))
