"""Discrete projected gradient: gradients are only ever taken at real sequences.

Each step adds the gradient at the current sequence to a running sum, which is a step into the hull, and reads off the
best corner for that sum, which is the next sequence. This is dual averaging (Nesterov 2009) with the threat's
closed-form maximiser; its cost does not grow with the budget, and there is nothing to round.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from seqrobust.attacks.search import Access, AskGradient, AskScores, Search, View, gradient_of


@dataclass(frozen=True, kw_only=True)
class DiscretePGD:
    """Steps from the clean sequence, then restarts from random members.

    Attributes:
        steps: gradients per start.
        restarts: random starts after the first.
        momentum: share of the running sum kept at each step.
    """

    steps: int = 10
    restarts: int = 0
    momentum: float = 1.0
    name: str = "discrete_pgd"
    access: Access = "gradients"

    def search(self, view: View) -> Search:
        """See :class:`~seqrobust.attacks.search.Attack`."""
        threat = view.threat
        for start in range(self.restarts + 1):
            tokens = threat.sample(view.uniforms(threat.tokens.shape[1] + 1), full=True) if start else threat.tokens
            total = torch.zeros(threat.permitted.shape, device=threat.tokens.device)
            for _ in range(self.steps):
                total = self.momentum * total + gradient_of((yield AskGradient(tokens)))
                tokens = threat.best_response(total).tokens
            yield AskScores(tokens)
