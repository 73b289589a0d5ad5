"""Scanning: the whole-number scores of motifs over many windows at once, by table look-up.

Every motif is a table of whole numbers, one for each column and letter, and a least score: a window is a hit where the
numbers of its letters add up to that. A pattern has 0 for a letter it accepts, -1 for another, and the least score 0;
a weight matrix has its rounded log-odds. Sums of whole numbers are exact, so a hit never depends on the device, the
batch or the order of adding. A letter that is unknown or padding has a number so low that nothing makes up for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ThreatError
from seqrobust.threats.constraints.base import CELLS
from seqrobust.threats.constraints.windows import word_codes

_MISS = -(1 << 20)
"""Score of an unknown letter: below any sum of others, and a thousand of them still fit 32 bits."""
_WIDEST = 1000
_WORDS = 1500
"""Entries of the table of a group of columns: a group of four letters for DNA, of two for protein."""

GIVEN, REVERSE, BOTH = "the given strand", "the reverse strand", "both strands"


@dataclass(frozen=True, kw_only=True, eq=False)
class Scan:
    """One motif on one strand, as it reads along the given strand.

    Attributes:
        name: what a reason calls it.
        strand: :data:`GIVEN`, :data:`REVERSE`, or :data:`BOTH` for a motif that is its own reverse complement; empty
            where there is but one strand.
        scores: (w, K) int32.
        least: smallest sum that is a hit.
        unit: what one unit of score is in bits; None where scores mean nothing to a reader.
    """

    name: str
    strand: str
    scores: NDArray[np.int32]
    least: int
    unit: float | None = None

    @property
    def width(self) -> int:
        """w, the number of columns."""
        return len(self.scores)


def on_strands(scan: Scan, alphabet: Alphabet, both: bool) -> list[Scan]:
    """The scan as given and as its reverse complement; one where these are the same, or there is no other strand."""
    if not (both and alphabet.name == "DNA"):
        strand = GIVEN if alphabet.name == "DNA" else ""
        return [_on(scan, strand, scan.scores)]
    reverse = np.ascontiguousarray(scan.scores[::-1, alphabet.complement_table[: alphabet.size]])
    if np.array_equal(reverse, scan.scores):
        return [_on(scan, BOTH, scan.scores)]
    return [_on(scan, GIVEN, scan.scores), _on(scan, REVERSE, reverse)]


def _on(scan: Scan, strand: str, scores: NDArray[np.int32]) -> Scan:
    return Scan(name=scan.name, strand=strand, scores=scores, least=scan.least, unit=scan.unit)


@dataclass(frozen=True, kw_only=True, eq=False)
class Tables:
    """P scans of one width, columns in groups whose letters are looked up together.

    Attributes:
        scans: what the P scans are.
        width: w.
        base: number of tokens, K + 2.
        group: columns of a group.
        scores: one (base ** group, P) int32 for each group.
        least: (P,) int32.
    """

    scans: tuple[Scan, ...]
    width: int
    base: int
    group: int
    scores: tuple[Tensor, ...]
    least: Tensor

    def codes(self, tokens: Tensor) -> Tensor:
        """(M, L) what :meth:`hits` looks up, of (M, L) tokens."""
        # Groups that reach beyond the last column read padding there, which their tables count as nothing.
        margin = torch.full_like(tokens[:, :1], self.base - 1).expand(-1, self.group - 1)
        return word_codes(torch.cat([tokens, margin], 1), self.group, self.base)

    def window_scores(self, codes: Tensor, rows: Tensor, starts: Tensor) -> Tensor:
        """(F, P) int32 scores of the windows of those (F,) rows and starts."""
        flat, place = codes.flatten(), rows * codes.shape[1] + starts
        total = self.scores[0][flat[place].long()]
        for number, table in enumerate(self.scores[1:], 1):
            total += table[flat[place + number * self.group].long()]
        return total

    def hits(self, codes: Tensor, rows: Tensor, starts: Tensor) -> Iterator[tuple[slice, Tensor, Tensor]]:
        """For slices of the F windows: the slice, and (H,) windows within it and (H,) scans of every hit."""
        size = max(CELLS // len(self.least), 1)
        for first in range(0, len(rows), size):
            part = slice(first, min(first + size, len(rows)))
            windows, scans = torch.nonzero(
                self.window_scores(codes, rows[part], starts[part]) >= self.least, as_tuple=True
            )
            yield part, windows, scans


def tables_of(scans: Sequence[Scan], alphabet: Alphabet, device: torch.device | str) -> tuple[Tables, ...]:
    """The scans as tables, one for each width. Raises ThreatError for a motif that is too wide."""
    widths = sorted({scan.width for scan in scans})
    if widths and widths[-1] > _WIDEST:
        raise ThreatError("a motif is too wide", expected=f"at most {_WIDEST} columns", found=str(widths[-1]))
    return tuple(_tables([scan for scan in scans if scan.width == width], alphabet, device) for width in widths)


def _tables(scans: list[Scan], alphabet: Alphabet, device: torch.device | str) -> Tables:
    base, width = alphabet.size + 2, scans[0].width
    group = 1
    while base ** (group + 1) <= _WORDS and group < width:
        group += 1
    columns = np.full((width, base, len(scans)), _MISS, np.int32)
    columns[:, : alphabet.size] = np.stack([scan.scores for scan in scans], -1)
    columns = np.concatenate([columns, np.zeros((-width % group, base, len(scans)), np.int32)])
    scores = []
    for first in range(0, len(columns), group):
        table = columns[first]
        for column in columns[first + 1 : first + group]:
            table = (table[:, None] + column[None]).reshape(-1, len(scans))
        scores.append(torch.from_numpy(np.ascontiguousarray(table)).to(device))
    least = torch.tensor([scan.least for scan in scans], dtype=torch.int32, device=device)
    return Tables(scans=tuple(scans), width=width, base=base, group=group, scores=tuple(scores), least=least)
