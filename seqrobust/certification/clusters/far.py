"""Triples whose ends have no column in common: bounded all at once by linear functions of what their parts add.

The head is replaced by linear functions that lie above each way to the goal wherever the sums of such triples can be;
of those a triple's value is its edits' values, and those of its two neighbouring pairs. Triples that may reach the goal
by that bound are added up exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.certification.bounds.backward import carried_back
from seqrobust.certification.clusters.split import Split
from seqrobust.certification.clusters.sums import ROWS, Batch, PairSums
from seqrobust.certification.ranges import ranges_of
from seqrobust.certification.ways import LinearWays

_MANY = 1 << 15
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


def three_far(pairs: PairSums, ways: LinearWays, margin: Callable[[], Tensor], units: int) -> Iterator[Batch]:
    """Triples that cost so much and may reach the goal, of which the first and the last have no column in common.

    Args:
        pairs: of the record.
        ways: to the goal.
        margin: (W,) by which a way may fall short and still reach it, as is known when it is asked for.
        units: the cost.

    Raises UnknownNetworkError for a head that no linear function is known to lie above.
    """
    pairs.find()
    split, n = pairs.columns.split, len(pairs.singles)
    lines = lines_above(split, ways, *_box(pairs))
    exact = not split.head.live
    values = _Values(pairs, lines, ways.any)
    for first in range(n):
        # Triples are not among those that the margin was measured on.
        allowed = 2 * margin()
        found = values.above(first, allowed, units)
        if len(found) > _MANY and not exact:
            found = _Values(pairs, lines_above(split, ways, *_box_of(pairs, first)), ways.any).above(
                first, allowed, units
            )
        for rows in torch.split(found, ROWS):
            edits = torch.cat([torch.full((len(rows), 1), first), rows], 1)
            yield Batch(edits=edits, sums=pairs.of(edits), done=first / n, kind="far")


class _Values:
    """Values of edits and pairs under linear functions: what a triple is worth is what its first edit adds, what its
    second adds and adds together with the first, and what its third adds and adds together with the second.
    """

    def __init__(self, pairs: PairSums, lines: Lines, any: bool) -> None:
        self.pairs, self.singles, self.any = pairs, pairs.singles, any
        columns = pairs.columns
        self.base = lines.slopes @ columns.base + lines.constants
        self.alone = lines.slopes @ columns.alone.T
        self.together = pairs.dense(lines.slopes)
        self.third = self.together + self.alone[:, None]
        position = self.singles.position
        self.third[:, position[:, None] >= position] = -torch.inf
        self.best = self.third.amax(2)
        size = columns.base.abs() + 3 * columns.alone.abs().amax(0) + 2 * self._largest_together()
        self.slack = _WIDER * (lines.slopes.abs() @ size + lines.constants.abs())

    def _largest_together(self) -> Tensor:
        """(sums,) largest sizes of what pairs add together."""
        parts = [self.pairs.behind(edit).abs() for edit in range(len(self.singles))]
        return torch.stack([part.amax(0) if len(part) else self.pairs.columns.base * 0 for part in parts]).amax(0)

    def above(self, first: int, margin: Tensor, units: int) -> Tensor:
        """(rows, 2) second and third edits of the triples that begin with an edit and may reach the goal."""
        singles = self.singles
        start = singles.begin[int(singles.position[first]) + 1]
        before = (self.base + self.alone[:, first])[:, None] + self.alone[:, start:] + self.together[:, first, start:]
        # Beneath which the third edit does not suffice; what is no number may be anything.
        least = -(margin + self.slack)[:, None] - before
        second = torch.nonzero(self._ways(self.best[:, start:], least)).flatten()
        rows = torch.nonzero(self._ways(self.third[:, start:, start:][:, second], least[:, second, None]))
        edits = torch.stack([second[rows[:, 0]], rows[:, 1]], 1) + start
        return edits[self._wanted(first, edits, units)]

    def _ways(self, values: Tensor, least: Tensor) -> Tensor:
        reaches = ~(values < least)
        return reaches.any(0) if self.any else reaches.all(0)

    def _wanted(self, first: int, edits: Tensor, units: int) -> Tensor:
        """(rows,) whether triples cost so much and have ends that have no column in common."""
        position, price = self.singles.position, self.singles.price
        apart = ~self.pairs.met[int(position[first])][position[edits[:, 1]]]
        in_order = position[edits[:, 0]] < position[edits[:, 1]]
        return apart & in_order & (price[edits].sum(1) == units - price[first])


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
