"""What edits change together: exact values of the trunk's columns for every one, two and three edits of a record.

A column's value depends on the letters it reads and on nothing else. So of a set of edits only the columns that read
both its first and its last one are new: a column that does not read the last is as without the last, one that does not
read the first as without the first. By this recursion pairs are made of singles and triples of pairs, level by level,
and each set costs the few columns that read all of it. Everything is in double precision.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from seqrobust.certification.clusters.split import Split
from seqrobust.certification.clusters.stages import Trunk


@dataclass(frozen=True, kw_only=True, eq=False)
class Singles:
    """The edits of a record, in the order of their positions.

    Attributes:
        position, letter, price: (n,) each.
        begin: (L + 1,) number of the first edit at each position, or behind it.
    """

    position: Tensor
    letter: Tensor
    price: Tensor
    begin: list[int]

    def __len__(self) -> int:
        return len(self.position)

    def at(self, place: int) -> slice:
        """Edits at a position."""
        return slice(self.begin[place], self.begin[place + 1])


def singles_of(prices: Tensor, most: int) -> Singles:
    """Edits of one record that cost no more than ``most`` units, from (K, L) prices of its letters."""
    length = prices.shape[1]
    position, letter = torch.nonzero(((prices > 0) & (prices <= most)).T, as_tuple=True)
    begin = torch.searchsorted(position, torch.arange(length + 1)).tolist()
    return Singles(position=position, letter=letter, price=prices[letter, position], begin=begin)


@dataclass(frozen=True, kw_only=True, eq=False)
class Together:
    """What edits add together to the sums, beyond what fewer of them add.

    Attributes:
        first, last: positions.
        between: numbers of the edits between, for triples; an empty range for pairs.
        added: (edits at the first, edits at the last, sums) of pairs, (edits at the first, edits between, edits at the
            last, sums) of triples.
    """

    first: int
    last: int
    between: range
    added: Tensor


class Columns:
    """Columns of one record.

    Args:
        split: the network, cut.
        encoded: (K, L) record.
        singles: its edits.
        letters: (K, K) how each letter is shown to the model, a column each.
    """

    def __init__(self, split: Split, encoded: Tensor, singles: Singles, letters: Tensor) -> None:
        self.split, self.singles, self.trunk = split, singles, split.trunk
        edited = encoded.double().repeat(len(singles) + 1, 1, 1)
        rows = torch.arange(len(singles))
        edited[rows, :, singles.position] = letters.double().T[singles.letter]
        self.one: list[Tensor] = [edited[:-1]]
        self.none: list[Tensor] = [edited[-1]]
        for stage in self.trunk.stages:
            edited = torch.cat([stage.run(part, 0, 0, stage.length) for part in torch.split(edited, 256)])
            self.one.append(edited[:-1])
            self.none.append(edited[-1])
        self._seen = [_Seen(self.trunk, level) for level in range(len(self.trunk.stages) + 1)]

    @cached_property
    def base(self) -> Tensor:
        """(sums,) of the record itself."""
        return self.split.constant + (self.split.weights * self.none[-1]).sum((1, 2))

    @cached_property
    def alone(self) -> Tensor:
        """(n, sums) what each edit adds by itself."""
        change = (self.one[-1] - self.none[-1]).flatten(1)
        return change @ self.split.weights.flatten(1).T

    @property
    def reach(self) -> int:
        """Two edits at least so many positions apart have no column in common."""
        return self.trunk.reach

    def together(self, *, triples: bool) -> Iterator[Together]:
        """What pairs add together, and triples if asked, in the order of their last positions; only those that have
        a column in common.
        """
        length, sweep = len(self.singles.begin) - 1, _Sweep(self)
        for last in range(length):
            if self.singles.begin[last] == self.singles.begin[last + 1]:
                continue
            sweep.begin(last)
            for first in range(last - 1, max(last - self.reach, -1), -1):
                if self.singles.begin[first] < self.singles.begin[first + 1]:
                    yield from sweep.met(first, last, triples=triples)
            sweep.end(last)


class _Seen:
    """Which columns of a level read positions: those from :meth:`least` of the last to :meth:`most` of the first."""

    def __init__(self, trunk: Trunk, level: int) -> None:
        length = len(trunk.first[0])
        places = torch.arange(length)
        # Columns stand in order, so that those that read a position are neighbours.
        self.most = (torch.searchsorted(trunk.first[level].contiguous(), places, right=True) - 1).tolist()
        self.least = torch.searchsorted(trunk.last[level].contiguous(), places).tolist()


class _Sweep:
    """Positions in their order: pairs of those within reach are kept for the triples that come later.

    ``_onward[level][first]`` holds pairs by their first position, (edits there, edits behind, C, columns), and
    ``_back[level]`` those that end at the position at hand, (edits before, edits there, C, columns), both over the
    columns that later levels read of that position.
    """

    def __init__(self, columns: Columns) -> None:
        self.columns, self.singles = columns, columns.singles
        self.stages = columns.trunk.stages
        self.top = len(self.stages)
        self._onward: list[dict[int, Tensor]] = [{} for _ in range(self.top + 1)]
        self._back: list[Tensor] = []
        self._back_from: list[int] = []

    def window(self, level: int, place: int) -> tuple[int, int]:
        """Columns of a level that the columns of the next that read a position are made of, first and behind last."""
        if level == self.top:
            return self._own(level, place, place)
        low, high = self._own(level + 1, place, place)
        if low >= high:
            return 0, 0
        low, high = self.stages[level].needed(low, high)
        return max(low, 0), min(high, self.columns.one[level].shape[2])

    def _own(self, level: int, first: int, last: int) -> tuple[int, int]:
        """Columns of a level that read both positions."""
        seen = self.columns._seen[level]
        low, high = seen.least[last], min(seen.most[first] + 1, self.columns.one[level].shape[2])
        return (low, high) if low < high else (low, low)

    def _far(self, level: int) -> int:
        """Two positions so many apart have no column of the next level in common."""
        trunk, above = self.columns.trunk, min(level + 1, self.top)
        return int((trunk.last[above] - trunk.first[above]).max()) + 1

    def begin(self, last: int) -> None:
        """Make room for pairs that end here."""
        self._back, self._back_from = [], []
        there = self.singles.at(last)
        for level in range(self.top + 1):
            start = self.singles.begin[max(last - self._far(level), 0)]
            low, high = self.window(level, last)
            count = self.singles.begin[last] - start
            shape = (count, there.stop - there.start, self.columns.one[level].shape[1], high - low)
            self._back.append(torch.empty(shape, dtype=torch.float64))
            self._back_from.append(start)

    def end(self, last: int) -> None:
        """Make room for pairs that begin here, and forget those that nothing reaches any more."""
        here, length = self.singles.at(last), len(self.singles.begin) - 1
        for level in range(self.top + 1):
            low, high = self.window(level, last)
            count = self.singles.begin[min(last + self._far(level) + 1, length)] - here.stop
            shape = (here.stop - here.start, count, self.columns.one[level].shape[1], high - low)
            self._onward[level][last] = torch.empty(shape, dtype=torch.float64)
            for old in [place for place in self._onward[level] if place < last - self._far(level)]:
                del self._onward[level][old]

    def met(self, first: int, last: int, *, triples: bool) -> Iterator[Together]:
        """What pairs at two positions add, then triples of them and one between."""
        here, there = self.singles.at(first), self.singles.at(last)
        sizes = (here.stop - here.start, 1, there.stop - there.start)
        own = self._levels(first, last, sizes, triples=False)
        if triples:
            self._keep(first, last, own)
        low, high = self._own(self.top, first, last)
        if low < high:
            one, none = self.columns.one[-1][:, :, low:high], self.columns.none[-1][:, low:high]
            change = own[-1][:, 0] - one[here][:, None] - one[there][None] + none
            yield Together(first=first, last=last, between=range(0), added=self._summed(change, low, high))
            between = range(here.stop, there.start)
            if triples and len(between):
                sizes = (sizes[0], len(between), sizes[2])
                of_three = self._levels(first, last, sizes, triples=True)[-1]
                left, right = self._pairs(self.top, first, last, low, high)
                change = of_three - left - right + one[between.start : between.stop][None, :, None]
                yield Together(first=first, last=last, between=between, added=self._summed(change, low, high))

    def _summed(self, change: Tensor, low: int, high: int) -> Tensor:
        weights = self.columns.split.weights[:, :, low:high].flatten(1)
        return change.flatten(-2) @ weights.T

    def _pairs(self, level: int, first: int, last: int, low: int, high: int) -> tuple[Tensor, Tensor]:
        """Columns of triples without their last edit, and without their first, to be spread over what is missing."""
        between = slice(self.singles.begin[first + 1], self.singles.begin[last])
        start, _ = self.window(level, first)
        count = between.stop - between.start
        left = self._onward[level][first][:, :count, :, low - start : high - start][:, :, None]
        start, _ = self.window(level, last)
        offset = between.start - self._back_from[level]
        right = self._back[level][offset : offset + count, :, :, low - start : high - start][None]
        return left, right

    def _single(self, level: int, first: int, last: int, low: int, high: int) -> tuple[Tensor, Tensor]:
        """Columns of pairs without their last edit, and without their first."""
        one = self.columns.one[level][:, :, low:high]
        return one[self.singles.at(first)][:, None, None], one[self.singles.at(last)][None, None]

    def _levels(self, first: int, last: int, sizes: tuple[int, int, int], *, triples: bool) -> list[Tensor]:
        """By level the (first, between, last, C, columns) values of the columns that read both ends."""
        own: list[Tensor] = []
        for level in range(self.top + 1):
            low, high = self._own(level, first, last)
            channels = self.columns.one[level].shape[1]
            if low >= high or level == 0:
                own.append(torch.empty(*sizes, channels, 0, dtype=torch.float64))
                continue
            stage = self.stages[level - 1]
            begin, stop = stage.needed(low, high)
            begin, stop = max(begin, 0), min(stop, stage.inputs)
            read = self._assembled(level - 1, first, last, begin, stop, own[-1], triples=triples)
            read = read.flatten(0, 2)
            made = stage.run(read, begin, low, high)
            own.append(made.reshape(*sizes, channels, high - low))
        return own

    def _assembled(
        self, level: int, first: int, last: int, low: int, high: int, own: Tensor, *, triples: bool
    ) -> Tensor:
        """(first, between, last, C, high - low) columns of a level, those of fewer edits where not all are read."""
        take = self._pairs if triples else self._single
        begin, stop = self._own(level, first, last)
        sizes = own.shape[:4]
        parts = []
        if low < begin:
            parts.append(take(level, first, last, low, min(begin, high))[0])
        if max(low, begin) < min(high, stop):
            parts.append(own[..., max(low, begin) - begin : min(high, stop) - begin])
        if max(low, stop) < high:
            parts.append(take(level, first, last, max(low, stop), high)[1])
        return torch.cat([part.expand(*sizes, part.shape[-1]) for part in parts], -1)

    def _keep(self, first: int, last: int, own: list[Tensor]) -> None:
        """Keep pairs over the columns that triples will read of them."""
        here, there = self.singles.at(first), self.singles.at(last)
        for level in range(self.top + 1):
            if last - first > self._far(level):
                continue
            low, high = self.window(level, first)
            if low < high:
                behind = self._onward[level][first]
                place = slice(there.start - here.stop, there.stop - here.stop)
                made = self._assembled(level, first, last, low, high, own[level], triples=False)
                behind[:, place] = made[:, 0]
            low, high = self.window(level, last)
            if low < high:
                offset = self._back_from[level]
                made = self._assembled(level, first, last, low, high, own[level], triples=False)
                self._back[level][here.start - offset : here.stop - offset] = made[:, 0]
