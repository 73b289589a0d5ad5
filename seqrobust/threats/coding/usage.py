"""Codon usage: a codon may only become one that the organism uses often enough.

A codon's share is its count over that of all codons of the same meaning, in a table that a user gives or in the coding
sequences of the records themselves. The clean codon may always stay, however rare.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.errors import ThreatError
from seqrobust.sequences.genetic_code import CODONS, synonymous
from seqrobust.sequences.reading_codons import FREE, START
from seqrobust.threats.coding.chosen import Chosen
from seqrobust.threats.coding.frames import Frames


@dataclass(frozen=True, kw_only=True)
class CodonUsage:
    """How often a codon must be used to be put in.

    Attributes:
        least: smallest share among the codons of its meaning, above 0 and up to 1.
        path: a table of two columns, codon and count (or any frequency); None to count the records' own codons.

    Raises ThreatError for a share out of range.
    """

    least: float
    path: Path | None = None

    def __post_init__(self) -> None:
        if not 0 < self.least <= 1:
            raise ThreatError(
                "a share of codons lies above 0 and up to 1", expected="such as 0.1", found=f"{self.least:g}"
            )

    def kept(self, frames: Sequence[Frames], readings: Sequence[Sequence[Chosen]]) -> list[Frames]:
        """The same columns, with codons that are too rare left out. Raises ThreatError for an unreadable table."""
        counts = _counted(frames) if self.path is None else _read(self.path)
        found = []
        for one, row in zip(frames, readings, strict=True):
            tables = np.array([chosen.codons.table for chosen in row], np.int64)[one.reading]
            clean = np.arange(64) == one.clean[:, None]
            often = np.zeros_like(clean)
            for table in np.unique(tables).tolist():
                often[tables == table] = shares(counts, table) >= self.least - 1e-12
            found.append(replace(one, permitted=one.permitted & (often | clean)))
        return found

    def describe(self) -> str:
        """In words."""
        source = f"of {self.path.name}" if self.path else "of the records' own"
        return f"that make up {self.least:.3g} or more of the codons of their meaning ({source})"


def shares(counts: NDArray[np.float64], table: int) -> NDArray[np.float64]:
    """(64,) count of each codon over those of its meaning in a genetic code; 0 where none of these was counted."""
    together = synonymous(table) @ counts
    return np.divide(counts, together, out=np.zeros(64), where=together > 0)


def _counted(frames: Sequence[Frames]) -> NDArray[np.float64]:
    """(64,) codons of the coding sequences that are edited, those that several of them share once."""
    counts = np.zeros(64)
    for one in frames:
        clear = (one.fixed == FREE) | (one.fixed == START)
        counts += np.bincount(one.clean[clear], minlength=64)
    return counts


def _read(path: Path) -> NDArray[np.float64]:
    """(64,) counts of a table; codons that it does not name are not used."""
    expected = "two columns, a codon and its count or frequency, such as 'CTG 39.6'"
    try:
        rows = pd.read_csv(path, sep=r"[\t, ]+", engine="python", header=None, comment="#", dtype=str)
        named = rows[0].str.upper().str.replace("U", "T")
        numbers = pd.to_numeric(rows[1], errors="coerce")
    except (OSError, ValueError, KeyError, AttributeError, pd.errors.ParserError) as error:
        raise ThreatError(
            "a table of codon usage cannot be read", expected=expected, found=str(error).splitlines()[0]
        ) from None
    first = 1 if len(rows) and named.iloc[0] not in CODONS and pd.isna(numbers.iloc[0]) else 0
    named, numbers = named.iloc[first:], numbers.iloc[first:]
    wrong = ~named.isin(CODONS) | ~np.isfinite(numbers) | (numbers < 0) | named.duplicated()
    if not len(named) or wrong.any():
        line = " ".join(map(str, rows.loc[wrong.idxmax()])) if len(named) else "nothing"
        raise ThreatError("a table of codon usage cannot be read", expected=expected, found=repr(line), where=str(path))
    counts = np.zeros(64)
    counts[[CODONS.index(codon) for codon in named]] = numbers.to_numpy(float)
    return counts
