"""When two values of a goal are the same but for rounding, in the rounding of the very numbers they are made of.

Scores from caches and scores of plain batches differ in their last bits, and a search that told such values apart would
pay for nothing with edits. But what a model says beside the outputs that a goal goes by has no part in this: a class
that is masked with -1e9 does not make two others the same.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from seqrobust.attacks.goals import FARTHEST, BoundGoal

ROUNDING = 1e-6
"""Share of their size by which scores may differ for no other reason than the order in which they were summed: a few
times what exact neighbour scores and plain forward passes were seen to differ by."""


class Judged(NamedTuple):
    """What a goal makes of M outputs.

    Attributes:
        value: (M,) objectives.
        ways: (M, W) ways to the goal.
        rounding: (M, W) by how much each may be off; 0 where it is infinite.
    """

    value: Tensor
    ways: Tensor
    rounding: Tensor

    @property
    def slack(self) -> Tensor:
        """(M,) by how much the objectives may be off."""
        return leading_rounding(self.ways, self.rounding)

    @property
    def told(self) -> Tensor:
        """(M,) objectives that a search can calculate with."""
        return self.value.clamp(-FARTHEST, FARTHEST)


def judged(goal: BoundGoal, logits: Tensor, rows: Tensor) -> Judged:
    """What a goal makes of (M, outputs) logits of records ``rows`` (M,); minus infinity of those that are NaN."""
    sizes = goal.sizes(logits, rows)
    rounding = (ROUNDING * sizes).masked_fill(sizes.isinf() | sizes.isnan(), 0)
    value, ways = goal.objective(logits, rows), goal.ways(logits, rows)
    return Judged(_known(value), _known(ways), rounding)


def _known(part: Tensor) -> Tensor:
    return part.masked_fill(part.isnan(), -torch.inf)


def leading_rounding(ways: Tensor, rounding: Tensor) -> Tensor:
    """(M,) of the way that leads, among (M, W)."""
    return rounding.gather(1, ways.argmax(1, keepdim=True)).squeeze(1)


def near_threshold(goal: BoundGoal, scored: Judged) -> Tensor:
    """(M,) bool: values of which rounding alone decides whether they reach the goal."""
    return goal.reached(scored.value + scored.slack) != goal.reached(scored.value - scored.slack)


def best_candidates(record: Tensor, scores: Tensor, records: int, rounding: Tensor | None = None) -> Tensor:
    """(n,) int64 number of each record's best-scored candidate, the first of equals; -1 for a record without one.

    Scores that differ by no more than rounding are equal, so that the choice does not hang on how they were computed.

    Args:
        record, scores: (M,) of the candidates; minus infinity for one that does not count.
        records: n.
        rounding: (M,) by how much each score may be off; that of a record's best counts. None for exact scores.
    """
    best = torch.full((records,), -torch.inf, device=scores.device, dtype=scores.dtype)
    best = best.scatter_reduce(0, record, scores, "amax")
    if rounding is None:
        is_best = scores == best[record]
    else:
        leads = scores == best[record]
        slack = torch.zeros_like(best).scatter_reduce(0, record[leads], rounding[leads].to(best.dtype), "amax")
        is_best = scores >= (best - slack)[record]
    is_best &= scores > -torch.inf
    numbers = torch.arange(len(scores), device=scores.device)
    first = torch.full((records,), len(scores), device=scores.device)
    first = first.scatter_reduce(0, record[is_best], numbers[is_best], "amin")
    return torch.where(first < len(scores), first, -1)
