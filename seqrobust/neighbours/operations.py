"""Operations on windows: what each layer needs of its input around an edit, and what it makes of it.

An edit changes a stretch of every positional layer. Layers are handled in one of two forms, on tensors (M, W, C) with
channels last:

- a *linear* operation (convolution, batch norm, sum, concatenation) takes the change of its input and gives the change
  of its output; its constants drop out, and columns that did not change are zeros that need not be read;
- any other (activation, maximum) takes values, and so needs the unchanged columns beside the edit where it mixes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Stretch:
    """Columns ``start`` to ``start + width``, the start by the edit's position (an array over positions). Columns
    outside the layer are allowed; what stands there is never used."""

    start: Ints
    width: int

    @property
    def stop(self) -> Ints:
        """One behind the last column."""
        return self.start + self.width

    @cached_property
    def shift(self) -> int | None:
        """By how much the start differs from the position, where that is always the same."""
        difference = self.start - np.arange(len(self.start))
        return int(difference[0]) if bool((difference == difference[0]).all()) else None

    @cached_property
    def ordered(self) -> bool:
        """Whether the start only grows, or only falls, with the position."""
        steps = np.diff(self.start)
        return bool((steps >= 0).all() or (steps <= 0).all())

    def same(self, other: Stretch) -> bool:
        """Whether both are the same columns."""
        return self is other or (self.width == other.width and bool((self.start == other.start).all()))


@dataclass(frozen=True, eq=False)
class Offset:
    """By how many columns one stretch starts behind another, by position."""

    by_position: Ints

    @cached_property
    def constant(self) -> int | None:
        """The offset, where it is everywhere the same."""
        first = int(self.by_position[0])
        return first if bool((self.by_position == first).all()) else None


def offset(stretch: Stretch, base: Stretch) -> Offset:
    """Of one stretch behind another."""
    return Offset(stretch.start - base.start)


def whole(length: int, positions: int) -> Stretch:
    """All columns of a layer."""
    return Stretch(np.zeros(positions, np.int64), length)


def hull(stretches: Sequence[Stretch]) -> Stretch:
    """The shortest stretch of one width that holds them all, at every position."""
    if len(stretches) == 1:
        return stretches[0]
    start = np.minimum.reduce([s.start for s in stretches])
    stop = np.maximum.reduce([s.stop for s in stretches])
    return Stretch(start, int((stop - start).max()))


@dataclass(frozen=True, kw_only=True, eq=False)
class Operation:
    """A layer on windows.

    Attributes:
        linear: whether it takes and gives changes rather than values.
        mixes: whether a column of its output is not one column of its input, so that columns outside the layer must be
            cleared.
    """

    linear: bool = False
    mixes: bool = False

    def reached(self, changed: Stretch) -> Stretch:
        """Columns of the output that changed columns of the input reach."""
        return changed

    def needed(self, out: Stretch) -> Stretch:
        """Columns of the input from which those of the output are computed."""
        return out

    def __call__(self, *inputs: Tensor) -> Tensor:
        """From (M, W, C) inputs to the (M, W', C') output."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True, eq=False)
class Pointwise(Operation):
    """A function of each column by itself: activations, normalisation over channels, products of two layers."""

    function: Callable[..., Tensor]

    def __call__(self, *inputs: Tensor) -> Tensor:
        """See :class:`Operation`."""
        return self.function(*inputs)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scale(Operation):
    """Every channel times a factor (C,): what batch norm does to a change."""

    factor: Tensor
    linear: bool = True

    def __call__(self, *inputs: Tensor) -> Tensor:
        """See :class:`Operation`."""
        return inputs[0] * self.factor


@dataclass(frozen=True, kw_only=True, eq=False)
class Sum(Operation):
    """One layer plus a multiple of another, such as a residual connection."""

    factor: float = 1
    linear: bool = True

    def __call__(self, *inputs: Tensor) -> Tensor:
        """See :class:`Operation`."""
        return torch.add(*inputs, alpha=self.factor)


@dataclass(frozen=True, kw_only=True, eq=False)
class Shift(Operation):
    """The same columns under other numbers: padding and cropping.

    Cropped columns stand outside the layer from here on, and are cleared like those that mixing makes.
    """

    offset: int
    linear: bool = True
    mixes: bool = True

    def reached(self, changed: Stretch) -> Stretch:
        """See :class:`Operation`."""
        return Stretch(changed.start + self.offset, changed.width)

    def needed(self, out: Stretch) -> Stretch:
        """See :class:`Operation`."""
        return Stretch(out.start - self.offset, out.width)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """See :class:`Operation`."""
        return inputs[0]


@dataclass(frozen=True, kw_only=True, eq=False)
class Flip(Operation):
    """Columns in reverse order, of a layer of ``length``; with ``channels`` the channels too (reverse complement)."""

    length: int
    channels: bool = False
    linear: bool = True

    def reached(self, changed: Stretch) -> Stretch:
        """See :class:`Operation`."""
        return Stretch(self.length - changed.stop, changed.width)

    def needed(self, out: Stretch) -> Stretch:
        """See :class:`Operation`."""
        return Stretch(self.length - out.stop, out.width)

    def __call__(self, *inputs: Tensor) -> Tensor:
        """See :class:`Operation`."""
        return inputs[0].flip(1, 2) if self.channels else inputs[0].flip(1)


