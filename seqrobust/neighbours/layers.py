"""Which nodes of a graph are local, and what operation on windows each of them is.

A node is *positional* while it holds one column for each place, as (N, C, W) or as (N, W, C), and each column can be
had from nearby columns of the nodes before it. What is not listed here is not local, and is computed whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from seqrobust.graph import Traced, arguments, operation
from seqrobust.neighbours.operations import Operation
from seqrobust.neighbours.rules import piece, rule_for

Node = fx.Node


@dataclass(frozen=True, kw_only=True, eq=False)
class Local:
    """A positional node.

    Attributes:
        operation: on windows; None for one that is the same in channels-last windows (a transposition).
        inputs: the positional nodes it stands on.
        constants: tensors (W, C) or (W, 1) of which the operation takes the same columns as of its inputs.
        channels_last: whether the graph holds it as (N, W, C).
        length, channels: W and C.
    """

    operation: Operation | None
    inputs: tuple[Node, ...]
    constants: tuple[Tensor, ...] = ()
    channels_last: bool = False
    length: int = 0
    channels: int = 0


class Recogniser:
    """Finds the positional nodes of a traced graph.

    Attributes:
        local: what was found, by node; the input is among them.
        strangers: first nodes that stand on positional ones and are not local themselves.
    """

    def __init__(self, traced: Traced) -> None:
        self.traced = traced
        self.local: dict[Node, Local] = {}
        shape = traced.shapes[traced.input]
        self.local[traced.input] = Local(operation=None, inputs=(), length=shape[2], channels=shape[1])
        for node in traced.nodes:
            found = self._recognised(node)
            if found is not None:
                self.local[node] = found

    def _recognised(self, node: Node) -> Local | None:
        sources = [i for i in node.all_input_nodes if i not in self.traced.constants]
        if operation(node) == "getitem":
            return piece(self, node)
        if not sources or any(i not in self.local for i in sources) or len(self.traced.shapes.get(node, ())) != 3:
            return None
        name = operation(node)
        rule = rule_for(name)
        return rule(self, node, arguments(node)) if rule else None

    def made(
        self,
        node: Node,
        operation: Operation | None,
        inputs: Sequence[Node],
        *,
        constants: tuple[Tensor, ...] = (),
        transposed: bool = False,
    ) -> Local:
        """A positional node in the layout of its first input."""
        last = self.local[inputs[0]].channels_last ^ transposed
        shape = self.traced.shapes[node]
        return Local(
            operation=operation,
            inputs=tuple(inputs),
            constants=constants,
            channels_last=last,
            length=shape[1 if last else 2],
            channels=shape[2 if last else 1],
        )

    def length_axis(self, node: Node) -> int:
        """Axis of the columns in the graph's own layout."""
        return 1 if self.local[node].channels_last else 2

    def value(self, item: object) -> Any:
        """A constant argument's value; other arguments as they are."""
        return self.traced.constants.get(item, item) if isinstance(item, Node) else item

    def is_local(self, item: object) -> bool:
        """Whether an argument is a positional node."""
        return isinstance(item, Node) and item in self.local

    def aligned(self, constant: object, like: Node) -> Tensor | None:
        """A constant as (W or 1, C or 1), to be combined with channels-last columns; None if records differ in it."""
        tensor = torch.as_tensor(constant)
        if tensor.dim() > 3:
            return None
        tensor = tensor[(None,) * (3 - tensor.dim())]
        if not bool((tensor == tensor[:1]).all()):
            return None
        return tensor[0] if self.local[like].channels_last else tensor[0].t()
