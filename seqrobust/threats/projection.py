"""Euclidean projection onto the convex hull of a substitution threat.

The hull is {P : every column in the simplex of its permitted letters, sum_i (1 - P[x_i, i]) <= k}. With a multiplier
lambda for the coupling constraint, the projection of V splits into columns: p_i(lambda) = Proj_simplex(v_i + lambda
e_{x_i}). The mass q_i that column i puts off its clean letter is piecewise linear and falls as lambda grows, with at
most K breakpoints that one sort of the column gives. Sorting all breakpoints of a record solves
sum_i q_i(lambda) = k exactly: no iteration, no tolerance.

With unequal costs the constraint reads sum c P <= B; there lambda is found by bisection in float64.
"""

from __future__ import annotations

import torch
from torch import Tensor

_NEVER = -1e30
"""Stands for minus infinity where arithmetic with an infinity would give NaN."""


def project_onto_simplex(values: Tensor, permitted: Tensor) -> Tensor:
    """Projection of each column (dim 1) onto the simplex of its permitted letters (Held, Wolfe & Crowder 1974).

    Args:
        values: (N, K, L).
        permitted: (N, K, L) bool. A column that permits nothing becomes zeros.

    Returns:
        (N, K, L) of the dtype of ``values``.
    """
    masked = values.masked_fill(~permitted, _NEVER)
    ordered = masked.sort(dim=1, descending=True).values
    rank = torch.arange(1, values.shape[1] + 1, device=values.device, dtype=values.dtype)[None, :, None]
    threshold = (ordered.cumsum(1) - 1) / rank
    active = (ordered > threshold) & (ordered > _NEVER / 2)
    last = active.sum(1, keepdim=True).clamp(min=1) - 1
    return (masked - threshold.gather(1, last)).clamp(min=0) * permitted


def multiplier(values: Tensor, clean: Tensor, others: Tensor, budget: Tensor) -> Tensor:
    """The smallest lambda >= 0 under which at most ``budget`` mass leaves the clean letters; exact.

    Args:
        values: (N, K, L) float64 point to project.
        clean: (N, L) its entries at the clean letters.
        others: (N, K, L) bool, letters a column may switch to.
        budget: (N,) float64, k.

    Returns:
        (N,) float64.
    """
    letters = values.shape[1]
    ordered = values.masked_fill(~others, _NEVER).sort(dim=1, descending=True).values
    exists = ordered > _NEVER / 2
    rank = torch.arange(1, letters + 1, device=values.device, dtype=values.dtype)[None, :, None]
    total = ordered.masked_fill(~exists, 0).cumsum(1)
    # Letter j of a column starts to take mass when the off-clean mass q reaches sum_{l<j} (u_l - u_j).
    entry_mass = total - rank * ordered
    enters = exists & (entry_mass < 1)
    count = enters.sum(1)
    at_full = total.gather(1, count.clamp(min=1)[:, None] - 1).squeeze(1)
    # lambda(q) = theta(q) + 1 - q - v_clean, theta the threshold of the other letters when they share mass q.
    entry = (ordered + 1 - entry_mass - clean[:, None]).masked_fill(~enters, _NEVER)
    full = ((at_full - 1) / count.clamp(min=1) - clean).masked_fill(count == 0, _NEVER)
    # Below entry j the mass grows with slope j / (j + 1); once the column is full it grows no more.
    slope_in = (1 / (rank * (rank + 1))).expand_as(entry).masked_fill(~enters, 0)
    slope_out = -(count / (count + 1)).to(values.dtype)
    points = torch.cat([entry.flatten(1), full], dim=1)
    slopes = torch.cat([slope_in.flatten(1), slope_out], dim=1)
    points, order = points.sort(dim=1, descending=True)
    slopes = slopes.gather(1, order).cumsum(1)
    gaps = points[:, :-1] - points[:, 1:]
    mass = torch.cat([torch.zeros_like(points[:, :1]), (slopes[:, :-1] * gaps).cumsum(1)], dim=1)
    # The first breakpoint at which the mass exceeds the budget ends the segment that holds the solution.
    beyond = mass > budget[:, None]
    segment = (beyond.to(torch.uint8).argmax(1) - 1).clamp(min=0)[:, None]
    slope = slopes.gather(1, segment).clamp(min=1e-300)
    solution = points.gather(1, segment) - (budget[:, None] - mass.gather(1, segment)) / slope
    return torch.where(beyond.any(1), solution.squeeze(1), torch.zeros_like(budget)).clamp(min=0)


def weighted_multiplier(values: Tensor, permitted: Tensor, costs: Tensor, budget: Tensor) -> Tensor:
    """The smallest lambda >= 0 with sum costs * Proj(values - lambda costs) <= budget, by bisection.

    Args:
        values, permitted, costs: (N, K, L), float64, bool, float64 (zero at clean letters).
        budget: (N,) float64.

    Returns:
        (N,) float64, from above: the budget is kept.
    """

    def spent(factor: Tensor) -> Tensor:
        return (costs * project_onto_simplex(values - factor[:, None, None] * costs, permitted)).sum((1, 2))

    low = torch.zeros_like(budget)
    spread = values.masked_fill(~permitted, 0).abs().amax((1, 2)) * 2 + 1
    cheapest = costs.masked_fill(costs <= 0, torch.inf).amin((1, 2))
    # At this multiplier every dearer letter lies more than 1 below the clean one, so nothing is spent.
    high = torch.where(torch.isfinite(cheapest), spread / cheapest, low)
    high = torch.where(spent(low) <= budget, low, high)
    for _ in range(100):
        middle = (low + high) / 2
        fits = spent(middle) <= budget
        high, low = torch.where(fits, middle, high), torch.where(fits, low, middle)
    return high
