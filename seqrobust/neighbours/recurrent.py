"""Recurrent layers, restarted from the cached state at the first step that an edit changes.

States before that step are those of the base sequence; so an edit in the middle costs half the steps, and all
candidates take a step together once they have started. A layer that reads the other way is the same in reversed time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, fx
from torch.nn import functional

from seqrobust.neighbours.operations import Stretch
from seqrobust.neighbours.reference import Reference
from seqrobust.neighbours.windows import Chunk

Node = fx.Node
State = tuple[Tensor, ...]


class Cell(Protocol):
    """One step. The first tensor of a state is what the layer puts out."""

    hidden: int
    inputs: Tensor

    def gates(self, steps: Tensor) -> Tensor:
        """The input's share of the gates, (..., G) from (..., C)."""

    def start(self, count: int) -> State:
        """States before the first step."""

    def step(self, gates: Tensor, state: State) -> State:
        """The next state from the input's share (M, G) and the state before."""


class GRUCell:
    """Cho et al. 2014, in the form of ``torch.nn.GRU``: reset, update and new gate."""

    def __init__(self, weights: list[Tensor], biases: list[Tensor] | None) -> None:
        self.inputs, recurrent = (w.detach() for w in weights)
        self.hidden = recurrent.shape[1]
        into, within = (b.detach() for b in biases) if biases else (recurrent.new_zeros(len(recurrent)),) * 2
        cut = 2 * self.hidden
        # The biases of reset and update gate add up; that of the new gate stands inside the product with the reset.
        self.bias = torch.cat([into[:cut] + within[:cut], into[cut:]])
        self.new_bias = within[cut:]
        self.both, self.new = recurrent[:cut].t().contiguous(), recurrent[cut:].t().contiguous()

    def gates(self, steps: Tensor) -> Tensor:
        """See :class:`Cell`."""
        return functional.linear(steps, self.inputs, self.bias)

    def start(self, count: int) -> State:
        """See :class:`Cell`."""
        return (self.both.new_zeros(count, self.hidden),)

    def step(self, gates: Tensor, state: State) -> State:
        """See :class:`Cell`."""
        (before,) = state
        cut = 2 * self.hidden
        both = torch.addmm(gates[:, :cut], before, self.both).sigmoid_()
        new = torch.addmm(self.new_bias, before, self.new)
        new = torch.addcmul(gates[:, cut:], both[:, : self.hidden], new).tanh_()
        return (torch.lerp(new, before, both[:, self.hidden :]),)


class LSTMCell:
    """Hochreiter & Schmidhuber 1997, in the form of ``torch.nn.LSTM``: input, forget, cell and output gate."""

    def __init__(self, weights: list[Tensor], biases: list[Tensor] | None) -> None:
        self.inputs, recurrent = (w.detach() for w in weights)
        self.hidden = recurrent.shape[1]
        self.bias = sum((b.detach() for b in biases), recurrent.new_zeros(len(recurrent))) if biases else None
        self.recurrent = recurrent.t().contiguous()

    def gates(self, steps: Tensor) -> Tensor:
        """See :class:`Cell`."""
        return functional.linear(steps, self.inputs, self.bias)

    def start(self, count: int) -> State:
        """See :class:`Cell`."""
        return (self.recurrent.new_zeros(count, self.hidden),) * 2

    def step(self, gates: Tensor, state: State) -> State:
        """See :class:`Cell`."""
        before, cell = state
        into, keep, new, out = torch.addmm(gates, before, self.recurrent).chunk(4, 1)
        cell = keep.sigmoid() * cell + into.sigmoid() * new.tanh()
        return (out.sigmoid() * cell.tanh(), cell)


CELLS: dict[str, type[GRUCell] | type[LSTMCell]] = {"gru": GRUCell, "lstm": LSTMCell}
"""By the name of the operation."""


class Features(NamedTuple):
    """What is left of a pass over all steps, (M, hidden) each."""

    last: Tensor
    total: Tensor
    largest: Tensor


