"""Constraints on sequences, asked about columns: decoded first, with the origins of letters that have moved.

Where the model sees a window of fixed length, what grows pushes letters out of it. Letters that may not change must
stay in it: to cut one off is to change it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

from seqrobust.threats.constraints.base import BoundConstraint


class Decoding(Protocol):
    """Reads columns; see :class:`~seqrobust.threats.coding.base.Coding`."""

    def decode(self, tokens: Tensor) -> Tensor:
        """(M, L) tokens of the sequences."""

    def origins(self, tokens: Tensor) -> Tensor | None:
        """(M, L) which clean letter each one is."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Decoded:
    """Every one of some bound constraints on sequences, asked about columns.

    Attributes:
        parts: the constraints, asked in this order.
        coding: how columns are read.
        columns: a constraint on the columns themselves, asked first.
    """

    parts: tuple[BoundConstraint, ...]
    coding: Decoding
    columns: BoundConstraint | None = None

    def allows(self, tokens: Tensor, records: Tensor, origins: Tensor | None = None) -> Tensor:
        """(M,) bool of (M, C) columns."""
        seen, origins = self.coding.decode(tokens), self.coding.origins(tokens)
        allowed = torch.ones(len(tokens), dtype=torch.bool, device=tokens.device)
        if self.columns is not None:
            allowed = self.columns.allows(tokens, records)
        for part in self.parts:
            left = torch.nonzero(allowed).flatten()
            allowed[left] = part.allows(seen[left], records[left], None if origins is None else origins[left])
        return allowed

    def reason(self, tokens: Tensor, record: int, origins: Tensor | None = None) -> str | None:
        """Why one candidate of (C,) columns is refused; None where it is allowed."""
        if self.columns is not None and (why := self.columns.reason(tokens, record)) is not None:
            return why
        seen, found = self.coding.decode(tokens[None])[0], self.coding.origins(tokens[None])
        origins = None if found is None else found[0]
        reasons = (part.reason(seen, record, origins) for part in self.parts)
        return next((why for why in reasons if why is not None), None)

    def take(self, records: Tensor) -> Decoded:
        """The same on those records."""
        return replace(self, parts=tuple(part.take(records) for part in self.parts))


@dataclass(frozen=True, kw_only=True, eq=False)
class BoundInView:
    """Letters that must be in the window that the model sees, of N records.

    Attributes:
        held: (N, L) bool, by their places in the clean sequences.
    """

    held: Tensor

    def allows(self, tokens: Tensor, records: Tensor, origins: Tensor | None = None) -> Tensor:
        """(M,) bool: see :class:`seqrobust.threats.constraints.base.BoundConstraint`."""
        if origins is None:
            return torch.ones(len(tokens), dtype=torch.bool, device=tokens.device)
        held = self.held[records]
        # No clean letter is in two places, so it is enough to count.
        there = held.gather(1, origins.clamp(min=0)) & (origins >= 0)
        return there.sum(1) == held.sum(1)

    def reason(self, tokens: Tensor, record: int, origins: Tensor | None = None) -> str | None:
        """The first letter that is missing; None where none is."""
        if origins is None:
            return None
        seen = set(origins.tolist())
        lost = [place for place in torch.nonzero(self.held[record]).flatten().tolist() if place not in seen]
        return f"letter {lost[0] + 1}, which may not change, is cut off" if lost else None

    def take(self, records: Tensor) -> BoundInView:
        """Those of some records."""
        return BoundInView(held=self.held[records])
