"""Columns of one record's codons, and which codons may stand in each: synonymous in every frame that reads a letter.

A letter belongs to one column, that of the first codon that reads it. Where another codon reads it too (overlapping
genes, splice variants), a switch is permitted only if that codon keeps its meaning, whatever is permitted in the other
columns it reads: so every combination of permitted switches leaves every protein as it is, and the columns stay
independent of one another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from seqrobust.sequences.genetic_code import products, synonymous
from seqrobust.sequences.reading_codons import FREE
from seqrobust.threats.coding.chosen import Chosen

_COMPLEMENT = 3
"""Of a letter's number in ACGT or ACGU, that of its complement is what is missing to 3."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Frames:
    """The C columns of one record.

    Attributes:
        letters: (C, 3) where the codon's letters stand, in the order they are read; -1 where not on the record.
        owned: (C, 3) bool: letters that this column writes.
        minus: (C, 3) bool: letters of the other strand.
        clean: (C,) number of the codon that stands there.
        permitted: (C, 64) bool: codons that may stand there, the clean one always.
        fixed: (C,) why the codon may not change; see :mod:`seqrobust.sequences.reading_codons`.
        reading: (C,) which of the record's readings names it, and ``number`` (C,) the codon's number there, from 1.
        shared: letters that more than one frame reads, and ``shared_free`` how many of them may change.
        conflicts: switches that were left out because two edits together would not be synonymous.
    """

    letters: NDArray[np.int64]
    owned: NDArray[np.bool_]
    minus: NDArray[np.bool_]
    clean: NDArray[np.int64]
    permitted: NDArray[np.bool_]
    fixed: NDArray[np.uint8]
    reading: NDArray[np.int64]
    number: NDArray[np.int64]
    shared: int
    shared_free: int
    conflicts: int

    def __len__(self) -> int:
        return len(self.clean)


@dataclass(frozen=True, kw_only=True, eq=False)
class _All:
    """Every distinct codon of a record: fields as of :class:`Frames`, a row per codon, with its genetic code.

    ``held`` says that a reading which is not edited reads it too.
    """

    letters: NDArray[np.int64]
    minus: NDArray[np.bool_]
    clean: NDArray[np.int64]
    fixed: NDArray[np.uint8]
    edited: NDArray[np.bool_]
    held: NDArray[np.bool_]
    table: NDArray[np.int64]
    reading: NDArray[np.int64]
    number: NDArray[np.int64]


def frames_of(
    readings: Sequence[Chosen], length: int, permits: Callable[[int], NDArray[np.bool_]] = synonymous
) -> Frames:
    """The columns of a record of that length, from its readings, those that are edited first.

    ``permits`` says for a genetic code which codons may become which, (64, 64), where no other frame reads a letter.
    """
    every = _distinct(readings)
    cover = np.zeros(length, np.int64)
    inside = every.letters >= 0
    np.add.at(cover, every.letters[inside], 1)
    kept = np.zeros(length, bool)
    for one in readings:
        kept[one.codons.stray] = True
    kept[every.letters[(every.fixed != FREE)[:, None] & inside]] = True
    free = every.edited & (every.fixed == FREE)
    alone = free & ~((cover[every.letters] > 1) | kept[every.letters]).any(1)
    permitted = np.zeros((len(every.clean), 64), bool)
    permitted[np.arange(len(permitted)), every.clean] = True
    for table in np.unique(every.table[alone]).tolist():
        rows = np.flatnonzero(alone & (every.table == table))
        permitted[rows] = synonymous(table)[every.clean[rows]]
        rows = rows[~every.held[rows]]
        permitted[rows] = permits(table)[every.clean[rows]]
    owned = alone[:, None] & inside
    joint = _Joint(every, permitted, owned, kept)
    for row in np.flatnonzero(free & ~alone).tolist():
        joint.settle(row)
    shared = cover > 1
    changing = np.zeros(length, bool)
    changing[joint.changing(shared)] = True
    columns = np.flatnonzero(every.edited)
    return Frames(
        letters=every.letters[columns],
        owned=owned[columns],
        minus=every.minus[columns],
        clean=every.clean[columns],
        permitted=permitted[columns],
        fixed=every.fixed[columns],
        reading=every.reading[columns],
        number=every.number[columns],
        shared=int(shared.sum()),
        shared_free=int((changing & shared).sum()),
        conflicts=joint.conflicts,
    )


