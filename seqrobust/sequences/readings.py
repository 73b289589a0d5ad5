"""Coding sequences as the ribosome meets them: ordered intervals on one or the other strand, a frame, a genetic code.

A reading is more than a region: its exons are joined in the order they are read, those of the minus strand backwards
and complemented, and what the code says is overruled where the file says so. Whatever asks about codons asks a reading.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Part(NamedTuple):
    """An interval ``[start, end)``, 0-based on the record, read along ``strand`` (1 or -1).

    It may leave its record (a gene that a window cuts): letters that are not there are missing.
    """

    start: int
    end: int
    strand: int

    def letters(self) -> NDArray[np.int64]:
        """(n,) positions in the order they are read."""
        along = np.arange(self.start, self.end, dtype=np.int64)
        return along if self.strand > 0 else along[::-1]


class Exceptional(NamedTuple):
    """A codon that does not mean what the code says: its letters, and what it stands for (``TERM`` for a stop)."""

    letters: tuple[int, ...]
    product: str


@dataclass(frozen=True, kw_only=True)
class Reading:
    """One coding sequence of one record.

    Attributes:
        name: of its region, such as ``CDS``, or ``CDS[YP_009724390.1]``.
        parts: in the order they are read; overlapping ones where the ribosome slips back.
        phase: letters ahead of the first whole codon: 0, 1 or 2.
        table: genetic code by NCBI's number; None where the file says nothing.
        gene, locus_tag, protein_id, product: what it is called; empty where the file says nothing.
        partial_start, partial_end: it begins or ends beyond its intervals.
        exceptions: codons with a meaning of their own.
        translation: the protein that the file gives, without its stop; empty where it gives none.
        unclear: why it cannot be read letter by letter; empty where it can.
        whole: it is said to be a coding sequence, by a file that knows of strands and frames, not only an interval that
            a user wants read in codons.
    """

    name: str = "CDS"
    parts: tuple[Part, ...]
    phase: int = 0
    table: int | None = None
    gene: str = ""
    locus_tag: str = ""
    protein_id: str = ""
    product: str = ""
    partial_start: bool = False
    partial_end: bool = False
    exceptions: tuple[Exceptional, ...] = ()
    translation: str = ""
    unclear: str = ""
    whole: bool = True

    @property
    def kind(self) -> str:
        """The name without what stands in brackets."""
        return self.name.partition("[")[0]

    @property
    def called(self) -> str:
        """What a person calls it: its gene, else whatever name there is, else where it lies (counted from 1)."""
        given = self.gene or self.locus_tag or self.protein_id or self.product
        if given or "[" in self.name or not self.whole:
            return given or self.name
        return f"{self.name} {min(part.start for part in self.parts) + 1}..{max(part.end for part in self.parts)}"

    def letters(self) -> NDArray[np.int64]:
        """(n,) positions on the record, in the order they are read, the phase's included."""
        return np.concatenate([part.letters() for part in self.parts])

    def strands(self) -> NDArray[np.int64]:
        """(n,) 1 or -1 for each of :meth:`letters`."""
        return np.concatenate([np.full(part.end - part.start, part.strand) for part in self.parts])

    def moved(self, start: int, end: int, *, reverse: bool) -> Reading:
        """The same reading on the piece ``[start, end)`` of its record, perhaps on the piece's other strand."""

        def place(position: int) -> int:
            return end - 1 - position if reverse else position - start

        parts = (
            Part(end - part.end, end - part.start, -part.strand)
            if reverse
            else Part(part.start - start, part.end - start, part.strand)
            for part in self.parts
        )
        moved = (Exceptional(tuple(map(place, one.letters)), one.product) for one in self.exceptions)
        return replace(self, parts=tuple(parts), exceptions=tuple(moved))

    def meets(self, start: int, end: int) -> bool:
        """Whether a letter of it lies within ``[start, end)``."""
        return any(part.start < end and part.end > start for part in self.parts)


@dataclass(frozen=True, kw_only=True)
class Readings:
    """The coding sequences of N records.

    Attributes:
        of_record: those of each record.
        features: names of regions that come from a file's features, whose strand and frame a region does not tell.
    """

    of_record: tuple[tuple[Reading, ...], ...]
    features: frozenset[str] = frozenset()

    @classmethod
    def of(cls, per_record: Iterable[Sequence[Reading]], features: Iterable[str] = ()) -> Readings:
        """From one sequence of readings per record."""
        return cls(of_record=tuple(map(tuple, per_record)), features=frozenset(features))

    def __len__(self) -> int:
        return len(self.of_record)

    def take(self, records: NDArray[np.int64]) -> Readings:
        """Those of some records, in the order given."""
        return replace(self, of_record=tuple(self.of_record[int(record)] for record in records))

    def beside(self, other: Readings) -> Readings:
        """These and others of the same records."""
        pairs = zip(self.of_record, other.of_record, strict=True)
        return Readings(of_record=tuple(a + b for a, b in pairs), features=self.features | other.features)
