"""What becomes of a graph before scores are computed from it: a trace, folded norms, moved activations, a plan."""

from __future__ import annotations

import pytest
import torch
from neighbours_zoo import CASES, Net, bases, conv, norm, predictor_for, shaken
from torch import Tensor, nn

from seqrobust.graph import CannotTraceError, Traced, operation, trace
from seqrobust.neighbours.layers import Recogniser
from seqrobust.neighbours.operations import Convolution, MaximumPool, Scale
from seqrobust.neighbours.plan import changed_stretches
from seqrobust.neighbours.simplify import simplify

# Tracing and simplifying ---------------------------------------------------------------------------------------------


def traced(module: nn.Module, length: int = 30) -> Traced:
    predictor = predictor_for(module)
    with predictor.attached():
        example = predictor.encode(torch.zeros(1, length, dtype=torch.uint8))
        return trace(lambda rows: predictor.function(rows, length), example, module)


def replayed(graph: Traced, encoded: Tensor) -> Tensor:
    values = {graph.input: encoded}
    with torch.no_grad():
        graph.replay(graph.nodes, values, len(encoded))
    out: Tensor = values[graph.output]
    return out


IN_PLACE = {
    "relu_": lambda s, x: s.h(torch.relu_(s.c(x)).mean(2)),
    "add_": lambda s, x: s.h(s.c(x).add_(1).mul_(2).mean(2)),
    "+=": lambda s, x: s.h(_added(s.c(x), s.d(x)).mean(2)),
    "into a slice": lambda s, x: s.h(_zeroed(s.c(x)).mean(2)),
    "into the input's copy": lambda s, x: s.h(s.c(_zeroed(x.clone())).mean(2)),
    "batch in a view": lambda s, x: s.h(s.c(x).view(x.size(0) * 8, -1).view(x.size(0), 8, -1).mean(2)),
    "batch times positions": lambda s, x: s.h(
        s.c(x).transpose(1, 2).reshape(x.size(0) * 26, 8).relu().view(x.size(0), 26, 8).mean(1)
    ),
    "expanded by the batch": lambda s, x: s.h(s.c(x).mean(2) + s.h.weight[:1].expand(x.size(0), -1)),
    "zeros for the batch": lambda s, x: s.h(s.c(x).mean(2) + x.new_zeros(x.size(0), 8)),
    "repeated": lambda s, x: s.h(s.c(x).mean(2)) + s.h.bias.repeat(len(x), 1),
}


def _added(left: Tensor, right: Tensor) -> Tensor:
    left += right
    return left


def _zeroed(x: Tensor) -> Tensor:
    x[:, :, 3:7] = 0.25
    return x


@pytest.mark.parametrize("name", IN_PLACE)
@pytest.mark.parametrize("rows", [1, 2, 3, 16, 37])
def test_a_trace_holds_for_any_number_of_rows_or_is_refused(name: str, rows: int) -> None:
    module = shaken(Net(IN_PLACE[name], c=conv(), d=conv(), h=nn.Linear(8, 3)), name)
    encoded = torch.rand(rows, 4, 30, generator=torch.Generator().manual_seed(rows))
    before = encoded.clone()
    try:
        graph = traced(module)
    except CannotTraceError as error:
        if "into" not in name:
            pytest.fail(f"{name} can be traced: {error}")
        return
    with torch.no_grad():
        expected = module(encoded.clone())
    assert torch.allclose(replayed(graph, encoded), expected, atol=1e-5)
    assert torch.equal(encoded, before)


@pytest.mark.parametrize(
    "run",
    [
        lambda s, x: s.h(s.c(x).mean(2)) if x.sum() > 3 else s.h(s.c(x).amax(2)),
        lambda s, x: s.h(s.c(x).mean(2)) * float(s.c(x).max()),
        lambda s, x: s.h(s.c(x).mean(2)) if len(x) == 2 else s.h(s.c(x).relu().mean(2)),
        lambda s, x: s.h(torch.cat([s.c(row[None]).mean(2) for row in x])),
        lambda s, x: s.h(s.c(x).mean(2)) + torch.arange(len(x))[:, None],
    ],
    ids=["branch", "value", "branch on rows", "loop over rows", "numbered rows"],
)
def test_what_no_graph_can_hold_is_refused(run: object) -> None:
    with pytest.raises(CannotTraceError) as caught:
        traced(shaken(Net(run, c=conv(), h=nn.Linear(8, 3)), "refused"))  # type: ignore[arg-type]
    assert str(caught.value)


