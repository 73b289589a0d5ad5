"""The best member of every record so far: what of all scored sequences survives, and whether there were any."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from seqrobust.attacks.goals import BoundGoal
from seqrobust.attacks.rounding import Judged, best_candidates
from seqrobust.threats import BoundThreat

LOOKED_AT = 4096
"""Sequences whose membership is looked at together."""

TokensOf = Callable[[Tensor], Tensor]
"""From numbers of candidates to their tokens, so that of many only those that matter are written out."""


class Kept:
    """Of n records.

    A sequence that reaches the goal is never given up for one that does not, however close their values. Beyond that, a
    gain within rounding is none: it would be paid for with edits that do nothing.

    Args:
        goal: says what is better.
        tokens: (n, L) the clean sequences, which are the best at first.
        clean: what the goal makes of them.

    Attributes:
        looked: (n,) bool, whether any other member of a record was scored since this was last set to False.
    """

    def __init__(self, goal: BoundGoal, tokens: Tensor, clean: Judged) -> None:
        self.goal, self.clean = goal, tokens
        self.tokens, self.value, self.slack = tokens.clone(), clean.value.clone(), clean.slack.clone()
        self.attack = torch.full((len(tokens),), -1, device=tokens.device)
        self.looked = torch.zeros(len(tokens), dtype=torch.bool, device=tokens.device)

    @property
    def reached(self) -> Tensor:
        """(n,) bool: the goal is reached."""
        return self.goal.reached(self.value)

    def offer(
        self, threat: BoundThreat, rows: Tensor, record: Tensor, scored: Judged, tokens: TokensOf, number: int
    ) -> None:
        """Keep the best of M scored sequences of each record.

        A search may look beyond its threat, but nothing from there is kept.

        Args:
            threat: of the records that are searched.
            rows: (r,) their numbers among the n.
            record: (M,) of the sequences, among the r.
            scored: what the goal makes of them.
            tokens: gives those of chosen numbers.
            number: of the attack.
        """
        found, winner = self._winners(record, scored, len(rows))
        best = tokens(winner)
        if not bool(threat.take(found).contains(best).all()):
            pieces = torch.split(torch.arange(len(record), device=record.device), LOOKED_AT)
            member = torch.cat([threat.take(record[piece]).contains(tokens(piece)) for piece in pieces])
            found, winner = self._winners(record, scored, len(rows), member)
            best = tokens(winner)
        self._look(threat, rows, record, tokens)
        self.looked[rows[found]] |= (best != self.clean[rows[found]]).any(1)
        self._keep(rows[found], best, scored.value[winner], scored.slack[winner], number)

    def _winners(
        self, record: Tensor, scored: Judged, records: int, member: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Records that have a candidate, and the number of each one's best."""
        value = scored.value
        if member is not None:
            value = value.masked_fill(~member, -torch.inf)
        reached = self.goal.reached(value)
        broken = torch.zeros(records, dtype=torch.bool, device=record.device).index_fill(0, record[reached], True)
        value = value.masked_fill(broken[record] & ~reached, -torch.inf)
        winner = best_candidates(record, value, records, scored.slack)
        found = torch.nonzero(winner >= 0).flatten()
        return found, winner[found]

    def _look(self, threat: BoundThreat, rows: Tensor, record: Tensor, tokens: TokensOf) -> None:
        """Remember records of which the first candidate is another member than the clean sequence."""
        first = torch.full((len(rows),), len(record), device=record.device)
        first = first.scatter_reduce(0, record, torch.arange(len(record), device=record.device), "amin")
        new = torch.nonzero((first < len(record)) & ~self.looked[rows]).flatten()
        if len(new):
            one = tokens(first[new])
            member = threat.take(new).contains(one) & (one != self.clean[rows[new]]).any(1)
            self.looked[rows[new[member]]] = True

    def _keep(self, rows: Tensor, tokens: Tensor, value: Tensor, slack: Tensor, number: int) -> None:
        better = value > self.value[rows] + torch.maximum(slack, self.slack[rows])
        better |= self.goal.reached(value) & ~self.goal.reached(self.value[rows])
        better &= self.goal.reached(value) | ~self.goal.reached(self.value[rows])
        chosen = rows[better]
        self.tokens[chosen], self.value[chosen], self.slack[chosen] = tokens[better], value[better], slack[better]
        self.attack[chosen] = number
