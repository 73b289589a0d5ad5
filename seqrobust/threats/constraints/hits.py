"""Hits gained and lost: where a candidate's motif hits stand, against those of its clean sequence.

A hit is a motif, a strand and a start. It is lost where the clean sequence has it and the candidate does not, gained
the other way round. A hit that turns to the other strand at one place is therefore one lost and one gained; a motif
that is its own reverse complement has one strand only. Where letters were inserted or deleted, a hit is looked for
where its letters now are (:mod:`~seqrobust.threats.constraints.carrying`).
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
from seqrobust.threats.constraints.carrying import clean_starts, ends_of, intact_sum, touched_windows
from seqrobust.threats.constraints.scanning import Scan, Tables, tables_of

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
        ends: (P, 2) int64 columns by which a hit that has moved is known again.
    """

    tables: Tables
    keys: Tensor
    counts: Tensor
    ends: Tensor

    def has(self, records: Tensor, starts: Tensor, scans: Tensor) -> Tensor:
        """(H,) bool: whether these are hits of the clean sequences."""
        if not len(self.keys):
            return torch.zeros_like(records, dtype=torch.bool)
        wanted = (records * self.counts.shape[1] + starts) * len(self.tables.scans) + scans
        place = torch.searchsorted(self.keys, wanted).clamp(max=len(self.keys) - 1)
        return (self.keys[place] == wanted) & (starts >= 0)

    def changed(self, tokens: Tensor, clean: Tensor, records: Tensor, origins: Tensor | None) -> tuple[Tensor, Tensor]:
        """(M,) bool whether each candidate gained a hit, and whether it lost one."""
        tables = self.tables
        rows, starts = touched_windows(tokens, clean, origins, tables.width)
        owed = self._owed(tokens, clean, records, origins, rows, starts)
        gained = torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)
        codes = tables.codes(tokens)
        for part, windows, scans in tables.hits(codes, rows, starts):
            row, start = rows[part][windows], starts[part][windows]
            kept = self.has(records[row], clean_starts(origins, row, start, self.ends[scans], tables.width), scans)
            gained[row[~kept]] = True
            owed -= torch.bincount(row[kept], minlength=len(tokens))
        return gained, owed > 0

    def _owed(
        self, tokens: Tensor, clean: Tensor, records: Tensor, origins: Tensor | None, rows: Tensor, starts: Tensor
    ) -> Tensor:
        """(M,) int64 hits of the clean windows that are not intact."""
        if origins is not None:
            counts = self.counts[records]
            return counts.sum(1) - intact_sum(counts, tokens, clean, origins, self.tables.width)
        owed = torch.zeros(len(tokens), dtype=torch.int64, device=tokens.device)
        return owed.index_add(0, rows, self.counts[records[rows], starts].long())


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

    def allows(self, tokens: Tensor, records: Tensor, origins: Tensor | None = None) -> Tensor:
        """(M,) bool: see :class:`seqrobust.threats.constraints.base.BoundConstraint`."""
        rows = self.rows[records]
        return judged(
            [
                self._allows(tokens[part], rows[part], None if origins is None else origins[part])
                for part in pieces(len(tokens), tokens.shape[1])
            ],
            tokens,
        )

    def _allows(self, tokens: Tensor, records: Tensor, origins: Tensor | None) -> Tensor:
        clean = self.tokens[records]
        refused = torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)
        for known in self.clean:
            gained, lost = known.changed(tokens, clean, records, origins)
            if self.forbids != "loss":
                refused |= gained
            if self.forbids != "gain":
                refused |= lost
        return ~refused

    def reason(self, tokens: Tensor, record: int, origins: Tensor | None = None) -> str | None:
        """Why one candidate is refused, by the first hit gained or lost; None where it is allowed."""
        clean = self.tokens[int(self.rows[record])]
        refusals = [refusal for known in self.clean for refusal in self._refusals(known, clean, tokens, origins)]
        return min(refusals)[1] if refusals else None

    def _refusals(
        self, known: CleanHits, clean: Tensor, tokens: Tensor, origins: Tensor | None
    ) -> list[tuple[int, str]]:
        """Start and words of every refusal by some scans: of the candidate for a hit gained, else of the clean one."""
        before, after = (_window_scores(known.tables, one) for one in (clean, tokens))
        start, scan = torch.nonzero(after >= known.tables.least, as_tuple=True)
        row = torch.zeros_like(start)
        moved = None if origins is None else origins[None]
        was = clean_starts(moved, row, start, known.ends[scan], known.tables.width)
        hits = set(map(tuple, torch.nonzero(before >= known.tables.least).tolist()))
        now = list(zip(start.tolist(), scan.tolist(), was.tolist(), strict=True))
        found = []
        if self.forbids != "loss":
            found += [(at, which, True) for at, which, old in now if (old, which) not in hits]
        if self.forbids != "gain":
            kept = {(old, which) for _, which, old in now}
            found += [(at, which, False) for at, which in hits - kept]
        scans = known.tables.scans
        return [
            (at, _words(scans[which], at, _score(after, at, which, gained or moved is None), gained))
            for at, which, gained in found
        ]

    def take(self, records: Tensor) -> BoundHits:
        """The rule on those records; the clean hits are shared, not copied."""
        return replace(self, rows=self.rows[records])


def _window_scores(tables: Tables, tokens: Tensor) -> Tensor:
    """(F, P) int32 scores of every window of (L,) tokens."""
    starts = torch.arange(max(len(tokens) - tables.width + 1, 0), device=tokens.device)
    return tables.window_scores(tables.codes(tokens[None]), torch.zeros_like(starts), starts)


def _score(scores: Tensor, start: int, scan: int, known: bool) -> int | None:
    return int(scores[start, scan]) if known else None


def _words(scan: Scan, start: int, score: int | None, gained: bool) -> str:
    place = f"{start + 1}-{start + scan.width}" + (f" on {scan.strand}" if scan.strand else "")
    words = f"{scan.name} {'gains' if gained else 'loses'} a hit at {place}"
    if scan.unit is None or score is None:
        return words
    limit = f"the limit is {scan.least * scan.unit:.2f}"
    # An unknown letter has no score: the sum it spoilt is far below what known letters can give.
    if score < scan.scores.min(1).sum():
        return f"{words}: it holds an unknown letter, {limit}"
    return f"{words}: its score is {score * scan.unit:.2f} bits, {limit}"


def bind_hits(scans: Sequence[Scan], forbids: Forbids, sequences: SequenceSet, device: torch.device | str) -> BoundHits:
    """A rule about the hits of some scans, on records. Raises ThreatError for a motif that is too wide."""
    tokens = torch.tensor(sequences.tokens).to(device)
    tables = tables_of(scans, sequences.alphabet, device)
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
    starts = torch.arange(max(width - tables.width + 1, 0), device=tokens.device)
    for piece in pieces(len(tokens), width * min(many, 8)):
        codes = tables.codes(tokens[piece])
        row = torch.arange(len(codes), device=tokens.device).repeat_interleave(len(starts))
        start = starts.repeat(len(codes))
        for part, windows, scans in tables.hits(codes, row, start):
            place = (row[part][windows] + piece.start) * width + start[part][windows]
            keys.append(place * many + scans)
            counts.view(-1).index_add_(0, place, torch.ones_like(place, dtype=torch.int32))
    ends = torch.tensor([ends_of(scan) for scan in tables.scans], device=tokens.device)
    return CleanHits(tables=tables, keys=torch.cat(keys).sort().values, counts=counts, ends=ends)
