"""Whether a network is a sum of windows, and which windows: read off its structure."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, fx

from seqrobust.certification.network import Network, affine_tail, named
from seqrobust.certification.operators import UnknownNetworkError, absolute, added, terms, variables
from seqrobust.certification.ranges import Ranges, any_letters, ranges_of
from seqrobust.certification.rounding import gamma
from seqrobust.certification.windows.crops import require_same_units
from seqrobust.certification.windows.dependence import Reach, reaches

MOST_WINDOWS = 1 << 20
"""Letters of one window in all combinations, up to which they are tabulated."""
_WIDEST = 24
"""Positions of a window; wider ones differ from the clean one in too many ways."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """Units of one source at one place of its axis of positions.

    Attributes:
        source: number of the source.
        place: on its axis.
        first, last: positions of the record that the units depend on, both included.
        start, end: of a crop of the record in which the units have the same values, both included.
        within: their place in that crop.
    """

    source: int
    place: int
    first: int
    last: int
    start: int
    end: int
    within: int

    @property
    def size(self) -> int:
        """Positions of the crop."""
        return self.end - self.start + 1


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """A node whose units the logits are an affine function of.

    Attributes:
        node: of the graph.
        axis: of its shape without rows, along which positions run.
        trunk: nodes from the input to it, in order.
        weights: (outputs, places, units) by which its units are summed.
        sizes: the same with every weight on the way taken absolute, for rounding.
        error: (places, units) by how much the model's own units may be off.
        largest: (places, units) largest absolute values.
    """

    node: fx.Node
    axis: int
    trunk: tuple[fx.Node, ...]
    weights: Tensor
    sizes: Tensor
    error: Tensor
    largest: Tensor


@dataclass(frozen=True, kw_only=True, eq=False)
class WindowSum:
    """A network that adds up windows.

    Attributes:
        network: it.
        sources: nodes that are summed.
        windows: all of them, by their last position, then their first.
        constant: (outputs,) that is added.
        constant_size: (outputs,) sum of the sizes of what is added.
        rounding: relative error of the sum in the model's arithmetic.
    """

    network: Network
    sources: tuple[Source, ...]
    windows: tuple[Window, ...]
    constant: Tensor
    constant_size: Tensor
    rounding: float

    def units(self, number: int, tokens: Tensor, within: int) -> Tensor:
        """(rows, units) of a source at one place of (rows, size) crops."""
        traced, source = self.network.traced, self.sources[number]
        values = {traced.input: self.network.encode(tokens).double()}
        traced.replay(source.trunk, values, len(tokens))
        made = values[source.node].double().movedim(source.axis + 1, 1)
        if within >= made.shape[1]:
            raise UnknownNetworkError("its units stand otherwise in a part of the record")
        return made[:, within].reshape(len(tokens), -1)

    def tolerance(self, sizes: Tensor) -> Tensor:
        """(outputs,) by which the model's arithmetic may differ, from the (outputs,) largest sums of sizes."""
        carried = torch.stack([(one.sizes * one.error).sum((1, 2)) for one in self.sources]).sum(0)
        return carried + self.rounding * (sizes + carried + self.constant_size)


def window_sum(network: Network) -> WindowSum:
    """The network as a sum of windows. Raises UnknownNetworkError, with the reason, where that cannot be told."""
    nodes, tail = affine_tail(network)
    reach = reaches(network, set(nodes))
    weights, constant = network.read_out(nodes, tail)
    sizes, constant_size = _absolute_read_out(network, nodes, tail)
    known = ranges_of(network, *any_letters(network), until=frozenset(nodes))
    sources, windows = [], []
    for number, node in enumerate(nodes):
        axis = _axis(node, network, reach[node])
        sources.append(_source(network, node, axis, weights[node], sizes[node], known))
        found, fixed = _windows(number, reach[node], axis, network.length)
        windows += found
        if fixed:
            constant = constant + _fixed(network, sources[-1], fixed)
    _require_narrow(windows, nodes, network)
    count = sum(terms(node, network.traced) for node in tail)
    sums = WindowSum(
        network=network,
        sources=tuple(sources),
        windows=tuple(sorted(windows, key=lambda one: (one.last, one.first))),
        constant=constant,
        constant_size=constant_size + constant.abs(),
        rounding=gamma(count + 1, network.unit),
    )
    require_same_units(sums)
    return sums


