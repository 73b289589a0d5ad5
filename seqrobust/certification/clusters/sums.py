"""What sets of one, two and three edits add up to, in batches: from what their parts add alone and together."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.certification.clusters.columns import Columns, Together

ROWS = 1 << 15
"""Sets of edits laid out at once."""


_LOOKED = 0.1
"""Share of the positions after which it is known how long all of them take."""


class OutOfTimeError(Exception):
    """What pairs add together is not found out in the time there is."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """Sets of edits.

    Attributes:
        edits: (rows, m) their numbers.
        sums: (rows, sums).
        done: share of the sets of its kind that came before.
        kind: which sets are gone through with it.
    """

    edits: Tensor
    sums: Tensor
    done: float
    kind: str


class PairSums:
    """What pairs of edits of a record add together, found out once it is asked for.

    Attributes:
        columns: of the record.
        met: (L, L) bool, whether two positions have a column in common, the first before the last.
        deadline: of :func:`time.monotonic`, until which pairs have to be known.
    """

    def __init__(self, columns: Columns, deadline: float = float("inf")) -> None:
        self.columns, self.singles, self.deadline = columns, columns.singles, deadline
        length = len(self.singles.begin) - 1
        self.met = torch.zeros(length, length, dtype=torch.bool)
        self._behind: dict[int, Tensor] = {}

    def find(self) -> None:
        """Find out what pairs add together. Raises OutOfTimeError where that takes too long."""
        if self._behind:
            return
        started = time.monotonic()
        columns, length = self.columns, len(self.met)
        for place in range(length):
            here = self.singles.at(place)
            if here.stop > here.start:
                count = self.singles.begin[min(place + columns.reach, length)] - here.stop
                self._behind[place] = torch.zeros(
                    here.stop - here.start, count, columns.split.sums, dtype=torch.float64
                )
        for found in columns.together(triples=False):
            now, share = time.monotonic(), found.last / length
            if now > self.deadline or (share > _LOOKED and started + (now - started) / share > self.deadline):
                self._behind.clear()
                raise OutOfTimeError
            self.met[found.first, found.last] = True
            self._behind[found.first][:, self._places(found.first, found.last)] = found.added

    def _places(self, first: int, last: int) -> slice:
        """Where edits of a position stand among those behind another."""
        stop, there = self.singles.at(first).stop, self.singles.at(last)
        return slice(there.start - stop, there.stop - stop)

    def behind(self, edit: int) -> Tensor:
        """(count, sums) what an edit adds together with each of the next edits behind its position."""
        place = int(self.singles.position[edit])
        return self._behind[place][edit - self.singles.begin[place]]

    def onward(self, place: int) -> Tensor:
        """(edits there, next edits behind, sums)."""
        return self._behind[place]

    def before(self, place: int, last: int) -> Tensor:
        """(edits from ``place`` on and before ``last``, edits at ``last``, sums)."""
        parts = [self._behind[one][:, self._places(one, last)] for one in range(place, last) if one in self._behind]
        return torch.cat(parts)

    def dense(self, slopes: Tensor) -> Tensor:
        """(W, n, n) linear functions of what pairs add together, the first edit in rows."""
        n = len(self.singles)
        made = torch.zeros(len(slopes), n, n, dtype=torch.float64)
        for place, added in self._behind.items():
            here = self.singles.at(place)
            made[:, here, here.stop : here.stop + added.shape[1]] = (added @ slopes.T).movedim(-1, 0)
        return made

    # Sets of edits -------------------------------------------------------------------------------------------------

    def one(self, units: int) -> Iterator[Batch]:
        """Single edits that cost so much."""
        rows = torch.nonzero(self.singles.price == units).flatten()
        yield Batch(edits=rows[:, None], sums=self.columns.base + self.columns.alone[rows], done=0.0, kind="one")

    def two(self, units: int) -> Iterator[Batch]:
        """Pairs that cost so much."""
        self.find()
        columns, singles, n = self.columns, self.singles, len(self.singles)
        for edit in range(n):
            start = singles.begin[int(singles.position[edit]) + 1]
            added = columns.alone[start:] + (columns.base + columns.alone[edit])
            near = self.behind(edit)
            added[: len(near)] += near
            rows = torch.nonzero(singles.price[start:] == units - singles.price[edit]).flatten()
            if len(rows):
                edits = torch.stack([torch.full_like(rows, edit), rows + start], 1)
                yield Batch(edits=edits, sums=added[rows], done=edit / n, kind="two")

    def three_near(self, units: int) -> Iterator[Batch]:
        """Triples that cost so much, of which the first and the last have a column in common."""
        self.find()
        length = len(self.met)
        for found in self.columns.together(triples=True):
            if len(found.between):
                batch = self._triples(found, units, found.last / length)
                if len(batch.edits):
                    yield batch

    def _triples(self, found: Together, units: int, done: float) -> Batch:
        singles, alone = self.singles, self.columns.alone
        here, there = singles.at(found.first), singles.at(found.last)
        middle = slice(found.between.start, found.between.stop)
        count = middle.stop - middle.start
        sums = found.added + (self.columns.base + alone[here])[:, None, None]
        sums += (self.onward(found.first)[:, :count] + alone[middle])[:, :, None]
        sums += (self.before(found.first + 1, found.last) + alone[there])[None]
        price = singles.price
        cost = price[here][:, None, None] + price[middle][:, None] + price[there]
        chosen = torch.nonzero(cost == units)
        edits = chosen + torch.tensor([here.start, middle.start, there.start])
        return Batch(edits=edits, sums=sums[tuple(chosen.T)], done=done, kind="near")

    def of(self, edits: Tensor) -> Tensor:
        """(rows, sums) of sets (rows, 3) of which the first and the last edit have no column in common."""
        first, middle, last = edits.T
        alone = self.columns.alone
        return self.columns.base + alone[edits].sum(1) + self._pair(first, middle) + self._pair(middle, last)

    def _pair(self, first: Tensor, last: Tensor) -> Tensor:
        flat, start = self._flat()
        position = self.singles.position
        begin = torch.tensor(self.singles.begin)
        offset = last - begin[position[first] + 1]
        count = start[first + 1] - start[first]
        near = offset < count
        found = flat[torch.where(near, start[first] + offset, 0)]
        return torch.where(near[:, None], found, 0.0)

    def _flat(self) -> tuple[Tensor, Tensor]:
        if not hasattr(self, "_laid_out"):
            parts = [self.behind(edit) for edit in range(len(self.singles))]
            counts = torch.tensor([0, *(len(part) for part in parts)])
            none = torch.zeros(1, self.columns.split.sums, dtype=torch.float64)
            self._laid_out = torch.cat([*parts, none]), counts.cumsum(0)
        return self._laid_out
