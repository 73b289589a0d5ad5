"""Gates are those of torch's layers, and memory is measured as what it is in layers made to keep or to forget."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from seqrobust.analysis.inspect import distances, edited_steps, gate_change, median, recorded, traces, travel
from seqrobust.errors import InternalError
from seqrobust.models.architectures.recurrent import BidirectionalGRU


@pytest.mark.parametrize(
    ("kind", "layers", "both", "first", "bias"),
    list(product([nn.GRU, nn.LSTM, nn.RNN], [1, 2], [False, True], [False, True], [True, False])),
)
def test_states_are_those_of_the_layer(kind: Any, layers: int, both: bool, first: bool, bias: bool) -> None:
    torch.manual_seed(0)
    layer = kind(4, 5, num_layers=layers, bidirectional=both, batch_first=first, bias=bias).eval()
    inputs = torch.randn(3, 7, 4) if first else torch.randn(7, 3, 4)
    with recorded(layer) as calls:
        given, last = layer(inputs)
    found = traces(calls[0])
    assert len(found) == layers * (2 if both else 1)
    assert found[-1].error < 1e-6
    given = given if first else given.transpose(0, 1)
    torch.testing.assert_close(found[-1].hidden if not both else found[-1].hidden.flip(1), given[..., -5:])
    states = last[0] if kind is nn.LSTM else last
    for trace, state in zip(found, states, strict=True):
        torch.testing.assert_close(trace.hidden[:, -1], state)
    if kind is nn.LSTM:
        for trace, cell in zip(found, last[1], strict=True):
            torch.testing.assert_close(trace.gates["cell"][:, -1], cell)


def test_gates_of_a_gru_are_those_of_its_cell() -> None:
    torch.manual_seed(1)
    layer, steps = nn.GRU(4, 6, batch_first=True), torch.randn(2, 5, 4)
    with recorded(layer) as calls:
        layer(steps)
    (found,) = traces(calls[0])
    hidden = torch.cat([torch.zeros(2, 1, 6), found.hidden[:, :-1]], 1)
    rebuilt = (1 - found.gates["update"]) * found.gates["candidate"] + found.gates["update"] * hidden
    torch.testing.assert_close(rebuilt, found.hidden)
    assert all(((gate >= 0) & (gate <= 1)).all() for name, gate in found.gates.items() if name != "candidate")


@pytest.mark.filterwarnings("ignore:LSTM with projections")
def test_projections_starts_and_packed_batches() -> None:
    torch.manual_seed(2)
    layer = nn.LSTM(4, 6, proj_size=3, bidirectional=True, batch_first=True)
    steps, lengths = torch.randn(3, 8, 4), torch.tensor([8, 5, 2])
    start = (torch.randn(2, 3, 3), torch.randn(2, 3, 6))
    with recorded(layer) as calls:
        layer(pack_padded_sequence(steps, lengths, batch_first=True), start)
        layer(steps, start)
    assert [call.name for call in calls] == ["", "#2"]
    for call in calls:
        assert [trace.backward for trace in traces(call)] == [False, True]
        assert max(trace.error for trace in traces(call)) < 1e-6


def test_a_layer_that_gives_other_states_is_refused() -> None:
    layer = nn.GRU(4, 3, batch_first=True)
    with recorded(layer) as calls:
        layer(torch.randn(1, 5, 4))
    with torch.no_grad():
        layer.weight_hh_l0 += 1
    with pytest.raises(InternalError, match="do not give its states"):
        traces(calls[0])


def test_our_own_layers_are_traced_and_left_without_hooks() -> None:
    torch.manual_seed(3)
    layer = BidirectionalGRU(4, 5)
    with recorded(layer) as calls:
        given = layer(torch.randn(2, 9, 4), torch.tensor([9, 6]))
    onward, back = (traces(call)[0] for call in calls)
    assert (onward.backward, back.backward) == (False, True)
    torch.testing.assert_close(back.hidden[1, :6].flip(0), given[1, :6, 5:])
    assert not any(part._forward_hooks for part in layer.modules())


def _letters(*numbers: int) -> Tensor:
    return torch.eye(4)[torch.tensor(numbers)]


def _made(update: tuple[float, float, float, float]) -> nn.GRU:
    """A GRU of one unit whose update gate is open or shut by the letter, and whose candidate is tanh(letter)."""
    layer = nn.GRU(4, 1, batch_first=True)
    with torch.no_grad():
        for weight in layer.parameters():
            weight.zero_()
        layer.weight_ih_l0[1] = torch.tensor(update)
        layer.weight_ih_l0[2] = torch.tensor([0.3, -0.3, 0.9, -0.9])
    return layer


@pytest.mark.parametrize(
    ("update", "half_life", "kept"),
    [
        # Letters A and C hold what is there, G and T write: an edit to a letter that writes is never forgotten.
        ((50.0, 50.0, -50.0, -50.0), np.inf, 1.0),
        # All letters write: what was there is gone at the next step.
        ((-50.0, -50.0, -50.0, -50.0), 1.0, 0.0),
        # A gate half open halves the distance at every step.
        ((0.0, 0.0, 0.0, 0.0), 1.0, 2.0**-5),
    ],
)
def test_what_is_kept_and_what_is_forgotten(
    update: tuple[float, float, float, float], half_life: float, kept: float
) -> None:
    layer = _made(update)
    batch = torch.stack([_letters(0, 1, 0, 1, 1, 0, 0, 1), _letters(0, 1, 2, 1, 1, 0, 0, 1)])
    with recorded(layer) as calls:
        layer(batch)
    (trace,) = traces(calls[0])
    apart = distances(trace, np.array([0]), np.array([1]))[0]
    assert apart[:2].tolist() == [0, 0]
    changes = gate_change(trace, np.array([0]), np.array([1]), ("update",))
    assert changes is not None
    found = travel(apart, np.array([2]), changes[0])
    assert found.half_life == half_life
    assert found.kept == pytest.approx(kept, abs=1e-6)
    assert found.steps_left == 5
    assert found.gates_after == pytest.approx(0, abs=1e-6)
    assert found.gates_at == pytest.approx(1 if update[0] > 0 else 0, abs=1e-6)


def test_half_lives_on_paper() -> None:
    found = travel(np.array([0, 4, 3, 2.5, 2, 1.0]), np.array([1]))
    assert (found.at_edit, found.peak, found.half_life, found.kept, found.steps_left) == (4, 4, 3, 0.25, 4)
    assert travel(np.array([0, 4, 3.0]), np.array([1])).half_life == np.inf
    assert np.isnan(travel(np.array([0, 0.0]), np.array([1])).half_life)
    assert median(np.array([np.inf, np.inf, 1.0])) == np.inf
    assert edited_steps(np.array([0, 3, 9]), 10, 10, backward=True).tolist() == [0, 6, 9]
    assert edited_steps(np.array([0, 3, 9]), 10, 5, backward=False).tolist() == [0, 1, 4]