def _distinct(readings: Sequence[Chosen]) -> _All:
    """Codons that several readings share (splice variants, a gene annotated twice) are one, fixed if any of them is."""
    parts = [one.codons for one in readings]
    counts = [len(part.number) for part in parts]
    letters = np.concatenate([part.places for part in parts] or [np.zeros((0, 3), np.int64)])
    minus = np.concatenate([part.minus for part in parts] or [np.zeros((0, 3), bool)])
    table = np.repeat(np.array([part.table for part in parts], np.int64), counts)
    key = np.concatenate([letters, minus.astype(np.int64), table[:, None]], axis=1)
    _, first, owner = np.unique(key, axis=0, return_index=True, return_inverse=True)
    owner = owner.reshape(-1)
    order = np.argsort(first)
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order))
    fixed = np.zeros(len(first), np.uint8)
    np.maximum.at(fixed, rank[owner], np.concatenate([part.fixed for part in parts] or [np.zeros(0, np.uint8)]))
    edited, held = np.zeros(len(first), bool), np.zeros(len(first), bool)
    chosen = np.repeat(np.array([one.edited for one in readings], bool), counts)
    np.logical_or.at(edited, rank[owner], chosen)
    np.logical_or.at(held, rank[owner], ~chosen)
    first = first[order]
    return _All(
        letters=letters[first],
        minus=minus[first],
        clean=np.concatenate([part.number for part in parts] or [np.zeros(0, np.int64)])[first],
        fixed=fixed,
        edited=edited,
        held=held,
        table=table[first],
        reading=np.repeat(np.arange(len(parts)), counts)[first],
        number=np.concatenate([np.arange(1, count + 1) for count in counts] or [np.zeros(0, np.int64)])[first],
    )


class _Joint:
    """Codons that share letters, settled one after the other. ``permitted`` and ``owned`` are filled in place."""

    def __init__(
        self, every: _All, permitted: NDArray[np.bool_], owned: NDArray[np.bool_], kept: NDArray[np.bool_]
    ) -> None:
        self.every, self.permitted, self.owned, self.kept = every, permitted, owned, kept
        self.conflicts = 0
        self._readers: dict[int, list[int]] = {}
        self._owner: dict[int, int] = {}
        crowded = np.flatnonzero(~owned.any(1)).tolist()
        for row in crowded:
            for letter in every.letters[row].tolist():
                self._readers.setdefault(letter, []).append(row)

    def settle(self, row: int) -> None:
        """Give a codon its letters and the codons that may stand there."""
        places = self.every.letters[row].tolist()
        mine = [letter not in self._owner for letter in places]
        self.owned[row] = mine
        self._owner.update({letter: row for letter, own in zip(places, mine, strict=True) if own})
        clean = int(self.every.clean[row])
        free = [own and not self.kept[letter] for letter, own in zip(places, mine, strict=True)]
        touched = sorted({reader for letter in places for reader in self._readers[letter]})
        for codon in np.flatnonzero(synonymous(int(self.every.table[row]))[clean]).tolist():
            moved = [a != b for a, b in zip(_three(codon), _three(clean), strict=True)]
            if codon == clean or any(new and not may for new, may in zip(moved, free, strict=True)):
                continue
            written = self._written(row, codon)
            if any(self._means(reader, written) != self._meaning(reader) for reader in touched):
                continue
            if all(self._holds(reader, row, written) for reader in touched):
                self.permitted[row, codon] = True
            else:
                self.conflicts += 1

    def changing(self, shared: NDArray[np.bool_]) -> list[int]:
        """Letters of several frames that a permitted switch changes."""
        found = []
        for letter, row in self._owner.items():
            if shared[letter]:
                place = self.every.letters[row].tolist().index(letter)
                now = _three(int(self.every.clean[row]))[place]
                others = np.flatnonzero(self.permitted[row]).tolist()
                if any(_three(codon)[place] != now for codon in others):
                    found.append(letter)
        return found

    def _written(self, row: int, codon: int) -> dict[int, int]:
        """Letters, by their number on the plus strand, that a codon in a column puts at the places it owns."""
        rows = zip(
            self.every.letters[row].tolist(),
            self.every.minus[row].tolist(),
            self.owned[row].tolist(),
            _three(codon),
            strict=True,
        )
        return {place: _COMPLEMENT - letter if minus else letter for place, minus, own, letter in rows if own}

    def _meaning(self, row: int) -> str:
        return products(int(self.every.table[row]))[int(self.every.clean[row])]

    def _means(self, row: int, written: dict[int, int]) -> str:
        """What a codon is read as with those letters put in."""
        codon = 0
        clean = _three(int(self.every.clean[row]))
        for place, minus, now in zip(
            self.every.letters[row].tolist(), self.every.minus[row].tolist(), clean, strict=True
        ):
            letter = written.get(place)
            codon = codon * 4 + (now if letter is None else _COMPLEMENT - letter if minus else letter)
        return products(int(self.every.table[row]))[codon]

    def _holds(self, reader: int, row: int, written: dict[int, int]) -> bool:
        """Whether a codon keeps its meaning, whatever is permitted in the other columns that write its letters."""
        others = {self._owner.get(letter, row) for letter in self.every.letters[reader].tolist()} - {row}
        meaning = self._meaning(reader)
        return all(self._means(reader, {**more, **written}) == meaning for more in self._combined(sorted(others)))

    def _combined(self, rows: list[int]) -> Iterator[dict[int, int]]:
        choices = [[self._written(row, int(codon)) for codon in np.flatnonzero(self.permitted[row])] for row in rows]
        for several in product(*choices):
            yield {place: letter for one in several for place, letter in one.items()}


def _three(codon: int) -> tuple[int, int, int]:
    return codon // 16, codon // 4 % 4, codon % 4
