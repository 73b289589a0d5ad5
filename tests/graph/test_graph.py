"""What is written down replays to what was computed: views, writes through them, constants, and what may not leave."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqrobust.alphabet import DNA
from seqrobust.graph import CURVES, CannotTraceError, Kind, Traced, early, operation, operator_of, record, trace
from seqrobust.models import Predictor
from seqrobust.neighbours import Edits, NeighbourScores, apply_edits

Run = Callable[[Tensor], Tensor]


def traced(run: Run) -> Traced:
    return trace(lambda rows: run, torch.rand(1, 4, 6, generator=torch.Generator().manual_seed(0)), nn.Identity())


def views(x: Tensor) -> Tensor:
    """A view sees what is written to its base, the base what is written to its view."""
    y = x * 1
    flat, first = y.view(len(x), -1), y[:, 0]
    y.mul_(2)
    first.add_(1)
    return flat + y.reshape(len(x), -1)


def views_of_views(x: Tensor) -> Tensor:
    y = x.clone()
    y[:, 1:3].transpose(1, 2)[:, 2:4].relu_().sub_(0.3)
    y[:, :, -1] = y[:, :, 0]
    return y


def pieces(x: Tensor) -> Tensor:
    y = x * 1
    left, right = y.chunk(2, 1)
    left += right
    return y


def filled_by_hand(x: Tensor) -> Tensor:
    out = torch.empty(len(x), 6)
    out[:, :3] = x[:, 0, :3]
    out[:, 3:].zero_()
    return out * 2


WRITES: dict[str, Run] = {
    "views": views,
    "views of views": views_of_views,
    "pieces": pieces,
    "filled by hand": filled_by_hand,
    "data": lambda x: (x * 1).data.mul_(3),
    "detached": lambda x: (y := x * 1, y.detach().add_(1))[0],
    "transposed in place": lambda x: (x * 1).transpose_(1, 2) + 1,
    "index put": lambda x: (x * 1).index_put_((torch.tensor([0]),), x[:1] * 0),
    "the input itself": lambda x: x.mul_(2),
}


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("rows", [1, 2, 5])
def test_what_is_written_in_place_replays(name: str, rows: int) -> None:
    graph = traced(WRITES[name])
    x = torch.rand(rows, 4, 6, generator=torch.Generator().manual_seed(rows))
    values = {graph.input: x.clone()}
    with torch.no_grad():
        graph.replay(graph.nodes, values, rows)
        again = values[graph.output].clone()
        expected = WRITES[name](x.clone())
    torch.testing.assert_close(again, expected)
    torch.testing.assert_close(values[graph.input], x)


def test_a_buffer_that_is_written_to_is_kept_as_it_was() -> None:
    buffer = torch.zeros(6)

    def run(x: Tensor) -> Tensor:
        buffer.fill_(1.0)
        out = x.sum(1) + buffer
        buffer.zero_()
        return out

    found = record(run, torch.ones(2, 4, 6))
    assert not buffer.any()
    assert {operation(node) for node in found.graph.nodes if node.op == "call_function"} == {"sum", "filled", "add"}


@pytest.mark.parametrize(
    "run",
    [
        lambda x: x * float(x.max()),
        lambda x: x if x.sum() > 0 else -x,
        lambda x: torch.from_numpy(x.numpy() * 2),
        lambda x: x + torch.tensor(x[0, 0].tolist()),
    ],
    ids=["number", "branch", "numpy", "list"],
)
def test_what_leaves_torch_is_refused_unless_it_may(run: Run) -> None:
    batch = torch.rand(2, 4, 6)
    with pytest.raises(CannotTraceError, match=r"branches on a computed value, or hands one to Python|leaves torch"):
        record(run, batch)


def test_finiteness_may_be_asked_where_that_is_allowed() -> None:
    def careful(x: Tensor) -> Tensor:
        if not bool(torch.isfinite(x).all()):
            raise ValueError("not finite")
        return x.relu()

    record(careful, torch.rand(2, 3), leaving="finiteness")
    with pytest.raises(CannotTraceError):
        record(careful, torch.rand(2, 3))
    with pytest.raises(CannotTraceError):
        record(lambda x: x * x.sum().item(), torch.rand(2, 3), leaving="finiteness")


def test_attention_is_taken_apart() -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    fast = torch.backends.mha.get_fastpath_enabled()
    kinds = {operator_of(node).kind for node in record(layer, torch.rand(2, 5, 8)).graph.nodes if node.op[0] == "c"}
    assert Kind.UNKNOWN not in kinds
    assert torch.backends.mha.get_fastpath_enabled() == fast


def test_growing_and_bends_are_true_of_the_functions() -> None:
    """By finite differences of torch's own functions: nowhere falling; and a second difference at bends alone."""
    x = torch.linspace(-8, 8, 3201, dtype=torch.float64)
    settings = {"threshold": (0.1, 0.1), "clamp": (-0.5, 0.5), "clip": (-0.5, 0.5), "clamp_min": (0.5,),
                "clamp_max": (0.5,), "prelu": (torch.tensor([0.3], dtype=torch.float64),)}  # fmt: skip
    for name, row in CURVES.items():
        if not row.growing and row.bends is None:
            continue
        call = getattr(torch.ops.aten, name)
        y = call(x, *settings.get(name, ()))
        if row.growing:
            assert bool((y.diff() >= -1e-12).all()), name
        if row.bends is not None:
            named = {"min": -0.5, "max": 0.5, "lambd": 0.5, "min_val": -1.0, "max_val": 1.0, "threshold": 0.1}
            named |= {"min": 0.5} if name == "clamp_min" else {}
            levels = torch.tensor(row.levels(named), dtype=torch.float64)
            bent = x[1:-1][y.diff().diff().abs() > 1e-9]
            assert len(bent), name
            assert bool(((bent[:, None] - levels).abs().amin(1) <= 0.0051).all()), name


