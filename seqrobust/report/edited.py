"""A record before and after an adversary's edits, as pictures show it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrobust.alphabet import Alphabet
from seqrobust.report.edits import Edit
from seqrobust.report.words import plural
from seqrobust.sequences import Region


@dataclass(frozen=True, kw_only=True, eq=False)
class EditedRecord:
    """One record before and after.

    Attributes:
        id: the record's name.
        alphabet: what its letters mean.
        before, after: letters, with ``-`` where one was inserted or deleted.
        edits: what changed; positions are columns of ``before``.
        numbers: (L,) place of each column's letter in the clean sequence, from 1; 0 where a letter was inserted.
        regions: the record's regions; those that bound the threat first, then the shortest.
        bounding: names of the regions that bound the threat.
        protected: (L,) positions the adversary may not touch.
        row: the record's row of ``results.parquet``: predictions, scores, attack.
    """

    id: str
    alphabet: Alphabet
    before: str
    after: str
    edits: tuple[Edit, ...]
    numbers: NDArray[np.int64]
    regions: tuple[Region, ...]
    bounding: frozenset[str]
    protected: NDArray[np.bool_]
    row: Mapping[str, Any]

    @property
    def changes(self) -> str:
        """How many edits of what kind."""
        if any("-" in (edit.before, edit.after) for edit in self.edits):
            return plural(len(self.edits), "edit")
        return f"{plural(len(self.edits), 'letter')} changed"
