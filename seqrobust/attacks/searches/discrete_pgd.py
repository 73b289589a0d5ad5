"""Discrete projected gradient: gradients are only ever taken at real sequences.

Each step adds the gradient at the current sequence to a running sum, which is a step into the hull, and reads off the
best corner for that sum, which is the next sequence. This is dual averaging (Nesterov 2009) with the threat's
closed-form maximiser; its cost does not grow with the budget, and there is nothing to round.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from seqrobust.attacks.search import Access, AskGradient, AskSequences, Search, View, gradient_of
from seqrobust.attacks.ways import lanes_of


@dataclass(frozen=True, kw_only=True)
class DiscretePGD:
    """Steps from the clean sequence, then restarts from random members.

    Attributes:
        steps: gradients per start.
        restarts: random starts after the first.
        momentum: share of the running sum kept at each step.
        ways: ways to the goal (rival classes, say) that are climbed each by itself, those that lead at first.
    """

    steps: int = 10
    restarts: int = 0
    ways: int = 4
    momentum: float = 1.0
    name: str = "discrete_pgd"
    access: Access = "gradients"

    def search(self, view: View) -> Search:
        """See :class:`~seqrobust.attacks.search.Attack`."""
        lanes = lanes_of(view, self.ways)
        threat = view.threat.take(lanes.owner)
        columns = threat.tokens.shape[1] + 1
        for start in range(self.restarts + 1):
            tokens = threat.tokens
            if start:
                tokens = threat.sample(view.uniforms(columns)[lanes.owner], full=True)
            total = torch.zeros(threat.permitted.shape, device=tokens.device)
            for _ in range(self.steps):
                gradient = gradient_of((yield AskGradient(tokens, lanes.owner, lanes.way)))
                total = self.momentum * total + gradient
                tokens = threat.best_response(total).tokens
            yield AskSequences(lanes.owner, tokens)
