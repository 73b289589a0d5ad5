"""What elementary operations are to a proof: affine, pointwise, maxima, or merely local; and their absolute values.

One table for every method that reads a traced network. Whatever is not in it is refused by name, never guessed.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx

from seqrobust.graph.nodes import arguments, mapped, operation
from seqrobust.graph.tracing import Traced

RESHAPING = frozenset([
    "view", "reshape", "_unsafe_view", "flatten", "unflatten", "transpose", "permute", "t", "numpy_t", "movedim",
    "unsqueeze", "squeeze", "expand", "slice", "select", "narrow", "flip", "unbind", "split", "chunk", "getitem",
    "swapaxes",
])  # fmt: skip
"""Affine: every element of the result is one of the argument."""

_ADDING = frozenset(["mean", "sum", "avg_pool1d", "adaptive_avg_pool1d", "cat", "concat", "stack", "pad",
                     "constant_pad_nd", "neg"])  # fmt: skip
_WEIGHTED = frozenset(["conv1d", "linear", "addmm", "mm", "matmul", "bmm", "einsum", "batch_norm", "mul", "div"])
_SUMS = frozenset(["add", "sub", "rsub"])
AFFINE = RESHAPING | _ADDING | _WEIGHTED | _SUMS

POINTWISE = frozenset([
    "relu", "leaky_relu", "elu", "selu", "celu", "gelu", "silu", "sigmoid", "tanh", "exp", "softplus", "hardtanh",
    "relu6", "mish", "abs", "square", "pow", "sqrt", "log", "log1p", "sin", "cos", "clamp", "clamp_min", "clamp_max",
    "threshold", "round", "floor", "ceil", "to", "_to_copy", "gt", "ge", "lt", "le", "eq", "ne", "sign", "hardsigmoid",
    "hardswish", "softsign", "log_sigmoid", "logsigmoid", "reciprocal", "rsqrt",
])  # fmt: skip
"""Each element of the result depends on that element of the arguments."""

JOINING = frozenset(["mul", "div", "maximum", "minimum", "where", "add", "sub", "logical_and", "bitwise_and"])
"""Pointwise of several arguments, where more than one depends on the input."""

MAXIMA = frozenset(["max_pool1d", "amax", "max", "adaptive_max_pool1d"])
"""Maxima over windows or axes; ``max`` and ``adaptive_max_pool1d`` with their places beside them."""


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


def is_affine(node: fx.Node, traced: Traced) -> bool:
    """Whether a node is an affine function of its arguments that depend on the input."""
    name, inputs = operation(node), variables(node, traced)
    if keeps_number(node, traced):
        return True
    if name == "getitem":
        return operation(node.all_input_nodes[0]) in ("unbind", "split", "chunk")
    if name not in AFFINE:
        return False
    if name == "div":
        return bool(inputs == [node.args[0]]) and node.kwargs.get("rounding_mode") is None
    if name == "batch_norm":
        return bool(inputs == [node.args[0]]) and not arguments(node)["training"]
    if name in ("pad", "constant_pad_nd"):
        return bool(arguments(node).get("mode", "constant") == "constant")
    if name in ("conv1d", "linear"):
        return bool(inputs == [node.args[0]])
    return len(inputs) == 1 and _times(node, inputs[0]) == 1 if name in _WEIGHTED else True


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
    if name in ("mul", "div") and (numbers := [one for one in node.args if isinstance(one, (int, float))]):
        return only * abs(numbers[0]) if name == "mul" else only / abs(numbers[0])
    if name in ("pad", "constant_pad_nd"):
        return torch.nn.functional.pad(only, list(arguments(node)["pad"]))
    without = {"conv1d": (2, "bias"), "linear": (2, "bias"), "addmm": (0, "self")}.get(name)
    bias = None if without is None else arguments(node).get(without[1], None)
    joined = name in ("cat", "concat", "stack")
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
    if name in RESHAPING or name in ("cat", "concat", "stack", "pad", "constant_pad_nd", "neg"):
        return 0
    if name in ("conv1d", "linear"):
        return math.prod(traced.constants[node.args[1]].shape[1:]) + 1  # type: ignore[index]
    if name == "batch_norm":
        return 8
    if name in ("mul", "div", "add", "sub", "rsub") or keeps_number(node, traced):
        return 2
    return max(math.prod(traced.shapes[one][1:]) for one in variables(node, traced)) + 1
