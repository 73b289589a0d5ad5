"""Beam search: the best few sequences of every size are kept, and each is edited further."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.attacks.greedy import all_edits, ranked_edits
from seqrobust.attacks.search import Access, AskGradient, AskNeighbours, Search, View, gradient_of
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
    """

    width: int = 4
    top: int | None = 16
    ways: int = 4
    name: str = "beam"

    @property
    def access(self) -> Access:
        """Gradients, unless every edit is scored."""
        return "scores" if self.top is None else "gradients"

    def search(self, view: View) -> Search:
        """See :class:`~seqrobust.attacks.search.Attack`."""
        threat = view.threat
        lanes = lanes_of(view, self.ways)
        kept = threat.tokens[lanes.owner]
        for _ in range(int(threat.budget.max().item())):
            mine = threat.take(lanes.owner)
            moves = mine.moves(kept) & ~mine.edited(kept)[:, None]
            if self.top is None:
                edits = all_edits(moves)
            else:
                gradient = gradient_of((yield AskGradient(kept, lanes.owner, lanes.way)))
                edits = ranked_edits(gradient, kept, moves, self.top)
            if not len(edits.record):
                return
            ways = (yield AskNeighbours(kept, edits, lanes.owner)).ways
            climbed = lanes.take(edits.record)
            scores = ways.gather(1, climbed.way[:, None]).squeeze(1)
            chosen = best_distinct(kept, edits, climbed, scores, self.width)
            kept, lanes = apply_edits(kept, edits.take(chosen)), climbed.take(chosen)


def best_distinct(base: Tensor, edits: Edits, lanes: Lanes, scores: Tensor, width: int) -> Tensor:
    """Numbers of each lane's ``width`` best-scored candidates, no sequence twice, by lane and rank.

    Args:
        base: (B, L) tokens that are edited.
        edits: M candidates.
        lanes: theirs.
        scores: (M,) of theirs; minus infinity for a record that is done.
    """
    lane = lanes.owner * (int(lanes.way.max().item()) + 1 if len(lanes.way) else 1) + lanes.way
    order = scores.sort(descending=True, stable=True).indices
    order = order[scores[order] > -torch.inf]
    order = order[lane[order].sort(stable=True).indices]
    # A sequence of k edits has k parents at most, so this many are enough to find ``width`` different ones.
    enough = width * width
    order = order[rank_within(lane[order]) < enough]
    tokens = apply_edits(base, edits.take(order))
    fresh = torch.ones(len(order), dtype=torch.bool, device=base.device)
    for gap in range(1, min(enough, len(order))):
        fresh[gap:] &= ~((lane[order[gap:]] == lane[order[:-gap]]) & (tokens[gap:] == tokens[:-gap]).all(1))
    order = order[fresh]
    return order[rank_within(lane[order]) < width]
