"""Exchange: local search at full budget, which trades one edit for another as long as that pays.

It starts where a few steps of discrete projected gradient lead. In each round every lane takes back one of its edits,
the one that is missed least among those not yet tried, and scores the most promising edits in its place exactly; the
best is kept if the sequence is worse for the model than before. What was scored once is remembered: edits far apart
hardly touch each other, so a candidate that gained little beside one set of edits is not tried again beside the next
unless its first-order gain has risen. The shortlist so moves on through new candidates from round to round. Where edits
shift other letters, gradients say little: the start is then a scan, and shortlists go by what was seen alone.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.attacks.rounding import best_candidates
from seqrobust.attacks.search import (
    Access,
    Answer,
    AskGradient,
    AskNeighbours,
    AskSequences,
    Question,
    Search,
    View,
    gradient_of,
    rounding_of,
)
from seqrobust.attacks.searches.greedy import relative, top_edits
from seqrobust.attacks.ways import Lanes, lanes_of, leading
from seqrobust.neighbours import Edits, apply_edits
from seqrobust.threats import BoundThreat

_BLIND = 16
"""Candidates of a shortlist, at the least, that no gradient has ordered."""
_RATIOS = (0.2, 1.0)
"""Bounds of the share of a first-order gain that is expected to come true."""


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """Trade edits until no trade of the shortlists pays.

    Attributes:
        top: candidates that are scored exactly at each trade; None for every edit that is permitted, which needs no
            gradient and ends where no single trade helps at all.
        scan: score every single edit of the clean sequence first and fill the budget edit by edit with what was seen in
            mind, instead of the start by gradients: dearer, and not misled where gradients are.
        most: edits that such a scan scores per record, those of largest first-order gain where there are more.
        steps: gradients of the start; 0 fills the budget edit by edit without having seen anything.
        sweeps: rounds end after so many trades per edit of the budget.
        kicks: times that half of the edits are taken back at random and the search goes on from there.
        ways: ways to the goal (rival classes, say) that are started, those that lead at first.
        kept: ways of those that are followed further, those that lead after the start.
    """

    top: int | None = 4
    scan: bool = False
    most: int = 10_000
    steps: int = 5
    sweeps: int = 5
    kicks: int = 0
    ways: int = 4
    kept: int = 2
    name: str = "exchange"

    @property
    def access(self) -> Access:
        """Gradients, unless every edit is scored."""
        return "scores" if self.top is None and not self.steps and not self.scan else "gradients"

    def search(self, view: View) -> Search:
        """See :class:`~seqrobust.attacks.search.Attack`."""
        lanes = lanes_of(view, self.ways)
        state = _State(view, lanes)
        top = self.top if self.top is None or not view.shifts else max(self.top, _BLIND)
        scan = self.scan or (view.shifts and self.top is not None)
        if scan:
            yield from state.look_round(view.threat, self.most)
        elif self.steps:
            yield from state.climb(self.steps)
        state = state.take(leading(lanes, state.ahead if scan else state.value, self.kept))
        largest = int(view.threat.budget.max().item())
        for kick in range(self.kicks + 1):
            if kick:
                uniforms = view.uniforms(view.threat.tokens.shape[1])
                yield from state.kick(uniforms[state.lanes.owner])
            for number in range((self.sweeps + 1) * largest):
                # Each record by its own budget: what becomes of it must not hang on the others of its shard.
                state.active &= number < (self.sweeps + 1) * state.threat.budget
                if not bool(state.active.any()):
                    break
                yield from state.round(top)


class _State:
    """M lanes in the middle of a search."""

    def __init__(self, view: View, lanes: Lanes) -> None:
        self.lanes = lanes
        self.shifts = view.shifts
        self.threat: BoundThreat = view.threat.take(lanes.owner)
        self.tokens = self.threat.tokens.clone()
        self.value = view.ways[lanes.owner, lanes.way]
        self.slack = torch.zeros_like(self.value)
        self.best, self.best_value = self.tokens.clone(), self.value.clone()
        self.ahead = self.value
        count, device = len(lanes.owner), self.tokens.device
        self.active = torch.ones(count, dtype=torch.bool, device=device)
        self._is_full = torch.zeros_like(self.active)
        self._is_new = torch.ones_like(self.active)
        self._tried = torch.zeros(self.tokens.shape, dtype=torch.bool, device=device)
        self._without = torch.full(self.tokens.shape, -torch.inf, device=device)
        self._without_slack = torch.zeros(self.tokens.shape, device=device)
        # What was seen of a candidate: its exact gain less what its first-order gain let expect.
        self._surprise = torch.zeros(self.threat.permitted.shape, device=device)
        self._products = torch.zeros(count, device=device)
        self._squares = torch.zeros(count, device=device)

    def take(self, chosen: Tensor) -> _State:
        """Those lanes alone."""
        self.threat, self.lanes = self.threat.take(chosen), self.lanes.take(chosen)
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value[chosen])
        return self

    def climb(self, steps: int) -> Generator[Question, Answer, None]:
        """Discrete projected gradient; the best sequence on the way is where the lane stands afterwards."""
        owner, way = self.lanes
        point, total = self.tokens, torch.zeros(self.threat.permitted.shape, device=self.tokens.device)
        for step in range(steps + 1):
            if step < steps:
                answer = yield AskGradient(point, owner, way)
                total = total + gradient_of(answer)
            else:
                answer = yield AskSequences(owner, point)
            everyone = torch.arange(len(owner), device=point.device)
            self._move(everyone, point, _of(answer, way), rounding_of(answer, way))
            point = self.threat.best_response(total).tokens

    def look_round(self, threat: BoundThreat, most: int) -> Generator[Question, Answer, None]:
        """Score the single edits of the clean sequences of the records' threat, once for all of a record's lanes.

        Of records with more than ``most`` of them, those of largest first-order gain along any of the lanes.
        """
        owner, way = self.lanes
        gain = torch.zeros_like(self._surprise)
        by_gradient = (threat.moves(threat.tokens).sum((1, 2)) > most)[owner] | (not self.shifts)
        if bool(by_gradient.any()):
            gain = relative(gradient_of((yield AskGradient(self.tokens, owner, way))), self.tokens)
            gain *= by_gradient[:, None, None]
        leading_gain = torch.full(threat.permitted.shape, -torch.inf, device=gain.device)
        leading_gain = leading_gain.scatter_reduce(0, owner[:, None, None].expand_as(gain), gain, "amax")
        edits = top_edits(leading_gain, threat.moves(threat.tokens), most)
        answer = yield AskNeighbours(threat.tokens, edits)
        exact = torch.full_like(self._surprise, torch.nan)
        for lane_way in torch.unique(way).tolist():
            lanes = torch.nonzero(way == lane_way).flatten()
            lane = torch.full((len(threat),), -1, device=way.device).index_put((owner[lanes],), lanes)[edits.record]
            known = (lane >= 0) & (answer.ways[:, lane_way] > -torch.inf)
            lane, scores = lane[known], answer.ways[known, lane_way]
            exact[lane, edits.letter[known, 0], edits.position[known, 0]] = scores - self.value[lane]
        known = ~exact.isnan()
        exact = exact.nan_to_num(0.0)
        self.ahead = self.value + exact.flatten(1).amax(1).clamp(min=0)
        self._products += (exact * gain * known).sum((1, 2))
        self._squares += (gain * gain * known).sum((1, 2))
        self._surprise = torch.where(known, exact - self._ratio()[:, None, None] * gain, 0.0)

    def kick(self, uniforms: Tensor) -> Generator[Question, Answer, None]:
        """Take back half of the edits of each lane's best sequence, at random."""
        edited = self.threat.edited(self.best)
        order = torch.where(edited, uniforms.to(edited.device), 2.0).argsort(dim=1, stable=True)
        rank = torch.empty_like(order).scatter_(
            1, order, torch.arange(order.shape[1], device=order.device).expand_as(order)
        )
        taken_back = edited & (rank < (edited.sum(1, keepdim=True) + 1) // 2)
        self.tokens = torch.where(taken_back, self.threat.tokens, self.best)
        answer = yield AskSequences(self.lanes.owner, self.tokens)
        self.value, self.slack = _of(answer, self.lanes.way), rounding_of(answer, self.lanes.way)
        self.active = edited.any(1)
        self._is_full[:], self._is_new[:], self._tried[:] = False, True, False

    def round(self, top: int | None) -> Generator[Question, Answer, None]:
        """One edit more where there is room, else one trade."""
        threat, (owner, way) = self.threat, self.lanes
        yield from self._score_removals()
        adding = ~self._is_full & (threat.moves(self.tokens) & ~threat.edited(self.tokens)[:, None]).any((1, 2))
        # A record that is done gets minus infinity for an answer, and is left alone from then on.
        without = self._without.masked_fill(self._tried | ~threat.edited(self.tokens), -torch.inf)
        self.active &= adding | (without > -torch.inf).any(1)
        rows = torch.nonzero(self.active).flatten()
        if not len(rows):
            return
        out = without.argmax(1)
        base, trading = self.tokens.clone(), rows[~adding[rows]]
        base[trading, out[trading]] = threat.tokens[trading, out[trading]]
        value = self.value.clone()
        value[trading] = without[trading, out[trading]]

        moves = threat.moves(base) & self.active[:, None, None]
        moves &= ~threat.edited(base)[:, None]
        moves[trading, self.tokens[trading, out[trading]].long(), out[trading]] = False
        gain = torch.zeros(moves.shape, device=base.device)
        if top is not None and not self.shifts:
            gradient = gradient_of((yield AskGradient(base[rows], owner[rows], way[rows])))
            gain[rows] = relative(gradient, base[rows])
        ratio = self._ratio()[:, None, None]
        edits = top_edits(ratio * gain + self._surprise, moves, top)
        answer = yield AskNeighbours(base, edits, owner)
        scores, slack = _of(answer, way[edits.record]), rounding_of(answer, way[edits.record])
        if top is not None:
            self._remember(edits, scores - value[edits.record], gain)

        self._tried[trading, out[trading]] = True
        before = self.value.clone()
        self._move(trading, base[trading], value[trading], self._without_slack[trading, out[trading]])
        winner = best_candidates(edits.record, scores, len(base), slack)
        found = torch.nonzero(winner >= 0).flatten()
        chosen = winner[found]
        self._move(found, apply_edits(base, edits.take(chosen)), scores[chosen], slack[chosen])
        improved = self.value > before
        self._is_full |= adding & ~improved
        self._is_full &= ~improved
        self._tried[improved] = False
        # The edit that has just been put in is the best for its place beside the others.
        fresh = improved[:, None] & (self.tokens != base)
        self._tried |= fresh
        self._is_new |= improved

    def _score_removals(self) -> Generator[Question, Answer, None]:
        """What each edit is missed by, exactly, for the lanes that have moved."""
        rows = self._is_new & self.active
        if not bool(rows.any()):
            return
        record, position = torch.nonzero(self.threat.edited(self.tokens) & rows[:, None], as_tuple=True)
        self._without[rows] = -torch.inf
        self._is_new &= ~rows
        if len(record):
            letter = self.threat.tokens[record, position].long()
            edits = Edits(record, position[:, None], letter[:, None])
            answer = yield AskNeighbours(self.tokens, edits, self.lanes.owner)
            self._without[record, position] = _of(answer, self.lanes.way[record])
            self._without_slack[record, position] = rounding_of(answer, self.lanes.way[record])

    def _ratio(self) -> Tensor:
        """(M,) share of the first-order gains that came true so far, by least squares."""
        ratio = torch.where(self._squares > 0, self._products / self._squares, torch.ones_like(self._squares))
        return ratio.clamp(*_RATIOS)

    def _remember(self, edits: Edits, gained: Tensor, gain: Tensor) -> None:
        answered = gained > -torch.inf
        record, gained = edits.record[answered], gained[answered]
        position, letter = edits.position[answered, 0], edits.letter[answered, 0]
        expected = gain[record, letter, position]
        self._surprise[record, letter, position] = gained - self._ratio()[record] * expected
        self._products.index_add_(0, record, gained * expected)
        self._squares.index_add_(0, record, expected * expected)

    def _move(self, rows: Tensor, tokens: Tensor, value: Tensor, slack: Tensor) -> None:
        """Move lanes to where the model is more wrong by more than ``slack`` (M,), rounding; elsewhere they stay."""
        better = value > self.value[rows] + torch.maximum(slack, self.slack[rows])
        chosen = rows[better]
        self.tokens[chosen], self.value[chosen], self.slack[chosen] = tokens[better], value[better], slack[better]
        better = self.value > self.best_value
        self.best[better], self.best_value[better] = self.tokens[better], self.value[better]


def _of(answer: Answer, way: Tensor) -> Tensor:
    """(M,) value of each one's own way."""
    return answer.ways.gather(1, way[:, None]).squeeze(1)
