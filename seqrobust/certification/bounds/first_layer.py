"""Exact ranges of a first layer: units that are affine functions of the input alone, over all members of a threat."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from seqrobust.certification.bounds.ball import Ball
from seqrobust.certification.network import Network
from seqrobust.certification.operators import is_affine, variables

_MOST_CELLS = 1 << 25
"""Weights from units to letters: a quarter of a gigabyte."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FirstLayer:
    """Units as functions of the input.

    Attributes:
        weights: (units, K, L) by node.
        constants: (units,) by node.
    """

    weights: dict[fx.Node, Tensor]
    constants: dict[fx.Node, Tensor]

    def tighter(self, ball: Ball, node: fx.Node, low: Tensor, high: Tensor) -> tuple[Tensor, Tensor]:
        """The (1, *shape) ends of a node, made exact where it is one of the first layer."""
        if node not in self.weights:
            return low, high
        weights, constants = self.weights[node], self.constants[node]
        least = (constants - ball.most(-weights)).reshape(low.shape)
        most = (constants + ball.most(weights)).reshape(low.shape)
        return torch.maximum(low, least), torch.minimum(high, most)


def first_layer(network: Network) -> FirstLayer:
    """The affine nodes in front of the first nodes that are not, as functions of the input."""
    traced = network.traced
    linear = [traced.input]
    for node in network.live:
        if is_affine(node, traced) and all(one in linear for one in variables(node, traced)):
            linear.append(node)
    wanted = {one for node in network.live if node not in linear for one in variables(node, traced) if one in linear}
    weights, constants = {}, {}
    for node in wanted - {traced.input}:
        units = math.prod(traced.shapes[node][1:])
        if units * math.prod(traced.shapes[traced.input][1:]) > _MOST_CELLS:
            continue
        eye = torch.eye(units, dtype=torch.float64).reshape(units, *traced.shapes[node][1:])
        found, constants[node] = network.pulled(linear[1:], {node: eye})
        weights[node] = found[traced.input]
    return FirstLayer(weights=weights, constants=constants)
