"""Exhaustive search: every sequence of the threat, where there are few enough; what it does not find is not there."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.attacks.search import Access, Answer, AskNeighbours, Question, Search, View
from seqrobust.attacks.searches.greedy import all_edits
from seqrobust.neighbours import Edits
from seqrobust.threats import BoundThreat

_PIECE = 1 << 15
"""Candidates per question. A record that falls is not asked about again."""
_CELLS = 1 << 22
"""Combinations that are laid out at once, before those that cost too much are left out."""


@dataclass(frozen=True, kw_only=True)
class Exhaustive:
    """Score every member, by number of edits and among as many the most promising first.

    Combinations go in the order of what their edits gain alone, so that a record that can be broken is mostly broken at
    once and the others are skipped; a record that stands has been seen whole. A record with more members than ``limit``
    is passed over; see :meth:`covers`.

    Attributes:
        limit: members of a record that are still scored.
        flat: least share of single edits that do nothing for a record to be searched, where any were scored: other
            searches climb where there is a slope, and none leads over a plateau.
    """

    limit: int = 100_000
    flat: float = 0.0
    name: str = "exhaustive"
    access: Access = "scores"

    def search(self, view: View) -> Search:
        """See :class:`~seqrobust.attacks.search.Attack`."""
        threat = view.threat
        singles = all_edits(threat.moves(threat.tokens) & self.chosen(view)[:, None, None])
        if not len(singles.record):
            return
        value = (yield AskNeighbours(threat.tokens, singles)).value
        for record in torch.unique(singles.record).tolist():
            mine = torch.nonzero(singles.record == record).flatten()
            yield from _combined(threat, singles.take(mine), value[mine])

    def chosen(self, view: View) -> Tensor:
        """(n,) bool: records that are searched."""
        covered = self.covers(view.threat).to(view.threat.tokens.device)
        return covered if view.flat is None else covered & (view.flat() >= self.flat)

    def covers(self, threat: BoundThreat) -> Tensor:
        """(n,) bool: records all of whose members this scores, should none of them reach the goal."""
        return threat.log_size() <= torch.log(torch.tensor(self.limit * (1 + 1e-9), dtype=torch.float64))


def _combined(threat: BoundThreat, singles: Edits, value: Tensor) -> Generator[Question, Answer, None]:
    """Ask about all members of one record that have two edits or more, made of its single edits and their values."""
    record = int(singles.record[0])
    price = threat.prices[record, singles.letter[:, 0], singles.position[:, 0]]
    sets = torch.arange(len(value), device=value.device)[:, None]
    while len(sets):
        sets = _one_more(sets, singles.position[:, 0], price, int(threat.budget[record]))
        order = value[sets].sum(1).argsort(descending=True, stable=True)
        for piece in torch.split(order, _PIECE):
            if not len(piece):
                return
            chosen = sets[piece]
            owner = torch.full((len(piece),), record, device=value.device)
            edits = Edits(owner, singles.position[chosen].squeeze(2), singles.letter[chosen].squeeze(2))
            answer = yield AskNeighbours(threat.tokens, edits)
            # Of a record that is done there is nothing left to ask; what a constraint forbids is no such sign.
            if threat.constraint is None and not bool((answer.value > -torch.inf).any()):
                return


def _one_more(sets: Tensor, position: Tensor, price: Tensor, budget: int) -> Tensor:
    """(C', m + 1) sets of single edits at different positions that the budget pays for, of all (C, m) such sets.

    Edits are numbered by position, and stand in a set in that order.
    """
    behind = torch.searchsorted(position, position, right=True)
    parts = [sets.new_zeros(0, sets.shape[1] + 1)]
    for piece in torch.split(sets, max(_CELLS // max(len(position), 1), 1)):
        left = budget - price[piece].sum(1)
        first = behind[piece[:, -1]]
        parts += [extended(piece, first, price, left)]
    return torch.cat(parts)


def extended(sets: Tensor, first: Tensor, price: Tensor, left: Tensor) -> Tensor:
    """Each of (C, m) sets with every one edit from its ``first`` (C,) on that (C,) ``left`` pays for."""
    number = torch.arange(len(price), device=sets.device)
    fits = (number >= first[:, None]) & (price <= left[:, None])
    row, last = torch.nonzero(fits, as_tuple=True)
    return torch.cat([sets[row], last[:, None]], dim=1)
