"""Named half-open intervals on records: where biology says something happens, or nothing does.

All regions of a set are four flat arrays (record, start, end, name), so that cutting, joining and painting them onto an
(N, L) matrix are array operations however many there are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from seqrobust.errors import DataError, ThreatError
from seqrobust.sequences.positions import Records, place_named

_INTERVAL = re.compile(r"\s*([0-9]{1,18})\s*-\s*([0-9]{1,18})\s*")
"""More digits than any sequence has letters, and few enough for a whole number of 64 bits."""
_FARTHEST = 10**18


class Region(NamedTuple):
    """One interval ``[start, end)``, 0-based, on its record's own sequence."""

    name: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True)
class Regions:
    """The regions of N records.

    Attributes:
        record: (R,) index of the record each region lies on, ascending.
        start, end: (R,) half-open 0-based interval.
        name: (R,) index into ``names``.
        names: every region name known to the whole file, kept when records are dropped, so that a name that exists
            elsewhere is not mistaken for a typing error.
        on: the records, for places named by number or for one class; see :mod:`seqrobust.sequences.positions`. A
            :class:`~seqrobust.sequences.SequenceSet` fills it in.
    """

    record: NDArray[np.int64]
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    name: NDArray[np.int64]
    names: tuple[str, ...]
    on: Records | None = field(default=None, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.record)

    @classmethod
    def from_lists(cls, per_record: Iterable[Sequence[Region]]) -> Regions:
        """From one sequence of regions per record. Raises DataError for numbers that no sequence has letters for."""
        rows = [(record, *region) for record, regions in enumerate(per_record) for region in regions]
        names = tuple(dict.fromkeys(name for _, name, _, _ in rows))
        index = {name: code for code, name in enumerate(names)}
        if huge := next((row for row in rows if not -_FARTHEST < row[2] < _FARTHEST > row[3] > -_FARTHEST), None):
            raise DataError(
                "a region ends farther away than any sequence reaches",
                found=f"{huge[1][:80]}:{str(huge[2])[:40]}-{str(huge[3])[:40]}",
                where=f"record {huge[0] + 1}",
            )
        table = np.array([(record, index[name], start, end) for record, name, start, end in rows], np.int64)
        table = table.reshape(-1, 4)
        return cls(record=table[:, 0], name=table[:, 1], start=table[:, 2], end=table[:, 3], names=names)

    @classmethod
    def empty(cls) -> Regions:
        """No regions."""
        return cls.from_lists([])

    def of(self, record: int) -> list[Region]:
        """The regions of one record, in file order."""
        low, high = np.searchsorted(self.record, [record, record + 1])
        return [
            Region(self.names[int(self.name[i])], int(self.start[i]), int(self.end[i]))
            for i in range(int(low), int(high))
        ]

    def take(self, records: NDArray[np.int64]) -> Regions:
        """The regions of those records, renumbered in the order given."""
        low = np.searchsorted(self.record, records, side="left")
        counts = np.searchsorted(self.record, records, side="right") - low
        new_record = np.repeat(np.arange(len(records)), counts)
        offset = np.arange(len(new_record)) - np.repeat(np.cumsum(counts) - counts, counts)
        chosen = np.repeat(low, counts) + offset
        return Regions(
            record=new_record,
            start=self.start[chosen],
            end=self.end[chosen],
            name=self.name[chosen],
            names=self.names,
        )

    def named(self, pattern: str) -> list[str]:
        """Names equal to ``pattern``; where there is none, names that match it with ``*`` for any run of characters,
        or else ``pattern`` itself where it is a place by number or a name for one class (``core@1``).

        Raises ThreatError that lists the known names when nothing matches.
        """
        if pattern in self.names:
            return [pattern]
        if (matches := self._matching(pattern)) or self._is_place(pattern):
            return matches or [pattern]
        known = ", ".join(self.names[:20]) + (" ..." if len(self.names) > 20 else "")
        raise ThreatError(
            "no region has that name",
            expected=known or "the data file to give regions",
            found=repr(pattern),
            fix="use a name from the file; * stands for any run of characters (BINDING* matches BINDING[ATP]); or name "
            "positions (1-35, M1, -10..-1); a class behind @ confines either to it (core@1)",
        )

    def _matching(self, pattern: str) -> list[str]:
        # fnmatch is no help: region names such as BINDING[NAD(+)] hold its special characters.
        expression = re.compile(".*".join(map(re.escape, pattern.split("*"))))
        return [name for name in self.names if expression.fullmatch(name)]

    def _is_place(self, pattern: str) -> bool:
        if self.on is None:
            return False
        if place_named(pattern) is not None:
            return True
        name = pattern.rpartition("@")[0]
        return bool(name and (name in self.names or self._matching(name) or place_named(name)))

    def cover(self, patterns: Sequence[str], shape: tuple[int, int]) -> NDArray[np.bool_]:
        """(N, L): True where a region of one of those names lies."""
        wanted = {name for pattern in patterns for name in self.named(pattern)}
        chosen = np.isin(self.name, [code for code, name in enumerate(self.names) if name in wanted])
        steps = np.zeros((shape[0], shape[1] + 1), np.int32)
        np.add.at(steps, (self.record[chosen], self.start[chosen]), 1)
        np.add.at(steps, (self.record[chosen], self.end[chosen]), -1)
        covered: NDArray[np.bool_] = steps.cumsum(1)[:, :-1] > 0
        for place in wanted - set(self.names):
            covered |= self._at(place, shape)
        return covered

    def _at(self, text: str, shape: tuple[int, int]) -> NDArray[np.bool_]:
        """(N, L): True at a place by number, or where a name for one class lies on its records."""
        assert self.on is not None
        if (place := place_named(text)) is not None:
            return place.cover(self.on)
        name, _, label = text.rpartition("@")
        found: NDArray[np.bool_] = self.cover([name], shape) & self.on.of_class(label)[:, None]
        return found

    def lacking(self, patterns: Sequence[str], shape: tuple[int, int]) -> list[tuple[str, ...]]:
        """Of N records, which of the patterns name nothing on each."""
        there = [np.atleast_1d(self.cover([pattern], shape).any(axis=1)) for pattern in patterns]
        return [
            tuple(pattern for pattern, found in zip(patterns, there, strict=True) if not found[record])
            for record in range(shape[0])
        ]

    def cropped(self, length: int) -> Regions:
        """Cut to the first ``length`` positions; a region wholly behind is dropped."""
        kept = self.start < length
        return Regions(
            record=self.record[kept],
            start=self.start[kept],
            end=np.minimum(self.end[kept], length),
            name=self.name[kept],
            names=self.names,
        )


def parse_regions(text: str) -> list[Region]:
    """Regions of one record from ``name:start-end;...``; names may hold colons and brackets.

    >>> parse_regions("BINDING[Fe:S]:3-5;ACT_SITE:9-10")
    [Region(name='BINDING[Fe:S]', start=3, end=5), Region(name='ACT_SITE', start=9, end=10)]
    """
    return [_parse_region(item) for item in text.split(";") if item.strip()]


def _parse_region(item: str) -> Region:
    name, colon, interval = item.strip().rpartition(":")
    found = _INTERVAL.fullmatch(interval)
    if not (colon and name and found):
        raise DataError(
            "a region cannot be read", expected="name:start-end, 0-based, half-open", found=repr(item[:200])
        )
    return Region(name, int(found[1]), int(found[2]))


def format_regions(regions: Sequence[Region]) -> str:
    """The text that :func:`parse_regions` reads."""
    return ";".join(f"{name}:{start}-{end}" for name, start, end in regions)
