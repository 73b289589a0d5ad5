"""Random edits of many sequences per record, inside the threat: what searches without gradients are made of.

A sequence belongs to the record that its owner numbers; every function handles M of them at once. Random numbers come
in as arguments, so that they can be drawn from each record's own stream. Costs are looked up record by record and never
laid out once more per sequence.
"""

from __future__ import annotations

import torch
from torch import Tensor

from seqrobust.attacks.search import View
from seqrobust.threats import BoundThreat

_PASSES = 3
"""Times that edits too dear for what is left are passed over in favour of cheaper ones."""


def pick(mask: Tensor, uniforms: Tensor) -> Tensor:
    """(M,) int64 column drawn among the True ones of (M, C) ``mask`` by (M,) uniforms; -1 where there is none."""
    count = mask.sum(1)
    rank = torch.minimum((uniforms * count).long(), count - 1)
    column = (mask.cumsum(1) <= rank[:, None]).sum(1)
    return torch.where(count > 0, column, -1)


def owners(records: int, each: int, device: torch.device) -> Tensor:
    """(records * each,) int64: 0 so many times, then 1, and so on."""
    return torch.arange(records, device=device).repeat_interleave(each)


def ranked(value: Tensor, rounding: Tensor) -> Tensor:
    """(n, P) int64 columns of (n, P) values from the largest down; those that differ by rounding alone in their order.

    Runs of values without a gap wider than rounding are ties: so the order does not hang on how they were computed.
    ``rounding`` (n, P) is by how much each may be off.
    """
    ordered, order = value.sort(dim=1, descending=True)
    slack = rounding.gather(1, order)
    gaps = (ordered[:, :-1] - ordered[:, 1:]) > torch.maximum(slack[:, :-1], slack[:, 1:])
    group = torch.cat([torch.zeros_like(order[:, :1]), gaps.cumsum(1)], dim=1)
    return torch.zeros_like(order).scatter_(1, order, group).argsort(dim=1, stable=True)


