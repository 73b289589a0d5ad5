"""A residual block that is one step of the backward Euler method, which cannot blow up whatever its weights.

An ordinary residual block z = x + h f(x) is a forward Euler step, and multiplies small changes of x where f is steep.
The implicit one solves z = x + h f(z) (Li, He & Lin 2020, "Implicit Euler skip connections: enhancing adversarial
robustness via numerical stability"). Here f(z) = -A' relu(A z + b), with A a convolution and A' its transpose: minus
the slope of the convex function sum relu(A z + b)^2 / 2. So z is what minimises

    |z - x|^2 / 2 + h sum relu(A z + b)^2 / 2

(a proximal map): there is exactly one, and two inputs never come out further apart than they went in.

The norm of A is held at or below 1, so the function has curvature between 1 and 1 + h, and descent with step
2 / (2 + h) brings z nearer by h / (2 + h) each time: how often is decided beforehand by the number type, not by a
batch, so a record's outputs do not depend on its neighbours. Gradients come from the solution, not from the way to it:
where the ReLUs that are on do not change, z solves the linear system (I + h A' D A) z = x - h A' D b, whose matrix is
symmetric.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.grad import conv1d_weight

from seqrobust.models.architectures.base import check_at_least
from seqrobust.models.architectures.layer_constants import layer_constant
from seqrobust.models.architectures.spectral import bound_layers

_AT_MOST = 1 + 1e-5
"""The norm of A that rounding leaves of 1."""


class ImplicitBlock(nn.Module):
    """z = x - h A' relu(A z + b) over (N, C, W) features.

    Args:
        channels: C.
        kernel: taps of A, odd.
        step: h, above 0; a larger one changes more and takes more iterations.

    Raises ConfigError for a negative step.
    """

    def __init__(self, channels: int, kernel: int, step: float = 1.0) -> None:
        super().__init__()
        check_at_least(0, implicit_step=step)
        self.convolution = nn.Conv1d(channels, channels, kernel, padding=kernel // 2)
        self.step = step
        bound_layers(self, limit=1.0, at_most=True)

    def forward(self, features: Tensor, valid: Tensor | None) -> Tensor:
        """The solution. Features behind a record's end, where (N, W) ``valid`` is False, are zero and stay so."""
        if torch.is_autocast_enabled(features.device.type):
            # Descent to the last digit needs more of them than mixed precision has.
            with torch.autocast(features.device.type, enabled=False):
                return self._solved(features.to(self.convolution.weight.dtype), valid)
        return self._solved(features, valid)

    @property
    def constant(self) -> float:
        """The l2 Lipschitz constant: 1, also of so many steps of descent; infinite where the norm of A is beyond 1, as
        it can be of weights that were changed in evaluation mode, for descent then need not arrive."""
        return 1.0 if layer_constant(self.convolution) <= _AT_MOST else math.inf

    def _solved(self, features: Tensor, valid: Tensor | None) -> Tensor:
        weight, bias = self.convolution.weight, self.convolution.bias
        assert bias is not None
        inside = None if valid is None else valid[:, None, :].to(features.dtype)
        with torch.no_grad():
            solution, on = _descend(features, weight, bias, inside, self.step)
        if not torch.is_grad_enabled():
            return solution
        right = features - self.step * _transposed(on * bias[:, None], weight, inside)
        return _apply(right, weight, on, inside, self.step, solution)


def iterations(step: float, dtype: torch.dtype) -> int:
    """Steps of descent until rounding hides what is left."""
    return max(math.ceil(math.log(torch.finfo(dtype).eps) / math.log(step / (2 + step))), 1) if step else 1


def _forward(features: Tensor, weight: Tensor) -> Tensor:
    return functional.conv1d(features, weight, padding=weight.shape[2] // 2)


def _transposed(features: Tensor, weight: Tensor, inside: Tensor | None) -> Tensor:
    out = functional.conv_transpose1d(features, weight, padding=weight.shape[2] // 2)
    return out if inside is None else out * inside


def _descend(
    features: Tensor, weight: Tensor, bias: Tensor, inside: Tensor | None, step: float
) -> tuple[Tensor, Tensor]:
    """The solution, and where its ReLUs are on, as ones and zeros."""
    solution, rate = features, 2 / (2 + step)
    for _ in range(iterations(step, features.dtype)):
        pull = _transposed(_rectified(solution, weight, bias, inside), weight, inside)
        solution = solution - rate * (solution - features + step * pull)
    return solution, (_rectified(solution, weight, bias, inside) > 0).to(features.dtype)


def _rectified(features: Tensor, weight: Tensor, bias: Tensor, inside: Tensor | None) -> Tensor:
    out = (_forward(features, weight) + bias[:, None]).relu()
    return out if inside is None else out * inside


class _Solution(torch.autograd.Function):
    """w with (I + h A' D A) w = right. The matrix is symmetric, so its slope is another such solution, to any order."""

    @staticmethod
    def forward(
        ctx: Any,
        right: Tensor,
        weight: Tensor,
        on: Tensor,
        inside: Tensor | None,
        step: float,
        known: Tensor | None,
    ) -> Tensor:
        solution = _solve(right, weight, on, inside, step) if known is None else known.clone()
        ctx.save_for_backward(solution, weight, on, inside)
        ctx.step = step
        return solution

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor | None, ...]:
        solution, weight, on, inside = ctx.saved_tensors
        # Behind a record's end the solution is zero whatever the weights, and the matrix is symmetric before it.
        arriving = slopes[0] if inside is None else slopes[0] * inside
        adjoint = _apply(arriving, weight, on, inside, ctx.step, None)
        slope = None
        if ctx.needs_input_grad[1]:
            # Of -h <A adjoint, D A solution>, in which A stands twice.
            one = _weight_slope(solution, weight, on * _forward(adjoint, weight))
            other = _weight_slope(adjoint, weight, on * _forward(solution, weight))
            slope = -ctx.step * (one + other)
        return adjoint, slope, None, None, None, None


def _apply(*arguments: Any) -> Tensor:
    solution: Tensor = _Solution.apply(*arguments)  # type: ignore[no-untyped-call]
    return solution


def _weight_slope(features: Tensor, weight: Tensor, slope: Tensor) -> Tensor:
    """Of a convolution of features, given that of its output."""
    found: Tensor = conv1d_weight(features, weight.shape, slope, padding=weight.shape[2] // 2)  # type: ignore[no-untyped-call]
    return found


def _solve(right: Tensor, weight: Tensor, on: Tensor, inside: Tensor | None, step: float) -> Tensor:
    solution, rate = right, 2 / (2 + step)
    for _ in range(iterations(step, right.dtype)):
        pull = _transposed(on * _forward(solution, weight), weight, inside)
        solution = solution - rate * (solution - right + step * pull)
    return solution
