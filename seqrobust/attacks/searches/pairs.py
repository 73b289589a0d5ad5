"""Pairs: two edits at once, for threats in which single ones do not lead on.

A constraint can refuse each of two edits and allow both together: a G for an A where a C elsewhere becomes a T, a
deletion that makes room for an insertion. No search that moves edit by edit gets there. And where letters are inserted
and deleted, all behind them shift, of which a gradient says little. So every single edit of the clean sequence is
scored, also those that the constraint refuses alone; the pairs of largest summed gain that it allows are scored
together, and from the best sequence known up to two edits are traded for up to two others in the same way.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

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
from seqrobust.attacks.ways import Lanes, lanes_of
from seqrobust.neighbours import Edits
from seqrobust.threats import BoundThreat

_CHUNK = 2048
"""Sequences of a record whose membership is looked at together."""
_CHUNKS = 12
"""Chunks after which no more members are looked for."""
_TRADED = 6
"""Edits of a sequence that may be taken back, those that gain least alone."""


class Additions(NamedTuple):
    """P sets of up to two edits of a clean sequence, by falling summed gain.

    Attributes:
        position: (P, 2) int64 columns, -1 for none.
        letter: (P, 2) int64.
        gain: (P,) sum of what the edits gain alone.
    """

    position: Tensor
    letter: Tensor
    gain: Tensor

    def take(self, chosen: Tensor) -> Additions:
        """Those sets."""
        return Additions(*(part[chosen] for part in self))


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Score the most promising pairs of edits, then trade up to two edits for up to two as long as that pays.

    Attributes:
        width: pairs, or trades of a round, that are scored exactly for each way to the goal.
        leading: single edits of largest gain of which every pair has at least one.
        kept: pairs that are kept to trade with.
        most: single edits that are scored per record, those of largest first-order gain where there are more.
        ways: ways to the goal (rival classes, say) that are followed, those that lead at first.
        needed: leave records alone that no constraint binds and whose letters do not shift: there, single edits and
            their gradients do.
    """

    width: int = 192
    leading: int = 96
    kept: int = 384
    most: int = 10_000
    ways: int = 2
    needed: bool = False
    name: str = "pairs"
    access: Access = "gradients"

    def search(self, view: View) -> Search:
        """See :class:`~seqrobust.attacks.search.Attack`."""
        if self.needed and not view.shifts and view.threat.constraint is None:
            return
        lanes = lanes_of(view, self.ways)
        edits, ways = yield from self._look_round(view)
        found = [
            _Lane(view.threat, lane, edits, ways[:, int(way)] - view.ways[lane, way], self)
            for lane, way in zip(lanes.owner.tolist(), lanes.way, strict=True)
        ]
        tokens = view.best().tokens[lanes.owner].clone()
        answer = yield AskSequences(lanes.owner, tokens)
        value, slack = _of(answer, lanes.way), rounding_of(answer, lanes.way)
        active = (view.threat.budget[lanes.owner] > 1) & (value > -torch.inf)
        budget = view.threat.budget[lanes.owner]
        for number in range(int(budget.max().item()) + 2 if len(budget) else 0):
            # Each record by its own budget: what becomes of it must not hang on the others of its shard.
            active &= number < budget + 2
            moved = yield from self._round(lanes, found, tokens, active)
            if moved is None:
                return
            better = active & (moved[1] > value + torch.maximum(slack, moved[2]))
            tokens = torch.where(better[:, None], moved[0], tokens)
            value, slack = torch.where(better, moved[1], value), torch.where(better, moved[2], slack)
            active = better

    def _look_round(self, view: View) -> Generator[Question, Answer, tuple[Edits, Tensor]]:
        """Single edits of the clean sequences and (M, W) ways there; also of those that a constraint refuses."""
        threat = view.threat
        moves = threat.moves(threat.tokens)
        many = moves.sum((1, 2)) > self.most
        gain = torch.zeros(moves.shape, device=moves.device)
        if bool(many.any()):
            gain = relative(gradient_of((yield AskGradient(threat.tokens))), threat.tokens) * many[:, None, None]
        edits = top_edits(gain, moves, self.most)
        answer = yield AskNeighbours(threat.tokens, edits, beyond=True)
        return edits, answer.ways

    def _round(
        self, lanes: Lanes, found: list[_Lane], tokens: Tensor, active: Tensor
    ) -> Generator[Question, Answer, tuple[Tensor, Tensor, Tensor] | None]:
        """The best of what each lane proposes: (M, L) tokens, (M,) values and (M,) rounding; None for no proposal."""
        rows = torch.nonzero(active).flatten().tolist()
        proposed = [found[row].propose(tokens[row]) for row in rows]
        lane = torch.tensor(rows, device=tokens.device).repeat_interleave(
            torch.tensor([len(one) for one in proposed], device=tokens.device, dtype=torch.int64)
        )
        if not len(lane):
            return None
        candidates = torch.cat(proposed)
        answer = yield AskSequences(lanes.owner[lane], candidates)
        scores, slack = _of(answer, lanes.way[lane]), rounding_of(answer, lanes.way[lane])
        winner = best_candidates(lane, scores, len(tokens), slack)
        chosen = winner.clamp(min=0)
        none = winner < 0
        return candidates[chosen], scores[chosen].masked_fill(none, -torch.inf), slack[chosen].masked_fill(none, 0)


