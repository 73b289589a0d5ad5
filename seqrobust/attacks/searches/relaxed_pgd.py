"""Relaxed projected gradient: climb inside the hull with exact projections, and round afterwards.

The way attacks on images are carried over, kept to compare with. The point reached is a mixture of sequences and no
result by itself: the corner nearest to each point of the path and a few random roundings of the last are scored, so
that it is judged by real sequences like any other search.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.attacks.search import Access, AskGradient, AskScores, AskSequences, Search, View, gradient_of
from seqrobust.attacks.variation import Variation, owners
from seqrobust.threats import BoundThreat


@dataclass(frozen=True, kw_only=True)
class RelaxedPGD:
    """Steps of a fixed length along a running mean of gradients, each projected onto the hull.

    Attributes:
        steps: gradients.
        size: length of a step (l2), as a share of the distance sqrt(2 k) from the clean sequence to k substitutions.
        momentum: share of the running mean of normalised gradients kept at each step.
        roundings: random roundings of the last point that are scored beside its best corner.
    """

    steps: int = 20
    size: float = 0.6
    momentum: float = 0.5
    roundings: int = 8
    name: str = "relaxed_pgd"
    access: Access = "gradients"

    def search(self, view: View) -> Search:
        """See :class:`~seqrobust.attacks.search.Attack`."""
        threat = view.threat
        answer = yield AskGradient(threat.tokens)
        point = view.encode(threat.tokens)
        velocity = torch.zeros_like(point)
        # With unequal costs the budget is in units; it bounds the number of substitutions all the same.
        length = self.size * (2.0 * threat.budget.clamp(max=threat.tokens.shape[1])).sqrt()[:, None, None]
        for step in range(self.steps):
            gradient = gradient_of(answer) * threat.permitted
            velocity = self.momentum * velocity + (1 - self.momentum) * _normalised(gradient)
            point = threat.project(point + length * _normalised(velocity))
            yield AskScores(best_corner(threat, point))
            if step + 1 < self.steps:
                answer = yield AskGradient(point)
        variation, width = Variation(threat), threat.tokens.shape[1]
        drawn = [random_corner(variation, point, view.uniforms(2 * width)) for _ in range(self.roundings)]
        if drawn:
            owner = owners(len(threat), self.roundings, point.device)
            yield AskSequences(owner, torch.stack(drawn, dim=1).flatten(0, 1))


def best_corner(threat: BoundThreat, point: Tensor) -> Tensor:
    """(n, L) members that change the columns of (n, K, L) ``point`` in which most mass has left the clean letter."""
    return threat.best_response(point * ~threat.clean).tokens


def random_corner(variation: Variation, point: Tensor, uniforms: Tensor) -> Tensor:
    """(n, L) members that change columns drawn in proportion to the mass that has left the clean letter.

    Args:
        variation: of n records.
        point: (n, K, L).
        uniforms: (n, 2 L) float64.
    """
    threat = variation.threat
    order, letters = uniforms.tensor_split(2, dim=1)
    mass = (point * (threat.permitted & ~threat.clean)).clamp(min=0).double()
    total = mass.sum(1)
    below = (mass.cumsum(1) <= (letters * total)[:, None]).sum(1).clamp(max=point.shape[1] - 1)
    # A column drawn twice by chance of rounding could land on a letter without mass; those stay clean.
    has_mass = mass.gather(1, below[:, None]).squeeze(1) > 0
    tokens = torch.where(has_mass, below.to(torch.uint8), threat.tokens)
    # Exponential clocks: the smallest of E / mass come first, a draw without replacement in proportion to mass.
    clock = -torch.log1p(-order) / total.clamp(min=1e-300)
    return variation.trim(torch.arange(len(tokens), device=tokens.device), tokens, clock)


def _normalised(gradient: Tensor) -> Tensor:
    """Each record's (K, L) at l2 length one; zeros stay zeros."""
    length: Tensor = torch.linalg.vector_norm(gradient, dim=(1, 2), keepdim=True)
    return gradient / length.clamp(min=1e-30)
