"""For each kind of layer, the operation on windows that it is; None where it is not local."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx
from torch.nn import functional

from seqrobust.graph import OPERATORS, Kind, arguments, operation
from seqrobust.graph import functional as function_of
from seqrobust.neighbours.operations import (
    AveragePool,
    Convolution,
    Flip,
    MaximumPool,
    Operation,
    Pointwise,
    Scale,
    Shift,
    Sliding,
    Sum,
)

if TYPE_CHECKING:
    from seqrobust.neighbours.layers import Local, Recogniser

SAME = Pointwise(function=lambda x: x, linear=True)
"""What adding a constant does to a change: nothing."""

Node = fx.Node
Rule = Callable[["Recogniser", Node, dict[str, Any]], "Local | None"]


def _first(node: Node) -> Node:
    source = node.args[0]
    assert isinstance(source, Node)
    return source


def _unary(found: Recogniser, node: Node, args: dict[str, Any]) -> Local | None:
    rest = [found.value(item) for item in node.args[1:]]
    if not found.is_local(node.args[0]) or any(isinstance(item, Node) for item in rest):
        return None
    if any(isinstance(item, Tensor) and item.numel() > 1 for item in rest):
        return None
    if not found.traced.dtypes[node].is_floating_point:
        return None
    function, options = function_of(node), dict(node.kwargs)
    return found.made(node, Pointwise(function=lambda x: function(x, *rest, **options)), [_first(node)])


def _convolution(found: Recogniser, node: Node, args: dict[str, Any]) -> Local | None:
    source, weight = _first(node), found.value(args["weight"])
    padding, dilation = args["padding"], args["dilation"][0]
    reach = (weight.shape[2] - 1) * dilation
    if found.local[source].channels_last or not isinstance(weight, Tensor) or args.get("transposed"):
        return None
    if isinstance(padding, str):
        padding = [reach // 2 if padding == "same" else 0]
    sliding = Sliding(kernel=weight.shape[2], stride=args["stride"][0], padding=padding[0], dilation=dilation)
    return found.made(node, Convolution(weight=weight.detach(), sliding=sliding, groups=args["groups"]), [source])


def _batch_norm(found: Recogniser, node: Node, args: dict[str, Any]) -> Local | None:
    source = _first(node)
    if args["training"] or found.local[source].channels_last:
        return None
    variance, weight = found.value(args["running_var"]), found.value(args["weight"])
    scale = torch.rsqrt(variance + args["eps"]) * (1 if weight is None else weight.detach())
    return found.made(node, Scale(factor=scale), [source])


def _linear(found: Recogniser, node: Node, args: dict[str, Any]) -> Local | None:
    weight = found.value(args["weight"])
    if not found.local[_first(node)].channels_last or not isinstance(weight, Tensor):
        return None
    return found.made(
        node, Pointwise(function=partial(functional.linear, weight=weight.detach()), linear=True), [_first(node)]
    )


def _sum(found: Recogniser, node: Node, args: dict[str, Any]) -> Local | None:
    """Addition and subtraction, of layers or of a layer and a constant."""
    left, right = args["self"], found.value(args["other"])
    factor = args.get("alpha", 1)
    sign = -factor if operation(node) == "sub" else factor
    if found.is_local(left) and found.is_local(right):
        if found.traced.shapes[left] != found.traced.shapes[right] or not _same_layout(found, left, right):
            return None
        return found.made(node, Sum(factor=sign), [left, right])
    if found.is_local(left):
        return _same_shape(found, node, left, SAME)
    if sign == 1:
        return _same_shape(found, node, args["other"], SAME)
    return _same_shape(found, node, args["other"], Pointwise(function=lambda x: x * sign, linear=True))


def _same_layout(found: Recogniser, left: Node, right: Node) -> bool:
    return found.local[left].channels_last == found.local[right].channels_last


def _same_shape(found: Recogniser, node: Node, source: Node, made: Operation) -> Local | None:
    """Unless a constant widens the layer by broadcasting."""
    return found.made(node, made, [source]) if found.traced.shapes[node] == found.traced.shapes[source] else None


def _product(found: Recogniser, node: Node, args: dict[str, Any]) -> Local | None:
    """Multiplication and division; of two layers it is not linear."""
    left, right = args["self"], found.value(args["other"])
    function = torch.div if operation(node) == "div" else torch.mul
    if args.get("rounding_mode"):
        return None
    if found.is_local(left) and found.is_local(right):
        if found.traced.shapes[left] != found.traced.shapes[right] or not _same_layout(found, left, right):
            return None
        return found.made(node, Pointwise(function=function), [left, right])
    if not found.is_local(left):
        if operation(node) == "div":
            return None
        left, right = args["other"], found.value(left)
    factor = found.aligned(right, left)
    if factor is None or found.traced.shapes[node] != found.traced.shapes[left]:
        return None
    if len(factor) == 1:
        return found.made(node, Pointwise(function=lambda x: function(x, factor[0]), linear=True), [left])
    return found.made(node, Pointwise(function=function, linear=True), [left], constants=(factor,))


def _extreme(found: Recogniser, node: Node, args: dict[str, Any]) -> Local | None:
    """Larger or smaller of two layers."""
    left, right = args["self"], args["other"]
    if not (found.is_local(left) and found.is_local(right)) or not _same_layout(found, left, right):
        return None
    if found.traced.shapes[left] != found.traced.shapes[right]:
        return None
    return found.made(node, Pointwise(function=function_of(node)), [left, right])


def _masked_fill(found: Recogniser, node: Node, args: dict[str, Any]) -> Local | None:
    source, value = _first(node), found.value(args["value"])
    mask = found.aligned(found.value(args["mask"]), source) if not found.is_local(args["mask"]) else None
    if mask is None or (isinstance(value, Tensor) and value.numel() > 1):
        return None
    whole = mask.expand(found.local[source].length, mask.shape[1]).contiguous()
    fill = Pointwise(function=lambda x, hidden: x.masked_fill(hidden, value))
    return found.made(node, fill, [source], constants=(whole,))


def _over_channels(found: Recogniser, node: Node, args: dict[str, Any]) -> Local | None:
    """Softmax and the like, if over the channels of a column."""
    source = _first(node)
    if args["dim"] % 3 == found.length_axis(source) or args["dim"] % 3 == 0:
        return None
    named: dict[str, Callable[..., Tensor]] = {
        "softmax": torch.softmax,
        "log_softmax": torch.log_softmax,
        "glu": functional.glu,
    }
    return found.made(node, Pointwise(function=partial(named[operation(node)], dim=-1)), [source])


def _layer_norm(found: Recogniser, node: Node, args: dict[str, Any]) -> Local | None:
    source = _first(node)
    if not found.local[source].channels_last or len(args["normalized_shape"]) != 1:
        return None
    shape, weight, bias = args["normalized_shape"], found.value(args["weight"]), found.value(args["bias"])
    norm = partial(functional.layer_norm, normalized_shape=shape, weight=weight, bias=bias, eps=args["eps"])
    return found.made(node, Pointwise(function=norm), [source])


def _prelu(found: Recogniser, node: Node, args: dict[str, Any]) -> Local | None:
    slope = found.value(args["weight"])
    if found.local[_first(node)].channels_last or not isinstance(slope, Tensor):
        return None
    return found.made(node, Pointwise(function=lambda x: torch.where(x > 0, x, x * slope)), [_first(node)])


def _joined(found: Recogniser, node: Node, args: dict[str, Any]) -> Local | None:
    parts = args["tensors"]
    if not all(found.is_local(part) and _same_layout(found, part, parts[0]) for part in parts):
        return None
    if args["dim"] % 3 in (0, found.length_axis(parts[0])):
        return None
    return found.made(node, Pointwise(function=lambda *x: torch.cat(x, 2), linear=True), parts)


def _sliced(found: Recogniser, node: Node, args: dict[str, Any]) -> Local | None:
    """Cropping, or some of the channels."""
    source = _first(node)
    start, stop, step = args["start"] or 0, args["end"], args["step"]
    axis = args["dim"] % 3
    size = found.traced.shapes[source][axis]
    if axis == 0:
        return _same_shape(found, node, source, SAME)
    first, last, _ = slice(start, stop).indices(size)
    if axis == found.length_axis(source):
        return found.made(node, Shift(offset=-first), [source]) if step == 1 else None
    return _channels(found, node, source, slice(first, last, step))


def _channels(found: Recogniser, node: Node, source: Node, which: slice) -> Local:
    return found.made(node, Pointwise(function=lambda x: x[:, :, which], linear=True), [source])


def piece(found: Recogniser, node: Node) -> Local | None:
    """A piece of a layer that was split by channels."""
    parent, number = node.args
    if not isinstance(parent, Node) or not isinstance(number, int) or operation(parent) not in ("chunk", "split"):
        return None
    source, args = _first(parent), arguments(parent)
    axis = args["dim"] % 3
    if not found.is_local(source) or axis in (0, found.length_axis(source)):
        return None
    size = found.traced.shapes[source][axis]
    if operation(parent) == "chunk":
        sizes = [-(-size // args["chunks"])] * args["chunks"]
    else:
        asked = args.get("split_size", args.get("split_sizes"))
        sizes = list(asked) if isinstance(asked, (list, tuple)) else [asked] * -(-size // asked)
    start = sum(sizes[:number])
    return _channels(found, node, source, slice(start, min(start + sizes[number], size)))


def _padded(found: Recogniser, node: Node, args: dict[str, Any]) -> Local | None:
    """Constant padding, and cropping by negative padding, of columns."""
    source, pad = _first(node), list(args["pad"])
    if args.get("mode", "constant") != "constant":
        return None
    axis = found.length_axis(source)
    sides = pad + [0] * (6 - len(pad))
    before = sides[2 * (2 - axis)]
    if any(size for i, size in enumerate(sides) if i // 2 != 2 - axis):
        return None
    return found.made(node, Shift(offset=before), [source])


def _pooled(found: Recogniser, node: Node, args: dict[str, Any]) -> Local | None:
    source = _first(node)
    if found.local[source].channels_last:
        return None
    kernel = args["kernel_size"][0]
    stride = (args["stride"] or args["kernel_size"])[0]
    padding = args["padding"][0]
    if operation(node) == "max_pool1d":
        sliding = Sliding(kernel=kernel, stride=stride, padding=padding, dilation=args["dilation"][0])
        return found.made(node, MaximumPool(sliding=sliding), [source])
    cut_short = args["ceil_mode"] and (found.local[source].length + 2 * padding - kernel) % stride
    if cut_short or (padding and not args["count_include_pad"]):
        return None  # the divisor differs at the ends
    sliding = Sliding(kernel=kernel, stride=stride, padding=padding)
    return found.made(node, AveragePool(sliding=sliding, divisor=kernel), [source])


def _transposed(found: Recogniser, node: Node, args: dict[str, Any]) -> Local | None:
    source = _first(node)
    order = [0, 1, 2]
    if operation(node) == "permute":
        order = [axis % 3 for axis in args["dims"]]
    else:
        first, second = args["dim0"] % 3, args["dim1"] % 3
        order[first], order[second] = order[second], order[first]
    if order[0] != 0:
        return None
    return found.made(node, SAME, [source], transposed=order != [0, 1, 2])


def _flipped(found: Recogniser, node: Node, args: dict[str, Any]) -> Local | None:
    source = _first(node)
    axes = {axis % 3 for axis in args["dims"]}
    along = found.length_axis(source)
    if 0 in axes:
        return None
    if along in axes:
        return found.made(node, Flip(length=found.local[source].length, channels=len(axes) == 2), [source])
    return found.made(node, Pointwise(function=lambda x: x.flip(2), linear=True), [source])


RULES: dict[str, Rule] = {
    "conv1d": _convolution,
    "convolution": _convolution,
    "batch_norm": _batch_norm,
    "linear": _linear,
    "add": _sum,
    "sub": _sum,
    "mul": _product,
    "div": _product,
    "maximum": _extreme,
    "minimum": _extreme,
    "masked_fill": _masked_fill,
    "softmax": _over_channels,
    "log_softmax": _over_channels,
    "glu": _over_channels,
    "layer_norm": _layer_norm,
    "prelu": _prelu,
    "cat": _joined,
    "slice": _sliced,
    "pad": _padded,
    "constant_pad_nd": _padded,
    "max_pool1d": _pooled,
    "avg_pool1d": _pooled,
    "transpose": _transposed,
    "permute": _transposed,
    "flip": _flipped,
}
"""By the name of the operation; an activation needs none but that it is elementwise."""


def rule_for(name: str) -> Rule | None:
    """The rule for an operation, by its name."""
    row = OPERATORS.get(name)
    return RULES.get(name) or (_unary if row is not None and row.kind is Kind.ELEMENTWISE else None)
