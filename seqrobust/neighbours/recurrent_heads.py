"""Heads on recurrent layers: their states, and what is pooled from them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx

from seqrobust.graph import arguments, operation
from seqrobust.neighbours.heads import Window
from seqrobust.neighbours.layers import Recogniser
from seqrobust.neighbours.operations import Stretch
from seqrobust.neighbours.recurrent import CELLS, Direction, Features
from seqrobust.neighbours.reference import Reference
from seqrobust.neighbours.windows import Chunk

Node = fx.Node


@dataclass(eq=False)
class Layer:
    """A recurrent layer of the graph: its first layer's directions, and the call of the layers above."""

    node: Node
    directions: tuple[Direction, ...]
    above: Callable[[Tensor], tuple[Tensor, ...]] | None


@dataclass(eq=False)
class Pooled:
    """Maximum, mean or sum over the steps of one or several directions side by side."""

    node: Node
    directions: tuple[Direction, ...]
    pick: Callable[[Features], Tensor]
    shape: tuple[int, ...]
    takes_change: bool = True
    needs_columns: bool = True
    needs_output: bool = False
    row_axis: int = 0

    @property
    def sources(self) -> tuple[Node, ...]:
        """See :class:`~seqrobust.neighbours.heads.Head`."""
        return tuple(direction.source for direction in self.directions)

    def __call__(self, chunk: Chunk, reference: Reference, windows: Sequence[Window]) -> Tensor:
        """See :class:`~seqrobust.neighbours.heads.Head`."""
        parts = [
            self.pick(direction.run(chunk, reference, window.stretch, window.columns, keep=False)[1])
            for direction, window in zip(self.directions, windows, strict=True)
        ]
        return torch.cat(parts, 1).view(len(chunk), *self.shape)

    def macs(self, changed: Sequence[Stretch]) -> int:
        """See :class:`~seqrobust.neighbours.heads.Head`."""
        # A pass is shared by all that is pooled from it; it is counted with the last states, half of it for each pool.
        pairs = zip(self.directions, changed, strict=True)
        return sum(direction.macs(len(stretch.start), stretch) for direction, stretch in pairs) // 2

    def kept(self, found: Recogniser) -> int:
        """See :class:`~seqrobust.neighbours.heads.Head`."""
        return sum(direction.kept(found.local[direction.source].length) for direction in self.directions)


@dataclass(eq=False)
class States:
    """All states of a recurrent layer, or its last ones, as the graph has them."""

    node: Node
    layer: Layer
    number: int
    """0 for the states of every step, 1 for the last ones."""
    takes_change: bool = True
    needs_columns: bool = True
    needs_output: bool = False

    @property
    def row_axis(self) -> int:
        """See :class:`~seqrobust.neighbours.heads.Head`: the last states stand as (layers, M, hidden)."""
        return self.number

    @property
    def sources(self) -> tuple[Node, ...]:
        """See :class:`~seqrobust.neighbours.heads.Head`."""
        return tuple(direction.source for direction in self.layer.directions)

    def __call__(self, chunk: Chunk, reference: Reference, windows: Sequence[Window]) -> Tensor:
        """See :class:`~seqrobust.neighbours.heads.Head`."""
        keep = self.number == 0 or self.layer.above is not None
        runs = [
            direction.run(chunk, reference, window.stretch, window.columns, keep=keep)
            for direction, window in zip(self.layer.directions, windows, strict=True)
        ]
        last = torch.stack([features.last for _, features in runs])
        if not keep:
            return last
        states = torch.cat([states for states, _ in runs], 2)
        if self.layer.above is None:
            return states
        above = self.layer.above(states)
        return above[0] if self.number == 0 else torch.cat([last, above[1]])

    def macs(self, changed: Sequence[Stretch]) -> int:
        """See :class:`~seqrobust.neighbours.heads.Head`."""
        pairs = zip(self.layer.directions, changed, strict=True)
        return sum(direction.macs(len(stretch.start), stretch) for direction, stretch in pairs)

    def kept(self, found: Recogniser) -> int:
        """See :class:`~seqrobust.neighbours.heads.Head`."""
        return sum(direction.kept(found.local[direction.source].length) for direction in self.layer.directions)


