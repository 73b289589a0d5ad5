"""Several constraints at once: a candidate is allowed where every one of them allows it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.sequences.sequence_set import SequenceSet
from seqrobust.threats.constraints.base import BoundConstraint, Constraint


@dataclass(frozen=True, kw_only=True)
class AllOf:
    """Every one of some constraints; none at all allow everything.

    Attributes:
        parts: the constraints, judged in this order: put the quick and the strict ones first.
    """

    parts: tuple[Constraint, ...]

    def describe(self) -> str:
        """In words, as a sentence's part."""
        return ", ".join(part.describe() for part in self.parts) or "no constraint"

    def bind(self, sequences: SequenceSet, device: torch.device | str = "cpu") -> BoundAllOf:
        """All of them on those records. Raises ThreatError where one of them does."""
        return BoundAllOf(
            words=tuple(part.describe() for part in self.parts),
            parts=tuple(part.bind(sequences, device) for part in self.parts),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class BoundAllOf:
    """Bound constraints and what each says of itself."""

    words: tuple[str, ...]
    parts: tuple[BoundConstraint, ...]

    def allows(self, tokens: Tensor, records: Tensor, origins: Tensor | None = None) -> Tensor:
        """(M,) bool: see :class:`seqrobust.threats.constraints.base.BoundConstraint`."""
        left = torch.arange(len(tokens), device=tokens.device)
        for number, part in enumerate(self.parts):
            # Only what all before it allowed is shown to the next; nothing is copied while all are left.
            whole = number == 0 or len(left) == len(tokens)
            asked = slice(None) if whole else left
            verdict = part.allows(tokens[asked], records[asked], None if origins is None else origins[asked])
            left = left[verdict]
        allowed = torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)
        allowed[left] = True
        return allowed

    def reason(self, tokens: Tensor, record: int, origins: Tensor | None = None) -> str | None:
        """What the first constraint that refuses one candidate is, and why it does; None where all allow it."""
        for words, part in zip(self.words, self.parts, strict=True):
            if (why := part.reason(tokens, record, origins)) is not None:
                return f"{words}: {why}"
        return None

    def take(self, records: Tensor) -> BoundAllOf:
        """All of them on those records."""
        return BoundAllOf(words=self.words, parts=tuple(part.take(records) for part in self.parts))
