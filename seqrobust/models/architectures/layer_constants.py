"""By how much one layer can widen a difference, in l2 and in evaluation mode: its Lipschitz constant, or a bound of it.

A linear layer has the largest singular value of the matrix that it is. A convolution is bounded at any stride, for that
of stride 1 has all of its rows; with groups it is a diagonal of blocks, of which the largest counts; a transposed one
is the transpose of one with the same taps. Padding that repeats positions comes before the convolution as a layer of
its own: a position that stands m times makes its norm the square root of m. So do windows of maxima that overlap.

What is not known here has no bound: infinity. A subclass with a ``forward`` of its own is not known.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeGuard, TypeVar

import torch
from torch import Tensor, nn

from seqrobust.models.architectures.activations import STEEPEST
from seqrobust.models.architectures.spectral import CappedBatchNorm, operator_norm
from seqrobust.models.masking import MaskedBatchNorm

Layer = TypeVar("Layer", bound=nn.Module)
_BATCH_NORMS = (nn.BatchNorm1d, MaskedBatchNorm, CappedBatchNorm)
_OUTWARD = 1 + 1e-9
"""More than double precision loses in a transform and a singular value."""


def layer_constant(layer: nn.Module) -> float:
    """The l2 Lipschitz constant of a layer, or an upper bound of it for records of any length.

    Infinite for unknown layers, for weights that are not finite, and for batch norm and dropout in training mode.
    """
    if _computes_as(layer, nn.Sequential):
        return product(layer_constant(part) for part in layer)
    if _computes_as(layer, nn.Linear):
        return _norm(layer.weight)
    if _computes_as(layer, nn.Conv1d) or _computes_as(layer, nn.ConvTranspose1d):
        return _convolution(layer)
    if isinstance(layer, nn.BatchNorm1d) and any(_computes_as(layer, kind) for kind in _BATCH_NORMS):
        return _batch_norm(layer)
    if _computes_as(layer, nn.Dropout):
        return math.inf if layer.training else 1.0
    if _computes_as(layer, nn.Identity) or _computes_as(layer, nn.Flatten):
        return 1.0
    if _computes_as(layer, nn.MaxPool1d) or _computes_as(layer, nn.AvgPool1d):
        return _pool(layer)
    return STEEPEST.get(type(layer), math.inf)


def product(constants: Iterable[float]) -> float:
    """Of layers one behind another. Nothing bounds an unknown layer, not even a layer of zeros beside it."""
    found = math.prod(constants)
    return math.inf if math.isnan(found) else found


def _computes_as(layer: nn.Module, kind: type[Layer]) -> TypeGuard[Layer]:
    """Whether it is of a kind and has its forward pass; a parametrisation makes a subclass that does."""
    return isinstance(layer, kind) and type(layer).forward is kind.forward


def _norm(weight: Tensor) -> float:
    with torch.no_grad():
        if not weight.numel():
            return 0.0
        return float(operator_norm(weight.double())) * _OUTWARD if bool(weight.isfinite().all()) else math.inf


def _convolution(layer: nn.Conv1d | nn.ConvTranspose1d) -> float:
    # Either kind keeps a group's weights together along the first axis.
    return max(_norm(part) for part in layer.weight.chunk(layer.groups)) * _padding(layer)


def _padding(layer: nn.Conv1d | nn.ConvTranspose1d) -> float:
    """The norm of a convolution's padding, whatever the length that torch lets it stand beside."""
    reach = layer.dilation[0] * (layer.kernel_size[0] - 1)
    if layer.padding_mode == "zeros" or layer.padding == "valid":
        return 1.0
    left, right = (
        (reach // 2, reach - reach // 2) if layer.padding == "same" else (int(layer.padding[0]), int(layer.padding[0]))
    )
    if not left + right:
        return 1.0
    if layer.padding_mode == "circular":
        # As many outputs as positions are rows of a wrapped convolution; more repeat some of them.
        return math.sqrt(1 + math.ceil(max(left + right - reach, 0) / max(left, right)))
    if layer.padding_mode == "reflect":
        return math.sqrt(1 + (left > 0) + (right > 0))
    return math.sqrt(1 + left + right) if layer.padding_mode == "replicate" else math.inf


def _batch_norm(layer: nn.BatchNorm1d) -> float:
    if layer.training or layer.running_var is None:
        return math.inf
    gain = 1 / (layer.running_var.double() + layer.eps).sqrt()
    if layer.weight is not None:
        gain = gain * layer.weight.detach().double().abs()
    if isinstance(layer, CappedBatchNorm):
        gain = gain * layer.share().detach().double()
    return float(gain.max()) * _OUTWARD if bool(gain.isfinite().all()) else math.inf


def _pool(layer: nn.MaxPool1d | nn.AvgPool1d) -> float:
    """Of windows: a position is in so many of them, and a mean gives each of its positions a small weight."""
    size, stride = _one(layer.kernel_size), _one(layer.stride)
    if isinstance(layer, nn.MaxPool1d):
        dilation = _one(layer.dilation)
        return math.inf if layer.return_indices else math.sqrt(math.ceil(size / (stride // math.gcd(stride, dilation))))
    windows = math.ceil(size / stride)
    # A window that is cut short has fewer positions, down to one, and larger weights.
    cut = layer.ceil_mode or (_one(layer.padding) > 0 and not layer.count_include_pad)
    # Schur's test: the root of the largest sums of a row (1) and of a column.
    return math.sqrt(windows if cut else windows / size)


def _one(value: int | tuple[int, ...]) -> int:
    return value if isinstance(value, int) else value[0]
