"""Inner searches: the members of a threat that an objective asks for.

The inner maximiser is the threat's closed form. One step takes the k largest gains of the gradient at the clean
sequence together; with more steps, gradients at the sequences found so far are summed and the best response to the sum
is taken (discrete projected gradient).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TypeAlias

import torch
from torch import Tensor, nn

from seqrobust.models import SequenceModel
from seqrobust.threats import BoundThreat
from seqrobust.training.data import Batch
from seqrobust.training.objectives.robust import Robust

Climbed: TypeAlias = Callable[[Tensor, int], Tensor]
"""From logits (B, outputs) and the number of the step, from 0, to what that step climbs (B,)."""


def worst_case(objective: Robust, model: SequenceModel, batch: Batch, *, steps: int, share: float = 1.0) -> Tensor:
    """(B, W) uint8 tokens inside the threat at which the loss is high.

    Args:
        objective: gives the loss, the encoding and the permitted switches.
        model: its modes, statistics and parameter gradients are left as they were.
        batch: clean records.
        steps: gradients taken.
        share: of each record's budget, rounded up.
    """
    return worst_cases(objective, model, batch, steps=steps, share=share)[-1]


def worst_cases(
    objective: Robust, model: SequenceModel, batch: Batch, *, steps: int, share: float = 1.0
) -> list[Tensor]:
    """What :func:`worst_case` found after each of its steps."""
    return ascent(
        objective, model, batch, objective.bound(batch, share), steps, lambda z, _: objective.harm(z, batch.targets)
    )


def ascent(
    objective: Robust,
    model: SequenceModel,
    batch: Batch,
    threat: BoundThreat,
    steps: int,
    climbed: Climbed,
    start: Tensor | None = None,
) -> list[Tensor]:
    """(B, W) uint8 members of a threat on the batch after each step of an ascent of any function of the logits.

    The first gradient is taken at the clean tokens, or where ``start`` (B, W) says.
    """
    found = [batch.tokens if start is None else start]
    total = torch.zeros(threat.permitted.shape, device=batch.tokens.device)
    # Validation runs without gradients; the search needs them.
    with torch.enable_grad(), still(model):
        for step in range(steps):
            encoded = objective.encoded(found[-1]).requires_grad_(True)
            value = climbed(model(encoded, batch.lengths), step)
            (gradient,) = torch.autograd.grad(value.sum(), encoded)
            total = total + gradient.float()
            found.append(threat.best_response(total).tokens)
    return found[1:]


def random_members(threat: BoundThreat, *, forced: bool) -> Tensor:
    """(B, W) uint8 random members, the best responses to random gradients: no table of counts, no loop over columns.

    Args:
        threat: its sets.
        forced: spend the whole budget on letters other than the clean ones; every member that does is equally likely
            where every position has as many letters to choose from, at equal costs. Otherwise the clean letter is as
            good as any, so that a budget that covers every position draws each letter by itself.

    Drawn from torch's own generator of the device, which training seeds at every step.
    """
    gradient = torch.rand(threat.permitted.shape, device=threat.tokens.device)
    return threat.best_response(gradient - 2.0 * threat.clean if forced else gradient).tokens


def dual_norm(threat: BoundThreat, gradient: Tensor, reduction: str = "sum") -> Tensor:
    """(B,) what the best member adds to a linear function, differentiable in its gradient.

    Args:
        threat: its sets, at unit costs those of the k largest gains.
        gradient: (B, K, W) of the function.
        reduction: ``sum``, or ``mean`` over the letters that change.

    By the envelope theorem the derivative is that of the chosen gains, the choice held fixed.
    """
    tokens = threat.best_response(gradient.detach()).tokens
    letters = torch.arange(gradient.shape[1], device=tokens.device)[None, :, None]
    move = (tokens[:, None] == letters).to(gradient.dtype) - (threat.tokens[:, None] == letters).to(gradient.dtype)
    value = (gradient * move).sum((1, 2))
    return value if reduction == "sum" else value / threat.edited(tokens).sum(1).clamp(min=1)


@contextmanager
def still(model: nn.Module) -> Iterator[None]:
    """Dropout off and batch statistics frozen, in a state from which gradients can be had.

    cuDNN back-propagates through recurrent layers in training mode only, in which they compute the same unless they
    drop out by themselves; one that does is put in evaluation mode, and cuDNN off.
    """
    modes = {part: part.training for part in model.modules()}
    noisy = any(isinstance(part, nn.RNNBase) and part.dropout > 0 for part in modes)
    try:
        for part in modes:
            part.training = isinstance(part, nn.RNNBase) and part.dropout == 0
        with torch.backends.cudnn.flags(enabled=False) if noisy else nullcontext():
            yield
    finally:
        for part, mode in modes.items():
            part.training = mode


@contextmanager
def twice_differentiable(model: nn.Module) -> Iterator[None]:
    """A state from which gradients of gradients can be had: cuDNN has none of recurrent layers."""
    recurrent = any(isinstance(part, nn.RNNBase) for part in model.modules())
    with torch.backends.cudnn.flags(enabled=False) if recurrent else nullcontext():
        yield
