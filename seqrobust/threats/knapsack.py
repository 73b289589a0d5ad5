"""The best response where switches cost unequally: a multiple-choice knapsack, solved exactly.

Costs are whole multiples of a unit, so that dynamic programming over columns and spent units is exact. (The linear
relaxation, a fractional knapsack, would be an upper bound whose corner need not be a sequence.)
"""

from __future__ import annotations

import torch
from torch import Tensor


def best_edits(gains: Tensor, costs: Tensor, budget: Tensor) -> tuple[Tensor, Tensor]:
    """Choose at most one letter a column to make the total gain largest within the budget.

    Args:
        gains: (N, K, L) gain of putting a letter at a column.
        costs: (N, K, L) int64 price; 0 for the clean letter (gain 0), negative where not permitted.
        budget: (N,) int64.

    Returns:
        (N, L) int64 chosen letter, -1 to stay; (N,) float64 total gain.
    """
    records, _, length = gains.shape
    width = int(budget.max().item()) + 1 if records else 1
    best = torch.zeros(records, width, dtype=torch.float64, device=gains.device)
    choices = torch.full((length, records, width), -1, dtype=torch.int64, device=gains.device)
    spend = torch.arange(width, device=gains.device)
    for column in range(length):
        price = costs[:, :, column, None]
        rest = spend - price
        possible = (price > 0) & (rest >= 0)
        before = best[:, None, :].expand(-1, price.shape[1], -1).gather(2, rest.clamp(0, width - 1))
        value = (before + gains[:, :, column, None]).masked_fill(~possible, -torch.inf)
        top, letter = value.max(dim=1)
        choices[column] = torch.where(top > best, letter, -1)
        best = torch.maximum(best, top)
    left = budget.clone()
    chosen = torch.full((records, length), -1, dtype=torch.int64, device=gains.device)
    for column in reversed(range(length)):
        letter = choices[column].gather(1, left[:, None]).squeeze(1)
        chosen[:, column] = letter
        paid = costs[:, :, column].gather(1, letter.clamp(min=0)[:, None]).squeeze(1)
        left = torch.where(letter >= 0, left - paid, left)
    return chosen, best.gather(1, budget[:, None]).squeeze(1)
