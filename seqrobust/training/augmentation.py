"""Augmentation by evolution: records as mutation might have left them, under their own targets (Lee et al. 2023).

One or two kinds of change a record, drawn at random, out of five. Stretches are up to a tenth of a record long:

- deletion: a stretch is cut out, and random letters fill up one end, drawn;
- insertion: a stretch of random letters is put in, and what it pushes over one end, drawn, is lost;
- translocation: the record is rotated by up to a stretch, in either direction;
- inversion: a stretch is read backwards, on the other strand where the alphabet has one;
- substitution: each letter becomes a random one, perhaps itself, with a chance of 5 %.

Protected regions are not known here: a motif may be cut, moved or mutated like any other letters. That is the
augmentation's assumption, that such changes mostly leave the target as it is, and why training ends on plain records.
What an adversary may edit moves along with the letters; new letters it may not edit. A record keeps its length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from seqrobust.alphabet import Alphabet
from seqrobust.training.data import Batch

KINDS = 5
SHARE = 0.1
"""Longest stretch, as a share of a record; at least one letter."""

MUTATED = 0.05
"""Chance of a letter to be substituted."""

_NEW = -1


def evolved(batch: Batch, alphabet: Alphabet) -> Batch:
    """The batch with every record changed, and what may be edited with it.

    Draws come from torch's own generator of the device, which training seeds at every step.
    """
    count, width = batch.tokens.shape
    device = batch.tokens.device
    lengths = torch.full((count,), width, device=device) if batch.lengths is None else batch.lengths
    here = torch.arange(width, device=device).expand(count, -1)
    chosen = _chosen_kinds(count, device)
    tokens, editable = batch.tokens, batch.editable
    for number, move in enumerate((_deleted, _inserted, _translocated, _inverted)):
        moving = chosen[:, number, None] & (here < lengths[:, None])
        at = _stretches(lengths, here)
        source = torch.where(moving, move(at), here)
        letters = tokens.gather(1, source.clamp(min=0))
        if move is _inverted and alphabet.complement:
            table = torch.tensor(alphabet.complement_table, device=device)
            letters = torch.where(moving & _inside(at), table[letters.long()], letters)
        tokens = torch.where(source == _NEW, _random_letters(tokens, alphabet), letters)
        editable = editable.gather(1, source.clamp(min=0)) & (source != _NEW)
    mutated = chosen[:, -1, None] & (torch.rand(tokens.shape, device=device) < MUTATED) & (tokens < alphabet.size)
    return batch._replace(tokens=torch.where(mutated, _random_letters(tokens, alphabet), tokens), editable=editable)


class _Stretches(NamedTuple):
    """Of each record (B, 1) a stretch's start and size, a side that was drawn, and its length; positions (B, W)."""

    start: Tensor
    size: Tensor
    right: Tensor
    lengths: Tensor
    here: Tensor


_Move = Callable[[_Stretches], Tensor]
"""To (B, W) the position each letter comes from, :data:`_NEW` for a new letter."""


def _stretches(lengths: Tensor, here: Tensor) -> _Stretches:
    size, start, side = torch.rand(3, len(lengths), device=lengths.device)
    longest = (lengths * SHARE).long().clamp(min=1)
    sizes = 1 + (size * longest).long().clamp(max=longest - 1)
    # Rounding may make a product of its own upper limit, which is one too many.
    starts = (start * (lengths - sizes + 1)).long().minimum(lengths - sizes)
    return _Stretches(starts[:, None], sizes[:, None], side[:, None] < 0.5, lengths[:, None], here)


def _inside(at: _Stretches) -> Tensor:
    return (at.here >= at.start) & (at.here < at.start + at.size)


def _deleted(at: _Stretches) -> Tensor:
    onwards = torch.where(at.here < at.start, at.here, at.here + at.size)
    onwards = torch.where(at.here < at.lengths - at.size, onwards, _NEW)
    back = torch.where(at.here < at.start + at.size, at.here - at.size, at.here)
    back = torch.where(at.here < at.size, _NEW, back)
    return torch.where(at.right, onwards, back)


def _inserted(at: _Stretches) -> Tensor:
    behind = at.here >= at.start + at.size
    onwards = torch.where(behind, at.here - at.size, at.here)
    back = torch.where(behind, at.here, at.here + at.size)
    return torch.where(_inside(at), _NEW, torch.where(at.right, onwards, back))


def _translocated(at: _Stretches) -> Tensor:
    return (at.here + torch.where(at.right, -at.size, at.size)) % at.lengths


def _inverted(at: _Stretches) -> Tensor:
    return torch.where(_inside(at), 2 * at.start + at.size - 1 - at.here, at.here)


def _chosen_kinds(count: int, device: torch.device) -> Tensor:
    """(B, KINDS) bool, one or two of each row."""
    rank = torch.rand(count, KINDS, device=device).argsort(1).argsort(1)
    return rank < torch.randint(1, 3, (count, 1), device=device)


def _random_letters(tokens: Tensor, alphabet: Alphabet) -> Tensor:
    return torch.randint(alphabet.size, tokens.shape, device=tokens.device, dtype=torch.uint8)
