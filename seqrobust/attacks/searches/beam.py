"""Beam search: the best few sequences of every size are kept, and each is edited further."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.attacks.search import (
    Access,
    Answer,
    AskGradient,
    AskNeighbours,
    Question,
    Search,
    View,
    gradient_of,
)
from seqrobust.attacks.searches.greedy import all_edits, relative, top_edits
from seqrobust.attacks.ways import Lanes, lanes_of, rank_within
from seqrobust.neighbours import Edits, apply_edits


@dataclass(frozen=True, kw_only=True)
class Beam:
    """Keep ``width`` sequences per record and way, edit each in its best ways, and keep the best of what comes out.

    Attributes:
        width: sequences kept per record and way to the goal.
        top: candidates per kept sequence, those of largest first-order gain, that are scored exactly; None for every
            edit that is permitted, without a gradient.
        ways: ways to the goal (rival classes, say) that are climbed each by itself, those that lead at first.
        scan: score every single edit of the clean sequence first, and let what was seen correct later gradients.
        deepest: the largest budget at which it searches at all; None for any.
    """

    width: int = 4
    top: int | None = 16
    ways: int = 4
    scan: bool = False
    deepest: int | None = None
    name: str = "beam"

    @property
    def access(self) -> Access:
        """Gradients, unless every edit is scored."""
        return "scores" if self.top is None else "gradients"

    def search(self, view: View) -> Search:
        """See :class:`~seqrobust.attacks.search.Attack`."""
        lanes = lanes_of(view, self.ways)
        if self.deepest is not None:
            lanes = lanes.take(view.threat.budget[lanes.owner] <= self.deepest)
        kept = view.threat.tokens[lanes.owner]
        seen = torch.zeros(len(kept), *view.threat.permitted.shape[1:], device=kept.device)
        for depth in range(int(view.threat.budget[lanes.owner].max().item()) if len(kept) else 0):
            mine = view.threat.take(lanes.owner)
            moves = mine.moves(kept) & ~mine.edited(kept)[:, None]
            if self.scan and not depth:
                lane, edits, scores = yield from self._look_round(view, lanes, kept, seen)
            else:
                gain = None
                if self.top is not None:
                    gain = relative(gradient_of((yield AskGradient(kept, lanes.owner, lanes.way))), kept) + seen
                edits = all_edits(moves) if gain is None else top_edits(gain, moves, self.top)
                lane = edits.record
                ways = (yield AskNeighbours(kept, edits, lanes.owner)).ways
                scores = ways.gather(1, lanes.way[lane][:, None]).squeeze(1)
            if not len(lane):
                return
            chosen = best_distinct(kept, edits._replace(record=lane), lanes.take(lane), scores, self.width, depth + 1)
            parent = lane[chosen]
            kept = apply_edits(kept, edits._replace(record=lane).take(chosen))
            lanes, seen = lanes.take(parent), seen[parent]

    def _look_round(
        self, view: View, lanes: Lanes, kept: Tensor, seen: Tensor
    ) -> Generator[Question, Answer, tuple[Tensor, Edits, Tensor]]:
        """Every single edit of the clean sequences: lanes, edits and scores of the candidates.

        By how much more an edit gained than its first-order gain let expect is written into ``seen``.
        """
        gain = relative(gradient_of((yield AskGradient(kept, *lanes))), kept)
        threat = view.threat
        edits = all_edits(threat.moves(threat.tokens))
        answer = yield AskNeighbours(threat.tokens, edits)
        parts = []
        for number in range(int(rank_within(lanes.owner).max().item()) + 1):
            mine = torch.nonzero(rank_within(lanes.owner) == number).flatten()
            lane_of = torch.full((len(threat),), -1, device=kept.device).index_put((lanes.owner[mine],), mine)
            lane = lane_of[edits.record]
            known = torch.nonzero(lane >= 0).flatten()
            scores = answer.ways[known].gather(1, lanes.way[lane[known]][:, None]).squeeze(1)
            parts.append((lane[known], known, scores))
        lane, known, scores = (torch.cat(column) for column in zip(*parts, strict=True))
        edits = edits.take(known)
        now = view.ways[lanes.owner, lanes.way]
        exact = (scores - now[lane]).nan_to_num(neginf=0.0)
        seen[lane, edits.letter[:, 0], edits.position[:, 0]] = exact
        asked = seen != 0
        squares = (gain * gain * asked).sum((1, 2))
        ratio = (seen * gain * asked).sum((1, 2)) / torch.where(squares > 0, squares, 1.0)
        seen.sub_(ratio[:, None, None].clamp(0.2, 1.0) * gain * asked)
        return lane, edits, scores


def best_distinct(base: Tensor, edits: Edits, lanes: Lanes, scores: Tensor, width: int, parents: int) -> Tensor:
    """Numbers of each lane's ``width`` best-scored candidates, no sequence twice, by lane and rank.

    Args:
        base: (B, L) tokens that are edited.
        edits: M candidates.
        lanes: theirs.
        scores: (M,) of theirs; minus infinity for a record that is done.
        width: how many.
        parents: how many base sequences one candidate can come of: a sequence of k edits has k of them.
    """
    lane = lanes.owner * (int(lanes.way.max().item()) + 1 if len(lanes.way) else 1) + lanes.way
    order = scores.sort(descending=True, stable=True).indices
    order = order[scores[order] > -torch.inf]
    order = order[lane[order].sort(stable=True).indices]
    # So many are enough to find ``width`` different ones.
    enough = width * parents
    order = order[rank_within(lane[order]) < enough]
    tokens = apply_edits(base, edits.take(order))
    fresh = torch.ones(len(order), dtype=torch.bool, device=base.device)
    for gap in range(1, min(enough, len(order))):
        fresh[gap:] &= ~((lane[order[gap:]] == lane[order[:-gap]]) & (tokens[gap:] == tokens[:-gap]).all(1))
    order = order[fresh]
    return order[rank_within(lane[order]) < width]