@dataclass(eq=False)
class Direction:
    """A recurrent layer read one way, with the base sequences' gates and states.

    Attributes:
        cell: its step.
        source: the positional layer it reads.
        reverse: whether it starts at the last column.
    """

    cell: Cell
    source: Node
    reverse: bool
    _of: Reference | None = None
    _stamp: Tensor = field(default_factory=lambda: torch.zeros(0))
    _gates: Tensor = field(default_factory=lambda: torch.zeros(0))
    _states: State = ()
    _total: Tensor = field(default_factory=lambda: torch.zeros(0))
    _largest: Tensor = field(default_factory=lambda: torch.zeros(0))
    _done: tuple[Chunk, bool, Tensor, Features] | None = None

    def macs(self, length: int, changed: Stretch) -> int:
        """Multiply-adds a candidate: gates of the changed columns, and half of all steps on average."""
        return changed.width * self.cell.inputs.numel() + length * len(self.cell.inputs) * self.cell.hidden // 2

    def kept(self, length: int) -> int:
        """Numbers a record that are kept: gates, states and what is running."""
        return length * (len(self.cell.inputs) + 4 * self.cell.hidden)

    def run(
        self, chunk: Chunk, reference: Reference, changed: Stretch, window: Tensor, *, keep: bool
    ) -> tuple[Tensor, Features]:
        """States (M, W, hidden) in the columns' order, empty unless ``keep``; and what is left of the pass.

        The same chunk is only run once, however many layers read it.
        """
        if self._done is not None and self._done[0] is chunk and (self._done[1] or not keep):
            return self._done[2], self._done[3]
        self._refresh(reference, chunk.record.device)
        states, features = self._run(chunk, changed, window, keep=keep)
        self._done = (chunk, keep, states, features)
        return states, features

    def _run(self, chunk: Chunk, changed: Stretch, window: Tensor, *, keep: bool) -> tuple[Tensor, Features]:
        length, width = len(self._gates), changed.width
        first = length - changed.stop[chunk.places] if self.reverse else changed.start[chunk.places]
        order = np.argsort(first, kind="stable")
        first, rows = first[order], torch.as_tensor(order, device=window.device)
        record = chunk.record[rows]
        shift = functional.linear(window.flip(1) if self.reverse else window, self.cell.inputs)[rows].flatten(0, 1)
        place = torch.arange(len(rows), device=rows.device) * width - torch.as_tensor(first, device=rows.device)
        begin = torch.as_tensor(first.clip(0, length), device=rows.device)
        state = tuple(part[begin, record] for part in self._states)
        total, largest = self._total[begin, record], self._largest[begin, record]
        states = torch.empty(0)
        if keep:
            states = self._states[0][1:].transpose(0, 1)[record]
        steps = np.arange(length)
        started = np.searchsorted(first, steps, side="right").tolist()
        settled = np.searchsorted(first, steps - width, side="right").tolist()
        for time in range(max(int(first[0]), 0), length):
            active, old = started[time], settled[time]
            gates = torch.index_select(self._gates[time], 0, record[:active])
            if old < active:
                gates[old:] += torch.index_select(shift, 0, place[old:active] + time)
            now = self.cell.step(gates, tuple(part[:active] for part in state))
            for part, new in zip(state, now, strict=True):
                part[:active] = new
            total[:active] += now[0]
            torch.maximum(largest[:active], now[0], out=largest[:active])
            if keep:
                states[:active, time] = now[0]
        back = torch.empty_like(rows)
        back[rows] = torch.arange(len(rows), device=rows.device)
        features = Features(state[0][back], total[back], largest[back])
        if not keep:
            return states, features
        states = states[back]
        return states.flip(1) if self.reverse else states, features

    def _refresh(self, reference: Reference, device: torch.device) -> None:
        """Gates, states and running features of the base sequences, time first; a state stands behind its step."""
        columns = reference.columns[self.source].values
        if self._of is not reference:
            count, length = columns.shape[:2]
            self._of, self._done = reference, None
            self._stamp = torch.full_like(reference.stamp, -1)
            self._gates = columns.new_zeros(length, count, len(self.cell.inputs))
            self._states = tuple(columns.new_zeros(length + 1, *part.shape) for part in self.cell.start(count))
            self._total, self._largest = (torch.zeros_like(self._states[0]) for _ in range(2))
        rows = torch.nonzero((self._stamp != reference.stamp) & ~reference.stale).flatten()
        if not len(rows):
            return
        self._done = None
        on_device = rows.to(device)
        self._compute(columns[on_device], on_device)
        self._stamp[rows] = reference.stamp[rows]

    def _compute(self, columns: Tensor, rows: Tensor) -> None:
        gates = self.cell.gates(columns.flip(1) if self.reverse else columns).transpose(0, 1)
        self._gates[:, rows] = gates
        state = self.cell.start(len(rows))
        total, largest = torch.zeros_like(state[0]), torch.full_like(state[0], -torch.inf)
        self._store(0, rows, state, total, largest)
        for time in range(len(gates)):
            state = self.cell.step(gates[time], state)
            total, largest = total + state[0], torch.maximum(largest, state[0])
            self._store(time + 1, rows, state, total, largest)

    def _store(self, time: int, rows: Tensor, state: State, total: Tensor, largest: Tensor) -> None:
        for kept, part in zip(self._states, state, strict=True):
            kept[time, rows] = part
        self._total[time, rows], self._largest[time, rows] = total, largest
