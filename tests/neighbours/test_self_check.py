"""An engine that is slightly wrong is found out before it is believed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from neighbours_zoo import CASES, Net, bases, conv, edited, predictor_for, shaken, truth
from torch import Tensor, nn

from seqrobust.errors import InternalError, ModelError
from seqrobust.neighbours import Edits, NeighbourScores
from seqrobust.neighbours.heads import Flattened, Largest, Total
from seqrobust.neighbours.operations import AveragePool, Convolution, MaximumPool, Scale
from seqrobust.neighbours.recurrent import GRUCell, LSTMCell
from seqrobust.neighbours.windows import Chunk


def scaled(function: Callable[..., Any], factor: float) -> Callable[..., Any]:
    """The function, its tensors larger by a little."""

    def wrong(*args: Any, **more: Any) -> Any:
        out = function(*args, **more)
        return tuple(part * factor for part in out) if isinstance(out, tuple) else out * factor

    return wrong


def single_edits(base: Tensor, count: int = 1200) -> Edits:
    generator = torch.Generator().manual_seed(3)
    record = torch.randint(len(base), (count,), generator=generator)
    position = torch.randint(base.shape[1], (count, 1), generator=generator)
    letter = (base[record[:, None], position].long() + 1) % 4
    return Edits(record, position, letter)


MUTANTS = [
    ("conv bn relu", Convolution, "of_changed"),
    ("conv stride 2 padding 2", Convolution, "__call__"),
    ("bn before conv", Scale, "__call__"),
    ("gelu, max pool 5 stride 2, conv, L 60", MaximumPool, "_maxima"),
    ("avg pool 5 stride 2 with pad, L 60", AveragePool, "__call__"),
    ("flatten linear", Flattened, "__call__"),
    ("global amax, Identity", Largest, "__call__"),
    ("global mean, ReLU", Total, "__call__"),
    ("GRU 1 bi mean", GRUCell, "step"),
    ("LSTM 1 uni last step", LSTMCell, "step"),
]


@pytest.mark.parametrize(("name", "owner", "method"), MUTANTS, ids=[f"{o.__name__}.{m}" for _, o, m in MUTANTS])
def test_a_wrong_layer_is_found_out(name: str, owner: type, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    case = CASES[name]
    module, base = case.module(), bases(2, case.length)
    predictor, edits = predictor_for(module), single_edits(bases(2, case.length))
    monkeypatch.setattr(owner, method, scaled(getattr(owner, method), 1.02))
    with predictor.attached(), pytest.raises(InternalError, match="incremental"):
        NeighbourScores(predictor, way="incremental").logits(base, edits)


def test_where_the_way_is_free_a_wrong_engine_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    wide = Net(
        lambda s, x: s.h(s.d(s.c(x).relu()).relu().mean(2)), c=conv(4, 48, 9), d=conv(48, 48, 9), h=nn.Linear(48, 3)
    )
    module, base = shaken(wide, "wide"), bases(2, 200)
    predictor, edits = predictor_for(module), single_edits(base)
    monkeypatch.setattr(Convolution, "of_changed", scaled(Convolution.of_changed, 1.05))
    with predictor.attached():
        scores = NeighbourScores(predictor)
        found = scores.logits(base, edits)
        again = scores.logits(base, edits)
    expected = truth(module, edited(base, *edits))
    assert torch.allclose(found, expected, atol=1e-5)
    assert torch.allclose(again, expected, atol=1e-5)
    assert len(scores.notices) == 1
    assert "plain" in scores.notices[0]
    assert scores.counts == {"plain": 2400, "incremental": 0}
    assert predictor.forwards == 2400


@pytest.mark.parametrize("first", [0, 1])
def test_a_mistake_at_the_ends_alone_is_found_out(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Columns beyond a layer's ends leak in: only edits near the ends are wrong, however few were asked for before."""
    case = CASES["two convs, no activation"]
    module, base = case.module(), bases(3, case.length)
    predictor, edits = predictor_for(module), single_edits(base, 40)
    middle = Edits(torch.tensor([0]), torch.tensor([[30]]), (base[:1, 30:31].long() + 1) % 4)
    monkeypatch.setattr(Chunk, "filled", lambda self, columns, *rest, **more: columns)
    with predictor.attached():
        scores = NeighbourScores(predictor, way="incremental")
        with pytest.raises(InternalError):
            scores.logits(base, middle if first else edits)


@pytest.mark.parametrize("rows", [1, 2, 40])
def test_statistics_of_the_batch_are_never_trusted(rows: int) -> None:
    """A record's outputs then depend on those beside it: there is nothing to be exact about."""
    net = Net(
        lambda s, x: s.h(s.n(s.c(x)).relu().mean(2)),
        c=conv(padding=2),
        n=nn.BatchNorm1d(8, track_running_stats=False),
        h=nn.Linear(8, 3),
    )
    predictor, base = predictor_for(shaken(net, "batch statistics")), bases(3, 60)
    with predictor.attached():
        scores = NeighbourScores(predictor, way="incremental")
        try:
            scores.logits(base, single_edits(base, rows))
        except InternalError:
            return
    assert scores.counts["incremental"] == 0
    assert scores.notices


def test_an_output_that_is_not_finite_is_an_error_of_the_model() -> None:
    module = shaken(Net(lambda s, x: s.h(s.c(x).relu().mean(2)).log(), c=conv(), h=nn.Linear(8, 3)), "logarithm")
    predictor, base = predictor_for(module), bases(2, 60)
    with predictor.attached(), pytest.raises(ModelError, match="not finite"):
        NeighbourScores(predictor, way="incremental").logits(base, single_edits(base))
