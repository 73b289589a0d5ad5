"""A network cut in three: a local trunk, what is additive in its columns, and a head that reads the sums.

The head is a network of its own, from the sums z to the logits; between trunk and head everything is affine, so that z
is a constant plus what each column adds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, fx

from seqrobust.certification.clusters.stages import Trunk, trunk_of
from seqrobust.certification.network import Network
from seqrobust.certification.operators import UnknownNetworkError, is_affine, variables
from seqrobust.graph.nodes import operation

_MOST_SUMS = 1 << 12
"""Sums beyond which nothing would be gained."""
_SLIDING = frozenset(["conv1d", "conv2d", "gru", "lstm"])


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """A network as trunk, sums and head.

    Attributes:
        trunk: from letters to columns.
        weights: (sums, C, columns) what each column of the trunk adds.
        constant: (sums,) that is added.
        head: from sums to logits; its input has the shape that the network gives them.
    """

    trunk: Trunk
    weights: Tensor
    constant: Tensor
    head: Network

    @property
    def sums(self) -> int:
        """How many there are."""
        return len(self.constant)

    def logits(self, sums: Tensor) -> Tensor:
        """(rows, outputs) of (rows, sums)."""
        shape = self.head.traced.shapes[self.head.traced.input][1:]
        return self.head.run(sums.reshape(len(sums), *shape))


def split_of(network: Network) -> Split:
    """Cut a network. Raises UnknownNetworkError, with the reason, where it cannot be cut."""
    trunk = trunk_of(network)
    node, tail = trunk.node, list[fx.Node]()
    while (after := _only_user(node, network)) is not None and is_affine(after, network.traced):
        if variables(after, network.traced) != [node] or operation(after) == "getitem":
            break
        tail.append(after)
        node = after
    head = _head(node, network)
    count = math.prod(network.traced.shapes[node][1:])
    if count > _MOST_SUMS:
        raise UnknownNetworkError(f"{count:,} numbers stand between its local layers and its head")
    eye = torch.eye(count, dtype=torch.float64).reshape(count, *network.traced.shapes[node][1:])
    held, constant = network.pulled(tail, {node: eye})
    return Split(trunk=trunk, weights=held[trunk.node], constant=constant, head=head)


def _only_user(node: fx.Node, network: Network) -> fx.Node | None:
    users = [one for one in network.live if node in variables(one, network.traced)]
    return users[0] if len(users) == 1 else None


def _head(node: fx.Node, network: Network) -> Network:
    """What stands behind a node as a network. Raises UnknownNetworkError where something else is read as well."""
    live = network.live
    behind = live[live.index(node) + 1 :]
    known = {node, *behind}
    for one in behind:
        if not all(argument in known for argument in variables(one, network.traced)):
            raise UnknownNetworkError("its head reads its local layers in more than one place")
        if operation(one) in _SLIDING:
            raise UnknownNetworkError(f"{operation(one)} stands behind its local layers")
    return replace(network, traced=replace(network.traced, input=node, nodes=tuple(behind)))
