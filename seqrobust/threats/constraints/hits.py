"""Hits gained and lost: where a candidate's motif hits stand, against those of its clean sequence.

A hit is a motif, a strand and a start. It is lost where the clean sequence has it and the candidate does not, gained
the other way round. A hit that turns to the other strand at one place is therefore one lost and one gained; a motif
that is its own reverse complement has one strand only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from seqrobust.errors import ThreatError
from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.threats.constraints.base import judged, pieces
from seqrobust.threats.constraints.scanning import Scan, Tables, tables_of
from seqrobust.threats.constraints.windows import changed_windows

Forbids = Literal["gain", "loss", "change"]
"""What a rule about hits refuses: new ones, vanished ones, or both."""


def check_forbids(forbids: str) -> None:
    """Raises ThreatError for a word that is not one of :data:`Forbids`."""
    if forbids not in ("gain", "loss", "change"):
        raise ThreatError("a rule about hits forbids gain, loss or change", found=repr(forbids))


@dataclass(frozen=True, kw_only=True, eq=False)
class CleanHits:
    """Hits of the scans of one width in N clean sequences.

    Attributes:
        tables: the P scans.
        keys: sorted int64 of every hit, (record * L + start) * P + scan.
        counts: (N, L) int32 hits by the window's start.
    """

    tables: Tables
    keys: Tensor
    counts: Tensor

    def has(self, records: Tensor, starts: Tensor, scans: Tensor) -> Tensor:
        """(H,) bool: whether these are hits of the clean sequences."""
        if not len(self.keys):
            return torch.zeros_like(records, dtype=torch.bool)
        wanted = (records * self.counts.shape[1] + starts) * len(self.tables.scans) + scans
        place = torch.searchsorted(self.keys, wanted).clamp(max=len(self.keys) - 1)
        return self.keys[place] == wanted


@dataclass(frozen=True, kw_only=True, eq=False)
class BoundHits:
    """A rule about hits, on N records.

    Attributes:
        forbids: gain, loss or change.
        tokens: (R, L) uint8 clean tokens of the records first bound.
        rows: (N,) int64, which of those each record is.
        clean: their hits, one entry for each width.
    """

    forbids: Forbids
    tokens: Tensor
    rows: Tensor
    clean: tuple[CleanHits, ...]

    def allows(self, tokens: Tensor, records: Tensor) -> Tensor:
        """(M,) bool: see :class:`seqrobust.threats.constraints.base.BoundConstraint`."""
        rows = self.rows[records]
        return judged([self._allows(tokens[part], rows[part]) for part in pieces(len(tokens), tokens.shape[1])], tokens)

    def _allows(self, tokens: Tensor, records: Tensor) -> Tensor:
        clean = self.tokens[records]
        refused = torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)
        for known in self.clean:
            rows, starts = changed_windows(tokens, clean, known.tables.width)
            codes = known.tables.codes(tokens)
            for part, windows, scans in known.tables.hits(codes, rows, starts):
                row, start = rows[part], starts[part]
                record = records[row]
                kept = known.has(record[windows], start[windows], scans)
                if self.forbids != "loss":
                    refused[row[windows[~kept]]] = True
                if self.forbids != "gain":
                    remaining = torch.bincount(windows[kept], minlength=len(row))
                    refused[row[remaining < known.counts[record, start]]] = True
        return ~refused

    def reason(self, tokens: Tensor, record: int) -> str | None:
        """Why one candidate is refused, by the first hit gained or lost; None where it is allowed."""
        both = torch.stack([self.tokens[int(self.rows[record])], tokens])
        refusals = [refusal for known in self.clean for refusal in self._refusals(known.tables, both)]
        return min(refusals)[1] if refusals else None

    def _refusals(self, tables: Tables, both: Tensor) -> list[tuple[int, str]]:
        """Start and words of every refusal by some scans, of the clean sequence and the candidate."""
        starts = torch.arange(both.shape[1] - tables.width + 1, device=both.device)
        codes = tables.codes(both)
        before, after = (tables.window_scores(codes, torch.full_like(starts, row), starts) for row in (0, 1))
        was, now = before >= tables.least, after >= tables.least
        changed = torch.zeros_like(was)
        if self.forbids != "loss":
            changed |= now & ~was
        if self.forbids != "gain":
            changed |= was & ~now
        return [
            (start, _words(tables.scans[scan], start, int(after[start, scan]), bool(now[start, scan])))
            for start, scan in torch.nonzero(changed).tolist()
        ]

    def take(self, records: Tensor) -> BoundHits:
        """The rule on those records; the clean hits are shared, not copied."""
        return replace(self, rows=self.rows[records])


def _words(scan: Scan, start: int, score: int, gained: bool) -> str:
    place = f"{start + 1}-{start + scan.width}" + (f" on {scan.strand}" if scan.strand else "")
    words = f"{scan.name} {'gains' if gained else 'loses'} a hit at {place}"
    if scan.unit is None:
        return words
    limit = f"the limit is {scan.least * scan.unit:.2f}"
    # An unknown letter has no score: the sum it spoilt is far below what known letters can give.
    if score < scan.scores.min(1).sum():
        return f"{words}: it holds an unknown letter, {limit}"
    return f"{words}: its score is {score * scan.unit:.2f} bits, {limit}"


def bind_hits(scans: Sequence[Scan], forbids: Forbids, sequences: SequenceSet, device: torch.device | str) -> BoundHits:
    """A rule about the hits of some scans, on records. Raises ThreatError for a motif that is too wide."""
    tokens = torch.tensor(sequences.tokens).to(device)
    tables = [table for table in tables_of(scans, sequences.alphabet, device) if table.width <= sequences.width]
    return BoundHits(
        forbids=forbids,
        tokens=tokens,
        rows=torch.arange(len(tokens), device=tokens.device),
        clean=tuple(_clean_hits(table, tokens) for table in tables),
    )


def _clean_hits(tables: Tables, tokens: Tensor) -> CleanHits:
    width, many = tokens.shape[1], len(tables.scans)
    counts = torch.zeros(tokens.shape, dtype=torch.int32, device=tokens.device)
    keys = [torch.zeros(0, dtype=torch.int64, device=tokens.device)]
    starts = torch.arange(width - tables.width + 1, device=tokens.device)
    for piece in pieces(len(tokens), width * min(many, 8)):
        codes = tables.codes(tokens[piece])
        row = torch.arange(len(codes), device=tokens.device).repeat_interleave(len(starts))
        start = starts.repeat(len(codes))
        for part, windows, scans in tables.hits(codes, row, start):
            place = (row[part][windows] + piece.start) * width + start[part][windows]
            keys.append(place * many + scans)
            counts.view(-1).index_add_(0, place, torch.ones_like(place, dtype=torch.int32))
    return CleanHits(tables=tables, keys=torch.cat(keys).sort().values, counts=counts)
