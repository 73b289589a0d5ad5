"""How an operation takes its maxima: of what, where each was found, and the way back to its inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from seqrobust.analysis.attribution.calls import Call
from seqrobust.graph import operator_of


class Found(NamedTuple):
    """Values of maxima, and where along one dimension of the input each was found; both of the same shape."""

    values: Tensor
    place: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class Maxima:
    """Maxima over one dimension of a tensor made of an operation's inputs.

    Attributes:
        of: from the inputs to that tensor.
        find: from it to its maxima.
        back: from multipliers of it to those of the inputs.
        dim: the dimension that places count along.
        flat: trailing dimensions that are one to them.
        sign: -1 for minima, which are maxima of the negative.
        like: from what the operation puts out to dimensions in the order of the maxima found.
    """

    of: Callable[[Sequence[Tensor]], Tensor]
    find: Callable[[Tensor], Found]
    back: Callable[[Tensor], list[Tensor]]
    dim: int
    flat: int = 1
    sign: int = 1
    like: Callable[[Tensor], Tensor] = field(default=lambda given: given)


def maxima(call: Call) -> Maxima | None:
    """How a call takes its maxima; None for a form that is not known."""
    name = call.name
    if list(call.given) != [0]:
        return None
    if len(call.inputs) == 2:
        return _of_pair(call)
    if "pool" in name:
        return _of_windows(call)
    if name in ("cummax", "cummin"):
        return _along(call, [call.argument("dim")], cumulative=True)
    dim = call.argument("dim")
    dims = [dim] if isinstance(dim, int) else list(dim or range(call.inputs[0].ndim))
    return _along(call, dims, cumulative=False)


def _sign(call: Call) -> int:
    return -1 if operator_of(call.node).smallest else 1


def _of_pair(call: Call) -> Maxima:
    """The larger of two tensors is a maximum over the two of them."""
    sign, shapes = _sign(call), [x.shape for x in call.inputs]

    def stacked(tensors: Sequence[Tensor]) -> Tensor:
        one, other = tensors
        return sign * torch.stack([one + torch.zeros_like(other), other + torch.zeros_like(one)], -1)

    def back(multipliers: Tensor) -> list[Tensor]:
        return [sign * part.sum_to_size(shape) for part, shape in zip(multipliers.unbind(-1), shapes, strict=True)]

    return Maxima(of=stacked, find=lambda x: Found(*x.max(-1, keepdim=True)), back=back, dim=-1, sign=sign)


def _along(call: Call, dims: Sequence[int], *, cumulative: bool) -> Maxima:
    """Along some dimensions, moved behind the others and joined."""
    sign, shape = _sign(call), call.inputs[0].shape
    last = [dim % len(shape) for dim in dims]
    order = [dim for dim in range(len(shape)) if dim not in last] + last
    kept = len(shape) - len(last)
    moved = [shape[dim] for dim in order]

    def joined(tensors: Sequence[Tensor]) -> Tensor:
        return sign * tensors[0].permute(order).flatten(kept)

    def back(multipliers: Tensor) -> list[Tensor]:
        inverse = [order.index(dim) for dim in range(len(shape))]
        return [sign * multipliers.reshape(moved).permute(inverse)]

    if not cumulative:
        return Maxima(of=joined, find=lambda x: Found(*x.max(-1, keepdim=True)), back=back, dim=-1, sign=sign)
    return Maxima(
        of=joined, find=lambda x: Found(*torch.cummax(x, -1)), back=back, dim=-1, sign=sign,
        like=lambda given: given.permute(order),
    )  # fmt: skip


def _of_windows(call: Call) -> Maxima:
    name = call.name.removesuffix("_with_indices")
    finder: Any = getattr(functional, f"{name}_with_indices")
    keys = ("output_size",) if "adaptive" in name else ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
    options = {key: call.argument(key) for key in keys}
    if "stride" in options:
        options["stride"] = options["stride"] or options["kernel_size"]
    return Maxima(
        of=lambda tensors: tensors[0],
        find=lambda x: Found(*finder(x, **options)),
        back=lambda multipliers: [multipliers],
        dim=-1,
        flat=int(name[-2]),
    )
