"""Which values an output can take by the operations that made it: what a module ends in, not what it is called.

From the output back, interval arithmetic bounds it: a sigmoid or softmax lies between 0 and 1, so does a mean or a
product of such, and 1 / (1 + exp(-x)); a matrix product with weights is unbounded. What is not known of an operation is
not guessed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor

from seqrobust.models.checks.origin import Made, Recorder


class Span(NamedTuple):
    """The values between two ends, which may be infinite."""

    low: float
    high: float

    @property
    def bounded(self) -> bool:
        """Whether both ends are finite."""
        return math.isfinite(self.low) and math.isfinite(self.high)


ANYTHING = Span(-math.inf, math.inf)

_FAR = 40


class Ends(NamedTuple):
    """What a function's operations say of its result.

    Attributes:
        span: the values that it can take. None where an operation is not known; of several parts put side by side the
            span of them all, None where one part is bounded and another is not.
        dtype: its number type before the last casts.
        rounding: the last place of the coarsest floating type on the way, as a share.
    """

    span: Span | None
    dtype: torch.dtype
    rounding: float


def span_of(function: Callable[[Tensor], Tensor], source: Tensor, weights: Iterable[Tensor]) -> Ends:
    """What the operations of a function say of the values that its result can take.

    Args:
        function: from the input to a tensor.
        source: an input, for which it is run once.
        weights: tensors that it may use and that do not depend on the input.
    """
    try:
        with torch.no_grad(), Recorder(source, weights) as recorder:
            out = function(source)
        made = recorder.of(out)
        return Ends(span(made) if made.varies else None, _own_dtype(made), recorder.rounding)
    except Exception:  # fused and frozen programs, and what else runs outside torch's dispatcher
        return Ends(None, torch.float32, 0.0)


def _own_dtype(made: Made) -> torch.dtype:
    """The number type before the last casts."""
    while made.name in _SAME and made.arguments and isinstance(made.arguments[0], Made):
        made = made.arguments[0]
    return made.tensor.dtype


def span(made: Made, nested: int = 0) -> Span | None:
    """The values that an operation's result can take, None where that is not known.

    ``nested`` counts steps on the way from a product with weights to what it mixes; other products on that way, and all
    that is farther than a few steps, are not looked into.
    """
    known: dict[bool, Span | None] = made.found
    if bool(nested) not in known:
        known[bool(nested)] = _span(made, nested)
    return known[bool(nested)]


def _span(made: Made, nested: int) -> Span | None:
    if made.spoilt or made.name == "input" or nested > _FAR:
        return None
    if not made.varies:
        return None if made.foreign and made.tensor.numel() > 1 else _values(made.tensor)
    rule = _RULES.get(made.name)
    return None if rule is None else rule(made, nested + 1 if nested else 0)


def _values(tensor: Tensor) -> Span | None:
    if not tensor.numel() or tensor.is_complex():
        return None
    low, high = float(tensor.min()), float(tensor.max())
    return None if math.isnan(low) or math.isnan(high) else Span(low, high)


def _operand(item: Any, nested: int) -> Span | None:
    if isinstance(item, Made):
        return span(item, nested)
    return Span(float(item), float(item)) if isinstance(item, (int, float)) else None


# Rules ---------------------------------------------------------------------------------------------------------------

Rule: TypeAlias = Callable[[Made, int], Span | None]


def _same(made: Made, nested: int) -> Span | None:
    return _operand(made.arguments[0], nested)


def _always(low: float, high: float) -> Rule:
    return lambda made, nested: Span(low, high)


def _rising(function: Callable[[float], float]) -> Rule:
    """Of a function that never falls."""

    def rule(made: Made, nested: int) -> Span | None:
        inner = _same(made, nested)
        if inner is None:
            return None
        return Span(*(function(end) for end in inner))

    return rule


def _constant(value: float) -> Rule:
    return _always(value, value)


def _outward(made: Made, nested: int) -> Span | None:
    """Of roundings, to whatever place."""
    inner = _same(made, nested)
    if inner is None or not inner.bounded:
        return inner
    return Span(float(math.floor(inner.low)), float(math.ceil(inner.high)))


def _exp(x: float) -> float:
    return math.inf if x > 700 else math.exp(x)


def _log(x: float) -> float:
    return -math.inf if x <= 0 else math.log(x)


def _side_by_side(made: Made, nested: int) -> Span | None:
    """Of parts put together: all of them, unless some are bounded by what they are and others are not."""
    parts = [item for item in made.arguments[0] if isinstance(item, Made)]
    spans = [span(item, nested) for item in parts]
    known = [item for item in spans if item is not None]
    kinds = {item.bounded for item, part in zip(spans, parts, strict=True) if item is not None and part.varies}
    if not known or len(known) < len(spans) or len(kinds) > 1:
        return None
    return Span(min(item.low for item in known), max(item.high for item in known))


def _hull(*places: int) -> Rule:
    def rule(made: Made, nested: int) -> Span | None:
        spans = [_operand(made.arguments[place], nested) for place in places if place < len(made.arguments)]
        if any(item is None for item in spans):
            return None
        return Span(min(item.low for item in spans if item), max(item.high for item in spans if item))

    return rule


def _sum(one: Span | None, other: Span | None) -> Span | None:
    if ANYTHING in (one, other):
        return ANYTHING
    if one is None or other is None:
        return None
    return Span(one.low + other.low, one.high + other.high)


def _times(one: Span | None, other: Span | None) -> Span | None:
    if one is None or other is None:
        return None
    # Nothing times infinity is nothing here: an end that is not reached.
    ends = [0.0 if 0 in (a, b) else a * b for a in one for b in other]
    return Span(min(ends), max(ends))


def _add(sign: float, *, reverse: bool = False) -> Rule:
    def rule(made: Made, nested: int) -> Span | None:
        first, second, *rest = made.arguments
        if reverse:
            first, second = second, first
        factor = sign * (float(rest[0]) if rest and isinstance(rest[0], (int, float)) else 1.0)
        if reverse and factor != sign:
            return None
        one = _operand(first, nested)
        if one == ANYTHING:
            return one
        return _sum(one, _times(_operand(second, nested), Span(factor, factor)))

    return rule


def _mul(made: Made, nested: int) -> Span | None:
    return _times(*(_operand(item, nested) for item in made.arguments[:2]))


def _div(made: Made, nested: int) -> Span | None:
    one, other = (_operand(item, nested) for item in made.arguments[:2])
    # A ratio of two things that both vary hangs on how they go together: a share of a sum, say.
    if one is None or other is None or (isinstance(made.arguments[1], Made) and made.arguments[1].varies):
        return None
    return None if other.low <= 0 <= other.high else _times(one, Span(1 / other.high, 1 / other.low))


def _reciprocal(made: Made, nested: int) -> Span | None:
    inner = _same(made, nested)
    if inner is None or inner.low <= 0:
        return None
    return Span(1 / inner.high, 1 / inner.low)


def _clamp(made: Made, nested: int) -> Span | None:
    inner, ends = _same(made, nested), (*made.arguments[1:3], None, None)[:2]
    if any(isinstance(end, Made) for end in ends) or (inner is None and None in ends):
        return None
    low, high = inner or ANYTHING
    bottom, top = (-math.inf if ends[0] is None else ends[0]), (math.inf if ends[1] is None else ends[1])
    return Span(min(max(low, bottom), top), min(max(high, bottom), top))


def _hardtanh(made: Made, nested: int) -> Span | None:
    said = made.arguments[1:3]
    ends = (*said, *(-1.0, 1.0)[len(said) :])
    return _clamp(Made("clamp", (made.arguments[0], *ends), True, made.tensor), nested)


def _total(made: Made, nested: int) -> Span | None:
    """Of a sum over axes: of a weighted one with the weights' own totals."""
    inner = made.arguments[0]
    if not isinstance(inner, Made):
        return None
    if inner.name == "mul" and (weighted := _weighted_total(made, inner, nested)) is not None:
        return weighted
    found = span(inner, nested)
    count = inner.tensor.numel() // max(made.tensor.numel(), 1)
    return _times(found, Span(count, count))


