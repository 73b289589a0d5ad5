"""How proofs read a node: which of its arguments vary, whether it is affine in them, and its absolute values.

What is known of operations stands in :mod:`seqrobust.graph.table`; whatever is not marked there is refused by name,
never guessed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx

from seqrobust.graph.nodes import arguments, mapped, operation
from seqrobust.graph.table import Kind, operator_of
from seqrobust.graph.tracing import Traced

_SUMS = frozenset(["add", "sub", "rsub"])
_PRODUCTS = frozenset(["mul", "div"])
_JOINED = frozenset(["cat", "concat", "stack"])
_PADDED = frozenset(["pad", "constant_pad_nd"])
_PIECES = frozenset(["unbind", "split", "chunk"])
_ONE_TENSOR = frozenset(["div", "batch_norm", "conv1d", "linear"])
"""Affine in their first argument, and in no other that varies."""


class UnknownNetworkError(Exception):
    """A method cannot read the network; the text says why."""


UNREADABLE = (UnknownNetworkError, TypeError, RuntimeError, AttributeError, KeyError, IndexError, ValueError)
"""What reading a stranger's network may raise. It is then left to other methods, which costs no more than a proof."""


def variables(node: fx.Node, traced: Traced) -> list[fx.Node]:
    """Arguments of a node that depend on the input."""
    return [one for one in node.all_input_nodes if one not in traced.constants]


def keeps_number(node: fx.Node, traced: Traced) -> bool:
    """Whether a node converts single or double precision to either: nothing but rounding."""
    floats = (torch.float32, torch.float64)
    if operation(node) not in ("to", "_to_copy") or not node.all_input_nodes:
        return False
    return traced.dtypes.get(node) in floats and traced.dtypes.get(node.all_input_nodes[0]) in floats


def is_maximum(node: fx.Node) -> bool:
    """Whether a node is the maximum of some numbers, over windows, axes or arguments."""
    row = operator_of(node)
    return row.followed and row.kind is Kind.MAXIMUM


def is_affine(node: fx.Node, traced: Traced) -> bool:
    """Whether a node is an affine function of its arguments that depend on the input."""
    name, inputs, row = operation(node), variables(node, traced), operator_of(node)
    if keeps_number(node, traced):
        return True
    if name == "getitem":
        return operation(node.all_input_nodes[0]) in _PIECES
    if not row.followed or row.kind is Kind.MAXIMUM:
        return False
    if name == "div" and node.kwargs.get("rounding_mode") is not None:
        return False
    if name == "batch_norm" and arguments(node)["training"]:
        return False
    if name in _PADDED:
        return bool(arguments(node).get("mode", "constant") == "constant")
    if name in _ONE_TENSOR:
        return bool(inputs == [node.args[0]])
    if row.kind is Kind.PRODUCT or name in _PRODUCTS:
        return len(inputs) == 1 and _times(node, inputs[0]) == 1
    return True


def _times(node: fx.Node, wanted: fx.Node) -> int:
    """How often a node stands among the arguments of another: a square is not affine."""
    count = 0

    def look(item: Any) -> Any:
        nonlocal count
        count += item is wanted
        return item

    mapped((node.args, node.kwargs), look)
    return count


def absolute(node: fx.Node, traced: Traced, values: Mapping[fx.Node, Tensor], rows: int) -> Tensor:
    """|W| x of an affine node y = W x + b, at nonnegative x.

    Args:
        node: affine.
        traced: its graph.
        values: x by node.
        rows: of a batch.
    """
    name = operation(node)
    if name in _SUMS:
        return _absolute_sum(node, traced, values, rows)
    only = values[variables(node, traced)[0]]
    if name == "neg" or keeps_number(node, traced):
        return only
    if name == "batch_norm":
        return only * _along_channels(norm_scale(node, traced).abs(), node, traced)
    if name in _PRODUCTS and (numbers := [one for one in node.args if isinstance(one, (int, float))]):
        return only * abs(numbers[0]) if name == "mul" else only / abs(numbers[0])
    if name in _PADDED:
        return torch.nn.functional.pad(only, list(arguments(node)["pad"]))
    without = {"conv1d": (2, "bias"), "linear": (2, "bias"), "addmm": (0, "self")}.get(name)
    bias = None if without is None else arguments(node).get(without[1], None)
    joined = name in _JOINED
    constants = dict(traced.constants)
    for one in node.all_input_nodes:
        if one in constants:
            constants[one] = torch.zeros_like(constants[one]) if joined or one is bias else constants[one].abs()
    held: dict[fx.Node, Any] = dict(values)
    replace(traced, constants=constants).replay([node], held, rows)
    found: Tensor = held[node]
    return found


def _absolute_sum(node: fx.Node, traced: Traced, values: Mapping[fx.Node, Tensor], rows: int) -> Tensor:
    alpha = abs(arguments(node).get("alpha", 1) or 1)
    weights = (alpha, 1.0) if operation(node) == "rsub" else (1.0, alpha)
    total = torch.zeros(rows, *traced.shapes[node][1:], dtype=torch.float64, device=traced.device)
    for one, weight in zip(node.args[:2], weights, strict=True):
        if isinstance(one, fx.Node) and one in values:
            total = total + weight * values[one]
    return total


def norm_scale(node: fx.Node, traced: Traced) -> Tensor:
    """(C,) by which a batch norm in evaluation multiplies."""
    given = arguments(node)
    variance = traced.constants[given["running_var"]]
    weight = given["weight"]
    scale = 1 / torch.sqrt(variance + given["eps"])
    return scale if weight is None else scale * traced.constants[weight]


def _along_channels(values: Tensor, node: fx.Node, traced: Traced) -> Tensor:
    return values.reshape(1, -1, *[1] * (len(traced.shapes[node]) - 2))


def added(node: fx.Node, traced: Traced, at_zero: Tensor) -> Tensor:
    """A bound of the size of what an affine node adds by itself, given its value at zero.

    A batch norm adds its bias and takes away its scaled mean; kernels round either.
    """
    if operation(node) != "batch_norm":
        return at_zero.abs()
    given = arguments(node)
    mean = (norm_scale(node, traced) * traced.constants[given["running_mean"]]).abs()
    bias = 0.0 if given["bias"] is None else traced.constants[given["bias"]].abs()
    return _along_channels(mean + bias, node, traced).expand_as(at_zero)


def terms(node: fx.Node, traced: Traced) -> int:
    """The most terms that an element of an affine node sums, each a rounded product."""
    name = operation(node)
    if operator_of(node).kind is Kind.MOVING or name == "neg":
        return 0
    if name in ("conv1d", "linear"):
        return math.prod(traced.constants[node.args[1]].shape[1:]) + 1  # type: ignore[index]
    if name == "batch_norm":
        return 8
    if name in _PRODUCTS | _SUMS or keeps_number(node, traced):
        return 2
    return max(math.prod(traced.shapes[one][1:]) for one in variables(node, traced)) + 1
