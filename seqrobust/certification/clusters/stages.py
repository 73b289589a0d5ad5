"""The local layers at the beginning of a network, as functions of columns: which columns of its input each one reads.

A trunk is a chain of operations that slide over positions. It is cut into stages, each of one convolution and what
follows it up to the next, so that columns between stages are all that need be remembered. Whatever is not known to
slide ends the trunk; that the operations do what is read off them is tried on inputs that are no letters.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, fx
from torch.nn import functional

from seqrobust.certification.network import Network, named
from seqrobust.certification.operators import UnknownNetworkError, is_affine, keeps_number, variables
from seqrobust.graph.nodes import arguments, operation
from seqrobust.graph.table import Kind, operator_of

_POINTWISE_AFFINE = frozenset(["batch_norm", "add", "sub", "rsub", "neg"])
_ROWS, _SIZES, _SAME = 8, (0.1, 1.0, 10.0, 1000.0), 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class Sliding:
    """An operation of which column t is made of columns t * stride - before + (0, ..., extent - 1) of its input.

    Attributes:
        node: of the graph.
        stride, before, extent: as above.
        fill: what stands in columns that the input has not.
        length: columns it gives.
        run: from (rows, C, (n - 1) * stride + extent) to (rows, C', n).
    """

    node: fx.Node
    stride: int
    before: int
    extent: int
    fill: float
    length: int
    run: Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class Stage:
    """Operations in order, taken together.

    Attributes:
        operations: at least one.
        inputs: columns of the input.
    """

    operations: tuple[Sliding, ...]
    inputs: int

    @property
    def length(self) -> int:
        """Columns it gives."""
        return self.operations[-1].length

    def needed(self, first: int, stop: int) -> tuple[int, int]:
        """Columns of the input, past its ends included, that columns ``first`` to ``stop`` (not included) read."""
        for one in reversed(self.operations):
            first, stop = first * one.stride - one.before, (stop - 1) * one.stride - one.before + one.extent
        return first, stop

    def run(self, columns: Tensor, start: int, first: int, stop: int) -> Tensor:
        """(rows, C', stop - first) columns from (rows, C, W) columns of the input.

        Args:
            columns: those that :meth:`needed` names, less what is past the ends of the input.
            start: the first of them.
            first, stop: wanted.
        """
        wanted = [(first, stop)]
        for one in reversed(self.operations):
            first, stop = wanted[-1]
            inside = first * one.stride - one.before, (stop - 1) * one.stride - one.before + one.extent
            wanted.append(inside)
        length = self.inputs
        for one, (low, high) in zip(self.operations, wanted[:0:-1], strict=True):
            columns = _fitted(columns, start, low, high, length, one.fill)
            columns = one.run(columns)
            length, start = one.length, (low + one.before) // one.stride
        low, high = wanted[0]
        return _fitted(columns, start, low, high, length, 0.0)


def _fitted(columns: Tensor, start: int, low: int, high: int, length: int, fill: float) -> Tensor:
    """Columns ``low`` to ``high`` of what begins at ``start``; ``fill`` where a layer of so many columns has none."""
    columns = columns[..., max(low, 0) - start : min(high, length) - start]
    left, right = max(-low, 0), max(high - max(length, low), 0)
    if not left and not right:
        return columns
    outside = torch.arange(low, high)
    made = columns.new_full((*columns.shape[:-1], high - low), fill)
    made[..., (outside >= 0) & (outside < length)] = columns
    return made


@dataclass(frozen=True, kw_only=True, eq=False)
class Trunk:
    """The stages of a network.

    Attributes:
        stages: in order.
        node: what the last of them gives.
        first, last: by level (0 is the letters), (columns,) positions that a column reads, past the ends included; both
            never fall.
    """

    stages: tuple[Stage, ...]
    node: fx.Node
    first: tuple[Tensor, ...]
    last: tuple[Tensor, ...]

    @property
    def reach(self) -> int:
        """Positions that the columns of the last level read."""
        return int((self.last[-1] - self.first[-1]).max()) + 1


def trunk_of(network: Network) -> Trunk:
    """The trunk of a network. Raises UnknownNetworkError where it has none."""
    stages, operations, node = list[Stage](), list[Sliding](), network.traced.input
    inputs = length = network.length
    while (found := _next(node, network)) is not None:
        if found.extent > 1 and operation(found.node) == "conv1d" and operations:
            stages.append(Stage(operations=tuple(operations), inputs=inputs))
            operations, inputs = [], length
        operations.append(found)
        node, length = found.node, found.length
    if not operations:
        raise UnknownNetworkError("it does not begin with layers that slide over positions")
    stages.append(Stage(operations=tuple(operations), inputs=inputs))
    for stage in stages:
        for one in stage.operations:
            _require_same(one, network)
    return Trunk(stages=tuple(stages), node=node, **_reaches(stages, network.length))


def _reaches(stages: list[Stage], length: int) -> dict[str, tuple[Tensor, ...]]:
    first = [torch.arange(length)]
    last = [torch.arange(length)]
    step, low, high = 1, 0, 0
    for stage in stages:
        for one in stage.operations:
            low, high = low - one.before * step, high + (one.extent - 1 - one.before) * step
            step *= one.stride
        columns = torch.arange(stage.length) * step
        first.append(columns + low)
        last.append(columns + high)
    return {"first": tuple(first), "last": tuple(last)}


def _next(node: fx.Node, network: Network) -> Sliding | None:
    """What slides over the values of a node, where that is all that is done with them."""
    users = [one for one in network.live if node in variables(one, network.traced)]
    if len(users) != 1 or variables(users[0], network.traced) != [node]:
        return None
    return _sliding(users[0], node, network)


def _sliding(node: fx.Node, source: fx.Node, network: Network) -> Sliding | None:
    traced, name, given = network.traced, operation(node), arguments(node)
    shape = traced.shapes.get(node)
    if shape is None or len(shape) != 3 or len(traced.shapes[source]) != 3:
        return None
    length = shape[2]
    if name == "conv1d":
        return _convolution(node, source, given, network, length)
    if name in ("max_pool1d", "avg_pool1d"):
        return _pool(node, name, given, length)
    if name in ("pad", "constant_pad_nd") and given.get("mode", "constant") == "constant" and len(given["pad"]) == 2:
        before = int(given["pad"][0])
        fill = float(given.get("value") or 0.0)
        return Sliding(node=node, stride=1, before=before, extent=1, fill=fill, length=length, run=lambda x: x)
    pointwise = operator_of(node).kind is Kind.ELEMENTWISE or name in _POINTWISE_AFFINE
    if (pointwise or keeps_number(node, traced)) and _same_everywhere(node, network):
        if name == "batch_norm" and not is_affine(node, traced):
            return None
        if traced.shapes[source] != shape:
            return None
        return Sliding(
            node=node, stride=1, before=0, extent=1, fill=0.0, length=length, run=_replayed(node, source, network)
        )
    return None


def _same_everywhere(node: fx.Node, network: Network) -> bool:
    """Whether the constants of a node have no columns of their own."""
    for one in node.all_input_nodes:
        value = network.traced.constants.get(one)
        if isinstance(value, Tensor) and operation(node) != "batch_norm" and value.ndim and value.shape[-1] != 1:
            return False
    return True


def _replayed(node: fx.Node, source: fx.Node, network: Network) -> Callable[[Tensor], Tensor]:
    def run(columns: Tensor) -> Tensor:
        held: dict[fx.Node, Any] = {source: columns}
        network.traced.replay([node], held, len(columns))
        made: Tensor = held[node]
        return made

    return run


def _convolution(
    node: fx.Node, source: fx.Node, given: dict[str, Any], network: Network, length: int
) -> Sliding | None:
    constants = network.traced.constants
    weight, bias = constants.get(given["weight"]), constants.get(given["bias"]) if given["bias"] is not None else None
    if weight is None or (given["bias"] is not None and bias is None):
        return None
    stride, dilation, groups = int(given["stride"][0]), int(given["dilation"][0]), int(given["groups"])
    extent = (weight.shape[2] - 1) * dilation + 1
    padding = given["padding"]
    # Named padding is as wide as the result is long: nothing, or half of what a column reads.
    before = (extent - 1) // 2 * (padding == "same") if isinstance(padding, str) else int(padding[0])

    flat = weight.flatten(1).T.contiguous()

    def run(columns: Tensor) -> Tensor:
        if groups != 1:
            return functional.conv1d(columns, weight, bias, stride, 0, dilation, groups)
        # A matrix product: torch has no fast convolution in double precision.
        read = columns.unfold(2, extent, stride)[..., ::dilation].transpose(1, 2)
        rows, count = read.shape[:2]
        made = read.reshape(rows * count, -1) @ flat
        summed: Tensor = made if bias is None else made + bias
        return summed.reshape(rows, count, -1).transpose(1, 2)

    return Sliding(node=node, stride=stride, before=before, extent=extent, fill=0.0, length=length, run=run)


def _pool(node: fx.Node, name: str, given: dict[str, Any], length: int) -> Sliding | None:
    size, padding = int(given["kernel_size"][0]), int(given["padding"][0])
    stride = int((given.get("stride") or given["kernel_size"])[0])
    if name == "avg_pool1d":
        if given["ceil_mode"] or (padding and not given["count_include_pad"]):
            return None
        return Sliding(
            node=node, stride=stride, before=padding, extent=size, fill=0.0, length=length,
            run=lambda x: functional.avg_pool1d(x, size, stride),
        )  # fmt: skip
    dilation = int((given.get("dilation") or [1])[0])
    return Sliding(
        node=node, stride=stride, before=padding, extent=(size - 1) * dilation + 1, fill=-torch.inf, length=length,
        run=lambda x: functional.max_pool1d(x, size, stride, 0, dilation),
    )  # fmt: skip


def _require_same(one: Sliding, network: Network) -> None:
    """Raise UnknownNetworkError where an operation makes something else of a whole input than of its columns."""
    traced, draw = network.traced, torch.Generator().manual_seed(0)
    (source,) = variables(one.node, traced)
    shape = traced.shapes[source][1:]
    alone = Stage(operations=(one,), inputs=shape[1])
    for size in _SIZES:
        values = size * torch.randn(_ROWS, *shape, generator=draw, dtype=torch.float64)
        held: dict[fx.Node, Any] = {source: values}
        traced.replay([one.node], held, _ROWS)
        whole = held[one.node]
        low, high = alone.needed(0, one.length)
        columns = values[:, :, max(low, 0) : min(high, shape[1])]
        parts = alone.run(columns, max(low, 0), 0, one.length)
        if parts.shape != whole.shape or not bool(_close(parts, whole)):
            raise UnknownNetworkError(f"{named(one.node, traced)} does not slide as it should")


def _close(parts: Tensor, whole: Tensor) -> Tensor:
    size = whole.abs().nan_to_num(0, 0, 0).amax().clamp(min=1e-300)
    return (((parts - whole).abs() <= _SAME * size) | (parts == whole) | (parts.isnan() & whole.isnan())).all()
