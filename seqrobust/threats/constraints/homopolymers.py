"""Homopolymers: no run of one letter grows longer than a limit (synthesis, sequencing and slippage forbid them)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from seqrobust.alphabet import Alphabet
from seqrobust.errors import ThreatError
from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.threats.constraints.base import judged, pieces


@dataclass(frozen=True, kw_only=True)
class LongestRun:
    """No run of one known letter longer than a limit, in any alphabet.

    Where the clean sequence holds a longer run, its longest run is the limit. Unknown letters end a run.

    Attributes:
        limit: the longest run allowed, at least 1.

    Raises ThreatError for a limit below 1.
    """

    limit: int

    def __post_init__(self) -> None:
        if self.limit < 1:
            raise ThreatError("a run has at least one letter", expected="a limit of 1 or more", found=str(self.limit))

    def describe(self) -> str:
        """In words, as a sentence's part."""
        return f"no letter more than {self.limit} times in a row"

    def bind(self, sequences: SequenceSet, device: torch.device | str = "cpu") -> BoundLongestRun:
        """The limit on those records."""
        tokens = torch.tensor(sequences.tokens).to(device)
        size = sequences.alphabet.size
        parts = [longest_run(tokens[part], size) for part in pieces(len(tokens), tokens.shape[1])]
        own = torch.cat(parts) if parts else torch.zeros(0, dtype=torch.int64, device=tokens.device)
        return BoundLongestRun(alphabet=sequences.alphabet, limit=own.clamp(min=self.limit))


@dataclass(frozen=True, kw_only=True, eq=False)
class BoundLongestRun:
    """Limits of N records.

    Attributes:
        alphabet: what the letters mean.
        limit: (N,) int64 longest run allowed.
    """

    alphabet: Alphabet
    limit: Tensor

    def allows(self, tokens: Tensor, records: Tensor, origins: Tensor | None = None) -> Tensor:
        """(M,) bool: see :class:`seqrobust.threats.constraints.base.BoundConstraint`."""
        most = int(self.limit.max()) + 1 if len(self.limit) else 1
        return judged(
            [
                longest_run(tokens[part], self.alphabet.size, most) <= self.limit[records[part]]
                for part in pieces(len(tokens), tokens.shape[1])
            ],
            tokens,
        )

    def reason(self, tokens: Tensor, record: int, origins: Tensor | None = None) -> str | None:
        """Why one candidate is refused, by its first run that is too long; None where it is allowed."""
        limit, row, start = int(self.limit[record]), tokens.tolist(), 0
        for end in range(1, len(row) + 1):
            if end < len(row) and row[end] == row[start]:
                continue
            if row[start] < self.alphabet.size and end - start > limit:
                letter = self.alphabet.letters[row[start]]
                return f"{letter} stands {end - start} times in a row at {start + 1}-{end}, the limit is {limit}"
            start = end
        return None

    def take(self, records: Tensor) -> BoundLongestRun:
        """The limits of those records."""
        return replace(self, limit=self.limit[records])


def longest_run(tokens: Tensor, size: int, most: int | None = None) -> Tensor:
    """(M,) int64 length of the longest run of one of ``size`` letters in (M, L) tokens; counting stops at ``most``."""
    known = tokens < size
    length = known.any(1).long()
    # same[i, j]: the letters j ... j + length(i) of row i are one letter.
    same, rows = (tokens[:, 1:] == tokens[:, :-1]) & known[:, 1:], torch.arange(len(tokens), device=tokens.device)
    step, reached = same, 1
    while len(rows) and (most is None or reached < most):
        alive = same.any(1)
        rows, same, step = rows[alive], same[alive], step[alive]
        length[rows] += 1
        reached += 1
        same = same[:, :-1] & step[:, step.shape[1] - same.shape[1] + 1 :]
    return length
