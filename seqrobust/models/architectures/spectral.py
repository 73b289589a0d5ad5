"""The largest singular value of a layer, and weights that are held under it.

A convolution that wraps around at the ends is diagonal in frequency: its singular values are those of the Fourier
transform of its kernel, a small matrix for each frequency (Sedghi, Gupta & Long 2019, "The singular values of
convolutional layers"). One that pads with zeros does the same to its input between enough zeros, and then leaves
columns out; so its norm at any length is at most that of the wrapped one at a longer length, and at most the largest
over all frequencies. Between the frequencies of a grid the norm cannot rise by much (M. Riesz: a trigonometric
polynomial of degree d stays above its maximum times cos(d t) within t of where it has it), which gives one number that
holds for records of all lengths. Dilation only runs through the frequencies faster, and does not change it.

Torch's own ``spectral_norm`` takes the norm of the kernel flattened to a matrix, which is up to the square root of the
kernel's size away from that of the convolution, on either side.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from seqrobust.models.masking import MaskedBatchNorm

_FINENESS = 32
"""Frequencies for each degree of the kernel; with 32 the norm is at most 0.5 % above the truth."""

_SMALLEST = 1e-12
"""What is smaller is nothing."""


def circular_norm(weight: Tensor, length: int, dilation: int = 1) -> Tensor:
    """The exact norm of a convolution (outputs, inputs, taps) that wraps around at ``length``, a number."""
    norms: Tensor = torch.linalg.matrix_norm(_transform(weight, length, dilation), 2)
    return norms.amax()


def operator_norm(weight: Tensor) -> Tensor:
    """The l2 norm of a linear layer (outputs, inputs), or of a convolution of stride 1 (outputs, inputs, taps).

    That of a convolution holds for inputs of any length, with zeros or wrapped around at their ends, at any dilation;
    it is exact for one tap, and otherwise at most 0.5 % above the largest over all lengths.

    >>> operator_norm(torch.full((1, 1, 3), 2.0)).item() >= 6
    True
    """
    norms: Tensor = torch.linalg.matrix_norm(_matrices(weight), 2)
    return norms.amax() * _slack(weight)


def _transform(weight: Tensor, length: int, dilation: int = 1) -> Tensor:
    """(F, outputs, inputs) matrices, one for each frequency; those left out are their conjugates."""
    if dilation > 1:
        spread = weight.new_zeros(*weight.shape, dilation)
        spread[..., 0] = weight
        weight = spread.flatten(2)
    # Taps that reach around meet those of a round before.
    padded = nn.functional.pad(weight, (0, -weight.shape[2] % length))
    wrapped = padded.reshape(*weight.shape[:2], -1, length).sum(2)
    transformed: Tensor = torch.fft.rfft(wrapped, dim=2)
    return transformed.permute(2, 0, 1)


def _matrices(weight: Tensor) -> Tensor:
    if weight.dtype != torch.float64:
        weight = weight.float()  # neither transform nor singular values are made for half precision
    return weight[None] if weight.dim() == 2 else _transform(weight, _points(weight))


def _points(weight: Tensor) -> int:
    return max(_FINENESS * (weight.shape[2] - 1) // 2, 1)


def _slack(weight: Tensor) -> float:
    """What the norm can be between two frequencies, over what it is at them."""
    return 1.0 if weight.dim() == 2 else 1 / math.cos(math.pi * (weight.shape[2] - 1) / 2 / _points(weight))


class SpectralBound(nn.Module):
    """A parametrisation of a weight that scales it so that its norm is a limit, or at most that.

    While training the norm is an estimate by power iteration, one step each time the weight is used, at all frequencies
    together; it lags a little behind the weights. In evaluation it is that of :func:`operator_norm`, as
    :func:`settle` last found it.

    Args:
        weight: what it is for.
        limit: the norm.
        at_most: leave weights below the limit alone.
    """

    norm: Tensor
    vectors: Tensor

    def __init__(self, weight: Tensor, *, limit: float = 1.0, at_most: bool) -> None:
        super().__init__()
        self.limit = limit
        self.at_most = at_most
        with torch.no_grad():
            matrices = _matrices(weight)
        # Drawn from a generator of its own, for the model's weights should not depend on it.
        drawn = torch.randn(len(matrices), weight.shape[1], 2, generator=torch.Generator().manual_seed(0))
        self.register_buffer("vectors", drawn.to(weight))
        self.register_buffer("norm", operator_norm(weight.detach()))

    def forward(self, weight: Tensor) -> Tensor:
        """The weight, scaled."""
        norm = self._estimate(weight) if self.training else self.norm
        scale = self.limit / norm.clamp(min=_SMALLEST)
        return weight * (scale.clamp(max=1) if self.at_most else scale)

    def right_inverse(self, weight: Tensor) -> Tensor:
        """What is kept of a weight that someone sets: all of it, to be scaled like any other."""
        return weight

    def settle(self, weight: Tensor) -> None:
        """Find the norm exactly."""
        with torch.no_grad():
            self.norm.copy_(operator_norm(weight))

    def _estimate(self, weight: Tensor) -> Tensor:
        """One step of power iteration, and the norm of what it finds, whose slope is that of the norm."""
        if weight.is_meta:  # a model without numbers, of which only the shapes are asked
            return self.norm
        with torch.autocast(weight.device.type, enabled=False):
            matrices = _matrices(weight)
            with torch.no_grad():
                real = not matrices.is_complex()
                start = self.vectors[..., 0] if real else torch.view_as_complex(self.vectors)
                found = matrices.mH @ (matrices @ start[..., None])
                size = torch.linalg.vector_norm(found, dim=1, keepdim=True)
                # Where there is nothing, the direction stays: from zero it would never come back.
                found = torch.where(size > _SMALLEST, found / size.clamp(min=_SMALLEST), start[..., None])
                kept = torch.stack([found, torch.zeros_like(found)], -1) if real else torch.view_as_real(found)
                self.vectors.copy_(kept[:, :, 0])
            norms: Tensor = torch.linalg.vector_norm(matrices @ found, dim=(1, 2))
            return norms.amax() * _slack(weight)


class CappedBatchNorm(MaskedBatchNorm):
    """Batch norm that widens no difference by more than a limit (after Gouk et al. 2021, "Regularisation of neural
    networks by enforcing Lipschitz continuity"): channels whose gain over their running spread is larger are scaled."""

    def __init__(self, channels: int, limit: float) -> None:
        super().__init__(channels)
        self.limit = limit

    def share(self) -> Tensor:
        """(C,) by what each channel's gain is scaled, at most 1."""
        assert self.running_var is not None
        gain = self.weight.abs() / (self.running_var + self.eps).sqrt()
        return (self.limit / gain.clamp(min=torch.finfo(gain.dtype).tiny)).clamp(max=1)

    def forward(self, features: Tensor, valid: Tensor | None = None) -> Tensor:
        """Normalise (N, C, W) features."""
        bias = self.bias[:, None]
        return (super().forward(features, valid) - bias) * self.share()[:, None] + bias


def bound_layers(module: nn.Module, *, limit: float, at_most: bool) -> None:
    """Hold every convolution and linear layer in a module at a norm, or below it."""
    for part in list(module.modules()):
        if isinstance(part, (nn.Conv1d, nn.Linear)) and not parametrize.is_parametrized(part):
            bound = SpectralBound(part.weight, limit=limit, at_most=at_most)
            parametrize.register_parametrization(part, "weight", bound)


def settle(module: nn.Module) -> None:
    """Find the norms of all bounded weights in a module exactly, for evaluation."""
    for part in module.modules():
        if isinstance(part, parametrize.ParametrizationList):
            for bound in part:
                if isinstance(bound, SpectralBound):
                    bound.settle(part.original)
