"""A set of records: sequences with ids, targets, groups, splits and named regions, as whole-batch arrays."""

from __future__ import annotations

from collections.abc import Sequence, Sized
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from seqrobust.alphabet import Alphabet
from seqrobust.errors import DataError
from seqrobust.sequences.dense import names_array, require_even
from seqrobust.sequences.encoding import check_characters, letters_from_texts, texts_from_letters, tokens_from_letters
from seqrobust.sequences.positions import Records
from seqrobust.sequences.readings import Reading, Readings
from seqrobust.sequences.regions import Region, Regions
from seqrobust.statistics.units import Units, unit_numbers


@dataclass(frozen=True, kw_only=True, eq=False)
class SequenceSet:
    """N records of at most L letters.

    Attributes:
        alphabet: what the letters mean.
        letters: (N, L) uint8, upper-case ASCII as read (ambiguity codes kept), NUL behind a record's end.
        lengths: (N,) number of letters.
        ids: N distinct names.
        targets: N rows of raw target columns as read (text or numbers), or None for unlabelled records;
            :mod:`seqrobust.sequences.targets` turns them into numbers for a task.
        groups: (N,) what must stay on one side of a split (locus, homology cluster), or None.
        splits: (N,) ``train``, ``valid``, ``test`` or another name, or None.
        regions: named intervals.
        readings: coding sequences, or None where no file tells of any.
        clusters: (N,) records of one name are not independent (one gene, family or wild type); None for ``groups``.
    """

    alphabet: Alphabet
    letters: NDArray[np.uint8]
    lengths: NDArray[np.int64]
    ids: tuple[str, ...]
    targets: pd.DataFrame | None
    groups: NDArray[np.str_] | None
    splits: NDArray[np.str_] | None
    regions: Regions
    readings: Readings | None = None
    clusters: NDArray[np.str_] | None = None

    def __post_init__(self) -> None:
        on = Records(self.letters, self.lengths, self.targets)
        object.__setattr__(self, "regions", replace(self.regions, on=on))

    @classmethod
    def from_texts(
        cls,
        texts: Sequence[str],
        alphabet: Alphabet,
        *,
        ids: Sequence[str] | None = None,
        targets: pd.DataFrame | None = None,
        groups: Sequence[str] | None = None,
        splits: Sequence[str] | None = None,
        regions: Sequence[Sequence[Region]] | None = None,
        readings: Readings | Sequence[Sequence[Reading]] | None = None,
        clusters: Sequence[str] | None = None,
    ) -> SequenceSet:
        """From plain texts; ids default to ``seq1`` ..., and an id that repeats gets ``#2``, ``#3`` ... behind it.

        Raises DataError for an illegal letter, an empty sequence, a column of another length, or a region that
        leaves its record.
        """
        check_characters(texts, ids)
        require_even(texts, ids)
        letters, lengths = letters_from_texts(texts)
        if readings is not None and not isinstance(readings, Readings):
            readings = Readings.of(readings)
        given: dict[str, Sized | None] = {
            "ids": ids,
            "targets": targets,
            "groups": groups,
            "clusters": clusters,
            "splits": splits,
            "regions": regions,
        }
        given["readings"] = readings
        for name, column in given.items():
            if column is not None and len(column) != len(texts):
                raise DataError(f"{name} and sequences differ in number", found=f"{len(column)} and {len(texts)}")
        names = distinct([f"seq{number + 1}" for number in range(len(texts))] if ids is None else ids)
        made = cls(
            alphabet=alphabet,
            letters=letters,
            lengths=lengths,
            ids=names,
            targets=None if targets is None else targets.reset_index(drop=True),
            groups=None if groups is None else names_array("group", groups),
            splits=None if splits is None else names_array("split", splits),
            regions=Regions.empty() if regions is None else Regions.from_lists(regions),
            readings=readings,
            clusters=None if clusters is None else names_array("cluster", clusters),
        )
        made._check()
        return made

    def _check(self) -> None:
        _ = self.tokens
        if (empty := np.flatnonzero(self.lengths == 0)).size:
            raise DataError("a sequence is empty", where=f"record {self.ids[empty[0]]!r}", fix="drop the record")
        regions = self.regions
        wrong = (regions.end > self.lengths[regions.record]) | (regions.start >= regions.end) | (regions.start < 0)
        if wrong.any():
            first = int(np.flatnonzero(wrong)[0])
            record = int(regions.record[first])
            raise DataError(
                "a region is empty or leaves its record",
                expected=f"0 <= start < end <= {self.lengths[record]} (0-based, half-open)",
                found=f"{regions.names[int(regions.name[first])]}:{regions.start[first]}-{regions.end[first]}",
                where=f"record {self.ids[record]!r}",
            )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def units(self) -> Units:
        """(N,) numbers of the clusters within which records are not independent; None where all of them are."""
        return unit_numbers(self.groups if self.clusters is None else self.clusters)

    @property
    def width(self) -> int:
        """L, the padded length."""
        return int(self.letters.shape[1])

    @cached_property
    def tokens(self) -> NDArray[np.uint8]:
        """(N, L) tokens."""
        return tokens_from_letters(self.letters, self.alphabet, self.ids)

    @cached_property
    def texts(self) -> list[str]:
        """The sequences as text, upper case, ambiguity codes kept."""
        return texts_from_letters(self.letters, self.lengths)

    def texts_with(self, tokens: NDArray[np.uint8]) -> list[str]:
        """Texts of edited (N, L) tokens: letters that did not change keep their own ambiguity code."""
        edited = np.where(tokens == self.tokens, self.letters, self.alphabet.letter_table[tokens])
        return texts_from_letters(edited, self.lengths)

    def take(self, records: ArrayLike) -> SequenceSet:
        """Those records (indices or a boolean mask), at the same padded length."""
        chosen = np.asarray(records)
        chosen = np.flatnonzero(chosen) if chosen.dtype == bool else chosen.astype(np.int64)
        return replace(
            self,
            letters=self.letters[chosen],
            lengths=self.lengths[chosen],
            ids=tuple(self.ids[i] for i in chosen),
            targets=None if self.targets is None else self.targets.iloc[chosen].reset_index(drop=True),
            groups=None if self.groups is None else self.groups[chosen],
            splits=None if self.splits is None else self.splits[chosen],
            regions=self.regions.take(chosen),
            readings=None if self.readings is None else self.readings.take(chosen),
            clusters=None if self.clusters is None else self.clusters[chosen],
        )

    def in_split(self, name: str) -> SequenceSet:
        """The records of one split. Raises DataError that lists the splits there are when that one is empty."""
        known = [] if self.splits is None else sorted(set(self.splits.tolist()))
        if self.splits is None or name not in known:
            raise DataError("no record is in that split", expected=", ".join(known) or "a split column", found=name)
        return self.take(self.splits == name)

    def cropped(self, length: int) -> SequenceSet:
        """The first ``length`` letters of every record; regions are cut with them, letters of readings are missing."""
        if length >= self.width:
            return self
        return replace(
            self,
            letters=self.letters[:, :length],
            lengths=np.minimum(self.lengths, length),
            regions=self.regions.cropped(length),
        )


def distinct(ids: Sequence[str]) -> tuple[str, ...]:
    """Ids made distinct: the second of a name gets ``#2`` behind it, the third ``#3``.

    >>> distinct(["a", "b", "a"])
    ('a', 'b', 'a#2')
    """
    taken = set(ids)
    if len(taken) == len(ids):
        return tuple(ids)
    seen: dict[str, int] = {}
    result = []
    for name in ids:
        seen[name] = count = seen.get(name, 0) + 1
        if count > 1:
            while (new := f"{name}#{count}") in taken:
                count += 1
            seen[name] = count
            taken.add(new)
            name = new
        result.append(name)
    return tuple(result)
