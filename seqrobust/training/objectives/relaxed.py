"""A step off the sequences: what an adversary of another norm than edits would add to a one-hot input.

A curriculum may begin with it: such a step spreads over all editable letters, so that early training meets a little
harm everywhere before it meets whole letters. Its length is set by what it does rather than by what it measures: to
first order it raises the loss by exactly as much as the best edits within the budget.

    l2     step = g * D / |g|_2^2
    linf   step = sign(g) * D / |g|_1

where g is the gradient of the loss at the clean sequence, kept to the letters of positions that may change, and D the
sum of its k largest gains (the threat's dual norm).
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import torch
from torch import Tensor

from seqrobust.models import SequenceModel
from seqrobust.threats import BoundThreat
from seqrobust.training.data import Batch
from seqrobust.training.objectives.robust import Robust
from seqrobust.training.objectives.search import dual_norm, still

Norm: TypeAlias = Literal["l2", "linf"]


def relaxed_case(objective: Robust, model: SequenceModel, batch: Batch, norm: Norm, *, share: float = 1.0) -> Tensor:
    """(B, K, W) inputs that are no sequences, at which the loss is high to first order.

    Args:
        objective: gives the loss, the encoding and the permitted switches.
        model: its modes, statistics and parameter gradients are left as they were.
        batch: clean records.
        norm: what the step is steepest in.
        share: of each record's budget, rounded up.
    """
    threat = objective.bound(batch, share)
    with torch.enable_grad(), still(model):
        encoded = objective.encoded(batch.tokens).requires_grad_(True)
        harm = objective.harm(model(encoded, batch.lengths), batch.targets)
        (gradient,) = torch.autograd.grad(harm.sum(), encoded)
    return encoded.detach() + steepest(threat, gradient.float(), norm)


def steepest(threat: BoundThreat, gradient: Tensor, norm: Norm) -> Tensor:
    """(B, K, W) the step in which a linear function with that gradient rises by the threat's dual norm; zero where no
    letter may change.
    """
    movable = threat.permitted & (threat.permitted.sum(1, keepdim=True) > 1)
    kept = gradient * movable
    direction = kept if norm == "l2" else kept.sign()
    slope = (direction * kept).sum((1, 2))
    rise = torch.where(slope > 0, dual_norm(threat, gradient) / slope, 0)
    return direction * rise[:, None, None]
