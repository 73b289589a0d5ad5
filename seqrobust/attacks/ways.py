"""Searches that climb each way to a goal by itself: towards every rival class, say.

The objective is the largest of its ways, so its gradient only sees the way that leads at the moment. Where another one
leads further, a search that follows the objective never finds it (targeted attacks in turn: Croce & Hein 2020).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from seqrobust.attacks.search import View


class Lanes(NamedTuple):
    """Record and way to the goal of M searches that go side by side: (M,) int64 each."""

    owner: Tensor
    way: Tensor

    def take(self, chosen: Tensor) -> Lanes:
        """Those lanes (indices or mask)."""
        return Lanes(self.owner[chosen], self.way[chosen])


def lanes_of(view: View, most: int) -> Lanes:
    """Up to ``most`` lanes per record, of the ways that lead at the clean sequence; by record, the leader first."""
    ordered, order = view.ways.sort(dim=1, descending=True, stable=True)
    owner, rank = torch.nonzero(ordered[:, :most] > -torch.inf, as_tuple=True)
    return Lanes(owner, order[owner, rank])


def leading(lanes: Lanes, value: Tensor, most: int) -> Tensor:
    """Numbers of each record's ``most`` lanes of largest (M,) value, in their order."""
    order = value.sort(descending=True, stable=True).indices
    order = order[lanes.owner[order].sort(stable=True).indices]
    return order[rank_within(lanes.owner[order]) < most].sort().values


def rank_within(group: Tensor) -> Tensor:
    """(M,) place of each among those of its group, which stand together."""
    place = torch.arange(len(group), device=group.device)
    starts = torch.ones_like(group, dtype=torch.bool)
    starts[1:] = group[1:] != group[:-1]
    return place - torch.where(starts, place, 0).cummax(0).values
