"""Where columns become features: layers that read every position, computed from what changed.

A head stands between the windows and the tail. It takes a layer's change or its changed values and gives its own output
in full, (M, ...), as the graph has it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, fx

from seqrobust.graph import arguments, operation
from seqrobust.neighbours.layers import Local, Recogniser
from seqrobust.neighbours.operations import Offset, Stretch
from seqrobust.neighbours.reference import Reference
from seqrobust.neighbours.windows import Chunk, place_

Node = fx.Node


class Head(Protocol):
    """A layer between windows and tail.

    Attributes:
        node: whose output it gives.
        sources: the positional layers that it reads.
        takes_change: whether it takes the change over the changed columns, or else values there.
        needs_columns, needs_output: whether it stands on cached columns of its sources, and on its own cached output.
    """

    node: Node
    takes_change: bool
    needs_columns: bool
    needs_output: bool

    @property
    def row_axis(self) -> int:
        """Axis of its output along which candidates stand."""

    @property
    def sources(self) -> tuple[Node, ...]:
        """See above."""

    def __call__(self, chunk: Chunk, reference: Reference, windows: Sequence[Window]) -> Tensor:
        """(M, ...) output from a window of each source."""

    def macs(self, changed: Sequence[Stretch]) -> int:
        """Multiply-adds a candidate, given the changed columns of each source."""

    def kept(self, found: Recogniser) -> int:
        """Numbers a record that it keeps beside the cached layers."""


class Window(NamedTuple):
    """Columns (M, W, C) of a layer, changes or values."""

    stretch: Stretch
    columns: Tensor


@dataclass(eq=False)
class OneSource:
    """A head that reads one layer."""

    node: Node
    source: Node
    row_axis: int = field(init=False, default=0)

    @property
    def sources(self) -> tuple[Node, ...]:
        """See :class:`Head`."""
        return (self.source,)

    def macs(self, changed: Sequence[Stretch]) -> int:
        """See :class:`Head`."""
        return 0

    def kept(self, found: Recogniser) -> int:
        """See :class:`Head`."""
        return 0


@dataclass(eq=False)
class Total(OneSource):
    """Sum or mean over positions."""

    divisor: float
    shape: tuple[int, ...]
    takes_change: bool = True
    needs_columns: bool = False
    needs_output: bool = True

    def __call__(self, chunk: Chunk, reference: Reference, windows: Sequence[Window]) -> Tensor:
        """See :class:`Head`."""
        kept = reference.whole[self.node]
        out = kept[chunk.record] + (windows[0].columns.sum(1) / self.divisor).view(len(chunk), *self.shape)
        if chunk.commit:
            kept[chunk.record] = out
        return out


@dataclass(eq=False)
class Largest(OneSource):
    """Maximum over positions: the largest before the window, in it, and behind it."""

    shape: tuple[int, ...]
    takes_change: bool = False
    needs_columns: bool = True
    needs_output: bool = False
    _sides: dict[str, Tensor] = field(default_factory=dict)
    _of: Reference | None = None
    _patches: Tensor | None = None

    def __call__(self, chunk: Chunk, reference: Reference, windows: Sequence[Window]) -> Tensor:
        """See :class:`Head`."""
        changed, window = windows[0]
        self._refresh(reference, chunk)
        columns = reference.columns[self.source]
        window = chunk.filled(window, changed, columns.length, -torch.inf)
        start = chunk.starts(changed)
        before = self._sides["before"][chunk.record, start.clamp(0, columns.length)]
        behind = self._sides["behind"][chunk.record, (start + changed.width).clamp(0, columns.length)]
        return torch.maximum(torch.maximum(before, behind), window.amax(1)).view(len(chunk), *self.shape)

    def kept(self, found: Recogniser) -> int:
        """See :class:`Head`."""
        local = found.local[self.source]
        return 2 * (local.length + 1) * local.channels

    def _refresh(self, reference: Reference, chunk: Chunk) -> None:
        """Running maxima of the cached columns, from both ends; (N, W + 1, C) with -inf before the first."""
        if self._of is not reference or self._patches is None:
            self._of, self._patches = reference, torch.full_like(reference.patches, -1)
            values = reference.columns[self.source].values
            shape = (values.shape[0], values.shape[1] + 1, values.shape[2])
            self._sides = {side: values.new_full(shape, -torch.inf) for side in ("before", "behind")}
        rows = torch.nonzero((self._patches != reference.stamp) & ~reference.stale).flatten()
        if not len(rows):
            return
        values = reference.columns[self.source].values[rows.to(chunk.record.device)]
        self._sides["before"][rows, 1:] = values.cummax(1).values
        self._sides["behind"][rows, :-1] = values.flip(1).cummax(1).values.flip(1)
        self._patches[rows] = reference.stamp[rows]


@dataclass(eq=False)
class Flattened(OneSource):
    """A linear layer over all columns: only the weights of changed columns are needed."""

    weight: Tensor
    """(L, C, outputs), channels last as the windows are, with zeros for columns outside at both ends."""
    slack: int
    takes_change: bool = True
    needs_columns: bool = False
    needs_output: bool = True

    def __call__(self, chunk: Chunk, reference: Reference, windows: Sequence[Window]) -> Tensor:
        """See :class:`Head`."""
        changed, window = windows[0]
        kept = reference.whole[self.node]
        out = kept[chunk.record]
        runs = chunk.runs(
            Offset(np.clip(changed.start, -changed.width, len(self.weight) - 2 * self.slack) + self.slack)
        )
        if len(runs) > max(len(chunk) // 12, 2):
            self._whole(out, window, chunk, changed)
        else:
            flat = window.reshape(len(chunk), -1)
            for first, stop, start in runs:
                weight = self.weight[start : start + changed.width].flatten(0, 1)
                out[first:stop].addmm_(flat[first:stop], weight)
        if chunk.commit:
            kept[chunk.record] = out
        return out

    def _whole(self, out: Tensor, window: Tensor, chunk: Chunk, changed: Stretch) -> None:
        """Where candidates hardly share a place: one product over all columns, zeros where nothing changed."""
        length = len(self.weight) - 2 * self.slack
        spread = window.new_zeros(len(chunk), length, window.shape[2])
        place_(spread, window, chunk, Offset(changed.start))
        out.addmm_(spread.flatten(1), self.weight[self.slack : self.slack + length].flatten(0, 1))

    def macs(self, changed: Sequence[Stretch]) -> int:
        """See :class:`Head`."""
        return changed[0].width * self.weight.shape[1] * self.weight.shape[2]


@dataclass(eq=False)
class Written(OneSource):
    """No layer, but a whole positional layer as the tail wants it: cached columns with the window put in."""

    local: Local
    takes_change: bool = False
    needs_columns: bool = True
    needs_output: bool = False

    def __call__(self, chunk: Chunk, reference: Reference, windows: Sequence[Window]) -> Tensor:
        """See :class:`Head`."""
        changed, window = windows[0]
        if window.shape[1] == self.local.length and not chunk.sticks_out(changed, self.local.length):
            values = window
        else:
            values = torch.index_select(reference.columns[self.source].values, 0, chunk.record)
            place_(values, window, chunk, Offset(changed.start))
        # The tail may write its shape out again (view), which wants the layout that the layer had.
        return (values if self.local.channels_last else values.transpose(1, 2)).contiguous()


def head_at(found: Recogniser, node: Node, widest: int) -> Head | None:
    """The head that gives the output of ``node``, if it is one that is known.

    Args:
        widest: of the windows, for the room around a flattened layer's weights.
    """
    source = node.args[0] if node.args else None
    if operation(node) == "getitem" and isinstance(source, fx.Node):
        return _taken(found, node, source)
    if not isinstance(source, fx.Node):
        return None
    name = operation(node)
    if name == "linear":
        return _flattened(found, node, source, widest)
    if source not in found.local:
        return None
    if name in ("mean", "sum", "amax"):
        return _reduced(found, node, source, name)
    if name == "adaptive_avg_pool1d" and arguments(node)["output_size"][0] == 1:
        local = found.local[source]
        return None if local.channels_last else Total(node, source, local.length, (local.channels, 1))
    return None


def _shape(found: Recogniser, node: Node) -> tuple[int, ...]:
    return found.traced.shapes[node][1:]


def _reduced(found: Recogniser, node: Node, source: Node, name: str) -> Head | None:
    args = arguments(node)
    axes = args["dim"] if isinstance(args.get("dim"), (list, tuple)) else [args.get("dim")]
    if len(axes) != 1 or axes[0] is None or axes[0] % 3 != found.length_axis(source) or args.get("dtype"):
        return None
    shape = _shape(found, node)
    if name == "amax":
        return Largest(node, source, shape)
    return Total(node, source, found.local[source].length if name == "mean" else 1, shape)


def _taken(found: Recogniser, node: Node, parent: Node) -> Head | None:
    """The values of a maximum that was asked for with its places."""
    source = parent.args[0] if parent.args else None
    if node.args[1] != 0 or not isinstance(source, fx.Node) or source not in found.local:
        return None
    args = arguments(parent)
    if operation(parent) == "max" and args.get("dim") is not None and args["dim"] % 3 == found.length_axis(source):
        return Largest(node, source, _shape(found, node))
    if operation(parent) == "adaptive_max_pool1d" and args["output_size"][0] == 1:
        return None if found.local[source].channels_last else Largest(node, source, _shape(found, node))
    return None


def _flattened(found: Recogniser, node: Node, flat: Node, widest: int) -> Head | None:
    """A linear layer behind a flattening of a local layer."""
    source = flat.args[0] if flat.args else None
    if operation(flat) not in ("flatten", "view", "reshape", "_unsafe_view") or not isinstance(source, fx.Node):
        return None
    weight = found.value(node.args[1])
    local = found.local.get(source)
    if local is None or len(found.traced.shapes[flat]) != 2 or not isinstance(weight, Tensor):
        return None
    if local.length * local.channels != weight.shape[1]:
        return None
    if local.channels_last:
        ordered = weight.detach().view(len(weight), local.length, local.channels).permute(1, 2, 0)
    else:
        ordered = weight.detach().view(len(weight), local.channels, local.length).permute(2, 1, 0)
    room = ordered.new_zeros(widest, *ordered.shape[1:])
    return Flattened(node, source, torch.cat([room, ordered, room]).contiguous(), widest)
