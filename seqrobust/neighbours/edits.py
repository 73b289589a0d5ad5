"""Edits of many records as one flat list."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Edits(NamedTuple):
    """M candidates, each one or a few edits of a record.

    Attributes:
        record: (M,) int64 row among the base sequences.
        position: (M, E) int64 column of each edit; -1 for none, where a candidate has fewer than E.
        letter: (M, E) int64 letter put there.
    """

    record: Tensor
    position: Tensor
    letter: Tensor

    def take(self, rows: Tensor) -> Edits:
        """Those candidates (indices or mask)."""
        return Edits(self.record[rows], self.position[rows], self.letter[rows])


def apply_edits(base: Tensor, edits: Edits) -> Tensor:
    """(M, L) tokens of the candidates, from (N, L) base tokens."""
    tokens = base[edits.record]
    rows, slots = torch.nonzero(edits.position >= 0, as_tuple=True)
    tokens[rows, edits.position[rows, slots]] = edits.letter[rows, slots].to(tokens.dtype)
    return tokens
