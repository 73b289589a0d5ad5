"""From a module to a graph of elementary operations, by running it on two small batches.

A trace holds whatever the module wrote down: the length of its input, which is fixed, and the number of records, which
is not. Batches of two and of three records tell which numbers are which.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx, nn

from seqrobust.graph.early import CannotTraceError
from seqrobust.graph.nodes import arguments, functional, mapped, operation
from seqrobust.graph.recording import Leaving, Recording, record
from seqrobust.graph.table import Kind, operator_of


@dataclass(frozen=True)
class PerRow:
    """A number that is so many times the number of records."""

    factor: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Traced:
    """A graph and its constants.

    Attributes:
        nodes: operations in order, identities left out.
        input, output: the one-hot input, and the node that yields the logits.
        constants: values of nodes that do not depend on the input; for a few records where they hold one row each.
        shapes, dtypes: of every node that yields a tensor, for batches of two.
        layers: for every node the name of the layer it stands in or behind.
        scaled: arguments of nodes that name the number of records, with :class:`PerRow` in its place.
        row_axes: of constants that hold a row for each record, the axis of records.
    """

    nodes: tuple[fx.Node, ...]
    input: fx.Node
    output: fx.Node
    constants: dict[fx.Node, Any]
    shapes: dict[fx.Node, tuple[int, ...]]
    dtypes: dict[fx.Node, torch.dtype]
    layers: dict[fx.Node, str]
    scaled: dict[fx.Node, tuple[Any, Any]]
    row_axes: dict[fx.Node, int]
    device: torch.device

    def replay(self, nodes: Iterable[fx.Node], values: dict[fx.Node, Any], rows: int) -> None:
        """Add the values of ``nodes`` to ``values`` of a batch, which hold those they stand on."""
        for node in nodes:
            args, kwargs = self.resolved(node, values, rows)
            values[node] = functional(node)(*args, **kwargs)

    def resolved(self, node: fx.Node, values: Mapping[fx.Node, Any], rows: int) -> tuple[Any, Any]:
        """A node's arguments for a batch of so many rows: those in order, and those by name."""

        def known(item: Any) -> Any:
            if isinstance(item, PerRow):
                return item.factor * rows
            if isinstance(item, fx.Node):
                return values[item] if item in values else self._constant(item, rows)
            return item

        args, kwargs = mapped(self.scaled.get(node, (node.args, node.kwargs)), known)
        return args, kwargs

    def _constant(self, node: fx.Node, rows: int) -> Any:
        value = self.constants[node]
        axis = self.row_axes.get(node)
        if axis is None:
            return value
        shape = list(value.shape)
        shape[axis] = rows
        return value.narrow(axis, 0, 1).expand(shape)


def trace(
    function: Callable[[int], Callable[[Tensor], Tensor]],
    example: Tensor,
    module: nn.Module,
    *,
    leaving: Leaving = "nothing",
) -> Traced:
    """Trace a function.

    Args:
        function: given a number of rows, the function from one-hot (rows, K, L) to logits (rows, outputs).
        example: one record, (1, K, L).
        module: the module behind it, for the names of layers.
        leaving: what may be handed to Python on the way.

    Raises CannotTraceError where the module leaves tensors for Python, such as a branch on a computed value, or does
    different things with two records and with three.
    """
    two, three = (record(function(rows), example.expand(rows, -1, -1).contiguous(), leaving=leaving) for rows in (2, 3))
    return _Comparison(two, three, example, module).traced()


