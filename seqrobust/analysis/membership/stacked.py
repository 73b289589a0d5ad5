"""Many models of one kind trained as one: their weights stacked, a forward and a backward pass for all of them.

A small model on a small batch keeps a processor busy with the starting of operations rather than with arithmetic; M
models together start no more operations than one (torch.func: stack_module_state, functional_call, vmap). The
optimiser's state is stacked with the weights, and since AdamW treats every weight by itself, each model takes the very
steps it would take alone; only the norm of a gradient is a model's own, and is clipped for each.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.func import functional_call, grad_and_value, stack_module_state, vmap

from seqrobust.models import SequenceModel
from seqrobust.training.losses import RecordLoss


class Stack:
    """M models of one architecture, in training mode, on one device.

    Attributes:
        parameters: M weights each, as the optimiser takes them.
    """

    def __init__(self, models: Sequence[SequenceModel]) -> None:
        self._models = models
        self._shape = copy.deepcopy(models[0]).train()
        self._parameters, self._buffers = stack_module_state(list(models))

    @property
    def parameters(self) -> list[Tensor]:
        """Leaves of shape (M, ...)."""
        return list(self._parameters.values())

    def losses(self, encoded: Tensor, targets: Tensor, loss: RecordLoss) -> Tensor:
        """(M,) mean losses of each model's own (M, B, K, W) records of full length, with (M, B) or (M, B, T) targets.

        Gradients are left where the optimiser looks for them, in place of earlier ones; batch statistics move along.
        """

        def one(weights: dict[str, Tensor], buffers: dict[str, Tensor], batch: Tensor, wanted: Tensor) -> Tensor:
            outputs: Tensor = functional_call(self._shape, (weights, buffers), (batch,))
            return loss(outputs, wanted).mean()

        # The gradient is taken inside: torch cannot stack a whole GRU, but can the steps that its gradient is made of.
        sloped = vmap(grad_and_value(one), randomness="different")
        with torch.no_grad():
            slopes, values = sloped(self._parameters, self._buffers, encoded, targets)
        for name, weight in self._parameters.items():
            weight.grad = slopes[name]
        found: Tensor = values
        return found

    def clip(self, limit: float) -> None:
        """Scale each model's gradient so that its norm is at most that, as ``clip_grad_norm_`` does for one."""
        slopes = [weight.grad for weight in self.parameters if weight.grad is not None]
        norms = torch.stack([torch.linalg.vector_norm(slope.flatten(1), dim=1) for slope in slopes])
        share = (limit / (torch.linalg.vector_norm(norms, dim=0) + 1e-6)).clamp(max=1)
        for slope in slopes:
            slope.mul_(share.reshape(-1, *[1] * (slope.dim() - 1)))

    def unstack(self) -> None:
        """Write the weights and buffers back into the models."""
        stacked = {**self._parameters, **self._buffers}
        with torch.no_grad():
            for number, model in enumerate(self._models):
                for name, place in [*model.named_parameters(), *model.named_buffers()]:
                    place.copy_(stacked[name][number])


def why_not_stacked(model: SequenceModel, encoded: Tensor, targets: Tensor, loss: RecordLoss) -> str | None:
    """Why such models cannot be trained together; None where they can.

    Args:
        model: in training mode; it is left as it is.
        encoded, targets: (B, K, W) and (B, ...) of a few records.
        loss: per record.

    Found out by a forward and a backward pass of two copies: which layers torch can stack is no fixed list.
    """
    try:
        stack = Stack([copy.deepcopy(model), copy.deepcopy(model)])
        stack.losses(torch.stack([encoded, encoded]), torch.stack([targets, targets]), loss)
    except (RuntimeError, NotImplementedError) as error:
        return next(iter(str(error).splitlines()), type(error).__name__)[:160]
    return None
