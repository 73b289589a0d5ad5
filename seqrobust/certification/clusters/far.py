"""Triples whose ends have no column in common: bounded all at once by linear functions of what their parts add.

The head is replaced by linear functions that lie above each way to the goal wherever the sums of such triples can be;
of those a triple's value is its edits' values, and those of its two neighbouring pairs. Triples that may reach the goal
by that bound are added up exactly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.certification.bounds.backward import carried_back
from seqrobust.certification.clusters.split import Split
from seqrobust.certification.clusters.sums import ROWS, Batch, PairSums
from seqrobust.certification.ranges import ranges_of
from seqrobust.certification.ways import LinearWays

_MANY = 4096
"""Triples with one first edit from which on bounds are made anew for it alone."""
_WIDER = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class Lines:
    """(W, sums) slopes and (W,) constants of linear functions above the ways."""

    slopes: Tensor
    constants: Tensor


def lines_above(split: Split, ways: LinearWays, low: Tensor, high: Tensor) -> Lines:
    """Linear functions above the ways to a goal where the sums lie between two ends.

    Raises UnknownNetworkError for a head that has no such functions.
    """
    head = split.head
    shape = (1, *head.traced.shapes[head.traced.input][1:])
    known = ranges_of(head, low.reshape(shape), high.reshape(shape))
    output = head.traced.output
    slopes, constants = carried_back(head, known, output, ways.weights.reshape(len(ways.weights), *_shape(split)))
    flat = torch.zeros(len(constants), split.sums, dtype=torch.float64) if slopes is None else slopes.flatten(1)
    return Lines(slopes=flat, constants=constants + ways.offset)


def _shape(split: Split) -> tuple[int, ...]:
    return split.head.traced.shapes[split.head.traced.output][1:]


def three_far(pairs: PairSums, ways: LinearWays, margin: Tensor, units: int) -> Iterator[Batch]:
    """Triples that cost so much and may reach the goal, of which the first and the last have no column in common.

    Args:
        pairs: of the record.
        ways: to the goal.
        margin: (W,) by which a way may fall short and still reach it.
        units: the cost.
    """
    pairs.find()
    split, n = pairs.columns.split, len(pairs.singles)
    lines = lines_above(split, ways, *_box(pairs))
    exact = not split.head.live
    values = _Values(pairs, lines, ways.any)
    for first in range(n):
        found = values.above(first, margin, units)
        if len(found) > _MANY and not exact:
            found = _Values(pairs, lines_above(split, ways, *_box_of(pairs, first)), ways.any).above(
                first, margin, units
            )
        for rows in torch.split(found, ROWS):
            edits = torch.cat([torch.full((len(rows), 1), first), rows], 1)
            yield Batch(edits=edits, sums=pairs.of(edits), done=first / n)


class _Values:
    """Values of edits and pairs under linear functions."""

    def __init__(self, pairs: PairSums, lines: Lines, any: bool) -> None:
        self.any = any
        self.pairs, self.singles = pairs, pairs.singles
        columns = pairs.columns
        self.base = lines.slopes @ columns.base + lines.constants
        self.alone = columns.alone @ lines.slopes.T
        self.together = pairs.dense(lines.slopes)
        size = columns.base.abs() + 3 * columns.alone.abs().amax(0) if len(columns.alone) else columns.base.abs()
        self.slack = _WIDER * (lines.slopes.abs() @ size + lines.constants.abs())

    def above(self, first: int, margin: Tensor, units: int) -> Tensor:
        """(rows, 2) second and third edits of the triples that begin with an edit and may reach the goal."""
        singles, place = self.singles, int(self.singles.position[first])
        start = singles.begin[place + 1]
        position, price = singles.position[start:], singles.price
        apart = ~self.pairs.met[place][position]
        last = torch.nonzero(apart).flatten()
        if not len(last):
            return torch.zeros(0, 2, dtype=torch.int64)
        fits = position[:, None] < position[last]
        fits &= price[start:, None] + price[start:][last] == units - price[first]
        possible = torch.ones_like(fits) if not self.any else torch.zeros_like(fits)
        for way in range(len(self.base)):
            before = (
                self.base[way] + self.alone[first, way] + self.alone[start:, way] + self.together[way, first, start:]
            )
            value = self.together[way, start:, start:][:, last] + before[:, None] + self.alone[start:, way][last]
            reaches = value >= -margin[way] - self.slack[way]
            possible = possible | reaches if self.any else possible & reaches
        rows = torch.nonzero(fits & possible)
        return torch.stack([rows[:, 0], last[rows[:, 1]]], 1) + start


def _box(pairs: PairSums) -> tuple[Tensor, Tensor]:
    """Ends of the sums of all such triples."""
    return -_most(pairs, -1.0), _most(pairs, 1.0)


def _most(pairs: PairSums, sign: float) -> Tensor:
    columns = pairs.columns
    alone, base = sign * columns.alone, sign * columns.base
    places = torch.zeros(len(pairs.met), columns.split.sums, dtype=torch.float64)
    places = places.scatter_reduce(0, pairs.singles.position[:, None].expand_as(alone), alone, "amax")
    three = places.topk(min(3, len(places)), 0).values.sum(0)
    pair, behind = three * 0, places.amax(0)
    for edit in range(len(pairs.singles)):
        start = pairs.singles.begin[int(pairs.singles.position[edit]) + 1]
        near = sign * pairs.behind(edit)
        if len(near):
            added = near + alone[start : start + len(near)]
            pair, behind = torch.maximum(pair, added.amax(0) + alone[edit]), torch.maximum(behind, added.amax(0))
    most = base + torch.maximum(three, pair + behind)
    return most + _WIDER * (most.abs() + base.abs())


def _box_of(pairs: PairSums, first: int) -> tuple[Tensor, Tensor]:
    """Ends of the sums of such triples that begin with an edit."""
    return -_most_of(pairs, first, -1.0), _most_of(pairs, first, 1.0)


def _most_of(pairs: PairSums, first: int, sign: float) -> Tensor:
    columns, singles = pairs.columns, pairs.singles
    start = singles.begin[int(singles.position[first]) + 1]
    alone = sign * columns.alone
    if start >= len(singles):
        return sign * columns.base + alone[first]
    near = sign * pairs.behind(first)
    second = alone[start:].clone()
    second[: len(near)] += near
    third = alone[start:].amax(0)
    for edit in range(start, len(singles)):
        behind = sign * pairs.behind(edit)
        if len(behind):
            begin = singles.begin[int(singles.position[edit]) + 1]
            third = torch.maximum(third, (behind + alone[begin : begin + len(behind)]).amax(0))
    most = sign * columns.base + alone[first] + second.amax(0) + third
    return most + _WIDER * (most.abs() + columns.base.abs())
