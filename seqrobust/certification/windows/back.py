"""From the longest paths back to members: all at which a way to the goal comes near it, and no others.

A path is followed from the end of the record; the best values before each position say at once whether what is left can
still be reached, so that nothing is followed in vain.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.certification.windows.path import Choices, Most, Step, gain, planned
from seqrobust.certification.windows.tables import WindowTables


@dataclass(frozen=True, kw_only=True, eq=False)
class _Open:
    """F paths, known from some position on.

    Attributes:
        state, left: (F,) state before what is known, and units left for it.
        gained: (F,) what the known part adds.
        letters: (F, n) tokens of the known part.
    """

    state: Tensor
    left: Tensor
    gained: Tensor
    letters: Tensor


def members_above(
    tables: WindowTables, choices: Choices, weights: Tensor, found: Most, units: int, least: float, *, limit: int
) -> tuple[Tensor, bool]:
    """Members at a cost of exactly ``units`` where one linear function of the logits is ``least`` or more.

    Args:
        tables, choices: as for :meth:`~seqrobust.certification.windows.path.LongestPath.most`.
        weights: (1, outputs) of the function.
        found: what that gave for this function alone, kept.
        units, least: the cost and the value.
        limit: members that are given at most, those of the largest values.

    Returns:
        (n, L) tokens, and whether those are all.
    """
    whole = True
    zero = torch.zeros(1, dtype=torch.int64)
    open_ = _Open(
        state=zero,
        left=zero + units,
        gained=torch.zeros(1, dtype=torch.float64),
        letters=torch.zeros(1, 0, dtype=torch.uint8),
    )
    plan = planned(tables, len(choices.tokens))
    for position in reversed(range(len(choices.tokens))):
        step, before = found.trail[position]
        start, _, windows = plan[position]
        path, row = _joined(open_.state, step)
        used, where = torch.unique(row, return_inverse=True)
        added = torch.zeros(len(used), dtype=torch.float64)
        for window in windows:
            added = added + (gain(tables, window, choices, step.digits[used], start) @ weights.T)[:, 0]
        gained = open_.gained[path] + added[where]
        left = open_.left[path] - torch.tensor(choices.costs[position])[step.choice[row]]
        value = gained + torch.where(left >= 0, before[step.parent[row], left.clamp(min=0), 0], -torch.inf)
        kept = torch.nonzero(value >= least).flatten()
        if len(kept) > limit:
            whole, kept = False, kept[value[kept].topk(limit).indices]
        letter = choices.tokens[position][step.choice[row[kept]]]
        open_ = _Open(
            state=step.parent[row[kept]],
            left=left[kept],
            gained=gained[kept],
            letters=torch.cat([letter[:, None], open_.letters[path[kept]]], 1),
        )
    return open_.letters, whole


def _joined(state: Tensor, step: Step) -> tuple[Tensor, Tensor]:
    """(J,) numbers of paths and of rows of a step that lead to the (F,) state of each."""
    order = step.child.argsort(stable=True)
    sorted_ = step.child[order]
    first, last = torch.searchsorted(sorted_, state), torch.searchsorted(sorted_, state, right=True)
    count = last - first
    path = torch.repeat_interleave(torch.arange(len(state)), count)
    within = torch.arange(len(path)) - torch.repeat_interleave(count.cumsum(0) - count, count)
    return path, order[first[path] + within]
