"""Gates of recurrent layers, recomputed from their weights: torch gives states, and keeps the gates to itself.

For ``nn.GRU`` (Cho et al. 2014) update and reset gate and candidate, for ``nn.LSTM`` (Hochreiter & Schmidhuber 1997)
input, forget and output gate and candidate, for ``nn.RNN`` the states alone. What is recomputed is compared with what
the layer itself gave.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from seqrobust.errors import InternalError
from seqrobust.models.architectures.recurrent import BidirectionalGRU
from seqrobust.models.masking import reversed_within

Weights: TypeAlias = dict[str, Tensor]

AGREES = 1e-4
"""Largest difference between recomputed and given states, relative to the largest state or 1."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Call:
    """One call of a recurrent layer, batch first.

    Attributes:
        name: path of the layer, with ``#2`` behind it for a second call.
        layer: the layer.
        inputs: (N, T, C).
        lengths: (N,) steps of each row of a packed batch, else None.
        start: its initial states as the layer was given them, None for zeros.
        states: (N, T, D) what the layer gave.
        flipped: whether its caller has it read records from their end.
    """

    name: str
    layer: nn.RNNBase
    inputs: Tensor
    lengths: Tensor | None
    start: tuple[Tensor, ...] | None
    states: Tensor
    flipped: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class Trace:
    """What one direction of one layer did, steps in the order it read them.

    Attributes:
        name: path of the layer; its number behind it where there are several, and the direction where there are two.
        backward: whether it reads from a record's end, so that step s stands for position L - 1 - s.
        padding_first: whether what is padded behind a record is read before it.
        inputs: (N, T, C).
        gates: by name, (N, T, H).
        hidden: (N, T, D).
        error: largest difference from the states that the layer gave; NaN for a lower layer, whose states it hides.
    """

    name: str
    backward: bool
    padding_first: bool
    inputs: Tensor
    gates: Mapping[str, Tensor]
    hidden: Tensor
    error: float


def recurrent_layers(module: nn.Module) -> dict[str, nn.RNNBase]:
    """Recurrent layers of a module by path."""
    return {name: part for name, part in module.named_modules() if isinstance(part, nn.RNNBase)}


def unseen_cells(module: nn.Module) -> list[str]:
    """Paths of recurrent cells, whose loop is the user's own and which are therefore not traced."""
    return [name for name, part in module.named_modules() if isinstance(part, nn.RNNCellBase)]


@contextmanager
def recorded(module: nn.Module) -> Iterator[list[Call]]:
    """Within it every call of a recurrent layer is kept, in order. Hooks are taken off again."""
    calls: list[Call] = []
    flipped = _read_backwards(module)
    handles = []
    for name, layer in recurrent_layers(module).items():
        hook = _hook(name, calls, flipped=layer in flipped)
        handles.append(layer.register_forward_hook(hook, with_kwargs=True))
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def _read_backwards(module: nn.Module) -> set[nn.Module]:
    return {part.backward_ for part in module.modules() if isinstance(part, BidirectionalGRU)}


