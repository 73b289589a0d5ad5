"""Ranges of every unit of a network over a box of inputs, and by how much the model's arithmetic may be off there.

Interval arithmetic in double precision: an affine node by centre and radius, a growing activation by its ends, one that
falls and rises by its lowest point as well. Nodes that hold whole numbers are followed too: single precision is exact
on them, which is what look-ups of k-mers rest on.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, fx

from seqrobust.certification.network import Network, named
from seqrobust.certification.operators import UnknownNetworkError, absolute, is_affine, is_maximum, variables
from seqrobust.certification.rounding import error_of
from seqrobust.graph.nodes import arguments, operation
from seqrobust.graph.table import Kind, operator_of

_EXACT = 2.0**24
"""Whole numbers below it are exact in single precision."""
_WIDER = 1e-12
"""Share by which ranges are widened, against their own rounding."""


@dataclass(kw_only=True, eq=False)
class Ranges:
    """Of nodes: their ends, and the errors of the model's arithmetic, for batches of some rows.

    Attributes:
        low, high: (rows, *shape) ends.
        error: (rows, *shape) by how much the model's value may differ from the exact one.
        whole: nodes whose values are whole numbers.
    """

    low: dict[fx.Node, Tensor]
    high: dict[fx.Node, Tensor]
    error: dict[fx.Node, Tensor]
    whole: set[fx.Node]

    def size(self, node: fx.Node) -> Tensor:
        """Largest absolute values."""
        return torch.maximum(self.low[node].abs(), self.high[node].abs())


def ranges_of(
    network: Network,
    low: Tensor,
    high: Tensor,
    *,
    until: frozenset[fx.Node] = frozenset(),
    tighter: Callable[[fx.Node, Tensor, Tensor], tuple[Tensor, Tensor]] | None = None,
    into: list[Ranges] | None = None,
) -> Ranges:
    """Ranges of all nodes, or of those that some nodes need.

    Args:
        network: it.
        low, high: (rows, K, L) ends of the input.
        until: nodes behind which nothing need be known; none for all.
        tighter: improves a node's ends as soon as they are known.
        into: gets the ranges as they grow, for what improves them.

    Raises UnknownNetworkError for an operation that is not understood.
    """
    rows = len(low)
    source = network.traced.input
    found = Ranges(low={source: low}, high={source: high}, error={source: torch.zeros_like(low)}, whole={source})
    if into is not None:
        into.append(found)
    for node in network.live:
        if until and all(one in found.low for one in until):
            break
        _add(node, network, found, rows)
        if tighter is not None and isinstance(found.low[node], Tensor):
            found.low[node], found.high[node] = tighter(node, found.low[node], found.high[node])
    return found


def any_letters(network: Network) -> tuple[Tensor, Tensor]:
    """Ends of the input that hold every record: each entry between 0 and 1."""
    shape = (1, *network.traced.shapes[network.traced.input][1:])
    return torch.zeros(shape, dtype=torch.float64), torch.ones(shape, dtype=torch.float64)


def _add(node: fx.Node, network: Network, found: Ranges, rows: int) -> None:
    found.low[node], found.high[node] = _ends(node, network, found, rows)
    if _is_whole(node, network, found):
        found.whole.add(node)
    inputs = variables(node, network.traced)
    if node in found.whole or (operator_of(node).kind is Kind.LOOKUP and inputs[0] in found.whole):
        zero = found.low[node]
        found.error[node] = zero * 0 if isinstance(zero, Tensor) else tuple(part * 0 for part in zero)
        return
    sizes = {one: found.size(one) for one in [*inputs, node] if isinstance(found.low[one], Tensor)}
    found.error[node] = error_of(node, network, sizes, found.error, rows)


def _ends(node: fx.Node, network: Network, found: Ranges, rows: int) -> tuple[Tensor, Tensor]:
    traced, name, row = network.traced, operation(node), operator_of(node)
    inputs = variables(node, traced)
    if row.kind is Kind.LOOKUP:
        weight = traced.constants[node.args[0]]  # type: ignore[index]
        shape = (rows, *traced.shapes[node][1:])
        return weight.amin(0).expand(shape), weight.amax(0).expand(shape)
    if is_affine(node, traced) and name != "getitem":
        centre = {one: (found.low[one] + found.high[one]) / 2 for one in inputs}
        radius = {one: (found.high[one] - found.low[one]) / 2 for one in inputs}
        middle = dict(centre)
        traced.replay([node], middle, rows)
        size = absolute(node, traced, {one: centre[one].abs() + radius[one] for one in inputs}, rows)
        half = absolute(node, traced, radius, rows) + _WIDER * (size + middle[node].abs())
        return middle[node] - half, middle[node] + half
    if row.curve.grows_usually or is_maximum(node) or name == "getitem":
        return _called(node, network, found.low, rows), _called(node, network, found.high, rows)
    if row.curve.lowest is not None:
        begin, end, least = row.curve.lowest
        low, high = (_called(node, network, ends, rows) for ends in (found.low, found.high))
        inside = (found.low[inputs[0]] < end) & (found.high[inputs[0]] > begin)
        smaller = torch.minimum(low, high)
        return torch.where(inside, torch.full_like(low, least), smaller), torch.maximum(low, high)
    if name == "mul" and len(node.args) == 2:
        products = [one * other for one in _both(node, 0, found) for other in _both(node, 1, found)]
        ends = torch.stack(products)
        return ends.amin(0), ends.amax(0)
    if name in ("gt", "ge", "lt", "le", "eq", "ne"):
        shape = (rows, *traced.shapes[node][1:])
        return torch.zeros(shape, dtype=torch.float64), torch.ones(shape, dtype=torch.float64)
    raise UnknownNetworkError(f"the range of {named(node, traced)} is not known")


def _both(node: fx.Node, place: int, found: Ranges) -> tuple[Tensor, Tensor]:
    """The two ends of an argument."""
    given = node.args[place]
    if not isinstance(given, fx.Node) or given not in found.low:
        raise UnknownNetworkError("a product of constants")
    return found.low[given], found.high[given]


def _called(node: fx.Node, network: Network, ends: Mapping[fx.Node, Tensor], rows: int) -> Tensor:
    held = {one: ends[one] for one in variables(node, network.traced)}
    network.traced.replay([node], held, rows)
    found = held[node]
    return found.double() if isinstance(found, Tensor) else found


def _is_whole(node: fx.Node, network: Network, found: Ranges) -> bool:
    """Whether a node holds whole numbers that single precision holds exactly."""
    traced = network.traced
    if not operator_of(node).whole or not all(one in found.whole for one in variables(node, traced)):
        return False
    for one in node.all_input_nodes:
        value = traced.constants.get(one)
        if isinstance(value, Tensor) and not bool((value == value.round()).all()):
            return False
    numbers = [item for item in arguments(node).values() if isinstance(item, float)]
    if any(item != round(item) for item in numbers if abs(item) < _EXACT):
        return False
    if not isinstance(found.low[node], Tensor):
        return True
    return bool((found.size(node) < _EXACT).all())
