"""Greedy: one edit at a time, ranked by gradient, chosen by exact score."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.attacks.search import AskGradient, AskNeighbours, Search, View, gradient_of
from seqrobust.neighbours import Edits, apply_edits


@dataclass(frozen=True, kw_only=True)
class Greedy:
    """Start from the best sequence of smaller budgets and spend what is left, edit by edit.

    Attributes:
        top: candidates with the largest first-order gain that are scored exactly at each edit.
    """

    top: int = 16
    name: str = "greedy"

    def search(self, view: View) -> Search:
        """See :class:`~seqrobust.attacks.search.Attack`."""
        threat, tokens = view.threat, view.start
        left = int((threat.budget - threat.spent(tokens)).max().item())
        for _ in range(left):
            gradient = gradient_of((yield AskGradient(tokens)))
            edits = ranked_edits(gradient, tokens, threat.moves(tokens), self.top)
            if not len(edits.record):
                return
            scores = (yield AskNeighbours(tokens, edits)).value
            tokens = commit_best(tokens, edits, scores)


def ranked_edits(gradient: Tensor, tokens: Tensor, moves: Tensor, top: int) -> Edits:
    """For each record the ``top`` single edits of largest first-order gain from where it stands.

    Args:
        gradient: (n, K, L) at ``tokens`` (n, L).
        moves: (n, K, L) bool, what may be put where.

    Ties go to the earlier position, then the earlier letter.
    """
    letters = moves.shape[1]
    now = gradient.gather(1, tokens.long().clamp(max=letters - 1)[:, None])
    gain = (gradient - now).masked_fill(~moves, -torch.inf).transpose(1, 2).flatten(1)
    ordered, order = gain.sort(dim=1, descending=True, stable=True)
    ordered, order = ordered[:, :top], order[:, :top]
    record, rank = torch.nonzero(ordered > -torch.inf, as_tuple=True)
    chosen = order[record, rank]
    return Edits(record, (chosen // letters)[:, None], (chosen % letters)[:, None])


def commit_best(tokens: Tensor, edits: Edits, scores: Tensor) -> Tensor:
    """(n, L) tokens with each record's best-scored candidate applied, even where it is worse than standing still."""
    winner = best_candidates(edits.record, scores, len(tokens))
    rows = torch.nonzero(winner >= 0).flatten()
    chosen = edits.take(winner[rows])
    moved = tokens.clone()
    moved[rows] = apply_edits(tokens, Edits(rows, chosen.position, chosen.letter))
    return moved


def best_candidates(record: Tensor, scores: Tensor, records: int) -> Tensor:
    """(n,) int64 number of each record's best-scored candidate, the first of equals; -1 for a record without one."""
    best = torch.full((records,), -torch.inf, device=scores.device, dtype=scores.dtype)
    best = best.scatter_reduce(0, record, scores, "amax")
    numbers = torch.arange(len(scores), device=scores.device)
    is_best = (scores == best[record]) & (scores > -torch.inf)
    first = torch.full((records,), len(scores), device=scores.device)
    first = first.scatter_reduce(0, record[is_best], numbers[is_best], "amin")
    return torch.where(first < len(scores), first, -1)
