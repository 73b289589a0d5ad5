"""Candidates taken together, and the moving of windows: gather from cached layers, put in place, cut out.

A chunk holds candidates in an order in which those whose windows lie alike stand side by side. Where the offset between
two windows differs among them, it is the same along each *run*, and a run is moved as one slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from seqrobust.neighbours.operations import Ints, Offset, Stretch

MANY_RUNS = 8
"""Above so many runs columns are moved by index instead."""


@dataclass(eq=False)
class Chunk:
    """M candidates.

    Attributes:
        record: (M,) int64 row among the cached records.
        place: (M,) int64 position of the first edited letter, which fixes every window.
        change: (M, span, K) change of the one-hot input from there on.
        places: ``place`` as an array.
        commit: whether the candidates become the new base: caches are then overwritten (no record twice).
    """

    record: Tensor
    place: Tensor
    change: Tensor
    places: Ints
    commit: bool = False

    def __post_init__(self) -> None:
        self._ends = np.array([self.places.min(), self.places.max()])

    def __len__(self) -> int:
        return len(self.places)

    @cached_property
    def _bounds(self) -> Ints:
        """Where a new position begins."""
        return np.concatenate([[0], np.flatnonzero(np.diff(self.places)) + 1, [len(self.places)]])

    def runs(self, offset: Offset) -> list[tuple[int, int, int]]:
        """(first row, one behind the last, offset)."""
        if offset.constant is not None:
            return [(0, len(self), offset.constant)]
        here = offset.by_position[self.places[self._bounds[:-1]]]
        new = np.flatnonzero(np.diff(here)) + 1
        first = np.concatenate([[0], new])
        stops = np.append(self._bounds[new], self._bounds[-1])
        return list(zip(self._bounds[first].tolist(), stops.tolist(), here[first].tolist(), strict=True))

    def starts(self, stretch: Stretch) -> Tensor:
        """(M,) first column of each candidate's window."""
        if stretch.shift is not None:
            return self.place + stretch.shift
        return torch.as_tensor(stretch.start[self.places], device=self.place.device)

    def sticks_out(self, stretch: Stretch, length: int) -> bool:
        """Whether any window has columns outside its layer."""
        starts = stretch.start[self._ends if stretch.ordered else self.places]
        return bool(starts.min() < 0 or starts.max() + stretch.width > length)

    def filled(self, columns: Tensor, stretch: Stretch, length: int, value: float, *, own: bool = False) -> Tensor:
        """Columns (M, W, C), with ``value`` in those outside the layer.

        What stands there may be anything, infinite or undefined; so it is overwritten, not multiplied by zero.
        ``own`` allows to do so in place.
        """
        if not self.sticks_out(stretch, length):
            return columns
        place = stretch.start[self.places][:, None] + np.arange(stretch.width)
        outside = torch.as_tensor(np.flatnonzero((place < 0) | (place >= length)), device=columns.device)
        columns = columns.contiguous() if own else columns.clone(memory_format=torch.contiguous_format)
        columns.view(-1, columns.shape[2]).index_fill_(0, outside, value)
        return columns


def place_(target: Tensor, source: Tensor, chunk: Chunk, offset: Offset, *, add: bool = False) -> Tensor:
    """Put (M, w, C) ``source`` into (M, W, C) ``target`` from column ``offset`` on; what does not fit is cut off."""
    runs = chunk.runs(offset)
    if len(runs) > MANY_RUNS and target.is_contiguous():
        return _place_by_index(target, source, chunk, offset.by_position[chunk.places], add=add)
    width, size = target.shape[1], source.shape[1]
    for first, stop, left in runs:
        low, high = max(left, 0), min(left + size, width)
        if low < high:
            into, piece = target[first:stop, low:high], source[first:stop, low - left : high - left]
            into.add_(piece) if add else into.copy_(piece)
    return target


def _place_by_index(target: Tensor, source: Tensor, chunk: Chunk, offsets: Ints, *, add: bool) -> Tensor:
    width, size = target.shape[1], source.shape[1]
    column = torch.as_tensor(offsets, device=target.device)[:, None] + torch.arange(size, device=target.device)
    row = torch.arange(len(chunk), device=target.device)[:, None] * width + column
    columns = source.reshape(-1, source.shape[2])
    index = row.flatten()
    if int(offsets.min()) < 0 or int(offsets.max()) + size > width:
        inside = ((column >= 0) & (column < width)).flatten()
        index, columns = index[inside], columns[inside]
    flat = target.view(-1, target.shape[2])
    flat.index_add_(0, index, columns) if add else flat.index_copy_(0, index, columns)
    return target


def cut(source: Tensor, chunk: Chunk, offset: Offset, width: int) -> Tensor:
    """(M, width, C) columns of ``source`` (M, W, C) from column ``offset`` on, all of them inside."""
    runs = chunk.runs(offset)
    if len(runs) == 1:
        return source[:, runs[0][2] : runs[0][2] + width]
    if len(runs) > MANY_RUNS:
        column = torch.as_tensor(offset.by_position[chunk.places], device=source.device)
        row = torch.arange(len(chunk), device=source.device) * source.shape[1] + column
        return _windows(source.reshape(-1, source.shape[2]), row, width)
    out = source.new_empty(len(chunk), width, source.shape[2])
    for first, stop, left in runs:
        out[first:stop] = source[first:stop, left : left + width]
    return out


def _windows(columns: Tensor, first: Tensor, width: int) -> Tensor:
    """(M, width, C) windows of (R, C) contiguous columns; a window is one stretch of memory."""
    count, channels = columns.shape
    sliding = columns.as_strided((count - width + 1, width * channels), (channels, 1))
    return torch.index_select(sliding, 0, first).view(-1, width, channels)


class Columns:
    """A cached layer of N records: (N, W, C), with room at both ends for windows that stick out.

    What a window reads outside its record is another record's or zero; whoever uses it clears it.
    """

    def __init__(self, records: int, length: int, channels: int, *, device: torch.device, dtype: torch.dtype) -> None:
        self.length = length
        self.slack = 2 * length + 64
        rows = records * length + 2 * self.slack
        self._flat = torch.zeros(rows, channels, device=device, dtype=dtype)
        self.values = self._flat[self.slack : rows - self.slack].view(records, length, channels)

    def windows(self, chunk: Chunk, stretch: Stretch) -> Tensor:
        """(M, W, C), newly made."""
        if stretch.width == self.length and not chunk.sticks_out(stretch, self.length):
            return torch.index_select(self.values, 0, chunk.record)
        start = chunk.starts(stretch)
        if chunk.sticks_out(stretch, self.length):
            start = start.clamp(-stretch.width, self.length)
        return _windows(self._flat, start + chunk.record * self.length + self.slack, stretch.width)

    def write(self, chunk: Chunk, stretch: Stretch, values: Tensor) -> None:
        """Overwrite the windows, less what is outside the layer."""
        column = chunk.starts(stretch)[:, None] + torch.arange(stretch.width, device=values.device)
        inside = (column >= 0) & (column < self.length)
        row = chunk.record[:, None] * self.length + self.slack + column
        self._flat[row[inside]] = values[inside]