def _hook(name: str, calls: list[Call], *, flipped: bool) -> Callable[..., None]:
    def keep(layer: nn.RNNBase, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        given = args[0] if args else kwargs["input"]
        start = args[1] if len(args) > 1 else kwargs.get("hx")
        (inputs, lengths), (states, _) = _batch_first(layer, given), _batch_first(layer, output[0])
        before = sum(call.layer is layer for call in calls)
        calls.append(
            Call(
                name=name + (f"#{before + 1}" if before else ""),
                layer=layer,
                inputs=inputs,
                lengths=lengths,
                start=None if start is None else start if isinstance(start, tuple) else (start,),
                states=states,
                flipped=flipped,
            )
        )

    return keep


def _batch_first(layer: nn.RNNBase, value: Any) -> tuple[Tensor, Tensor | None]:
    if isinstance(value, PackedSequence):
        padded, lengths = pad_packed_sequence(value, batch_first=True)
        return padded.detach(), lengths.to(padded.device)
    tensor: Tensor = value.detach()
    if tensor.ndim == 2:
        return tensor[None], None
    return tensor if layer.batch_first else tensor.transpose(0, 1), None


@torch.no_grad()
def traces(call: Call) -> list[Trace]:
    """Every layer and direction of a call.

    Raises InternalError where what is recomputed is not what the layer gave.
    """
    layer, found = call.layer, list[Trace]()
    inputs = call.inputs
    directions = 2 if layer.bidirectional else 1
    for depth in range(layer.num_layers):
        outputs = []
        for direction in range(directions):
            steps = reversed_within(inputs, call.lengths) if direction else inputs
            hidden, gates = _run(layer, depth, direction, steps, _start(call, depth * directions + direction))
            outputs.append(reversed_within(hidden, call.lengths) if direction else hidden)
            name = call.name + (f".{depth}" if layer.num_layers > 1 else "")
            name += ("" if directions == 1 else " onward" if direction == 0 else " backward")  # fmt: skip
            last = depth + 1 == layer.num_layers
            found.append(
                Trace(
                    name=name,
                    backward=call.flipped != bool(direction),
                    padding_first=bool(direction) and call.lengths is None,
                    inputs=steps,
                    gates=gates,
                    hidden=hidden,
                    error=_error(call, outputs[-1], direction) if last else float("nan"),
                )
            )
        inputs = torch.cat(outputs, 2)
    return found


def _error(call: Call, hidden: Tensor, direction: int) -> float:
    width = hidden.shape[2]
    given = call.states[..., direction * width : (direction + 1) * width]
    apart = (hidden - given).abs()
    if call.lengths is not None:
        apart = apart[torch.arange(apart.shape[1], device=apart.device) < call.lengths[:, None]]
    error = float(apart.max()) if apart.numel() else 0.0
    if error > AGREES * max(1.0, float(given.abs().max())):
        raise InternalError(f"the gates of {call.name} do not give its states: they differ by {error:.3g}")
    return error


def _start(call: Call, number: int) -> tuple[Tensor, ...] | None:
    if call.start is None:
        return None
    return tuple(part[number].detach() if part.ndim == 3 else part[number][None].detach() for part in call.start)


def _run(
    layer: nn.RNNBase, depth: int, direction: int, steps: Tensor, start: tuple[Tensor, ...] | None
) -> tuple[Tensor, dict[str, Tensor]]:
    """States (N, T, D) and gates of one layer and direction."""
    weights = _weights(layer, depth, direction)
    from_input = steps @ weights["weight_ih"].T + weights.get("bias_ih", steps.new_zeros(()))
    state = start or _zeros(layer, steps)
    step = {"GRU": _gru, "LSTM": _lstm}.get(layer.mode, _plain(layer))
    states, gates = list[Tensor](), list[dict[str, Tensor]]()
    for column in from_input.unbind(1):
        state, found = step(column, state, weights)
        states.append(state[0])
        gates.append(found)
    return torch.stack(states, 1), {name: torch.stack([one[name] for one in gates], 1) for name in gates[0]}


def _weights(layer: nn.RNNBase, depth: int, direction: int) -> Weights:
    behind = f"_l{depth}" + ("_reverse" if direction else "")
    kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
    return {kind: getattr(layer, kind + behind).detach() for kind in kinds if hasattr(layer, kind + behind)}


def _zeros(layer: nn.RNNBase, steps: Tensor) -> tuple[Tensor, ...]:
    hidden = steps.new_zeros(len(steps), layer.proj_size or layer.hidden_size)
    return (hidden, steps.new_zeros(len(steps), layer.hidden_size)) if layer.mode == "LSTM" else (hidden,)


Step: TypeAlias = tuple[tuple[Tensor, ...], dict[str, Tensor]]


def _from_state(hidden: Tensor, weights: Weights) -> Tensor:
    return hidden @ weights["weight_hh"].T + weights.get("bias_hh", hidden.new_zeros(()))


def _gru(column: Tensor, state: tuple[Tensor, ...], weights: Weights) -> Step:
    (hidden,) = state
    in_reset, in_update, in_new = column.chunk(3, 1)
    own_reset, own_update, own_new = _from_state(hidden, weights).chunk(3, 1)
    reset, update = torch.sigmoid(in_reset + own_reset), torch.sigmoid(in_update + own_update)
    candidate = torch.tanh(in_new + reset * own_new)
    after = (1 - update) * candidate + update * hidden
    return (after,), {"update": update, "reset": reset, "candidate": candidate}


def _lstm(column: Tensor, state: tuple[Tensor, ...], weights: Weights) -> Step:
    hidden, cell = state
    enters, forgets, candidate, leaves = (column + _from_state(hidden, weights)).chunk(4, 1)
    enters, forgets, leaves = torch.sigmoid(enters), torch.sigmoid(forgets), torch.sigmoid(leaves)
    candidate = torch.tanh(candidate)
    cell = forgets * cell + enters * candidate
    after = leaves * torch.tanh(cell)
    if "weight_hr" in weights:
        after = after @ weights["weight_hr"].T
    return (after, cell), {"forget": forgets, "input": enters, "output": leaves, "candidate": candidate, "cell": cell}


def _plain(layer: nn.RNNBase) -> Callable[[Tensor, tuple[Tensor, ...], Weights], Step]:
    bend = torch.relu if layer.mode == "RNN_RELU" else torch.tanh

    def step(column: Tensor, state: tuple[Tensor, ...], weights: Weights) -> Step:
        return (bend(column + _from_state(state[0], weights)),), {}

    return step
