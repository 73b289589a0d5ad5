"""Where a network bends: every ReLU, clamp and maximum of one forward pass, and how far along a line the next one is.

Inside one linear region every preactivation is affine along a segment, so a forward pass that carries the derivative
along (a Jacobian-vector product) tells exactly where each unit changes sign and each maximum its winner. The pass goes
through the graph of operations, so layers (``nn.ReLU``) and functions (``torch.relu``, ``amax``) count alike; which of
them bend, and where, stands in its table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor, fx
from torch.autograd import forward_ad
from torch.overrides import TorchFunctionMode

from seqrobust.graph import Kind, Traced, arguments, functional, operation, operator_of

Margin: TypeAlias = tuple[Tensor, Tensor]
"""Values and their derivatives along the line, of one shape with rows first: the network bends where one is zero."""


class KeepsDouble(TorchFunctionMode):
    """Within it ``.float()`` leaves double precision alone: what a model is read through rounds to single."""

    def __torch_function__(
        self, function: Callable[..., Any], types: Sequence[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        """See :class:`torch.overrides.TorchFunctionMode`."""
        if function is torch.Tensor.float and args[0].dtype == torch.float64:
            return args[0]
        return function(*args, **(kwargs or {}))


class Bends:
    """Runs a graph within a ``dual_level``, and keeps the distance to the next bend for each row of the batch.

    Args:
        traced: the graph.
        rows: records in the batch; whatever bends must hold a multiple of them in its first dimension, in order.

    Attributes:
        nearest: (rows,) float64 distance, in units of the derivative's parameter; infinite where nothing bends.
        uncertain: names of operations that may bend and were not understood.
    """

    def __init__(self, traced: Traced, rows: int) -> None:
        self.traced, self.rows = traced, rows
        self.nearest = torch.full((rows,), torch.inf, dtype=torch.float64)
        self.uncertain: set[str] = set()

    def run(self, points: Tensor) -> Tensor:
        """The graph's output at (rows, K, L) points that carry their derivative."""
        values: dict[fx.Node, Any] = {self.traced.input: points}
        for node in self.traced.nodes:
            moving = any(_moves(values[i]) for i in node.all_input_nodes if i in values)
            args, kwargs = self.traced.resolved(node, values, self.rows)
            if moving:
                self._watch(node, args, kwargs)
            values[node] = functional(node)(*args, **kwargs)
            if moving and _may_jump(node, values[node]):
                self.uncertain.add(operation(node))
        out: Tensor = values[self.traced.output]
        return out

    def _watch(self, node: fx.Node, args: Any, kwargs: Any) -> None:
        try:
            found = _margins(node, _by_name(node, args, kwargs))
        except (TypeError, ValueError, IndexError):
            self.uncertain.add(operation(node))
            return
        for values, slopes in found:
            if not values.numel():
                continue
            if not values.ndim or values.shape[0] % self.rows:
                self.uncertain.add(operation(node))
                continue
            distance = _distances(values, slopes).reshape(self.rows, -1).amin(1)
            self.nearest = torch.minimum(self.nearest, distance.double().cpu())


def _may_jump(node: fx.Node, result: Any) -> bool:
    """Whether an operation jumps, or bends, where it is not followed."""
    row = operator_of(node)
    if operation(node) in _FINITE or row.curve.bends is not None or row.kind is Kind.MAXIMUM:
        return False
    return row.steps or row.kind in (Kind.SORTING, Kind.UNKNOWN) or _decides(result)


def _by_name(node: fx.Node, args: Any, kwargs: Any) -> dict[str, Any]:
    """A call's arguments by name, with defaults and with values in place of nodes."""
    schema = getattr(node.target, "_schema", None)
    names = [] if schema is None else [argument.name for argument in schema.arguments]
    return {**arguments(node), **dict(zip(names, args, strict=False)), **kwargs}


def _margins(node: fx.Node, given: Mapping[str, Any]) -> list[Margin]:
    """What crosses zero where an operation bends. Raises TypeError, ValueError or IndexError for a form not known."""
    row, name = operator_of(node), operation(node)
    if row.curve.bends is not None:
        return _at_levels(given["self"], row.curve.levels(given))
    if row.kind is not Kind.MAXIMUM:
        return []
    if "other" in given:
        return _pairwise(given["self"], given["other"])
    if "max_pool" in name:
        return (
            _adaptive(**given) if "adaptive" in name else _max_pool(given, int(name.removesuffix("_with_indices")[-2]))
        )
    if name.startswith("cum") or given.get("dim") in (None, []):
        raise ValueError("maxima so far, or of all records together")
    values, slopes = _parts(given["self"])
    sign = -1 if row.smallest else 1
    return _highest(sign * values, sign * slopes, given.get("dim"))


