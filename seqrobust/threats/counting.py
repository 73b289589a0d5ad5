"""How many sequences a threat holds, and uniform draws from them, by dynamic programming over columns.

W[i, b] is the number of ways to edit columns i.. at a total cost of exactly b; W[i, b] = sum over the letters of column
i of W[i + 1, b - cost]. For unit costs W[0, b] is the elementary symmetric polynomial e_b(n_1, ..., n_L) of the
numbers of alternative letters. Counts are kept as logarithms: 3^k * C(L, k) outgrows float64 for large budgets.
"""

from __future__ import annotations

import torch
from torch import Tensor


def log_counts(costs: Tensor, budget: int) -> Tensor:
    """Logarithms of the number of ways to spend exactly b on columns i and later.

    Args:
        costs: (N, K, L) int64 cost of putting a letter at a column, 0 for the clean letter, negative where it is
            not permitted. A column without any permitted letter stays as it is.
        budget: the largest b.

    Returns:
        (N, L + 1, budget + 1) float64; minus infinity where there is no way.
    """
    records, _, length = costs.shape
    table = torch.full((records, length + 1, budget + 1), -torch.inf, dtype=torch.float64, device=costs.device)
    table[:, length, 0] = 0
    prices = [price for price in sorted(set(costs.flatten().tolist())) if 0 < price <= budget]
    ways = {price: (costs == price).sum(1).double().log() for price in prices}
    for column in reversed(range(length)):
        row = table[:, column + 1]
        for price in prices:
            shifted = torch.full_like(row, -torch.inf)
            shifted[:, price:] = table[:, column + 1, : budget + 1 - price] + ways[price][:, column, None]
            row = torch.logaddexp(row, shifted)
        table[:, column] = row
    return table


def draw(costs: Tensor, tokens: Tensor, uniforms: Tensor, spend: Tensor) -> Tensor:
    """Uniform draws among the sequences that spend exactly ``spend`` (or as near below it as can be spent).

    Args:
        costs: (N, K, L) int64 as in :func:`log_counts`.
        tokens: (N, L) uint8 clean tokens.
        uniforms: (N, L + 1) float64 in [0, 1); the last column chooses the spend where ``spend`` is negative.
        spend: (N,) int64 total cost; a negative one, -1 - b, draws uniformly among all sequences that cost at most b.

    Returns:
        (N, L) uint8 tokens.
    """
    largest = torch.where(spend < 0, -1 - spend, spend)
    table = log_counts(costs, int(largest.max().item()) if len(spend) else 0)
    left = _chosen_spend(table[:, 0], largest, spend < 0, uniforms[:, -1])
    drawn = tokens.clone()
    letters = costs.shape[1]
    for column in range(tokens.shape[1]):
        price = costs[:, :, column]
        after = left[:, None] - price
        possible = (price > 0) & (after >= 0)
        ways = table[:, column + 1].gather(1, after.clamp(0, table.shape[2] - 1)).masked_fill(~possible, -torch.inf)
        stay = table[:, column + 1].gather(1, left[:, None])
        # Probabilities of the K letters and of staying, then inversion of their cumulative sum.
        weights = torch.softmax(torch.cat([ways, stay], dim=1), dim=1)
        choice = (weights.cumsum(1) <= uniforms[:, column, None]).sum(1).clamp(max=letters)
        switched = choice < letters
        choice = torch.where(switched, choice, torch.zeros_like(choice))
        drawn[:, column] = torch.where(switched, choice.to(torch.uint8), tokens[:, column])
        left = torch.where(switched, after.gather(1, choice[:, None]).squeeze(1), left)
    return drawn


def _chosen_spend(log_ways: Tensor, largest: Tensor, up_to: Tensor, uniforms: Tensor) -> Tensor:
    """(N,) total cost of each draw: the largest that can be spent, or one drawn in proportion to its sequences."""
    amounts = torch.arange(log_ways.shape[1], device=log_ways.device)
    log_ways = log_ways.masked_fill(amounts > largest[:, None], -torch.inf)
    reachable = torch.where(log_ways > -torch.inf, amounts, 0).amax(1)
    cumulative = torch.softmax(log_ways, dim=1).cumsum(1)
    drawn = (cumulative <= uniforms[:, None]).sum(1)
    return torch.where(up_to, torch.minimum(drawn, reachable), reachable)
