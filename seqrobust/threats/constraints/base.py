"""What a constraint is: a rule about whole sequences that an adversary's candidates must keep.

A threat says how many letters may change, and where; a constraint says what the edited sequence must still look like
(its GC content, its motifs, its restriction sites ...). A constraint is a frozen value that knows no records. Bound to
records it judges candidates, each against the clean sequence of its own record:

* The clean sequence is always allowed. Where it breaks a rule itself, a candidate may break it as far, and no further.
* An unknown letter (N, X) is no letter: it is not counted, it ends a run, and no motif, site or k-mer holds it.
* Padding is the end of the sequence. Records of different lengths may be judged together.
* Where letters were inserted or deleted, ``origins`` say which clean letter each one is, so that what has merely moved
  is known again. Candidates may then be wider or narrower than the clean sequences.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import torch
from torch import Tensor

from seqrobust.sequences.sequence_set import SequenceSet

CELLS = 1 << 22
"""Letters, or scores of windows, that are held at once: temporaries stay at tens of megabytes."""


class BoundConstraint(Protocol):
    """A constraint on N records of at most L letters, as tensors on one device."""

    def allows(self, tokens: Tensor, records: Tensor, origins: Tensor | None = None) -> Tensor:
        """(M,) bool: whether each candidate is allowed.

        Args:
            tokens: (M, L) uint8 candidates.
            records: (M,) int64, the record each is an edit of.
            origins: (M, L) int64 place of the clean letter that each letter is, or took the place of; -1 for an
                inserted one and for none. None where every letter is in its place.
        """
        ...

    def reason(self, tokens: Tensor, record: int, origins: Tensor | None = None) -> str | None:
        """Why one candidate of (L,) uint8 tokens, with its (L,) origins, is refused; None where it is allowed.

        Positions are 1-based.
        """
        ...

    def take(self, records: Tensor) -> BoundConstraint:
        """The constraint on those records (int64 indices, which may repeat)."""
        ...


class Constraint(Protocol):
    """A rule that is not yet about any records."""

    def describe(self) -> str:
        """In words, as a sentence's part."""
        ...

    def bind(self, sequences: SequenceSet, device: torch.device | str = "cpu") -> BoundConstraint:
        """The rule on those records. Raises ThreatError where it cannot be about their alphabet."""
        ...


def pieces(count: int, cells: int) -> Iterator[slice]:
    """Slices of ``count`` rows of that many cells each, no more than :data:`CELLS` cells at a time."""
    size = max(CELLS // max(cells, 1), 1)
    for first in range(0, count, size):
        yield slice(first, min(first + size, count))


def judged(allowed: list[Tensor], tokens: Tensor) -> Tensor:
    """(M,) bool from the verdicts on its pieces; right for no candidates at all."""
    return torch.cat(allowed) if allowed else torch.ones(0, dtype=torch.bool, device=tokens.device)