def test_tracing_leaves_the_module_and_the_process_as_they_were() -> None:
    module = CASES["conv bn relu"].module()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    torch.manual_seed(5)
    state = torch.random.get_rng_state()
    traced(module)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), state)
    assert torch.is_grad_enabled()
    assert not torch.is_autocast_enabled("cpu")


def simplified(module: nn.Module) -> Recogniser:
    found = Recogniser(traced(module))
    simplify(found)
    return found


def reachable(found: Recogniser) -> list[object]:
    """Operations that are still stood on, last first."""
    last = next(node for node in reversed(list(found.local)) if found.local[node].operation is not None)
    out: list[object] = []
    todo = [last]
    while todo:
        local = found.local[todo.pop()]
        if local.operation is not None:
            out.append(local.operation)
        todo.extend(local.inputs)
    return out


def test_a_batch_norm_is_folded_into_its_convolution() -> None:
    module = shaken(Net(lambda s, x: s.h(s.n(s.c(x)).relu().mean(2)), c=conv(), n=norm(), h=nn.Linear(8, 3)), "fold")
    operations = reachable(simplified(module))
    assert not [o for o in operations if isinstance(o, Scale)]
    (folded,) = [o for o in operations if isinstance(o, Convolution)]
    part = module.n
    expected = module.c.weight * (part.weight / (part.running_var + part.eps).sqrt())[:, None, None]
    assert torch.allclose(folded.weight[:, :, 0], expected, atol=1e-6)


def test_a_convolution_that_others_read_is_not_folded() -> None:
    module = shaken(
        Net(lambda s, x: s.h(((y := s.c(x)).relu() + s.n(y)).relu().mean(2)), c=conv(), n=norm(), h=nn.Linear(8, 3)),
        "no",
    )
    assert [o for o in reachable(simplified(module)) if isinstance(o, Scale)]


@pytest.mark.parametrize(
    ("activation", "moved"),
    [
        (nn.ReLU(), True),
        (nn.Tanh(), True),
        (nn.SELU(), True),
        (nn.GELU(), False),
        (nn.LeakyReLU(-0.2), False),
        (nn.SiLU(), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_only_growing_activations_move_behind_maxima(activation: nn.Module, moved: bool) -> None:
    net = Net(
        lambda s, x: s.h(s.p(s.a(s.c(x))).mean(2)), c=conv(), a=activation, p=nn.MaxPool1d(3, 2), h=nn.Linear(8, 3)
    )
    (pool,) = [o for o in reachable(simplified(shaken(net, "swap"))) if isinstance(o, MaximumPool)]
    assert (pool.then is not None) == moved


def test_an_activation_that_falls_stays_in_front_of_its_maxima() -> None:
    net = Net(
        lambda s, x: s.h(s.p(s.a(s.c(x))).mean(2)), c=conv(), a=nn.ELU(-0.7), p=nn.MaxPool1d(3), h=nn.Linear(8, 3)
    )
    (pool,) = [o for o in reachable(simplified(shaken(net, "falls"))) if isinstance(o, MaximumPool)]
    assert pool.then is None


@pytest.mark.parametrize("span", [1, 4, 32])
@pytest.mark.parametrize("name", ["inception", "residual behind, pools", "reverse complement cat", "crop, mean"])
def test_what_changes_lies_within_the_planned_columns(name: str, span: int) -> None:
    """Every local layer of the graph, edited at every place."""
    case = CASES[name]
    module = case.module()
    graph = traced(module, case.length)
    found = Recogniser(graph)
    changed = changed_stretches(found, span)
    predictor = predictor_for(module)
    base = bases(1, case.length).clamp(max=3)
    for place in range(0, case.length - span + 1, 5):
        other = base.clone()
        other[0, place : place + span] = (other[0, place : place + span] + 1) % 4
        encoded = predictor.encode(torch.cat([base, other]))
        values = {graph.input: encoded}
        with torch.no_grad():
            graph.replay(graph.nodes, values, 2)
        for node, local in found.local.items():
            axis = found.length_axis(node)
            differs = (values[node][0] != values[node][1]).any(2 - axis)
            hit = torch.nonzero(differs).flatten().tolist()
            stretch = changed[node]
            assert all(stretch.start[place] <= h < stretch.start[place] + stretch.width for h in hit), operation(node)
            assert local.length == values[node].shape[axis]
