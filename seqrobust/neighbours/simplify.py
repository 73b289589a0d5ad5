"""The same network with less to do: scales folded into convolutions, activations moved behind maxima."""

from __future__ import annotations

from dataclasses import replace

from torch import fx

from seqrobust.graph import operator_of
from seqrobust.neighbours.layers import Local, Recogniser
from seqrobust.neighbours.operations import Convolution, MaximumPool, Pointwise, Scale

Node = fx.Node


def simplify(found: Recogniser) -> None:
    """Rewrite local layers in place; nodes that nothing stands on any more are simply never asked for."""
    kept = {*found.traced.nodes, found.traced.output}
    for node, local in list(found.local.items()):
        if len(local.inputs) != 1:
            continue
        source = local.inputs[0]
        alone = node is not found.traced.output and sum(user in kept for user in source.users) == 1
        before = found.local[source]
        if not alone or source is found.traced.output or source is found.traced.input:
            continue
        found.local[node] = _folded(local, before) or _swapped(local, before, source) or local


def _folded(local: Local, before: Local) -> Local | None:
    """A convolution and the scale behind it (batch norm) as one convolution."""
    if not isinstance(local.operation, Scale) or not isinstance(before.operation, Convolution):
        return None
    weight = before.operation.weight[:, :, 0] * local.operation.factor[:, None, None]
    convolution = Convolution(weight=weight, sliding=before.operation.sliding, groups=before.operation.groups)
    return replace(local, operation=convolution, inputs=before.inputs)


def _swapped(local: Local, before: Local, source: Node) -> Local | None:
    """Maxima of an activation as the activation of maxima."""
    pool, activation = local.operation, before.operation
    if (
        not isinstance(pool, MaximumPool)
        or not isinstance(activation, Pointwise)
        or not operator_of(source).curve.growing
    ):
        return None
    return replace(local, operation=replace(pool, then=activation.function), inputs=before.inputs)