def _weighted_total(made: Made, product: Made, nested: int) -> Span | None:
    for one, other in (product.arguments[:2], product.arguments[1::-1]):
        if isinstance(other, Made) and not other.varies and isinstance(one, Made):
            axes = made.arguments[1] if len(made.arguments) > 1 and made.arguments[1] else None
            weights = other.tensor.expand(product.tensor.shape).double()
            return _mixed(span(one, nested), (weights.clamp(min=0), -weights.clamp(max=0)), axes)
    return None


def _mixed(inner: Span | None, parts: tuple[Tensor, Tensor], axes: Any) -> Span | None:
    """Of sums of things within a span, weighted by positive parts less negative parts, summed over axes."""
    if inner is None or not inner.bounded:
        return inner if inner is None else ANYTHING
    up, down = (part.sum() if axes is None else part.sum(axes) for part in parts)
    return Span(float((inner.low * up - inner.high * down).min()), float((inner.high * up - inner.low * down).max()))


def _product_with(first: int, bias: int | None) -> Rule:
    """Of a matrix product, whose left side may be probabilities and the right side weights that mix them."""

    def rule(made: Made, nested: int) -> Span | None:
        left, right = made.arguments[first : first + 2]
        if nested or right.varies or right.tensor.ndim > 2:
            return _weighted(made, nested)
        inner = span(left, 1)
        if inner is None or not inner.bounded:
            return ANYTHING
        weights = right.tensor.double()
        mixed = _mixed(inner, (weights.clamp(min=0), -weights.clamp(max=0)), 0)
        return mixed if bias is None else _sum(mixed, _operand(made.arguments[bias], 1))

    return rule


def _weighted(made: Made, nested: int) -> Span | None:
    """Of an operation with weights: unbounded, but not known where what it weighs is bounded."""
    if nested:
        return ANYTHING
    bounded = [item for item in made.arguments if isinstance(item, Made) and item.varies and _bounded(item)]
    return None if bounded else ANYTHING