class _Comparison:
    """Two traces of one module, side by side."""

    def __init__(self, two: Recording, three: Recording, example: Tensor, module: nn.Module) -> None:
        self.recordings = (two, three)
        if [_kind(node) for node in two.graph.nodes] != [_kind(node) for node in three.graph.nodes]:
            raise CannotTraceError("it does different things with two records and with three")
        self.example = example
        self.owners = {id(value): name.rpartition(".")[0] for name, value in _named_tensors(module)}
        self.twin = dict(zip(two.graph.nodes, three.graph.nodes, strict=True))
        self.values: tuple[dict[fx.Node, Any], dict[fx.Node, Any]] = ({}, {})
        self.constants: dict[fx.Node, Any] = {}
        self.layers: dict[fx.Node, str] = {}
        self.scaled: dict[fx.Node, tuple[Any, Any]] = {}
        self.kept: list[fx.Node] = []

    def traced(self) -> Traced:
        """The graph that holds for any number of records."""
        replaced: dict[fx.Node, fx.Node] = {}
        source = output = next(iter(self.twin))
        for node, twin in self.twin.items():
            for old in [i for i in node.all_input_nodes if i in replaced]:
                node.replace_input_with(old, replaced[old])
                twin.replace_input_with(self.twin[old], self.twin[replaced[old]])
            if node.op == "placeholder":
                source = node
                self._keep(node, *(self.example.expand(rows, -1, -1).contiguous() for rows in (2, 3)))
            elif node.op == "get_attr":
                self._keep(node, *(one.constants[n] for one, n in zip(self.recordings, (node, twin), strict=True)))
                self.constants[node] = self.values[0][node]
            elif node.op == "output":
                output = node.all_input_nodes[0]
            elif _changes_nothing(node):
                replaced[node] = node.all_input_nodes[0]
            else:
                self._operation(node, twin)
        if output in self.constants:
            raise CannotTraceError("its output leaves torch on the way from its input")
        shapes = {node: tuple(value.shape) for node, value in self.values[0].items() if isinstance(value, Tensor)}
        return Traced(
            nodes=tuple(self.kept),
            input=source,
            output=output,
            constants=self.constants,
            shapes=shapes,
            dtypes={node: value.dtype for node, value in self.values[0].items() if isinstance(value, Tensor)},
            layers=self.layers,
            scaled=self.scaled,
            device=self.example.device,
            row_axes={node: axis for node in self.constants if (axis := self._row_axis(node)) is not None},
        )

    def _keep(self, node: fx.Node, value: Any, twin_value: Any) -> None:
        self.values[0][node], self.values[1][self.twin[node]] = value, twin_value
        self.layers[node] = next(reversed(self.layers.values()), "")

    def _operation(self, node: fx.Node, twin: fx.Node) -> None:
        if _is_place(node):
            raise CannotTraceError(f"{operation(node)} decides between equals, which rounding makes unequal")
        if operation(node) == "batch_norm" and arguments(node)["training"]:
            raise CannotTraceError("a batch norm uses the statistics of the batch, so records depend on each other")
        self._keep(node, *(_called(n, v) for n, v in zip((node, twin), self.values, strict=True)))
        named = [
            self.owners[id(self.values[0][i])] for i in node.all_input_nodes if id(self.values[0][i]) in self.owners
        ]
        if named:
            self.layers[node] = named[0]
        if all(i in self.constants for i in node.all_input_nodes):
            self.constants[node] = self.values[0][node]
            return
        self.kept.append(node)
        template = self._template((node.args, node.kwargs), (twin.args, twin.kwargs))
        if template != (node.args, node.kwargs):
            self.scaled[node] = template

    def _template(self, item: Any, twin: Any) -> Any:
        """Arguments with the number of records marked."""
        if isinstance(item, (tuple, list)):
            return type(item)(self._template(*pair) for pair in zip(item, twin, strict=True))
        if isinstance(item, dict):
            return {key: self._template(part, twin[key]) for key, part in item.items()}
        if isinstance(item, int) and not isinstance(item, bool) and item != twin:
            if item * 3 != twin * 2:
                raise CannotTraceError("it computes with the number of records")
            return PerRow(item // 2)
        return item

    def _row_axis(self, node: fx.Node) -> int | None:
        """The axis along which a constant holds one and the same row for each record."""
        value, twin = self.values[0][node], self.values[1][self.twin[node]]
        if not isinstance(value, Tensor) or value.shape == twin.shape:
            return None
        axes = [i for i, (a, b) in enumerate(zip(value.shape, twin.shape, strict=True)) if a != b]
        if len(axes) != 1 or not bool((twin == twin.narrow(axes[0], 0, 1)).all()):
            raise CannotTraceError("a constant differs from record to record")
        return axes[0]


def _kind(node: fx.Node) -> tuple[str, str]:
    return node.op, "" if node.op in ("get_attr", "placeholder") else str(node.target)


def _called(node: fx.Node, values: Mapping[fx.Node, Any]) -> Any:
    args, kwargs = mapped((node.args, node.kwargs), lambda i: values[i] if isinstance(i, fx.Node) else i)
    try:
        with torch.no_grad():
            return functional(node)(*args, **kwargs)
    except Exception as error:
        raise CannotTraceError(f"{operation(node)} cannot be replayed") from error


def _is_place(node: fx.Node) -> bool:
    """Whether a node is where something stands, as max and sort give it beside the values."""
    if operation(node) != "getitem":
        return operator_of(node).kind is Kind.PLACE and operation(node) in ("argmax", "argmin")
    picks = operator_of(node.all_input_nodes[0]).kind in (Kind.MAXIMUM, Kind.SORTING)
    return bool(picks and node.args[1] == 1) and operation(node.all_input_nodes[0]) != "aminmax"


def _changes_nothing(node: fx.Node) -> bool:
    name = operation(node)
    if name in ("dropout", "feature_dropout"):
        return node.args[2] is False
    return operator_of(node).kind is Kind.IDENTITY and isinstance(node.args[0], fx.Node)


def _named_tensors(module: nn.Module) -> Iterable[tuple[str, Tensor]]:
    yield from module.named_parameters(remove_duplicate=False)
    yield from module.named_buffers(remove_duplicate=False)
