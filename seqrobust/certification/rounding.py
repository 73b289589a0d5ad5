"""By how much a model's own arithmetic may differ from exact arithmetic: a running error analysis of its network.

Bounds are found in double precision; the model computes in single precision. A sum of n products in any order differs
from the exact one by at most gamma_n = n u / (1 - n u) times the sum of their sizes, u = 2^-24 (Higham 2002, section
3.1), and u = 2^-11 where a GPU drops the last bits of factors. Errors of arguments are carried on by absolute weights,
and by the largest slopes of activations.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, fx

from seqrobust.certification.network import Network, named
from seqrobust.certification.operators import (
    UnknownNetworkError,
    absolute,
    added,
    is_affine,
    is_maximum,
    terms,
    variables,
)
from seqrobust.graph.nodes import arguments, operation
from seqrobust.graph.table import operator_of

_FACTOR = 2.0
"""For kernels that rearrange products, and for this analysis' own rounding."""
_ULPS = 8
"""Units in the last place by which an activation's kernel may be off."""
Values = Mapping[fx.Node, Tensor]


def gamma(count: int, unit: float) -> float:
    """The relative error of a sum of so many products."""
    product = count * unit * _FACTOR
    return product / (1 - product) if product < 0.5 else float("inf")


def error_of(node: fx.Node, network: Network, sizes: Values, errors: Values, rows: int) -> Tensor:
    """(rows, *shape) by how much a node's value may be off.

    Args:
        node: whose arguments are known.
        network: its network.
        sizes: the largest absolute values of nodes, this one included.
        errors: of its arguments.
        rows: of a batch.

    Raises UnknownNetworkError for an operation without a known slope.
    """
    traced, unit, name = network.traced, network.unit, operation(node)
    inputs = variables(node, traced)
    if is_affine(node, traced) and name != "getitem":
        carried = absolute(node, traced, errors, rows)
        if not (count := terms(node, traced)):
            return carried
        at_zero: dict[fx.Node, Tensor] = {one: torch.zeros_like(sizes[one]) for one in inputs}
        traced.replay([node], at_zero, rows)
        size = absolute(node, traced, {one: sizes[one] + errors[one] for one in inputs}, rows)
        return carried + gamma(count, unit) * (size + added(node, traced, at_zero[node]))
    if is_maximum(node) or name == "getitem":
        held = {inputs[0]: errors[inputs[0]]}
        traced.replay([node], held, rows)
        return held[node]
    if name == "mul":
        one, other = inputs[0], inputs[-1]
        carried = sizes[one] * errors[other] + sizes[other] * errors[one] + errors[one] * errors[other]
        return carried + gamma(2, unit) * sizes[node]
    return steepest(node, network, sizes[node]) * errors[inputs[0]] + _ULPS * unit * sizes[node]


def steepest(node: fx.Node, network: Network, size: Tensor) -> Tensor | float:
    """The largest absolute slope of an activation, given the largest size of its values.

    Raises UnknownNetworkError for an operation of which it is not known, or with unusual settings.
    """
    name, curve = operation(node), operator_of(node).curve
    if name == "exp":
        return size
    settings = [one for one in arguments(node).values() if isinstance(one, (int, float)) and not isinstance(one, bool)]
    unusual = curve.scaled and any(not 0 <= one <= 1 for one in settings)
    if curve.slope is None or unusual or (name == "softplus" and _falls(node, network.unit)):
        raise UnknownNetworkError(f"the slope of {named(node, network.traced)} is not known")
    return curve.slope


def _falls(node: fx.Node, unit: float) -> bool:
    """Whether torch's softplus, which is the identity from a threshold on, falls there by more than its rounding."""
    beta, threshold = (float(arguments(node)[name]) for name in ("beta", "threshold"))
    return beta <= 0 or threshold <= 0 or math.exp(-threshold) > _ULPS * unit * threshold
