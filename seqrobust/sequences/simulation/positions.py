"""Positions of an arrangement by dynamic programming, which both draws them and counts them.

Given where each motif may start, ``completions[j][r, p]`` is in how many ways the motifs from the j-th on can stand in
record r when the j-th starts at p, every gap kept. The sum of the first is the number of ways in all: to draw, each
motif's start is taken with that weight, so that every way is equally likely; to look for occurrences, the count is the
answer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Gap = tuple[int, "int | None"]


def completions(
    allowed: Sequence[NDArray[np.bool_]], widths: Sequence[int], gaps: Sequence[Gap]
) -> list[NDArray[np.float64]]:
    """M arrays (R, L) of numbers of ways, for M motifs.

    Args:
        allowed: M arrays (R, L), True where that motif may start.
        widths: letters of each motif.
        gaps: least and most letters between each motif and the one before it; the first is not used.
    """
    ways = [allowed[-1].astype(np.float64)]
    length = allowed[-1].shape[1]
    for index in range(len(allowed) - 2, -1, -1):
        low, high = _reach(np.arange(length) + widths[index], gaps[index + 1], length)
        behind = np.pad(ways[0].cumsum(1), ((0, 0), (1, 0)))
        ways.insert(0, allowed[index] * (behind[:, high] - behind[:, low]))
    return ways


def count_ways(allowed: Sequence[NDArray[np.bool_]], widths: Sequence[int], gaps: Sequence[Gap]) -> NDArray[np.float64]:
    """(R,) in how many ways the arrangement stands in each record."""
    total: NDArray[np.float64] = completions(allowed, widths, gaps)[0].sum(1)
    return total


def draw_starts(
    allowed: Sequence[NDArray[np.bool_]],
    widths: Sequence[int],
    gaps: Sequence[Gap],
    uniforms: NDArray[np.float64],
) -> NDArray[np.int64]:
    """(R, M) starts, all ways equally likely, from (R, M) uniforms; -1 throughout for a record without any way."""
    ways = completions(allowed, widths, gaps)
    rows, length = ways[0].shape
    starts = np.zeros((rows, len(ways)), np.int64)
    columns = np.arange(length)
    for index, weights in enumerate(ways):
        if index:
            low, high = _reach(starts[:, index - 1] + widths[index - 1], gaps[index], length)
            weights = weights * ((columns >= low[:, None]) & (columns < high[:, None]))
        cumulative = weights.cumsum(1)
        starts[:, index] = (cumulative <= uniforms[:, index, None] * cumulative[:, -1:]).sum(1)
    starts[ways[0].sum(1) == 0] = -1
    return starts


def _reach(ends: NDArray[np.int64], gap: Gap, length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The half-open range of starts that a gap behind those ends allows, cut to the record."""
    low, most = gap
    high = np.full_like(ends, length) if most is None else ends + most + 1
    return np.clip(ends + low, 0, length), np.clip(high, 0, length)


def room(lengths: NDArray[np.int64], columns: int, width: int, window: tuple[int, int | None]) -> NDArray[np.bool_]:
    """(R, L): True where a motif may start to lie wholly within its window and its record.

    Negative positions of the window count from each record's end.
    """
    start, end = window
    low = np.maximum(lengths + start, 0) if start < 0 else np.full_like(lengths, start)
    stop = lengths if end is None else (lengths + end if end < 0 else np.full_like(lengths, end))
    high = np.minimum(stop, lengths) - width
    places = np.arange(columns)
    return (places >= low[:, None]) & (places <= high[:, None])
