"""Which of torch's functions have a DeepLIFT rule, and which rule; see :mod:`~.rules`.

A function is known by its name, whether it was called as a function, as a method or from a module. Functions that are
linear in what varies need no rule: their derivative is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from seqrobust.analysis.attribution.rules import Maxima, Maximum, Path, Rescale
from seqrobust.errors import ModelError


def names_in(text: str) -> frozenset[str]:
    """Words of a text."""
    return frozenset(text.split())


ELEMENTWISE = names_in(
    "relu relu6 leaky_relu prelu elu selu celu gelu silu mish softplus softsign softshrink hardshrink tanhshrink "
    "hardtanh hardsigmoid hardswish threshold sigmoid expit logsigmoid tanh exp exp2 expm1 log log2 log10 log1p sqrt "
    "rsqrt square pow rpow reciprocal rdiv rtruediv abs absolute clamp clamp_min clamp_max clip erf sin cos atan "
    "maximum minimum fmax fmin"
)
"""Of one number each, where one argument varies."""
PAIRS = names_in("maximum minimum fmax fmin max min")
BILINEAR = names_in("mul multiply rmul matmul rmatmul mm bmm mv einsum")
QUOTIENTS = names_in("div true_divide divide truediv rdiv rtruediv")
MIXING = names_in(
    "pow softmax log_softmax softmin logsumexp layer_norm group_norm instance_norm rms_norm normalize norm vector_norm "
    "var std prod cumprod glu scaled_dot_product_attention cosine_similarity"
)
RECURRENT = names_in("gru lstm rnn_tanh rnn_relu gru_cell lstm_cell rnn_tanh_cell rnn_relu_cell")

_POINTS = 20
"""Points of the path through a function that mixes its inputs; the middle alone is exact for a bilinear one."""


class Noted(NamedTuple):
    """An operation on the baseline: its name, what varied of its input, its output, and whether it overwrote it."""

    name: str
    inputs: list[Tensor]
    output: Tensor
    in_place: bool = False

    def fits(self, name: str, tensors: Sequence[Tensor]) -> bool:
        """Whether it is the same operation on tensors of the same shapes."""
        return name == self.name and [one.shape for one in tensors] == [one.shape for one in self.inputs]


class _Largest(NamedTuple):
    """How a maximum is found, what it is taken of, and how the function's result is made of it."""

    of: Callable[[Sequence[Tensor]], Tensor]
    find: Callable[[Tensor], Maxima]
    result: Callable[[Tensor, Tensor], Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Operation:
    """A call that has a rule.

    Attributes:
        name: of the function.
        call: the function of what varies in its arguments.
        points: of the path through it; 0 for a function of one number each.
        largest: how its maxima are found, for a function that takes some.
    """

    name: str
    call: Callable[..., Any]
    points: int = 0
    largest: _Largest | None = None

    @classmethod
    def of(cls, func: Any, args: Any, kwargs: Any, tensors: Sequence[Tensor]) -> Operation | None:
        """The rule of a call in which these tensors vary; None for one that is linear in them, or has none.

        Raises ModelError for a recurrent layer.
        """
        name = getattr(func, "__name__", "").strip("_")
        if name in RECURRENT:
            raise ModelError(NO_RECURRENCE)

        def call(*replaced: Tensor) -> Any:
            new = iter(replaced)
            changed_args, changed_kwargs = _changed((args, kwargs), new)
            return func(*changed_args, **changed_kwargs)

        if len(tensors) == 2 and name in PAIRS:
            return cls(name=name, call=call, largest=_of_pair(name))
        if name in ("max_pool1d", "max_pool2d", "adaptive_max_pool1d", "adaptive_max_pool2d", "amax", "max"):
            largest = _of_windows(name, args, kwargs)
            return None if largest is None else cls(name=name, call=call, largest=largest)
        if len(tensors) == 2 and name in BILINEAR:
            return cls(name=name, call=call, points=1)
        if len(tensors) == 1 and name in ELEMENTWISE:
            return cls(name=name, call=call)
        if name in MIXING or (name in QUOTIENTS and (len(tensors) == 2 or args[0] is not tensors[0])):
            return cls(name=name, call=call, points=_POINTS)
        return None

    def noted(self, tensors: list[Tensor]) -> Noted:
        """What the second run must know of the first, of inputs that are the caller's to keep."""
        with torch.no_grad():
            if self.largest is not None:
                taken = self.largest.of(tensors)
                return Noted(self.name, tensors, self.largest.find(taken).values)
            return Noted(self.name, tensors, self.call(*(one.clone() for one in tensors)).clone())

    def ruled(self, tensors: Sequence[Tensor], before: Noted) -> Any:
        """The function's result, which passes multipliers back."""
        if self.largest is not None:
            taken, earlier = self.largest.of(tensors), self.largest.of(before.inputs)
            values = _apply(Maximum, taken, earlier, before.output, self.largest.find)
            return self.largest.result(values, taken)
        if self.points:
            return _apply(Path, self.call, self.points, len(tensors), *tensors, *before.inputs)
        return _apply(Rescale, tensors[0], before.inputs[0], before.output, self.call)


NO_RECURRENCE = "DeepLIFT has no rule for a recurrent layer"


def _apply(rule: Any, *arguments: Any) -> Tensor:
    out: Tensor = rule.apply(*arguments)
    return out


def varying(value: Any) -> list[Tensor]:
    """Tensors among arguments that depend on the input."""
    return [leaf for leaf in _leaves(value) if leaf.requires_grad]


def _leaves(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif type(value) in (list, tuple):
        for item in value:
            yield from _leaves(item)
    elif type(value) is dict:
        yield from _leaves(list(value.values()))


def _changed(value: Any, new: Iterator[Tensor]) -> Any:
    """The same arguments with what varies replaced, in order."""
    if isinstance(value, Tensor):
        return next(new) if value.requires_grad else value
    if type(value) in (list, tuple):
        return type(value)(_changed(item, new) for item in value)
    if type(value) is dict:
        return {key: _changed(item, new) for key, item in value.items()}
    return value


def _of_pair(name: str) -> _Largest:
    """The larger of two tensors is a maximum over the two of them; the smaller one the same with signs turned."""
    sign = -1 if "min" in name else 1

    def stacked(tensors: Sequence[Tensor]) -> Tensor:
        one, other = tensors
        return sign * torch.stack([one + torch.zeros_like(other), other + torch.zeros_like(one)], -1)

    return _Largest(stacked, lambda x: _along(x, -1), lambda values, _: sign * values.squeeze(-1))


def _of_windows(name: str, args: Any, kwargs: Any) -> _Largest | None:
    if name in ("amax", "max"):
        return _of_dimension(name, *args[1:], **kwargs)
    finder = getattr(functional, f"{name}_with_indices")
    limit = 2 if "adaptive" in name else 6  # the arguments before return_indices
    known = {key: value for key, value in kwargs.items() if key not in ("return_indices", "input")}
    flat = 2 if name.endswith("2d") else 1

    def find(x: Tensor) -> Maxima:
        values, index = finder(x, *args[1:limit], **known)
        return Maxima(values, index, -1, flat)

    return _Largest(lambda tensors: tensors[0], find, lambda values, _: values)


def _of_dimension(name: str, dim: Any = None, keepdim: bool = False, **more: Any) -> _Largest | None:
    """Along one dimension; over several at once there is no rule."""
    if isinstance(dim, (list, tuple)) and len(dim) == 1:
        dim = dim[0]
    if not isinstance(dim, int) or more.get("input") is not None:
        return None

    def result(values: Tensor, x: Tensor) -> Any:
        kept = values if keepdim else values.squeeze(dim)
        if name == "amax":
            return kept
        return torch.return_types.max((kept, _along(x.detach(), dim, keepdim=keepdim).place))

    return _Largest(lambda tensors: tensors[0], lambda x: _along(x, dim), result)


def _along(x: Tensor, dim: int, *, keepdim: bool = True) -> Maxima:
    values, index = x.max(dim, keepdim=keepdim)
    return Maxima(values, index, dim)