@dataclass(frozen=True, kw_only=True)
class Sliding:
    """Geometry of an operation whose output column o reads input columns o * stride - padding + t * dilation."""

    kernel: int
    stride: int = 1
    padding: int = 0
    dilation: int = 1

    @property
    def reach(self) -> int:
        """Columns from the first to the last that an output column reads, less one."""
        return (self.kernel - 1) * self.dilation


@dataclass(frozen=True, kw_only=True, eq=False)
class SlidingOperation(Operation):
    """An operation that slides along the columns."""

    sliding: Sliding
    mixes: bool = True

    def reached(self, changed: Stretch) -> Stretch:
        """See :class:`Operation`."""
        size = self.sliding
        start = -((-(changed.start + size.padding - size.reach)) // size.stride)
        stop = (changed.stop - 1 + size.padding) // size.stride + 1
        return Stretch(start, max(int((stop - start).max()), 1))

    def needed(self, out: Stretch) -> Stretch:
        """See :class:`Operation`."""
        size = self.sliding
        return Stretch(out.start * size.stride - size.padding, (out.width - 1) * size.stride + size.reach + 1)


@dataclass(frozen=True, kw_only=True, eq=False)
class Convolution(SlidingOperation):
    """A convolution of changes.

    With stride 1 the change is convolved as if it stood between zeros, which kernels skip: the arithmetic is that of
    the changed columns alone, without the columns beside them that a convolution of values must read.
    """

    weight: Tensor
    groups: int = 1
    linear: bool = True
    table: Tensor | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        # Channels last, as the windows are: no reordering on the way in or out.
        weight = self.weight[:, :, None].contiguous(memory_format=torch.channels_last)
        object.__setattr__(self, "weight", weight)
        if self.groups == 1 and self.sliding.dilation == 1:
            # One changed column reaches every tap: a product with the reversed taps is the whole convolution.
            taps = weight[:, :, 0].flip(2).permute(1, 2, 0)
            object.__setattr__(self, "table", taps.reshape(taps.shape[0], -1).contiguous())

    @property
    def full(self) -> bool:
        """Whether the changed columns alone are enough."""
        return self.sliding.stride == 1

    def __call__(self, *inputs: Tensor) -> Tensor:
        """See :class:`Operation`: a convolution of exactly the columns that are needed."""
        return self._convolved(inputs[0], 0)

    def of_changed(self, change: Tensor) -> Tensor:
        """All columns that (M, w, C) changed ones reach, (M, w + reach, C'); for stride 1."""
        if change.shape[1] == 1 and self.table is not None:
            return (change[:, 0] @ self.table).view(len(change), self.sliding.kernel, -1)
        return self._convolved(change, self.sliding.reach)

    def of_whole(self, change: Tensor) -> Tensor:
        """The whole output layer from the whole input layer."""
        return self._convolved(change, self.sliding.padding)

    def _convolved(self, change: Tensor, padding: int) -> Tensor:
        out = functional.conv2d(
            change.transpose(1, 2)[:, :, None],
            self.weight,
            stride=(1, self.sliding.stride),
            padding=(0, padding),
            dilation=(1, self.sliding.dilation),
            groups=self.groups,
        )
        return out[:, :, 0].transpose(1, 2)

    def macs(self, width: int) -> int:
        """Multiply-adds a candidate, for so many changed columns."""
        return -(-width // self.sliding.stride) * self.weight.numel()


@dataclass(frozen=True, kw_only=True, eq=False)
class MaximumPool(SlidingOperation):
    """Maxima of windows. A function that only grows may follow: it is cheaper on maxima than before them."""

    then: Callable[[Tensor], Tensor] | None = None

    def __call__(self, *inputs: Tensor) -> Tensor:
        """See :class:`Operation`."""
        out = self._maxima(inputs[0])
        return out if self.then is None else self.then(out)

    def _maxima(self, values: Tensor) -> Tensor:
        size, stride = self.sliding, self.sliding.stride
        if size.kernel == stride and size.dilation == 1:
            return values.reshape(len(values), -1, stride, values.shape[2]).amax(2)
        last = values.shape[1] - size.reach
        out = values[:, 0:last:stride]
        for tap in range(size.dilation, size.reach + 1, size.dilation):
            out = torch.maximum(out, values[:, tap : tap + last : stride])
        return out


@dataclass(frozen=True, kw_only=True, eq=False)
class AveragePool(SlidingOperation):
    """Sums of windows over a fixed count, of changes."""

    divisor: int
    linear: bool = True

    def __call__(self, *inputs: Tensor) -> Tensor:
        """See :class:`Operation`."""
        (change,) = inputs
        size = self.sliding
        last = change.shape[1] - size.reach
        total = change[:, 0 : last : size.stride]
        for tap in range(1, size.kernel):
            total = total + change[:, tap : tap + last : size.stride]
        return total / self.divisor
