"""Which letters, names and regions stand in which column of a before-and-after picture.

Long records are cut to windows around their edits, laid side by side on lines of at most :data:`COLUMNS`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from seqrobust.report.edited import EditedRecord
from seqrobust.report.words import one_line
from seqrobust.sequences import Region

COLUMNS = 60
MOST_LANES = 3


@dataclass(frozen=True, kw_only=True)
class Line:
    """Columns of one line: ``positions[i]`` is the 0-based position drawn in column i, or -1 for a gap."""

    positions: tuple[int, ...]

    def column(self, position: int) -> int | None:
        """The column that shows a position, or None."""
        return self.positions.index(position) if position in self.positions else None


def lay_out(length: int, edited: Sequence[int], columns: int = COLUMNS) -> list[Line]:
    """Lines that show every edited position with as much around it as one line holds, and three letters at least."""
    if length <= columns:
        return [Line(positions=tuple(range(length)))]
    for context in range(columns // 2, 2, -1):
        places = _windows(length, edited or [0], context)
        if len(places) <= columns:
            break
    return [Line(positions=tuple(places[start : start + columns])) for start in range(0, len(places), columns)]


def _windows(length: int, edited: Sequence[int], context: int) -> list[int]:
    """Positions within ``context`` of an edit, with -1 wherever some are left out in between."""
    near = sorted({p for e in edited for p in range(max(0, e - context), min(length, e + context + 1))})
    places: list[int] = []
    for position in near:
        if places and position != places[-1] + 1:
            places.append(-1)
        places.append(position)
    return places


def runs(flags: Sequence[bool]) -> Iterator[tuple[int, int]]:
    """Half-open intervals where flags are set."""
    steps = np.diff(np.array([False, *flags, False]).astype(int))
    yield from zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True)


def edit_labels(example: EditedRecord, line: Line) -> list[tuple[int, int, str]]:
    """(level, column, name) of each edit on the line, from the right.

    A name starts at its column; where it would touch names to its right it stands above them, so that no stem ever
    crosses a name.
    """
    placed: list[tuple[int, int, str]] = []
    for edit in sorted(example.edits, reverse=True):
        if (column := line.column(edit.position)) is None:
            continue
        end = column + 0.64 * len(edit.name) + 0.6
        level = max((other + 1 for other, start, _ in placed if start < end), default=0)
        placed.append((level, column, edit.name))
    return placed


def lanes(example: EditedRecord, line: Line) -> list[tuple[int, tuple[Region, int, int]]]:
    """Regions seen on the line as (lane, (region, first column, last column + 1)), at most three deep."""
    taken: list[list[tuple[float, float]]] = []
    placed = []
    for region in example.regions:
        columns = [c for c, p in enumerate(line.positions) if region.start <= p < region.end]
        if not columns:
            continue
        start, end = columns[0], columns[-1] + 1
        reach = max(end, start + 0.75 * len(region_name(region)) + 1)
        free = (n for n, spans in enumerate(taken) if all(reach <= low or start >= high for low, high in spans))
        lane = next(free, len(taken))
        if lane >= MOST_LANES:
            continue
        taken[lane : lane + 1] = [[*(taken[lane] if lane < len(taken) else []), (start, reach)]]
        placed.append((lane, (region, start, end)))
    return placed


def region_name(region: Region) -> str:
    """A region's name, fit to be printed under its bar."""
    return one_line(region.name, 28)
