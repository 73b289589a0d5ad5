"""Exhaustive search: every sequence of the threat, where there are few enough; what it does not find is not there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.attacks.greedy import all_edits
from seqrobust.attacks.search import Access, AskNeighbours, Search, View
from seqrobust.neighbours import Edits
from seqrobust.threats import BoundThreat

_PIECE = 1 << 15
"""Candidates per question. A record that falls is not asked about again."""


@dataclass(frozen=True, kw_only=True)
class Exhaustive:
    """Score every member of one or two substitutions, the most promising first.

    Pairs go in the order of what their two edits gain alone, so that a record that can be broken is mostly broken at
    once and its other pairs are skipped; a record that stands has been seen whole. A record is passed over where more
    than two substitutions are allowed, where switches cost unequally, or where its members are more than ``limit``.

    Attributes:
        limit: members of a record that are still scored.
    """

    limit: int = 100_000
    name: str = "exhaustive"
    access: Access = "scores"

    def search(self, view: View) -> Search:
        """See :class:`~seqrobust.attacks.search.Attack`."""
        threat = view.threat
        if threat.costs is not None:
            return
        covered = self.covers(threat)
        singles = all_edits(threat.moves(threat.tokens) & covered[:, None, None])
        if not len(singles.record):
            return
        value = (yield AskNeighbours(threat.tokens, singles)).value
        for record in torch.nonzero(covered & (threat.budget == 2)).flatten().tolist():
            mine = torch.nonzero(singles.record == record).flatten()
            for pairs in _pairs(singles.take(mine), value[mine]):
                yield AskNeighbours(threat.tokens, pairs)

    def covers(self, threat: BoundThreat) -> Tensor:
        """(n,) bool: records all of whose members this scores, should none of them reach the goal."""
        if threat.costs is not None:
            return torch.zeros_like(threat.budget, dtype=torch.bool)
        return (threat.budget <= 2) & (threat.log_size().exp() <= self.limit * (1 + 1e-9))


def _pairs(singles: Edits, value: Tensor) -> Iterator[Edits]:
    """Pairs of one record's single edits, at different positions, in the order of their values together."""
    count = len(value)
    first, second = torch.triu_indices(count, count, offset=1, device=value.device)
    apart = singles.position[first, 0] != singles.position[second, 0]
    first, second = first[apart], second[apart]
    order = (value[first] + value[second]).nan_to_num(neginf=0).argsort(descending=True, stable=True)
    for piece in torch.split(order, _PIECE):
        chosen = torch.stack([first[piece], second[piece]], dim=1)
        yield Edits(
            singles.record[first[piece]], singles.position[chosen].squeeze(2), singles.letter[chosen].squeeze(2)
        )
