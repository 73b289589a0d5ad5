"""What a picture of a saturation map shows, and in which column and track each thing stands. Lengths are in inches."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrobust.analysis.ism.drawing import Drawing, drawn_values
from seqrobust.analysis.ism.storage import SaturationMap
from seqrobust.report.words import one_line
from seqrobust.sequences import Region

COLUMNS = 120
"""Positions on a line."""
BINS = 360
"""Columns on the one line of a record that is summarised."""
COLUMN, TRACK, TITLE, GAP, LEFT, RIGHT = 0.082, 0.2, 0.36, 0.1, 0.3, 0.95
_TRACKS = 3
_LETTER = 0.047
"""Width of a letter of a region's name."""


class Bar(NamedTuple):
    """A region on a line: first column, last column + 1, name, and the column at which the name begins."""

    start: float
    end: float
    name: str
    at: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Line:
    """One line of a panel.

    Attributes:
        delta: (K, columns) changes, NaN where nothing was put.
        own: (columns,) tokens of the record; empty where it is summarised.
        first: number of the first column in the whole panel.
        bin: positions to a column.
        ticks: 0-based positions that are numbered.
        tracks: regions, track by track.
        width: in inches.
    """

    delta: NDArray[np.float32]
    own: list[int]
    first: int
    bin: int
    ticks: list[int]
    tracks: list[list[Bar]]
    width: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Panel:
    """A record: its heading, what colour stands for, the K letters, positions to a column, and its lines."""

    title: str
    subtitle: str
    quantity: str
    letters: str
    bin: int
    lines: list[Line]


def make_panel(drawing: Drawing, found: SaturationMap, record: int) -> Panel:
    """The panel of one record."""
    sequences = drawing.sequences
    length = int(sequences.lengths[record])
    scores = np.asarray(found.scores[record, :, :length])
    values = drawn_values(drawing, scores, np.asarray(found.reference[record]))
    size = positions_per_column(length, sequences.alphabet.size, len(drawing.records))
    subtitle = f"{values.text}; colour: its change with the letter put there"
    if size > 1:
        subtitle += f"; each column the largest change within {size} positions"
    own = sequences.tokens[record, :length].tolist()
    return Panel(
        title=one_line(sequences.ids[record], 60),
        subtitle=subtitle,
        quantity=values.quantity,
        letters=sequences.alphabet.letters,
        bin=size,
        lines=lay_out(values.delta, own, sequences.regions.of(record), size),
    )


def positions_per_column(length: int, letters: int, panels: int) -> int:
    """1 where the record fits on a few lines; else as many positions as bring it onto one."""
    lines = max(3, (12 if letters < 10 else 6) // panels)
    return 1 if length <= lines * COLUMNS else -(-length // BINS)


def lay_out(delta: NDArray[np.float32], own: list[int], regions: list[Region], size: int) -> list[Line]:
    """Lines of about equal length."""
    if size > 1:
        return [_line(_largest(delta, size), [], 0, size, regions, len(own))]
    count = -(-len(own) // COLUMNS)
    edges = [len(own) * number // count for number in range(count + 1)]
    return [_line(delta[:, low:high], own[low:high], low, 1, regions, len(own)) for low, high in pairwise(edges)]


def _largest(delta: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """(K, bins): of each stretch of positions the change that is largest in absolute value."""
    letters, length = delta.shape
    bins = -(-length // size)
    filled = np.full((letters, bins * size), np.nan, np.float32)
    filled[:, :length] = delta
    stretches = filled.reshape(letters, bins, size)
    at = np.where(np.isnan(stretches), -1, np.abs(stretches)).argmax(2)
    largest: NDArray[np.float32] = np.take_along_axis(stretches, at[..., None], 2)[..., 0]
    return largest


def _line(
    delta: NDArray[np.float32], own: list[int], first: int, size: int, regions: list[Region], length: int
) -> Line:
    columns = delta.shape[1]
    width = COLUMN * (COLUMNS if size > 1 else columns)
    low, high = first * size, min((first + columns) * size, length)
    return Line(
        delta=delta,
        own=own,
        first=first,
        bin=size,
        ticks=_ticks(low, high, width),
        tracks=_tracks([one for one in regions if one.end > low and one.start < high], low, high, size, width),
        width=width,
    )


def _ticks(low: int, high: int, width: float) -> list[int]:
    """The first position, and round ones (counted from 1) about half an inch apart at least."""
    most = max(width / 0.5, 1)
    steps = (base * 10**power for power in range(1, 10) for base in (1, 2, 5))
    step = next(step for step in steps if (high - low) / step <= most)
    first = [low] if step - low % step > step * 0.4 else []
    return [*first, *range(low + (-low - 1) % step, high, step)]


def _tracks(regions: list[Region], low: int, high: int, size: int, width: float) -> list[list[Bar]]:
    """Regions of a line side by side where bars and names leave room, else below one another, three deep."""
    column = width / ((high - low) / size)
    tracks: list[list[Bar]] = []
    reach: list[float] = []
    left_out = 0
    for region in sorted(regions, key=lambda region: (region.start, region.end)):
        start, end = (max(region.start, low) - low) / size, (min(region.end, high) - low) / size
        bar = _bar(start, end, one_line(region.name, 28), column, width)
        track = next((number for number, until in enumerate(reach) if until <= min(start, bar.at)), len(reach))
        if track == _TRACKS:
            left_out += 1
            continue
        if track == len(tracks):
            tracks.append([])
            reach.append(0.0)
        tracks[track].append(bar)
        reach[track] = max(end, bar.at + (len(bar.name) * _LETTER + 0.06) / column)
    if left_out:
        last = tracks[-1].pop()
        tracks[-1].append(_bar(last.start, last.end, f"{last.name} (and {left_out} more)", column, width))
    return tracks


def _bar(start: float, end: float, name: str, column: float, width: float) -> Bar:
    """A name begins with its bar, unless it would leave the line."""
    latest = (width + 0.1 - len(name) * _LETTER) / column
    return Bar(start, end, name, max(min(start, latest), 0.0))


def row_height(panel: Panel) -> float:
    """Of a letter's row."""
    return 0.15 if len(panel.letters) < 10 else 0.105


def panel_height(panel: Panel) -> float:
    """Of a record with all its lines."""
    fixed = row_height(panel) * len(panel.letters) + 0.2 + GAP
    return TITLE + sum(fixed + TRACK * len(line.tracks) for line in panel.lines)


def widest_line(panel: Panel) -> float:
    """Of all lines, the longest; no less than a heading needs."""
    heading = max(len(panel.title) * 0.085, len(panel.subtitle) * 0.057)
    return max(*(line.width for line in panel.lines), heading - RIGHT, 1.5)