def _bounded(made: Made) -> bool:
    found = span(made, 1)
    return found is not None and found.bounded


def _if_unbounded(made: Made, nested: int) -> Span | None:
    """Of operations that are not followed where they start from something bounded."""
    return ANYTHING if _same(made, nested) == ANYTHING else None


def _size(power: float) -> Rule:
    """Of an absolute value, to a power."""

    def rule(made: Made, nested: int) -> Span | None:
        inner = _same(made, nested)
        if inner is None or (power != 1 and made.arguments[1] != power):
            return None
        return Span(0.0, max(abs(inner.low), abs(inner.high)) ** power)

    return rule


_SAME = (
    "view", "_unsafe_view", "reshape", "_reshape_alias", "squeeze", "unsqueeze", "select", "slice", "index",
    "index_select", "gather", "clone", "_to_copy", "alias", "detach", "transpose", "t", "permute", "expand", "split",
    "split_with_sizes", "unbind", "unsafe_split", "narrow", "diagonal", "repeat", "flip", "as_strided", "contiguous",
    "lift_fresh", "lift_fresh_copy", "movedim", "squeeze_copy", "native_dropout", "dropout", "take_along_dim",
)  # fmt: skip
"""Operations that change the shape, place or number type of values, and not the values."""
_WITHIN = ("mean", "amax", "amin", "max", "min", "median", "cummax", "cummin", "sort", "topk", "avg_pool1d",
           "avg_pool2d", "_adaptive_avg_pool2d", "max_pool2d_with_indices", "kthvalue")  # fmt: skip
"""Operations whose results lie between the smallest and the largest of their values."""
_UNBOUNDED = ("convolution", "_convolution", "mkldnn_convolution", "bmm", "baddbmm", "dot", "native_batch_norm",
              "_native_batch_norm_legit_no_training", "_native_batch_norm_legit", "cudnn_batch_norm",
              "native_layer_norm", "native_group_norm", "embedding", "_embedding_bag", "cudnn_convolution",
              "miopen_convolution", "_batch_norm_with_update", "linalg_vector_norm")  # fmt: skip
"""Operations with weights, whose results have no bounds of their own."""

_RULES: dict[str, Rule] = {
    **dict.fromkeys((*_SAME, *_WITHIN), _same),
    **dict.fromkeys((*_UNBOUNDED, "linear"), _weighted),
    **dict.fromkeys(("sigmoid", "_softmax", "_safe_softmax", "hardsigmoid", "special_expit"), _always(0.0, 1.0)),
    **dict.fromkeys(("_log_softmax", "log_sigmoid_forward", "log_sigmoid"), _always(-math.inf, 0.0)),
    **dict.fromkeys(("tanh", "sin", "cos", "erf"), _always(-1.0, 1.0)),
    "abs": _size(1),
    "pow": _size(2),
    "softplus": lambda made, nested: Span(0.0, math.inf) if _same(made, nested) == ANYTHING else None,
    **dict.fromkeys(("eq", "ne", "lt", "le", "gt", "ge", "logical_not", "logical_and"), _always(0.0, 1.0)),
    **dict.fromkeys(("cat", "stack"), _side_by_side),
    **dict.fromkeys(("logsumexp", "gelu", "silu", "leaky_relu", "elu", "cumsum"), _if_unbounded),
    **{name: _constant(value) for name, value in (("zeros_like", 0.0), ("ones_like", 1.0))},
    "full_like": lambda made, nested: _operand(made.arguments[1], nested),
    "round": _outward,
    "floor": _outward,
    "ceil": _outward,
    "logit": _rising(lambda p: _log(p) - _log(1 - p)),
    "relu": _rising(lambda x: max(x, 0.0)),
    "exp": _rising(_exp),
    "log": _rising(_log),
    "expm1": _rising(lambda x: _exp(x) - 1),
    "log1p": _rising(lambda x: _log(1 + x)),
    "sqrt": _rising(lambda x: math.sqrt(max(x, 0.0))),
    "neg": lambda made, nested: _times(_same(made, nested), Span(-1.0, -1.0)),
    "add": _add(1.0),
    "sub": _add(-1.0),
    "rsub": _add(-1.0, reverse=True),
    "mul": _mul,
    "div": _div,
    "reciprocal": _reciprocal,
    "clamp": _clamp,
    "clamp_min": _clamp,
    "clamp_max": lambda made, nested: _clamp(
        Made("clamp", (made.arguments[0], None, *made.arguments[1:2]), True, made.tensor), nested
    ),
    "hardtanh": _hardtanh,
    "sum": _total,
    "prod": lambda made, nested: Span(0.0, 1.0) if _within_one(_same(made, nested)) else None,
    "where": _hull(1, 2),
    "masked_fill": _hull(0, 2),
    "maximum": _hull(0, 1),
    "minimum": _hull(0, 1),
    "mm": _product_with(0, None),
    "mv": _product_with(0, None),
    "addmm": _product_with(1, 0),
    "addmv": _product_with(1, 0),
}


def _within_one(found: Span | None) -> bool:
    return found is not None and found.low >= 0 and found.high <= 1
