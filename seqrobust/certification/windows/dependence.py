"""Which positions each unit of a network depends on, read off its structure: never off values, which can be zero."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor, fx

from seqrobust.certification.network import Network, named
from seqrobust.certification.operators import (
    UnknownNetworkError,
    absolute,
    is_affine,
    is_maximum,
    variables,
)
from seqrobust.graph.nodes import operation
from seqrobust.graph.table import Kind, operator_of

_BETWEEN = frozenset(["maximum", "minimum", "fmax", "fmin", "to", "_to_copy"])
"""Not elementwise by their kind, and yet each number is one of one number of each argument."""


class Reach(NamedTuple):
    """(*shape) int64 first and last position that each unit of a node depends on; -1 and -2 where on none."""

    first: Tensor
    last: Tensor


def reaches(network: Network, wanted: set[fx.Node]) -> dict[fx.Node, Reach]:
    """What units of some nodes depend on. Raises UnknownNetworkError for an operation whose reach is not known."""
    letters = network.traced.shapes[network.traced.input][1]
    length = network.length
    marks = torch.eye(length, dtype=torch.float64)[:, None].expand(length, letters, length)
    held: dict[fx.Node, Tensor] = {network.traced.input: marks}
    for node in network.live:
        if all(one in held for one in wanted):
            break
        held[node] = _marked(node, network, held, length)
    return {node: _reach(held[node]) for node in wanted}


def _reach(marks: Tensor) -> Reach:
    length = len(marks)
    places = torch.arange(length).reshape(-1, *[1] * (marks.ndim - 1)).expand_as(marks)
    first = torch.where(marks > 0, places, length).amin(0)
    last = torch.where(marks > 0, places, -2).amax(0)
    return Reach(torch.where(last < 0, -1, first), last)


def _marked(node: fx.Node, network: Network, held: Mapping[fx.Node, Tensor], rows: int) -> Tensor:
    """(rows, *shape) 1 where a unit of a node depends on the row's position, 0 elsewhere."""
    traced, kind = network.traced, operator_of(node).kind
    inputs = variables(node, traced)
    if is_affine(node, traced):
        return (absolute(node, traced, held, rows) > 0).double()
    if is_maximum(node) or operation(node) == "getitem":
        found = {inputs[0]: held[inputs[0]]}
        traced.replay([node], found, rows)
        return found[node]
    shape = (rows, *traced.shapes.get(node, ())[1:])
    if kind is Kind.LOOKUP and len(inputs) == 1:
        return held[inputs[0]][..., None].expand(shape)
    if kind is Kind.ELEMENTWISE or operation(node) in _BETWEEN:
        marks = torch.zeros(shape, dtype=torch.float64)
        for one in inputs:
            marks = torch.maximum(marks, held[one])
        return marks
    raise UnknownNetworkError(f"it is not known what {named(node, traced)} depends on")