def _decides(result: Any) -> bool:
    """Whether something comes out that can only jump, as of comparisons and of what picks or sorts."""
    parts = result if isinstance(result, (tuple, list)) else (result,)
    return any(isinstance(part, Tensor) and not part.is_floating_point() and not part.is_complex() for part in parts)


def _moves(value: Any) -> bool:
    """Whether a value, or one of several, changes along the line."""
    if isinstance(value, (list, tuple)):
        return any(map(_moves, value))
    return isinstance(value, Tensor) and value.is_floating_point() and bool(_parts(value)[1].any())


def _distances(values: Tensor, slopes: Tensor) -> Tensor:
    """How far it is until a value that is affine along the line is zero; infinite where it goes the other way."""
    towards = (values * slopes < 0) & (slopes.abs() > _STILL * slopes.abs().amax())
    return torch.where(towards, (values / slopes).abs(), torch.inf).nan_to_num(nan=torch.inf, posinf=torch.inf)


_STILL = 1e-9
"""Derivatives that are so much smaller than the largest are rounding."""


def _parts(value: Any) -> Margin:
    """A tensor and its derivative, zero for a constant."""
    if not isinstance(value, Tensor):
        raise TypeError
    dual = forward_ad.unpack_dual(value)  # type: ignore[no-untyped-call]
    slope = torch.zeros_like(dual.primal) if dual.tangent is None else dual.tangent
    return dual.primal.detach(), slope.detach()


def _at_levels(value: Any, levels: Sequence[float]) -> list[Margin]:
    values, slopes = _parts(value)
    return [(values - level, slopes) for level in levels]


def _pairwise(input: Any, other: Any) -> list[Margin]:
    (one, up), (two, down) = _parts(input), _parts(other)
    return [(one - two, up - down)]


def _of_windows(values: Tensor, slopes: Tensor) -> list[Margin]:
    """Leads of the winner over the rest in the last dimension; of several equal the one that grows fastest wins."""
    highest = values.amax(-1, keepdim=True)
    steepest = torch.where(values == highest, slopes, -torch.inf).amax(-1, keepdim=True)
    # Minus infinity stands for what is not there, and a window of nothing else has no winner.
    margin = torch.where(values.isneginf(), torch.inf, highest - values)
    return [(torch.where(margin > 0, margin, torch.inf), steepest - slopes)]


def _highest(values: Tensor, slopes: Tensor, dim: Any) -> list[Margin]:
    dims = [dim] if isinstance(dim, int) else dim
    last = [each % values.ndim for each in dims]
    order = [each for each in range(values.ndim) if each not in last] + last
    kept = values.ndim - len(last)
    return _of_windows(*(part.permute(order).flatten(kept) for part in (values, slopes)))


def _max_pool(given: Mapping[str, Any], dims: int) -> list[Margin]:
    values, slopes = _parts(given["self"])
    sizes, edges, steps = (_each(given[name], dims) for name in ("kernel_size", "padding", "dilation"))
    strides = _each(given["stride"] or given["kernel_size"], dims)
    kept = values.ndim
    for number in range(dims):
        values, slopes = (
            _windows(
                part, kept - dims + number, sizes[number], strides[number], edges[number], steps[number],
                given["ceil_mode"], off,
            )
            for part, off in ((values, -torch.inf), (slopes, 0.0))
        )  # fmt: skip
    return _of_windows(values.flatten(kept), slopes.flatten(kept))


def _each(value: Any, dims: int) -> list[int]:
    return [int(value)] * dims if isinstance(value, int) else [int(item) for item in (list(value) * dims)[:dims]]


def _windows(
    part: Tensor, axis: int, size: int, stride: int, edge: int, step: int, ceil_mode: bool, filling: float
) -> Tensor:
    """Windows along an axis, put behind; what is outside is filled."""
    width, reach = part.shape[axis], (size - 1) * step + 1
    room = width + 2 * edge - reach
    count = (-(-room // stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (count - 1) * stride >= width + edge:
        count -= 1
    behind = max((count - 1) * stride + reach - edge - width, 0)
    moved = part.movedim(axis, -1)
    padded = torch.nn.functional.pad(moved, (edge, behind), value=filling).movedim(-1, axis)
    return padded.unfold(axis, reach, stride).narrow(axis, 0, count)[..., ::step]


def _adaptive(self: Any, output_size: Any, **_: Any) -> list[Margin]:
    if any(size != 1 for size in output_size):
        raise ValueError("windows of several sizes")
    return _highest(*_parts(self), range(-len(output_size), 0))


_FINITE = frozenset(["isfinite", "isnan", "isinf"])
"""Questions whose answer does not change on a way on which the model is finite."""
