"""Outputs of single edits of the clean sequences: scored once for all attacks and budgets, and what they show.

How many of them do nothing at all says whether a search has a slope to follow. On a plateau no single edit is better
than another, and two that flip a prediction together look like any other two; see :meth:`Singles.flat`.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from seqrobust.attacks.goals import FARTHEST, BoundGoal
from seqrobust.attacks.rounding import Judged, judged
from seqrobust.neighbours import Edits

_ALONG = 0.2
"""Correlation of first-order with exact gains below which gradients are no guide."""
_REMEMBERED = 1 << 26
"""Outputs of single edits of a shard's clean sequences that are kept: 256 MiB."""


class Singles:
    """Of n records.

    Args:
        permitted: (n, K, L) bool, letters that may stand.
        clean: (n, outputs) logits of the clean sequences.
        goal: on those records.
    """

    def __init__(self, permitted: Tensor, clean: Tensor, goal: BoundGoal) -> None:
        self.goal, self.clean = goal, clean
        self._known = torch.zeros_like(permitted, dtype=torch.bool)
        self.fits = permitted.numel() * clean.shape[1] <= _REMEMBERED
        shape = (*permitted.shape, clean.shape[1]) if self.fits else (0,)
        self._outputs = torch.zeros(shape, device=clean.device)

    def outputs(self, rows: Tensor, edits: Edits, ask: Callable[[Tensor], Tensor]) -> Tensor:
        """(M, outputs) of single edits of records ``rows`` (M,); only what is not known yet is asked.

        Args:
            rows: of the edits' records among the n.
            edits: one each.
            ask: from numbers of edits to their outputs.
        """
        position, letter = edits.position[:, 0], edits.letter[:, 0]
        if not self.fits:
            self._known[rows, letter, position] = True
            return ask(torch.arange(len(rows), device=rows.device))
        new = torch.nonzero(~self._known[rows, letter, position]).flatten()
        if len(new):
            self._outputs[rows[new], letter[new], position[new]] = ask(new)
            self._known[rows[new], letter[new], position[new]] = True
        return self._outputs[rows, letter, position]

    def complete(self, moves: Tensor) -> Tensor:
        """(n,) bool: every single edit of (n, K, L) bool ``moves`` has been scored."""
        return (self._known | ~moves).all(1).all(1)

    def flat(self) -> Tensor:
        """(n,) share of the single edits scored so far that leave the goal's value as it is, up to rounding.

        0 for records of which none is known, or too many to be kept.
        """
        share = torch.zeros(len(self.clean), device=self.clean.device)
        row, letter, position = torch.nonzero(self._known, as_tuple=True)
        if not self.fits or not len(row):
            return share
        edited, clean = judged(self.goal, self._outputs[row, letter, position], row), self._clean()
        slack = torch.maximum(edited.slack, clean.slack[row])
        same = (edited.told - clean.told[row]).abs() <= slack
        count = torch.zeros_like(share).scatter_add(0, row, torch.ones_like(share[row]))
        return share.scatter_add(0, row, same.to(share.dtype)) / count.clamp(min=1)

    def misled(self, gain: Tensor) -> Tensor:
        """(n,) bool: (n, K, L) first-order gains hardly go with what the single edits scored so far do.

        Where Pearson's correlation over them is below :data:`_ALONG`: a search that follows gradients goes astray.
        """
        row, letter, position = torch.nonzero(self._known, as_tuple=True)
        if not self.fits or not len(row):
            return torch.zeros(len(self.clean), dtype=torch.bool, device=self.clean.device)
        told = judged(self.goal, self._outputs[row, letter, position], row).told
        known = told > -FARTHEST / 2
        row, pair = row[known], torch.stack([told[known], gain[row, letter, position][known]], 1).double()
        count = pair.new_zeros(len(self.clean)).index_add(0, row, torch.ones_like(pair[:, 0]))
        mean = pair.new_zeros(len(self.clean), 2).index_add(0, row, pair) / count.clamp(min=1)[:, None]
        pair = pair - mean[row]
        squares = pair.new_zeros(len(self.clean), 2).index_add(0, row, pair * pair)
        products = pair.new_zeros(len(self.clean)).index_add(0, row, pair[:, 0] * pair[:, 1])
        found: Tensor = (count > 2) & (products <= _ALONG * squares.prod(1).sqrt())
        return found

    def _clean(self) -> Judged:
        return judged(self.goal, self.clean, torch.arange(len(self.clean), device=self.clean.device))
