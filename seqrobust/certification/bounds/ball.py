"""The largest values of linear functions of the one-hot input over a threat: the closed form that every bound ends in.

The hull of the threat is integral, so nothing is lost: base + the sum of the largest gains, as many as edits are paid
for. Constraints only take members away, and are passed over: a bound over more members is a bound. (What
:meth:`BoundThreat.best_response` gives under a constraint is the value of one member, and no bound.)
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.threats import BoundThreat

_WIDER = 1e-12
"""Share of all sizes summed by which a bound is widened, against its own rounding in double precision."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ball:
    """The members of one record's threat that cost no more than some units, constraints aside.

    Attributes:
        clean: (K, L) float64 input of the record, unknown letters as the model is shown them.
        permitted: (K, L) bool letters that may stand at a position, the clean one too.
        edits: the most positions that so many units can change.
    """

    clean: Tensor
    permitted: Tensor
    edits: int

    @property
    def low(self) -> Tensor:
        """(1, K, L) smallest entries of a member."""
        alone = self.permitted.sum(0) <= 1
        return torch.where(alone, self.clean, 0.0)[None]

    @property
    def high(self) -> Tensor:
        """(1, K, L) largest entries of a member."""
        return torch.where(self.permitted, 1.0, self.clean)[None]

    def most(self, weights: Tensor) -> Tensor:
        """(R,) the largest values of (R, K, L) linear functions over the members."""
        now = (weights * self.clean).sum(1)
        best = weights.masked_fill(~self.permitted, -torch.inf).amax(1)
        gain = torch.where(self.permitted.any(0), best - now, 0.0).clamp(min=0)
        value = now.sum(1) + gain.topk(min(self.edits, gain.shape[1]), dim=1).values.sum(1)
        return value + _WIDER * weights.abs().amax(1).sum(1)


def ball_of(threat: BoundThreat, encoded: Tensor, units: int) -> Ball:
    """The members of the one record of a threat that cost at most ``units``.

    Args:
        threat: of one record, of which the first L positions are letters.
        encoded: (K, L) input of the record.
        units: the cost. Unequal costs are bounded by the cheapest: as many edits as that would pay for.
    """
    length = encoded.shape[1]
    prices = threat.prices[0, :, :length].cpu()
    positive = prices[prices > 0]
    cheapest = int(positive.min()) if len(positive) else 1
    affordable = (prices >= 0) & (prices <= units)
    return Ball(clean=encoded.double().cpu(), permitted=affordable, edits=units // cheapest)
