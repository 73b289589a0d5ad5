"""Positions by dynamic programming agree with listing every way."""

from __future__ import annotations

import itertools
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from seqrobust.sequences.simulation.positions import count_ways, draw_starts, room


def every_way(allowed: np.ndarray, widths: list[int], gaps: list[tuple[int, int | None]]) -> list[tuple[int, ...]]:
    """All start tuples of one record, by brute force; ``allowed`` is (M, L)."""
    found = []
    for starts in itertools.product(*(np.flatnonzero(row) for row in allowed)):
        between = [starts[i] - starts[i - 1] - widths[i - 1] for i in range(1, len(starts))]
        limits = gaps[1:]
        if all(low <= gap and (high is None or gap <= high) for gap, (low, high) in zip(between, limits, strict=True)):
            found.append(tuple(int(start) for start in starts))
    return found


gap = st.tuples(st.integers(0, 3), st.none() | st.integers(0, 4)).map(
    lambda pair: (pair[0], None if pair[1] is None else pair[0] + pair[1])
)


@settings(max_examples=80, deadline=None)
@given(data=st.data(), motifs=st.integers(1, 3), length=st.integers(1, 14))
def test_ways_are_counted_as_by_listing_them(data: st.DataObject, motifs: int, length: int) -> None:
    widths = data.draw(st.lists(st.integers(1, 4), min_size=motifs, max_size=motifs))
    gaps = data.draw(st.lists(gap, min_size=motifs, max_size=motifs))
    bits = data.draw(st.lists(st.booleans(), min_size=motifs * 2 * length, max_size=motifs * 2 * length))
    allowed = np.array(bits).reshape(motifs, 2, length)
    expected = [len(every_way(allowed[:, row], widths, gaps)) for row in range(2)]
    assert count_ways(list(allowed), widths, gaps).tolist() == expected
    uniforms = np.random.default_rng(0).random((2, motifs))
    starts = draw_starts(list(allowed), widths, gaps, uniforms)
    for row in range(2):
        ways = every_way(allowed[:, row], widths, gaps)
        assert tuple(starts[row].tolist()) in (ways or [(-1,) * motifs])


def test_every_way_is_drawn_equally_often() -> None:
    widths, gaps = [2, 1, 2], [(0, None), (1, 3), (0, 2)]
    one = np.ones((3, 10), bool)
    one[2, 9] = one[1, 4] = False
    ways = every_way(one, widths, gaps)
    allowed = [np.broadcast_to(row, (20_000, 10)) for row in one]
    starts = draw_starts(allowed, widths, gaps, np.random.default_rng(0).random((20_000, 3)))
    counts = Counter(map(tuple, starts.tolist()))
    assert set(counts) == set(ways)
    assert stats.chisquare([counts[way] for way in ways]).pvalue > 1e-4


def test_room_counts_negative_positions_from_each_records_own_end() -> None:
    lengths = np.array([10, 7])
    assert [np.flatnonzero(row).tolist() for row in room(lengths, 10, 4, (-4, None))] == [[6], [3]]
    assert [np.flatnonzero(row).tolist() for row in room(lengths, 10, 4, (1, -1))] == [[1, 2, 3, 4, 5], [1, 2]]
    assert not room(np.array([3]), 10, 4, (0, None)).any()
