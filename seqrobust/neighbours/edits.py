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


def effective_edits(base: Tensor, edits: Edits) -> Edits:
    """The same candidates by edits that change something, no position twice; -1 in the other slots.

    Of two edits of one position the later slot counts, as in :func:`apply_edits`; an edit that puts the letter that
    stands there already is none.
    """
    position = edits.position.clone()
    for slot in range(position.shape[1] - 1):
        again = (edits.position[:, slot + 1 :] == edits.position[:, slot, None]).any(1)
        position[again, slot] = -1
    there = base[edits.record[:, None], position.clamp(min=0)].long()
    position[there == edits.letter] = -1
    return Edits(edits.record, position, edits.letter)


def spans(edits: Edits) -> Tensor:
    """(M,) letters from each candidate's first edit to its last; 0 for one without."""
    if not edits.position.shape[1]:
        return torch.zeros_like(edits.record)
    far = torch.iinfo(torch.int64).max
    first = torch.where(edits.position < 0, far, edits.position).amin(1)
    last = edits.position.amax(1)
    return torch.where(last < 0, 0, last - first + 1)


def differences(base: Tensor, moved: Tensor, most: int) -> Edits:
    """The edits (n, most) that make (n, L) ``moved`` of ``base``; rows are numbered from 0.

    Rows must differ in at most ``most`` positions.
    """
    differs = base != moved
    place = torch.arange(base.shape[1], device=base.device).expand_as(base)
    position = torch.where(differs, place, -1).topk(min(most, base.shape[1]), dim=1).values
    letter = moved.gather(1, position.clamp(min=0)).long()
    return Edits(torch.arange(len(base), device=base.device), position, letter)