class RecurrentHeads:
    """Finds heads on the recurrent layers of a graph; layers are shared by the heads that read them."""

    def __init__(self, found: Recogniser) -> None:
        self._found = found
        self._layers: dict[Node, Layer | None] = {}

    def at(self, node: Node) -> Pooled | States | None:
        """The head that gives the output of ``node``, if there is one."""
        if operation(node) == "getitem":
            parent, number = node.args[0], node.args[1]
            layer = self._layer(parent) if isinstance(parent, fx.Node) else None
            if layer is None or not isinstance(number, int) or number > 1:
                return None
            return States(node, layer, number)
        if operation(node) in ("amax", "mean", "sum"):
            return self._pooled(node)
        return None

    def _layer(self, node: Node) -> Layer | None:
        if node not in self._layers:
            self._layers[node] = _recurrent_layer(self._found, node) if operation(node) in CELLS else None
        return self._layers[node]

    def _pooled(self, node: Node) -> Pooled | None:
        source, args = node.args[0], arguments(node)
        axes = args["dim"] if isinstance(args.get("dim"), (list, tuple)) else [args.get("dim")]
        shape = self._found.traced.shapes[node]
        if not isinstance(source, fx.Node) or len(axes) != 1 or axes[0] is None or args.get("dtype"):
            return None
        axis = axes[0] % 3
        if len(self._found.traced.shapes.get(source, ())) != 3 or axis == 0:
            return None
        directions = self._side_by_side(source, axis)
        if directions is None:
            return None
        length = self._found.traced.shapes[source][axis]
        picks: dict[str, Callable[[Features], Tensor]] = {
            "amax": lambda f: f.largest,
            "sum": lambda f: f.total,
            "mean": lambda f: f.total / length,
        }
        return Pooled(node, tuple(directions), picks[operation(node)], shape[1:])

    def _side_by_side(self, node: Node, axis: int) -> list[Direction] | None:
        """Directions whose states stand side by side in ``node`` as channels, with time along ``axis`` in any order."""
        name = operation(node)
        if name == "getitem":
            layer = self._layer(node.args[0]) if isinstance(node.args[0], fx.Node) else None
            usable = layer is not None and layer.above is None and node.args[1] == 0 and axis == 1
            return list(layer.directions) if usable and layer is not None else None
        args = arguments(node)
        if name == "transpose" and {args["dim0"] % 3, args["dim1"] % 3} == {1, 2}:
            return self._side_by_side(node.args[0], 3 - axis)  # type: ignore[arg-type]
        if name == "flip" and [a % 3 for a in args["dims"]] == [axis]:
            return self._side_by_side(node.args[0], axis)  # type: ignore[arg-type]
        if name == "cat" and args["dim"] % 3 == 3 - axis:
            parts = [self._side_by_side(part, axis) for part in args["tensors"]]
            return None if any(p is None for p in parts) else [d for p in parts if p is not None for d in p]
        return None


def _recurrent_layer(found: Recogniser, node: Node) -> Layer | None:
    """A GRU or LSTM over (N, W, C) steps that starts from zero, if it is one."""
    cell = CELLS[operation(node)]
    args: dict[str, Any] = arguments(node)
    source = args.get("input")
    if not isinstance(source, fx.Node) or source not in found.local or not found.local[source].channels_last:
        return None
    begin = args["hx"] if isinstance(args["hx"], (list, tuple)) else [args["hx"]]
    begin = [found.value(state) for state in begin]
    if not args["batch_first"] or any(isinstance(state, fx.Node) or bool((state != 0).any()) for state in begin):
        return None
    weights = [found.value(weight) for weight in args["params"]]
    sides = 2 if args["bidirectional"] else 1
    each = 4 if args["has_biases"] else 2
    if len(weights) != each * sides * args["num_layers"]:
        return None  # a projection
    directions = tuple(
        Direction(cell(w[:2], w[2:] or None), source, reverse=bool(side))
        for side in range(sides)
        for w in [weights[each * side : each * side + each]]
    )
    above = None
    if args["num_layers"] > 1:
        above = _upper_layers(node, source, args, weights[each * sides :], begin, sides)
    return Layer(node, directions, above)


def _upper_layers(
    node: Node, source: Node, args: dict[str, Any], weights: list[Tensor], begin: list[Tensor], sides: int
) -> Callable[[Tensor], tuple[Tensor, ...]]:
    target: Any = node.target

    def run(states: Tensor) -> tuple[Tensor, ...]:
        zeros = [state.new_zeros(len(state) - sides, len(states), state.shape[2]) for state in begin]
        hx: Any = zeros if isinstance(args["hx"], (list, tuple)) else zeros[0]
        out: tuple[Tensor, ...] = target(
            states, hx, weights, args["has_biases"], args["num_layers"] - 1, 0.0, False, args["bidirectional"], True
        )
        return out

    return run
