"""Greedy: one edit at a time, chosen by exact score, among all or among the best by gradient."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.attacks.rounding import best_candidates
from seqrobust.attacks.search import (
    Access,
    AskGradient,
    AskNeighbours,
    Search,
    View,
    gradient_of,
    rounding_of,
)
from seqrobust.neighbours import Edits, apply_edits


@dataclass(frozen=True, kw_only=True)
class Greedy:
    """Start from the best sequence of smaller budgets and spend what is left, edit by edit.

    Attributes:
        top: candidates with the largest first-order gain that are scored exactly at each edit; None for every edit that
            is permitted, without a gradient.
    """

    top: int | None = 16
    name: str = "greedy"

    @property
    def access(self) -> Access:
        """Gradients, unless every edit is scored."""
        return "scores" if self.top is None else "gradients"

    def search(self, view: View) -> Search:
        """See :class:`~seqrobust.attacks.search.Attack`."""
        threat, tokens = view.threat, view.start
        left = int((threat.budget - threat.spent(tokens)).max().item())
        for _ in range(left):
            if self.top is None:
                edits = all_edits(threat.moves(tokens))
            else:
                gradient = gradient_of((yield AskGradient(tokens)))
                edits = ranked_edits(gradient, tokens, threat.moves(tokens), self.top)
            if not len(edits.record):
                return
            answer = yield AskNeighbours(tokens, edits)
            tokens = commit_best(tokens, edits, answer.value, rounding_of(answer))


def all_edits(moves: Tensor) -> Edits:
    """Every single edit of (n, K, L) bool ``moves``: by record, position and letter."""
    record, position, letter = torch.nonzero(moves.transpose(1, 2), as_tuple=True)
    return Edits(record, position[:, None], letter[:, None])


def ranked_edits(gradient: Tensor, tokens: Tensor, moves: Tensor, top: int) -> Edits:
    """For each record the ``top`` single edits of largest first-order gain from where it stands.

    Args:
        gradient: (n, K, L) at ``tokens`` (n, L).
        moves: (n, K, L) bool, what may be put where.

    Ties go to the earlier position, then the earlier letter.
    """
    return top_edits(relative(gradient, tokens), moves, top)


def relative(gradient: Tensor, tokens: Tensor) -> Tensor:
    """(n, K, L) first-order gain of every letter over the one of ``tokens`` (n, L) that stands there."""
    return gradient - gradient.gather(1, tokens.long().clamp(max=gradient.shape[1] - 1)[:, None])


def top_edits(estimate: Tensor, moves: Tensor, top: int | None) -> Edits:
    """As :func:`ranked_edits`, from an (n, K, L) ``estimate`` of each edit's gain; all edits where ``top`` is None."""
    if top is None:
        return all_edits(moves)
    letters = moves.shape[1]
    gain = estimate.masked_fill(~moves, -torch.inf).transpose(1, 2).flatten(1)
    ordered, order = gain.sort(dim=1, descending=True, stable=True)
    ordered, order = ordered[:, :top], order[:, :top]
    record, rank = torch.nonzero(ordered > -torch.inf, as_tuple=True)
    chosen = order[record, rank]
    return Edits(record, (chosen // letters)[:, None], (chosen % letters)[:, None])


def commit_best(tokens: Tensor, edits: Edits, scores: Tensor, rounding: Tensor) -> Tensor:
    """(n, L) tokens with each record's best-scored candidate applied, even where it is worse than standing still."""
    winner = best_candidates(edits.record, scores, len(tokens), rounding)
    rows = torch.nonzero(winner >= 0).flatten()
    chosen = edits.take(winner[rows])
    moved = tokens.clone()
    moved[rows] = apply_edits(tokens, Edits(rows, chosen.position, chosen.letter))
    return moved
