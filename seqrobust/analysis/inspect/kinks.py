"""Where a network bends: every ReLU, clamp and maximum of one forward pass, and how far along a line the next one is.

Inside one linear region every preactivation is affine along a segment, so a forward pass that carries the derivative
along (a Jacobian-vector product) tells exactly where each unit changes sign and each maximum its winner. Calls are seen
as torch sees them, so layers (``nn.ReLU``) and functions (``torch.relu``, ``amax``) count alike.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torch.overrides import TorchFunctionMode

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


class KinkWatch(TorchFunctionMode):
    """Within it, and within a ``dual_level``, the distance to the next bend is kept for each row of the batch.

    Args:
        rows: records in the batch; whatever bends must hold a multiple of them in its first dimension, in order.

    Attributes:
        nearest: (rows,) float64 distance, in units of the derivative's parameter; infinite where nothing bends.
        seen: names of the functions that bend.
        uncertain: names of functions that may bend and were not understood.
    """

    def __init__(self, rows: int) -> None:
        super().__init__()
        self.rows = rows
        self.nearest = torch.full((rows,), torch.inf, dtype=torch.float64)
        self.seen: dict[str, int] = {}
        self.uncertain: set[str] = set()

    def __torch_function__(
        self, function: Callable[..., Any], types: Sequence[type], args: Any = (), kwargs: Any = None
    ) -> Any:
        """See :class:`torch.overrides.TorchFunctionMode`."""
        kwargs = kwargs or {}
        called = getattr(function, "__name__", "")
        name = called.rstrip("_")
        margins = _MARGINS.get(name)
        if margins is not None:
            self._watch(name, margins, args, kwargs)
            return function(*args, **kwargs)
        result = function(*args, **kwargs)
        jumps = called in _STEPS or name in _STEPS or _decides(result)
        if jumps and name not in _FINITE and any(map(_moves, (*args, *kwargs.values()))):
            self.uncertain.add(name)
        return result

    def _watch(self, name: str, margins: Callable[..., list[Margin]], args: Any, kwargs: Mapping[str, Any]) -> None:
        try:
            found = margins(*args, **kwargs)
        except (TypeError, ValueError, IndexError):
            self.uncertain.add(name)
            return
        for values, slopes in found:
            if not values.numel():
                continue
            self.seen[name] = self.seen.get(name, 0) + 1
            if not values.ndim or values.shape[0] % self.rows:
                self.uncertain.add(name)
                continue
            distance = _distances(values, slopes).reshape(self.rows, -1).amin(1)
            self.nearest = torch.minimum(self.nearest, distance.double().cpu())


def _decides(result: Any) -> bool:
    """Whether something comes out that can only jump, as of comparisons and of what picks or sorts."""
    parts = result if isinstance(result, tuple) else (result,)
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


def _at_levels(value: Any, levels: Sequence[float | None]) -> list[Margin]:
    values, slopes = _parts(value)
    return [(values - level, slopes) for level in levels if level is not None]


def _sign(input: Any, *_: Any, **__: Any) -> list[Margin]:
    return _at_levels(input, [0.0])


def _threshold(input: Any, threshold: float, *_: Any, **__: Any) -> list[Margin]:
    return _at_levels(input, [threshold])


def _relu6(input: Any, *_: Any, **__: Any) -> list[Margin]:
    return _at_levels(input, [0.0, 6.0])


def _hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, *_: Any, **__: Any) -> list[Margin]:
    return _at_levels(input, [min_val, max_val])


def _clamp(input: Any, min: float | None = None, max: float | None = None, **_: Any) -> list[Margin]:
    if isinstance(min, Tensor) or isinstance(max, Tensor):
        raise TypeError
    return _at_levels(input, [min, max])


def _clamp_min(input: Any, min: float, **_: Any) -> list[Margin]:
    return _clamp(input, min=min)


def _clamp_max(input: Any, max: float, **_: Any) -> list[Margin]:
    return _clamp(input, max=max)


def _pairwise(input: Any, other: Any, **_: Any) -> list[Margin]:
    (one, up), (two, down) = _parts(input), _parts(other)
    return [(one - two, up - down)]


def _of_windows(values: Tensor, slopes: Tensor) -> list[Margin]:
    """Leads of the winner over the rest in the last dimension; of several equal the one that grows fastest wins."""
    highest = values.amax(-1, keepdim=True)
    steepest = torch.where(values == highest, slopes, -torch.inf).amax(-1, keepdim=True)
    # Minus infinity stands for what is not there, and a window of nothing else has no winner.
    margin = torch.where(values.isneginf(), torch.inf, highest - values)
    return [(torch.where(margin > 0, margin, torch.inf), steepest - slopes)]


def _amax(input: Any, dim: Any = None, *_: Any, **__: Any) -> list[Margin]:
    return _highest(*_parts(input), dim)


def _amin(input: Any, dim: Any = None, *_: Any, **__: Any) -> list[Margin]:
    values, slopes = _parts(input)
    return _highest(-values, -slopes, dim)


def _highest(values: Tensor, slopes: Tensor, dim: Any) -> list[Margin]:
    dims = range(1, values.ndim) if dim is None else [dim] if isinstance(dim, int) else dim
    last = [each % values.ndim for each in dims]
    order = [each for each in range(values.ndim) if each not in last] + last
    kept = values.ndim - len(last)
    return _of_windows(*(part.permute(order).flatten(kept) for part in (values, slopes)))


def _max(input: Any, *args: Any, **kwargs: Any) -> list[Margin]:
    other = args[0] if args else kwargs.get("other")
    if isinstance(other, Tensor):
        return _pairwise(input, other)
    dim = kwargs.get("dim", other)
    if dim is None:
        raise TypeError
    return _amax(input, dim)


def _max_pool(
    input: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
    *,
    dims: int,
) -> list[Margin]:
    values, slopes = _parts(input)
    sizes, edges, steps = (_each(value, dims) for value in (kernel_size, padding, dilation))
    strides = _each(kernel_size if stride is None or stride == [] else stride, dims)
    kept = values.ndim
    for number in range(dims):
        values, slopes = (
            _windows(
                part, kept - dims + number, sizes[number], strides[number], edges[number], steps[number], ceil_mode, off
            )
            for part, off in ((values, -torch.inf), (slopes, 0.0))
        )
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


def _max_pool1d(*args: Any, **kwargs: Any) -> list[Margin]:
    return _max_pool(*args, **kwargs, dims=1)


def _max_pool2d(*args: Any, **kwargs: Any) -> list[Margin]:
    return _max_pool(*args, **kwargs, dims=2)


def _adaptive(input: Any, output_size: Any, *_: Any, **__: Any) -> list[Margin]:
    if _each(output_size, 1) != [1]:
        raise ValueError
    return _amax(input, -1)


_MARGINS: Mapping[str, Callable[..., list[Margin]]] = {
    "relu": _sign,
    "leaky_relu": _sign,
    "prelu": _sign,
    "rrelu": _sign,
    "abs": _sign,
    "threshold": _threshold,
    "relu6": _relu6,
    "hardtanh": _hardtanh,
    "clamp": _clamp,
    "clip": _clamp,
    "clamp_min": _clamp_min,
    "clamp_max": _clamp_max,
    "maximum": _pairwise,
    "minimum": _pairwise,
    "max": _max,
    "amax": _amax,
    "amin": _amin,
    "max_pool1d": _max_pool1d,
    "max_pool1d_with_indices": _max_pool1d,
    "max_pool2d": _max_pool2d,
    "max_pool2d_with_indices": _max_pool2d,
    "adaptive_max_pool1d": _adaptive,
}

# fmt: off
_STEPS = frozenset([
    "round", "floor", "ceil", "trunc", "fix", "frac", "sign", "sgn", "heaviside", "fmod", "remainder",
    "floor_divide", "__floordiv__", "__rfloordiv__", "__mod__", "__rmod__",
    "item", "tolist", "__bool__", "__float__", "__int__",
    "median", "nanmedian", "quantile", "nanquantile", "aminmax", "fmax", "fmin", "cummax", "cummin",
])
# fmt: on
"""What jumps, or bends, without being followed: a way with one of them in it is sampled."""
_FINITE = frozenset(["isfinite", "isnan", "isinf"])
"""Questions whose answer does not change on a way on which the model is finite."""
