"""The longest path: the most that every way to the goal can gain within every number of units, in one pass.

A state is what stands at the positions that later windows still need, as choices among each position's letters (the
clean letter first, at no cost), and only choices that the budget pays for are kept: with few edits few states differ
from the clean window. Appending a position multiplies the states by its letters, adds the windows that end there, and
drops the positions that nothing needs any more, of which the best choice is kept.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.certification.windows.recognise import Window
from seqrobust.certification.windows.tables import WindowTables

_MOST_STATES = 1 << 21
"""Choices of one step, times units: beyond it a step would take too long, and too much memory."""


class TooManyStatesError(Exception):
    """The windows hold too many choices at this budget; the text says how many."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Choices:
    """What may stand at each of L positions.

    Attributes:
        tokens: (n,) uint8 of each position, the clean one first.
        costs: units of each, 0 first.
    """

    tokens: tuple[Tensor, ...]
    costs: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Step:
    """How the states of one position come from those before.

    Attributes:
        parent, choice: (S',) state before, and choice at the new position.
        digits: (S', p) choices at the positions in play, the new one last.
        child: (S',) state that remains once positions are dropped.
        kept: (S, p') choices of those states.
    """

    parent: Tensor
    choice: Tensor
    digits: Tensor
    child: Tensor
    kept: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Most:
    """What a pass gives.

    Attributes:
        exact: (units + 1, W) most at each cost; minus infinity at a cost that nothing has.
        trail: where it was to be kept, the step of each position and the (S, units + 1, W) best values before it.
    """

    exact: Tensor
    trail: list[tuple[Step, Tensor]]


class LongestPath:
    """Steps between states, remembered: they depend on numbers and costs of choices alone."""

    def __init__(self) -> None:
        self._steps: dict[tuple[object, ...], Step] = {}

    def most(
        self,
        tables: WindowTables,
        choices: Choices,
        weights: Tensor,
        units: int,
        *,
        deadline: float,
        keep: bool = False,
    ) -> Most:
        """The most that W linear functions of the logits can be at a cost of exactly 0 to ``units``.

        Args:
            tables: what windows contribute.
            choices: of every position.
            weights: (W, outputs) of the functions.
            units: the largest cost.
            deadline: of :func:`time.monotonic`.
            keep: whether to keep what :func:`~seqrobust.certification.windows.back.members_above` needs.

        Raises TooManyStatesError where windows are too wide for the budget or the time.
        """
        best = torch.full((1, units + 1, len(weights)), -torch.inf, dtype=torch.float64)
        best[0, 0] = tables.sums.constant @ weights.T
        kept, trail = torch.zeros(1, 0, dtype=torch.int64), []
        plan = planned(tables, len(choices.tokens))
        for position, (start, after, windows) in enumerate(plan):
            if time.monotonic() > deadline:
                raise TooManyStatesError(f"stopped at the time limit at position {position + 1}")
            step = self._step(kept, choices.costs[start : position + 1], after - start, units)
            if keep:
                trail.append((step, best))
            grown = paid(best[step.parent], step.choice, choices.costs[position])
            for window in windows:
                grown = grown + (gain(tables, window, choices, step.digits, start) @ weights.T)[:, None]
            best = torch.full((len(step.kept), *grown.shape[1:]), -torch.inf, dtype=torch.float64)
            best = best.scatter_reduce(0, step.child[:, None, None].expand_as(grown), grown, "amax")
            kept = step.kept
        return Most(exact=best[0], trail=trail)

    def _step(self, kept: Tensor, costs: Sequence[tuple[int, ...]], dropped: int, units: int) -> Step:
        key = (tuple(costs), dropped, units)
        if key not in self._steps:
            self._steps[key] = _made_step(kept, costs, dropped, units)
        return self._steps[key]


def _made_step(kept: Tensor, costs: Sequence[tuple[int, ...]], dropped: int, units: int) -> Step:
    """The step from (S, p - 1) states by the choices of p positions.

    States are those of the positions in play in lexicographic order of their digits that cost no more than ``units``,
    however they came about, so that equal costs give equal steps.
    """
    spent = torch.zeros(len(kept), dtype=torch.int64)
    for column, price in enumerate(costs[:-1]):
        spent += torch.tensor(price)[kept[:, column]]
    fits = spent[:, None] + torch.tensor(costs[-1]) <= units
    if int(fits.sum()) * (units + 1) > _MOST_STATES * 4:
        raise TooManyStatesError(f"{int(fits.sum()):,} choices of {len(costs)} positions at {units} units")
    parent, choice = torch.nonzero(fits, as_tuple=True)
    digits = torch.cat([kept[parent], choice[:, None]], 1)
    remaining = digits[:, dropped:]
    states, child = torch.unique(remaining, dim=0, return_inverse=True) if remaining.shape[1] else _one(remaining)
    return Step(parent=parent, choice=choice, digits=digits, child=child, kept=states)


def _one(remaining: Tensor) -> tuple[Tensor, Tensor]:
    return remaining[:1], torch.zeros(len(remaining), dtype=torch.int64)


def paid(best: Tensor, choice: Tensor, costs: tuple[int, ...]) -> Tensor:
    """(S', units + 1, W) values once the (S',) choices are paid for."""
    after = torch.full_like(best, -torch.inf)
    price = torch.tensor(costs)[choice]
    width = best.shape[1]
    for cost in sorted(set(costs)):
        rows = price == cost
        if cost < width:
            after[rows, cost:] = best[rows, : width - cost]
    return after


def planned(tables: WindowTables, length: int) -> list[tuple[int, int, list[Window]]]:
    """For each position the first one in play before it and after it, and the windows that end there."""
    ending: list[list[Window]] = [[] for _ in range(length)]
    for window in tables.sums.windows:
        ending[window.end].append(window)
    after, plan = length, []
    for position in reversed(range(length)):
        needed = min(after, position + 1)
        after = min([after, *(window.start for window in ending[position])])
        plan.append((min(after, position), needed, ending[position]))
    return plan[::-1]


def gain(tables: WindowTables, window: Window, choices: Choices, digits: Tensor, start: int) -> Tensor:
    """(S, outputs) what a window adds where (S, p) choices stand from position ``start`` on."""
    columns = range(window.start, window.end + 1)
    tokens = [choices.tokens[place][digits[:, place - start]] for place in columns]
    return tables.values(window, torch.stack(tokens, 1))