class _Lane:
    """One record and way: what its single edits gain, and which of their pairs are members.

    Args:
        threat: of all records.
        record: number of this one.
        edits: single edits of all records.
        gain: (M,) of those along this way.
        settings: how many are looked at.
    """

    def __init__(self, threat: BoundThreat, record: int, edits: Edits, gain: Tensor, settings: Pairs) -> None:
        self.settings = settings
        self.threat = threat.take(torch.tensor([record], device=gain.device))
        self.clean = self.threat.tokens[0]
        mine = torch.nonzero((edits.record == record) & (gain > -torch.inf)).flatten()
        mine = mine[gain[mine].sort(descending=True, stable=True).indices]
        self.position, self.letter, self.gain = edits.position[mine, 0], edits.letter[mine, 0], gain[mine]
        self.alone = torch.zeros(self.threat.permitted.shape[1:], device=gain.device)
        self.alone[self.letter, self.position] = self.gain
        self._asked: set[bytes] = set()
        self._additions: Additions | None = None

    @property
    def additions(self) -> Additions:
        """Single edits, and pairs that are members of the set; made when first wanted."""
        if self._additions is None:
            none = torch.full_like(self.position, -1)
            one = Additions(torch.stack([self.position, none], 1), torch.stack([self.letter, none], 1), self.gain)
            two = self._pairs()
            both = Additions(*(torch.cat(parts) for parts in zip(one, two, strict=True)))
            self._additions = both.take(both.gain.sort(descending=True, stable=True).indices)
        return self._additions

    def _pairs(self) -> Additions:
        first = torch.arange(min(self.settings.leading, len(self.gain)), device=self.gain.device)
        sums = self.gain[first, None] + self.gain
        number = torch.arange(len(self.gain), device=self.gain.device)
        fits = (number > first[:, None]) & (self.position != self.position[first, None])
        order = sums.masked_fill(~fits, -torch.inf).flatten().sort(descending=True, stable=True).indices
        order = order[: int(fits.sum())]
        pair = torch.stack([order // max(len(self.gain), 1), order % max(len(self.gain), 1)], dim=1)
        every = Additions(self.position[pair], self.letter[pair], self.gain[pair].sum(1))
        chosen = [rows for rows, _ in self._members(self.clean, every, self.settings.kept)]
        return every.take(torch.cat([order[:0], *chosen]))

    def propose(self, tokens: Tensor) -> Tensor:
        """(P, L) members that up to two edits put in and up to two taken back make of (L,) ``tokens``, not yet asked.

        Those of largest summed gain.
        """
        edited = torch.nonzero(tokens != self.clean).flatten()
        kept = self.alone[tokens[edited].long().clamp(max=len(self.alone) - 1), edited]
        dear = edited[kept.sort(stable=True).indices][:_TRADED].tolist()
        bases, losses = [], []
        for taken in (some for count in range(3) for some in combinations(dear, count)):
            base = tokens.clone()
            base[list(taken)] = self.clean[list(taken)]
            bases.append(base)
            losses.append(sum(float(self.alone[int(tokens[place]), place]) for place in taken))
        put = self.additions
        total = put.gain - torch.tensor(losses, device=tokens.device)[:, None]
        order = total.flatten().sort(descending=True, stable=True).indices
        found: list[Tensor] = []
        wanted = self.settings.width
        start, addition = order // max(len(put.gain), 1), order % max(len(put.gain), 1)
        for _, members in self._members(torch.stack(bases)[start], put.take(addition), None):
            for row in members:
                if (key := row.cpu().numpy().tobytes()) not in self._asked and len(found) < wanted:
                    self._asked.add(key)
                    found.append(row)
            if len(found) >= wanted:
                break
        return torch.stack(found) if found else self.threat.tokens[:0]

    def _members(self, base: Tensor, put: Additions, most: int | None) -> Iterator[tuple[Tensor, Tensor]]:
        """Numbers of the additions that make members of (L,) or (P, L) ``base``, and those, chunk by chunk."""
        seen = 0
        for rows in torch.split(torch.arange(len(put.gain), device=base.device), _CHUNK)[:_CHUNKS]:
            tokens = base.expand(len(rows), -1).clone() if base.ndim == 1 else base[rows].clone()
            some = put.take(rows)
            clashes = torch.zeros(len(rows), dtype=torch.bool, device=base.device)
            for slot in range(2):
                at = torch.nonzero(some.position[:, slot] >= 0).flatten()
                place = some.position[at, slot]
                clashes[at] |= tokens[at, place] != self.clean[place]
                tokens[at, place] = some.letter[at, slot].to(tokens.dtype)
            fits = torch.nonzero(~clashes).flatten()
            mine = self.threat.take(torch.zeros_like(fits))
            fits = fits[mine.contains(tokens[fits])]
            if most is not None:
                fits = fits[: most - seen]
                seen += len(fits)
            yield rows[fits], tokens[fits]
            if most is not None and seen >= most:
                return


def _of(answer: Answer, way: Tensor) -> Tensor:
    """(M,) value of each one's own way."""
    return answer.ways.gather(1, way[:, None]).squeeze(1)