def _require_narrow(windows: list[Window], nodes: tuple[fx.Node, ...], network: Network) -> None:
    """Raise UnknownNetworkError where units depend on so much of a record that a sum of windows says nothing new."""
    widest = max(windows, key=lambda one: one.size, default=None)
    letters = network.traced.shapes[network.traced.input][1]
    few = letters**network.length <= MOST_WINDOWS
    if widest is not None and not few and (widest.size > _WIDEST or widest.size == network.length):
        name = named(nodes[widest.source], network.traced)
        raise UnknownNetworkError(f"units of {name} depend on {widest.size} positions at once")


def _source(network: Network, node: fx.Node, axis: int, weights: Tensor, sizes: Tensor, known: Ranges) -> Source:
    wanted = {node}
    for one in reversed(network.live):
        if one in wanted:
            wanted.update(variables(one, network.traced))
    return Source(
        node=node,
        axis=axis,
        trunk=tuple(one for one in network.live if one in wanted),
        weights=_by_output(weights, axis),
        sizes=_by_output(sizes, axis),
        error=_by_place(known.error[node][0], axis),
        largest=_by_place(known.size(node)[0], axis),
    )


def _by_output(weights: Tensor, axis: int) -> Tensor:
    """(outputs, places, units) of the read-out of a node."""
    return torch.stack([_by_place(one, axis) for one in weights])


def _absolute_read_out(
    network: Network, nodes: tuple[fx.Node, ...], tail: tuple[fx.Node, ...]
) -> tuple[dict[fx.Node, Tensor], Tensor]:
    """The read-out with every weight taken absolute: of the sources, and what is added on the way."""
    traced, rows = network.traced, network.outputs
    held = {
        node: torch.zeros(rows, *traced.shapes[node][1:], dtype=torch.float64).requires_grad_(True) for node in nodes
    }
    values: dict[fx.Node, Tensor] = dict(held)
    for node in tail:
        zero: dict[fx.Node, Tensor] = {
            one: torch.zeros(rows, *traced.shapes[one][1:], dtype=torch.float64) for one in variables(node, traced)
        }
        traced.replay([node], zero, rows)
        values[node] = absolute(node, traced, values, rows) + added(node, traced, zero[node])
    made = values[traced.output]
    eye = torch.eye(rows, dtype=torch.float64)
    back = torch.autograd.grad(made, list(held.values()), eye, allow_unused=True)
    sizes = {node: torch.zeros_like(held[node]) if one is None else one for node, one in zip(held, back, strict=True)}
    return sizes, made.detach()[0]


def _axis(node: fx.Node, network: Network, reach: Reach) -> int:
    """The axis along which the reach of a node's units changes."""
    for axis in range(reach.first.ndim):
        ends = [_by_place(part, axis) for part in reach]
        if all(bool((part == part[:, :1]).all()) for part in ends):
            return axis
    raise UnknownNetworkError(f"positions run along no axis of {named(node, network.traced)}")


def _by_place(values: Tensor, axis: int) -> Tensor:
    """(places, units) of values of a node's shape."""
    return values.movedim(axis, 0).reshape(values.shape[axis], -1)


def _windows(number: int, reach: Reach, axis: int, length: int) -> tuple[list[Window], list[int]]:
    """Windows of one source, and places that depend on no position.

    A crop may begin before its window, so that units stand in it as they do in the record: at a multiple of the step
    between places, and with none before its first place. On the other strand places count from the end.
    """
    first, last = (_by_place(part, axis)[:, 0].tolist() for part in reach)
    steps = Counter(after - before for ends in (first, last) for before, after in pairwise(ends) if before != after)
    stride = steps.most_common(1)[0][0] if steps else 1
    windows, fixed = [], []
    for place, (begin, end) in enumerate(zip(first, last, strict=True)):
        if end < 0:
            fixed.append(place)
        elif stride > 0:
            shift = min(begin // stride, place)
            far = min(max(end, place * stride), length - 1)
            window = {"first": begin, "last": end, "start": shift * stride, "end": far}
            windows.append(Window(source=number, place=place, within=place - shift, **window))
        else:
            shift = min((length - 1 - end) // -stride, place)
            near = max(min(begin, length - 1 + place * stride), 0)
            window = {"first": begin, "last": end, "start": near, "end": length - 1 + shift * stride}
            windows.append(Window(source=number, place=place, within=place - shift, **window))
    return windows, fixed


def _fixed(network: Network, source: Source, places: list[int]) -> Tensor:
    """(outputs,) what units add that depend on no position: the same for every record."""
    any_record = torch.zeros(1, network.length, dtype=torch.uint8)
    values = {network.traced.input: network.encode(any_record).double()}
    network.traced.replay(source.trunk, values, 1)
    made = _by_place(values[source.node][0].double(), source.axis)
    return (source.weights[:, places] * made[places]).sum((1, 2))
