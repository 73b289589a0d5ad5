"""Decision-based search: a model that gives labels alone, searched from outside the budget inwards.

Where the queries are enough for every single edit, each is asked about first, so that none is missed. Then random edits
are added, more at each attempt, until the goal is reached, be it far beyond the budget. Then edits are taken back as
long as it stays reached: half of them first, neighbouring ones together, smaller blocks where that fails, single edits
last (the order of Zeller & Hildebrandt's 2002 delta debugging). Where no edit can be taken back any more, a share of
the cheapest sequence found is taken back at random, edits are added anew, and the walk begins again.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from seqrobust.attacks.search import Access, Answer, AskDecisions, Question, Search, View
from seqrobust.attacks.searches.greedy import all_edits
from seqrobust.attacks.variation import Variation, pick
from seqrobust.neighbours import apply_edits
from seqrobust.threats import BoundThreat

_AT_ONCE = 1 << 14
"""Sequences per question about single edits."""


@dataclass(frozen=True, kw_only=True)
class DecisionBased:
    """Every single edit where that is paid for, then one walk per record; ``queries`` labels per record and no more.

    A record is done when it reaches its goal inside the threat.

    Attributes:
        queries: labels asked for.
        growth: factor by which the added edits grow from one attempt to the next while the goal is not reached.
        shaken: share of the edits of the cheapest sequence that is taken back where a walk begins again.
        patience: attempts to reach the goal from there before it is shaken anew.
    """

    queries: int = 400
    growth: float = 1.5
    shaken: float = 0.4
    patience: int = 4
    name: str = "decision_based"
    access: Access = "labels"

    def search(self, view: View) -> Search:
        """See :class:`~seqrobust.attacks.search.Attack`."""
        spent, reached = yield from self._singles(view)
        walk = _Walk(view, self)
        walk.active &= ~reached
        for number in range(self.queries):
            walk.active &= number < self.queries - spent
            if not bool(walk.active.any()):
                return
            yield from walk.step()

    def _singles(self, view: View) -> Generator[Question, Answer, tuple[Tensor, Tensor]]:
        """(n,) queries spent on every single edit of records that have fewer than those, and who was reached."""
        threat = view.threat
        moves = threat.moves(threat.tokens)
        count = moves.sum((1, 2))
        edits = all_edits(moves & (count < self.queries)[:, None, None])
        reached = torch.zeros(len(threat), dtype=torch.bool, device=threat.tokens.device)
        for piece in torch.split(torch.arange(len(edits.record), device=reached.device), _AT_ONCE):
            if not len(piece):
                break
            some = edits.take(piece)
            answer = yield AskDecisions(some.record, apply_edits(threat.tokens, some))
            reached[some.record[answer.value > 0.5]] = True
        return torch.where(count < self.queries, count, 0), reached


class _Walk:
    """Where the walks of n records stand. Each is in a phase of its own and asks one question per step."""

    def __init__(self, view: View, settings: DecisionBased) -> None:
        threat = view.threat
        self.view, self.settings, self.threat = view, settings, threat
        self.variation = Variation(_unlimited(threat))
        records, device = len(threat), threat.tokens.device
        self.rows = torch.arange(records, device=device)
        self.editable = self.variation.cheapest < self.variation.dear
        self.active = self.editable.any(1)
        self.best, self.cost = threat.tokens.clone(), torch.full_like(threat.budget, torch.iinfo(torch.int64).max)
        # Growing: ``base`` with ``added`` random edits more. Shrinking: ``tokens``, which reach the goal.
        self.shrinking = torch.zeros(records, dtype=torch.bool, device=device)
        self.base, self.tokens = threat.tokens.clone(), threat.tokens.clone()
        self.added = threat.budget.double()
        self.attempts = torch.zeros_like(threat.budget)
        self.block = torch.ones_like(threat.budget)
        self.cursor = torch.zeros_like(threat.budget)
        self.helped = torch.zeros_like(self.shrinking)

    def step(self) -> Generator[Question, Answer, None]:
        """One label for every record that is not done."""
        uniforms = self.view.uniforms(3 * self.base.shape[1])
        places, letters, shaking = uniforms.tensor_split(3, dim=1)
        asked = torch.where(self.shrinking[:, None], self._smaller(), self._larger(places, letters))
        rows = torch.nonzero(self.active).flatten()
        answer = yield AskDecisions(self.rows[rows], asked[rows])
        reached = torch.zeros_like(self.active)
        reached[rows] = answer.value > 0.5
        was_shrinking = self.shrinking.clone()
        self._after_growing(~was_shrinking, reached, asked, shaking)
        self._after_shrinking(was_shrinking, reached, asked, shaking)
        self._remember(reached, asked)

    # Growing -----------------------------------------------------------------------------------------------------

    def _larger(self, places: Tensor, letters: Tensor) -> Tensor:
        """(n, L) the base with random edits more, at columns it does not edit."""
        ways = (self.variation.threat.prices > 0).transpose(1, 2).flatten(0, 1)
        letter = pick(ways, letters.flatten()).reshape(letters.shape)
        free = self.editable & ~self.threat.edited(self.base)
        rank = torch.where(free, places, 2.0).argsort(dim=1, stable=True).argsort(dim=1, stable=True)
        chosen = free & (rank < self.added.ceil()[:, None])
        return torch.where(chosen, letter.clamp(min=0).to(torch.uint8), self.base)

    def _after_growing(self, growing: Tensor, reached: Tensor, asked: Tensor, shaking: Tensor) -> None:
        failed, found = growing & ~reached, growing & reached
        self.added = torch.where(failed, self.added * self.settings.growth, self.added)
        self.added = torch.minimum(self.added, self.editable.sum(1).double())
        self.attempts += failed
        self._shake(failed & (self.attempts >= self.settings.patience) & self.threat.edited(self.best).any(1), shaking)
        self.tokens = torch.where(found[:, None], asked, self.tokens)
        self.block = torch.where(found, (self.threat.edited(asked).sum(1) + 1) // 2, self.block)
        self.cursor, self.helped = self.cursor.masked_fill(found, 0), self.helped & ~found
        self.shrinking |= found

    def _shake(self, rows: Tensor, uniforms: Tensor) -> None:
        """Begin again from the cheapest sequence found, less a share of its edits."""
        edited = self.threat.edited(self.best)
        count = (edited.sum(1) * self.settings.shaken).ceil()
        rank = torch.where(edited, uniforms, 2.0).argsort(dim=1, stable=True).argsort(dim=1, stable=True)
        base = torch.where(edited & (rank < count[:, None]), self.threat.tokens, self.best)
        self.base = torch.where(rows[:, None], base, self.base)
        self.added = torch.where(rows, count.double(), self.added)
        self.attempts = self.attempts.masked_fill(rows, 0)

    # Shrinking ---------------------------------------------------------------------------------------------------

    def _smaller(self) -> Tensor:
        """(n, L) the tokens less a block of edits that are neighbours along the sequence."""
        edited = self.threat.edited(self.tokens)
        rank = edited.cumsum(1) - 1
        block = edited & (rank >= self.cursor[:, None]) & (rank < (self.cursor + self.block)[:, None])
        return torch.where(block, self.threat.tokens, self.tokens)

    def _after_shrinking(self, shrinking: Tensor, reached: Tensor, asked: Tensor, shaking: Tensor) -> None:
        taken = shrinking & reached
        self.tokens = torch.where(taken[:, None], asked, self.tokens)
        self.helped |= taken
        self.cursor = torch.where(shrinking & ~reached, self.cursor + self.block, self.cursor)
        size = self.threat.edited(self.tokens).sum(1)
        passed = shrinking & (self.cursor >= size)
        stuck = passed & ~self.helped & (self.block <= 1)
        self.block = torch.where(passed & ~self.helped, (self.block + 1) // 2, self.block)
        self.block = torch.minimum(self.block, ((size + 1) // 2).clamp(min=1))
        self.cursor, self.helped = self.cursor.masked_fill(passed, 0), self.helped & ~passed
        self.shrinking &= ~stuck
        self._shake(stuck, shaking)

    def _remember(self, reached: Tensor, asked: Tensor) -> None:
        cost = self.variation.prices(self.rows, asked).sum(1)
        cheaper = reached & (cost <= self.cost)
        self.best, self.cost = torch.where(cheaper[:, None], asked, self.best), torch.where(cheaper, cost, self.cost)
        self.active &= self.cost > self.threat.budget


def _unlimited(threat: BoundThreat) -> BoundThreat:
    """The threat without its budget, but for letters that are dearer than all of it."""
    affordable = threat.prices <= threat.budget[:, None, None]
    costs = None if threat.costs is None else threat.costs.masked_fill(~affordable, -1)
    everything = threat.prices.amax(1).clamp(min=0).sum(1)
    return replace(threat, permitted=threat.permitted & affordable, costs=costs, budget=everything)
