"""DeepLIFT's rules: how an operation hands a difference of its output on to its inputs.

Each rule is the backward pass of an operation that knows its input and output for the baseline as well. Its multipliers
m satisfy sum of m (x - x0) = sum of g (y - y0) for output multipliers g, so that contributions add up through a network
(Shrikumar, Greenside & Kundaje 2017, "Learning important features through propagating activation differences").
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

Call = Callable[..., Tensor]

NEAR = 1e-6
"""Differences of an input below which a quotient of differences is replaced by the derivative."""


class Maxima(NamedTuple):
    """Values of maxima, and where along one dimension of the input each was found.

    Attributes:
        values, place: of the same shape.
        dim: the dimension that ``place`` counts along.
        flat: trailing dimensions that are one to ``place``.
    """

    values: Tensor
    place: Tensor
    dim: int
    flat: int = 1


class Rescale(torch.autograd.Function):
    """The rescale rule for functions of one number each: (y - y0) / (x - x0) in place of the derivative."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, x0: Tensor, y0: Tensor, call: Call) -> Tensor:
        y = call(x.clone()).clone()
        ctx.call = call
        ctx.save_for_backward(x.clone(), x0, y, y0)
        return y.clone()

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor | None, ...]:
        x, x0, y, y0 = ctx.saved_tensors
        (g,) = given
        way = x - x0
        with torch.enable_grad():
            point = x.detach().requires_grad_(True)
            (plain,) = torch.autograd.grad(ctx.call(point.clone()), point, g)
        return torch.where(way.abs() > NEAR, g * (y - y0) / way, plain), None, None, None


class Maximum(torch.autograd.Function):
    """The rule for maxima over windows.

    Let c be the larger of the two maxima. What the record's maximum has above the baseline's goes to where the record
    has its own (c - y0), what it lacks to where the baseline has its own (y - c), as in SHAP's DeepExplainer (Lundberg
    & Lee 2017). Either place differs by at least as much, so no multiplier exceeds 1 but for overlapping windows.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, x0: Tensor, y0: Tensor, find: Callable[[Tensor], Maxima]) -> Tensor:
        found = find(x)
        ctx.dim, ctx.flat = found.dim, found.flat
        ctx.save_for_backward(x.clone(), x0, found.values.clone(), y0, found.place, find(x0).place)
        return found.values.clone()

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor | None, ...]:
        x, x0, y, y0, index, index0 = ctx.saved_tensors
        (g,) = given
        shape, flat = x.shape, ctx.flat
        parts = [g, y, y0, index, index0]
        if flat > 1:
            parts = [part.flatten(-flat) for part in parts]
            x, x0 = x.flatten(-flat), x0.flatten(-flat)
        g, y, y0, index, index0 = parts
        top, way = torch.maximum(y, y0), x - x0
        # Maxima of nothing but -inf, behind a record's end, differ by NaN.
        share = torch.zeros_like(x).scatter_add_(ctx.dim, index, torch.nan_to_num(g * (top - y0), 0, 0, 0))
        share.scatter_add_(ctx.dim, index0, torch.nan_to_num(g * (y - top), 0, 0, 0))
        plain = torch.zeros_like(x).scatter_add_(ctx.dim, index, g)
        return torch.where(way.abs() > NEAR, share / way, plain).reshape(shape), None, None, None


class Path(torch.autograd.Function):
    """The rule for functions that mix their inputs: the derivative averaged along the straight line from baseline to
    record (Aumann & Shapley 1974), which for a function of one number is the rescale rule, and for a product or any
    other bilinear function the derivative half-way."""

    @staticmethod
    def forward(ctx: Any, call: Call, points: int, count: int, *tensors: Tensor) -> Tensor:
        xs, x0s = tensors[:count], tensors[count:]
        ctx.call, ctx.points, ctx.count = call, points, count
        ctx.save_for_backward(*(x.clone() for x in xs), *x0s)
        return call(*(x.clone() for x in xs)).clone()

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> tuple[Tensor | None, ...]:
        xs, x0s = ctx.saved_tensors[: ctx.count], ctx.saved_tensors[ctx.count :]
        places, shares = np.polynomial.legendre.leggauss(ctx.points)
        totals = [torch.zeros_like(x) for x in xs]
        for place, share in zip((places + 1) / 2, shares / 2, strict=True):
            with torch.enable_grad():
                at = [(x0 + float(place) * (x - x0)).requires_grad_(True) for x, x0 in zip(xs, x0s, strict=True)]
                slopes = torch.autograd.grad(ctx.call(*(one.clone() for one in at)), at, given[0])
            for total, one in zip(totals, slopes, strict=True):
                total += float(share) * one
        return None, None, None, *totals, *[None] * ctx.count
