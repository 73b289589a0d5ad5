"""Linear bounds carried backwards through a network (CROWN: Zhang et al. 2018; DeepPoly: Singh et al. 2019).

A linear function of the logits is written as one of the layer before, an activation replaced by the line above it where
its weight is positive and by the one beneath where it is negative, down to the one-hot input, where the closed form of
the threat gives the exact maximum.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor, fx

from seqrobust.certification.bounds.ball import Ball
from seqrobust.certification.bounds.lines import Lines, relu_lines, smooth_lines
from seqrobust.certification.network import Network, named
from seqrobust.certification.operators import UnknownNetworkError, is_affine, is_maximum, variables
from seqrobust.certification.ranges import Ranges
from seqrobust.certification.rounding import steepest
from seqrobust.graph.nodes import arguments, operation
from seqrobust.graph.table import operator_of


def bounded(network: Network, known: Ranges, ball: Ball, node: fx.Node, weights: Tensor) -> Tensor:
    """(R,) upper bounds of R linear functions of a node over the members of a threat.

    Args:
        network: it.
        known: ranges of all nodes that the node stands on, over the same members.
        ball: the members.
        node: whose values are combined.
        weights: (R, *shape).

    Raises UnknownNetworkError for an operation without lines.
    """
    slopes, total = carried_back(network, known, node, weights)
    return total if slopes is None else total + ball.most(slopes)


def carried_back(network: Network, known: Ranges, node: fx.Node, weights: Tensor) -> tuple[Tensor | None, Tensor]:
    """Linear functions of a network's input that lie above R linear functions of a node wherever ranges hold.

    Returns:
        (R, *input) slopes, None where the node does not depend on the input, and (R,) constants.
    """
    held = {node: weights}
    total = torch.zeros(len(weights), dtype=torch.float64)
    for one in reversed(network.live):
        if one not in held or one is network.traced.input:
            continue
        if is_affine(one, network.traced) and operation(one) != "getitem":
            held, constant = network.pulled([one], held)
        else:
            constant = _through(one, network, known, held)
        total = total + constant
    return held.get(network.traced.input), total


def _through(node: fx.Node, network: Network, known: Ranges, held: dict[fx.Node, Tensor]) -> Tensor:
    """Replace the weights of a node that is not affine by those of its argument; gives the (R,) constants."""
    weight = held.pop(node)
    argument = variables(node, network.traced)[0]
    if operation(node) == "getitem":
        node, argument = argument, variables(argument, network.traced)[0]
    if is_maximum(node):
        back, constant = _through_maximum(node, argument, network, known, weight)
    else:
        lines = _lines(node, network, known.low[argument][0], known.high[argument][0], known.size(node)[0])
        up, down = weight.clamp(min=0), weight.clamp(max=0)
        back = up * lines.slope_above + down * lines.slope_below
        constant = (up * lines.above + down * lines.below).flatten(1).sum(1)
    held[argument] = held[argument] + back if argument in held else back
    return constant


def _lines(node: fx.Node, network: Network, low: Tensor, high: Tensor, size: Tensor) -> Lines:
    curve = operator_of(node).curve
    if operation(node) == "relu":
        return relu_lines(low, high)
    if curve.grows_usually or curve.lowest is not None:
        function = partial(_called, node, network)
        return smooth_lines(function, steepest(node, network, size), low, high)
    raise UnknownNetworkError(f"no line lies above {named(node, network.traced)}")


def _called(node: fx.Node, network: Network, values: Tensor) -> Tensor:
    held = {variables(node, network.traced)[0]: values}
    network.traced.replay([node], held, len(values))
    return held[node]


def _through_maximum(
    node: fx.Node, argument: fx.Node, network: Network, known: Ranges, weight: Tensor
) -> tuple[Tensor, Tensor]:
    """A maximum is no less than the element of the largest lower end; it is that element where no other reaches it."""
    low, high = known.low[argument], known.high[argument]
    rows = len(weight)
    chosen = low.expand(rows, *low.shape[1:]).clone().requires_grad_(True)
    with torch.enable_grad():
        least = _maximum(node, network, chosen)
    # The gradient picks one element, or shares it among equals: a maximum is no less than a mean of its elements.
    down = weight.clamp(max=0)
    up = weight.clamp(min=0)
    most = _maximum(node, network, high)
    if _apart(node):
        mask = torch.autograd.grad(least, chosen, torch.ones_like(least), retain_graph=True)[0][:1] > 0
        others = _maximum(node, network, torch.where(mask, low, high))
        # Where the others cannot reach it, the chosen element is the maximum, whichever way its weight points.
        only = (others <= least.detach()[:1]) & (_counted(mask, node, network, low) <= 1)
        down, up = torch.where(only, weight, down), torch.where(only, 0.0, up)
    back = torch.autograd.grad(least, chosen, down)[0]
    return back, (up * most).flatten(1).sum(1)


def _counted(mask: Tensor, node: fx.Node, network: Network, low: Tensor) -> Tensor:
    """How many elements of each maximum are chosen: more than one where they are equal."""
    ones = torch.ones_like(low).requires_grad_(True)
    with torch.enable_grad():
        made = _maximum(node, network, ones * mask + low * 0)
    share = torch.autograd.grad(made, ones, torch.ones_like(made))[0]
    # Where equals share the gradient none of them has all of it.
    alone = _maximum(node, network, (share * mask).detach())
    return torch.where(alone > 0.999, 1.0, 2.0)


def _maximum(node: fx.Node, network: Network, values: Tensor) -> Tensor:
    found = _called(node, network, values)
    return found if isinstance(found, Tensor) else found[0]


def _apart(node: fx.Node) -> bool:
    """Whether no element belongs to two maxima."""
    given = arguments(node)
    if operation(node) in ("amax", "max"):
        return True
    if operation(node) != "max_pool1d":
        return False
    size, step = given["kernel_size"], given.get("stride") or given["kernel_size"]
    dilated = any(one != 1 for one in given.get("dilation") or [1])
    return bool(step[0] >= size[0]) and not dilated