@pytest.fixture
def later_torch(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A torch without the class that may stand before autograd."""
    monkeypatch.setitem(sys.modules, "torch._subclasses.schema_check_mode", None)
    for remembered in (early.obstacle, early._early_class):
        remembered.cache_clear()
    yield
    for remembered in (early.obstacle, early._early_class):
        remembered.cache_clear()


@pytest.mark.usefixtures("later_torch")
def test_where_torch_does_not_show_its_operations_scores_are_those_of_plain_batches() -> None:
    with pytest.raises(CannotTraceError, match="does not show its operations"):
        record(torch.relu, torch.rand(2, 3))
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv1d(4, 5, 3), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(5, 2)).eval()
    predictor = Predictor(module, alphabet=DNA, task="classification", device="cpu", scale="logits")
    base = torch.randint(4, (3, 20)).to(torch.uint8)
    predictor.check(base)
    service = NeighbourScores(predictor, way="incremental")
    with predictor.attached():
        edits = Edits(torch.tensor([0, 1, 2]), torch.tensor([[3], [7], [19]]), torch.tensor([[0], [1], [2]]))
        scores = service.logits(base, edits)
        assert torch.allclose(scores, predictor.logits(apply_edits(base, edits)))
    assert any("does not show its operations" in notice for notice in service.notices)


def test_operations_that_are_shown_taken_apart_are_not_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def other(see: Callable[..., object]) -> Iterator[None]:
        for part in (torch.ops.aten.t.default, torch.ops.aten.relu.default):
            see(part, (torch.ones(2, 3),), {})
        yield

    monkeypatch.setattr(early, "_mode", other)
    early.obstacle.cache_clear()
    try:
        assert "taken apart (t, relu)" in str(early.obstacle())
    finally:
        early.obstacle.cache_clear()


def lowest_of(name: str, x: Tensor) -> list[Tensor]:
    """Values of a function that falls and rises, in every form that torch has of it."""
    call = getattr(torch.ops.aten, name)
    return [call(x), *([call(x, approximate="tanh")] if name == "gelu" else [])]


def test_slopes_and_lowest_points_are_true_of_the_functions() -> None:
    """By finite differences of torch's own functions, at torch's defaults, in double precision."""
    x = torch.linspace(-20, 20, 400001, dtype=torch.float64)
    settings = {"clamp": (-0.5, 0.5), "clamp_min": (0.5,), "clamp_max": (0.5,)}
    for name, row in CURVES.items():
        if (row.slope is None and row.lowest is None and not row.grows_usually) or name in ("to", "_to_copy"):
            continue
        y = getattr(torch.ops.aten, name)(x, *settings.get(name, ()))
        slopes = y.diff() / x.diff()
        if row.slope is not None:
            assert row.slope / 1.2 <= float(slopes.abs().max()) <= row.slope + 1e-9, name
        if row.grows_usually:
            assert bool((slopes >= -1e-9).all()), name
        for values in lowest_of(name, x) if row.lowest is not None else []:
            begin, end, least = row.lowest
            assert least <= float(values.min()) <= least + 1e-4, name
            assert bool((values.diff()[x[1:] <= begin] <= 1e-12).all()), name
            assert bool((values.diff()[x[:-1] >= end] >= -1e-12).all()), name


@pytest.mark.slow
def test_tracing_does_not_import_torchs_compiler() -> None:
    script = (
        "import sys, torch; from torch import nn; from seqrobust.graph import record\n"
        "record(nn.Sequential(nn.Conv1d(4, 3, 2), nn.ReLU()), torch.zeros(2, 4, 9))\n"
        "print([name for name in sys.modules if name.startswith(('torch._dynamo', 'torch._inductor', 'sympy'))])"
    )
    found = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_dropout_in_evaluation_is_nothing() -> None:
    graph = traced(lambda x: F.dropout(x, training=False) * 2)
    assert [operation(node) for node in graph.nodes] == ["mul"]
