"""Places named by number instead of by a region: ``1-35``, ``M1``, ``-10..-1``, and ``NAME@CLASS`` for one class alone.

Positions count from 1 as geneticists write them, both ends included; negative ones count from a record's end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

# Digits beyond the 18th are of no position, and of no whole number of 64 bits.
_RANGE = re.compile(r"(-?[0-9]{1,18})(?:\.\.|-)(-?[0-9]{1,18})")
_LETTER = re.compile(r"([A-Za-z])([0-9]{1,18})")
_NUMBER = re.compile(r"-?[1-9][0-9]{0,17}")


class Records(NamedTuple):
    """What the places of N records depend on: letters (N, L) in ASCII, lengths (N,), and targets as read."""

    letters: NDArray[np.uint8]
    lengths: NDArray[np.int64]
    targets: pd.DataFrame | None

    def of_class(self, name: str) -> NDArray[np.bool_]:
        """(N,) the records that have a target of that name."""
        if self.targets is None:
            return np.zeros(len(self.lengths), bool)
        found: NDArray[np.bool_] = np.asarray((self.targets.astype(str) == name).any(axis=1), bool)
        return found


@dataclass(frozen=True, kw_only=True)
class Place:
    """Positions ``start`` to ``end``, both included, from 1; negative from the end.

    Attributes:
        letter: which has to stand there; None for any.
    """

    start: int
    end: int
    letter: str | None = None

    def cover(self, records: Records) -> NDArray[np.bool_]:
        """(N, L) True there; nothing of records that end before it, or have another letter."""
        lengths = records.lengths[:, None]
        low, high = (
            value + lengths + 1 if value < 0 else np.full_like(lengths, value) for value in (self.start, self.end)
        )
        position = np.arange(1, records.letters.shape[1] + 1)
        inside: NDArray[np.bool_] = (position >= low) & (position <= high) & (position <= lengths)
        return inside if self.letter is None else inside & (records.letters == ord(self.letter))


def place_named(text: str) -> Place | None:
    """The place that a text names by number; None where it names none.

    >>> place_named("1-35"), place_named("M1") == Place(start=1, end=1, letter="M"), place_named("exon2a")
    (Place(start=1, end=35, letter=None), True, None)
    >>> place_named("-10..-1")
    Place(start=-10, end=-1, letter=None)
    """
    if found := _RANGE.fullmatch(text):
        start, end = int(found.group(1)), int(found.group(2))
        backwards = (start < 0) == (end < 0) and start > end
        return None if 0 in (start, end) or backwards else Place(start=start, end=end)
    if (found := _LETTER.fullmatch(text)) and int(found.group(2)):
        position = int(found.group(2))
        return Place(start=position, end=position, letter=found.group(1).upper())
    return Place(start=int(text), end=int(text)) if _NUMBER.fullmatch(text) else None