class Variation:
    """Random edits of sequences of the n records of a threat.

    Args:
        threat: the sets.

    Attributes:
        dear: a price that nothing has.
        cheapest: (n, L) the least a change of that column costs; ``dear`` where it may not change.
    """

    def __init__(self, threat: BoundThreat) -> None:
        self.threat = threat
        self._prices = threat.prices
        self._columns = torch.arange(threat.tokens.shape[1], device=threat.tokens.device)
        self.dear = int(self._prices.amax().item()) + 1 if self._prices.numel() else 1
        alternatives = self._prices.masked_fill(self._prices <= 0, self.dear)
        self.cheapest = alternatives.amin(1)

    def prices(self, owner: Tensor, tokens: Tensor) -> Tensor:
        """(M, L) int64 units that each column of (M, L) tokens costs."""
        letters = tokens.long().clamp(max=self._prices.shape[1] - 1)
        return self._prices[owner[:, None], letters, self._columns].clamp(min=0)

    def edited(self, owner: Tensor, tokens: Tensor) -> Tensor:
        """(M, L) bool: where (M, L) tokens differ from their record."""
        return tokens != self.threat.tokens[owner]

    def left(self, owner: Tensor, tokens: Tensor) -> Tensor:
        """(M,) int64 units that may still be spent."""
        return self.threat.budget[owner] - self.prices(owner, tokens).sum(1)

    def open(self, owner: Tensor, tokens: Tensor) -> Tensor:
        """(M, L) bool: unedited columns that could be edited with what is left."""
        dearest = self.left(owner, tokens)[:, None]
        return ~self.edited(owner, tokens) & (self.cheapest[owner] <= dearest) & (self.cheapest[owner] < self.dear)

    def take_back(self, owner: Tensor, tokens: Tensor, column: Tensor) -> Tensor:
        """Tokens with the clean letter at (M,) columns; -1 for none."""
        return _put(tokens, column, self.threat.tokens[owner].gather(1, column.clamp(min=0)[:, None]).squeeze(1))

    def put(self, owner: Tensor, tokens: Tensor, uniforms: Tensor, avoid: Tensor | None = None) -> Tensor:
        """One random edit more where there is room.

        Args:
            owner, tokens: (M,) and (M, L).
            uniforms: (M, 2).
            avoid: (M,) columns that are left alone unless there is no other; -1 for none.
        """
        open_ = self.open(owner, tokens)
        if avoid is not None:
            others = open_ & (self._columns != avoid[:, None])
            open_ = torch.where(others.any(1, keepdim=True), others, open_)
        column = pick(open_, uniforms[:, 0])
        return _put(tokens, column, self._letter(owner, tokens, column, uniforms[:, 1]))

    def relabel(self, owner: Tensor, tokens: Tensor, uniforms: Tensor) -> Tensor:
        """Another letter at one random edit where there is one that can be paid; (M, 2) uniforms."""
        column = pick(self.edited(owner, tokens), uniforms[:, 0])
        return _put(tokens, column, self._letter(owner, tokens, column, uniforms[:, 1]))

    def exchange(self, owner: Tensor, tokens: Tensor, uniforms: Tensor) -> Tensor:
        """One random edit taken back and another put elsewhere; two more where there is room. (M, 7) uniforms."""
        full = ~self.open(owner, tokens).any(1)
        column = torch.where(full, pick(self.edited(owner, tokens), uniforms[:, 0]), -1)
        moved = self.take_back(owner, tokens, column)
        moved = self.put(owner, moved, uniforms[:, 1:3], column)
        moved = self.put(owner, moved, uniforms[:, 3:5], column)
        return self.put(owner, moved, uniforms[:, 5:7], column)

    def trim(self, owner: Tensor, tokens: Tensor, order: Tensor) -> Tensor:
        """Tokens with the edits that come first in (M, L) ``order``, as many as the budget pays for."""
        prices = self.prices(owner, tokens)
        edited = self.edited(owner, tokens)
        ranks = torch.where(edited, order, torch.inf).argsort(dim=1, stable=True)
        queue = (prices * edited).gather(1, ranks)
        kept, left = torch.zeros_like(queue, dtype=torch.bool), self.threat.budget[owner]
        waiting = edited.gather(1, ranks)
        for _ in range(_PASSES if self.threat.costs is not None else 1):
            affordable = waiting & (queue <= left[:, None])
            taken = affordable & ((queue * affordable).cumsum(1) <= left[:, None])
            kept |= taken
            waiting &= ~taken
            left = left - (queue * taken).sum(1)
        stays = torch.zeros_like(edited).scatter_(1, ranks, kept)
        return torch.where(stays, tokens, self.threat.tokens[owner])

    def scatter(self, uniforms: Tensor) -> Tensor:
        """(n, L) members with edits put in random order until nothing more can be paid; (n, 2 L) uniforms."""
        order, letters = uniforms.tensor_split(2, dim=1)
        ways = ((self._prices > 0) & (self._prices <= self.threat.budget[:, None, None])).transpose(1, 2)
        letter = pick(ways.flatten(0, 1), letters.flatten()).reshape(order.shape)
        everywhere = torch.where(letter >= 0, letter.to(torch.uint8), self.threat.tokens)
        return self.trim(torch.arange(len(order), device=order.device), everywhere, order)

    def _letter(self, owner: Tensor, tokens: Tensor, column: Tensor, uniforms: Tensor) -> Tensor:
        """(M,) random letters for (M,) columns that can be paid and change something; -1 where there is none."""
        at = column.clamp(min=0)
        price = self._prices[owner, :, at]
        now = tokens.gather(1, at[:, None]).long()
        paid = self.prices(owner, tokens).gather(1, at[:, None])
        ways = (price > 0) & (price <= self.left(owner, tokens)[:, None] + paid)
        ways &= torch.arange(price.shape[1], device=price.device) != now
        return torch.where(column >= 0, pick(ways, uniforms), -1)


def random_members(view: View, variation: Variation, count: int) -> Tensor:
    """(n, count, L) members with random edits, as many as the budget pays for."""
    columns = 2 * view.threat.tokens.shape[1]
    return torch.stack([variation.scatter(view.uniforms(columns)) for _ in range(count)], dim=1)


def _put(tokens: Tensor, column: Tensor, letter: Tensor) -> Tensor:
    """(M, L) tokens with (M,) letters at (M,) columns; either may be -1 for no change."""
    rows = torch.nonzero((column >= 0) & (letter.long() >= 0)).flatten()
    moved = tokens.clone()
    moved[rows, column[rows]] = letter[rows].to(tokens.dtype)
    return moved
