"""Activations by name, and by how much each can widen a difference."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from seqrobust.errors import ConfigError

_BEND = 6.0
"""Where the guarded exponential goes on as a straight line; batch norm leaves few values beyond it."""


class Exponential(nn.Module):
    """exp(x) of normalised features up to x = 6, and behind that its tangent.

    Filters of a first layer that is exponentiated become motifs that can be read, for a weak match counts next to
    nothing beside a full one (Koo & Ploenzke 2021, "Improving representations of genomic sequence motifs in
    convolutional networks with exponential activations"). The tangent keeps values finite in single precision, and
    unlike a cut-off it leaves the gradient that an attack needs.

    >>> [round(value) for value in Exponential()(torch.tensor([0.0, 6.0, 7.0, 8.0])).tolist()]
    [1, 403, 807, 1210]
    """

    def forward(self, features: Tensor) -> Tensor:
        """Of every number by itself."""
        low = features.clamp(max=_BEND)
        return low.exp() * (features - low + 1)


class GroupSort(nn.Module):
    """Sorts pairs of channels: the larger of channel c and of channel c + C/2, then the smaller.

    Unlike ReLU it keeps the norm of gradients, so that a network of bounded layers does not fade (Anil, Lucas & Grosse
    2019, "Sorting out Lipschitz function approximation", with groups of two).

    >>> GroupSort()(torch.tensor([[1.0, 5.0, 3.0, 4.0]])).tolist()
    [[3.0, 5.0, 1.0, 4.0]]
    """

    def forward(self, features: Tensor) -> Tensor:
        """Of (N, C, W) features or (N, C) units. Raises ConfigError for an odd number of channels."""
        if features.shape[1] % 2:
            raise ConfigError(
                "channels are sorted in pairs", expected="an even number", found=str(features.shape[1]), where="model"
            )
        one, other = features.chunk(2, 1)
        return torch.cat([torch.maximum(one, other), torch.minimum(one, other)], dim=1)


ACTIVATIONS: Mapping[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    "exponential": Exponential,
    "group_sort": GroupSort,
}

STEEPEST: Mapping[type[nn.Module], float] = {
    nn.ReLU: 1.0,
    nn.GELU: 1.1290,  # at the square root of 2; 1.12890... rounded up
    nn.SiLU: 1.0999,  # at 2.3994; 1.09984... rounded up
    Exponential: math.exp(_BEND),
    GroupSort: 1.0,
}
"""The l2 Lipschitz constant of each activation."""


def activation_named(name: str) -> nn.Module:
    """An activation by name. Raises ConfigError for an unknown one."""
    if name not in ACTIVATIONS:
        raise ConfigError("unknown activation", expected=", ".join(ACTIVATIONS), found=repr(name), where="model")
    return ACTIVATIONS[name]()
