"""Linear pieces against dense grids, closed forms and bisection; differences of layers that only scale."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.analysis.inspect import (
    Segments,
    directions,
    follow,
    make_pairs,
    precise,
    relative_differences,
    watched,
)
from seqrobust.analysis.inspect.linearity import Way
from seqrobust.models import build_model
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import Region, SequenceSet
from seqrobust.threats import Budget, SubstitutionThreat

L = 24


def predictor(module: nn.Module, outputs: int = 2) -> Predictor:
    """Checked, on the CPU."""
    found = Predictor(
        module.eval(), alphabet=DNA, task="classification", labels=[str(i) for i in range(outputs)], device="cpu",
        scale="logits",
    )  # fmt: skip
    found.check(tokens(0)[None])
    return found


def tokens(seed: int) -> Tensor:
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 4, L).astype(np.uint8))


def segments(count: int = 3, edits: int = 4) -> Segments:
    start = torch.stack([tokens(seed) for seed in range(count)])
    end = start.clone()
    for row in range(count):
        at = np.random.default_rng(100 + row).choice(L, edits, replace=False)
        end[row, at] = (end[row, at] + 1 + torch.arange(edits, dtype=torch.uint8) % 3) % 4
    eye = torch.eye(4)
    return Segments(
        start=eye[start.long()].transpose(1, 2),
        end=eye[end.long()].transpose(1, 2),
        direction=torch.tensor([[1.0, -1.0]]).repeat(count, 1),
    )


def followed(module: nn.Module, ways: Segments) -> tuple[list[Way], str | None]:
    model = precise(predictor(module), tokens(0)[None])
    with model.attached():
        return follow(model, ways)


def true_scores(module: nn.Module, ways: Segments, row: int, places: np.ndarray) -> np.ndarray:
    twin = copy.deepcopy(module).double().eval()
    at = torch.from_numpy(places)
    points = ways.at(at, torch.full((len(at),), row))[0]
    with torch.no_grad():
        found: np.ndarray = (twin(points) * ways.direction[row].double()).sum(1).numpy()
    return found


class Lowest(nn.Module):
    """Minima over places, each no higher than some number."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.minimum(torch.clip(x, max=0.4).amin(2), x.mean(2))


NETS: dict[str, Callable[[], nn.Module]] = {
    "dense": lambda: nn.Sequential(
        nn.Flatten(), nn.Linear(4 * L, 16), nn.ReLU(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 2)
    ),
    "pool": lambda: nn.Sequential(
        nn.Conv1d(4, 5, 5, padding=2), nn.ReLU(), nn.MaxPool1d(3, ceil_mode=True), nn.Conv1d(5, 4, 3),
        nn.LeakyReLU(0.1), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(4, 2),
    ),
    "pool first": lambda: nn.Sequential(
        nn.Conv1d(4, 5, 5), nn.MaxPool1d(4, 2, padding=1), nn.Hardtanh(-0.5, 0.5), nn.Flatten(), nn.LazyLinear(2)
    ),
    "flat": lambda: nn.Sequential(
        nn.Unflatten(1, (1, 4)), nn.Conv2d(1, 3, (4, 3), padding=(1, 1)), nn.ReLU6(), nn.MaxPool2d((2, 3), (1, 2)),
        nn.Flatten(), nn.LazyLinear(2),
    ),
    "hard": lambda: nn.Sequential(
        nn.Conv1d(4, 6, 5), nn.Hardsigmoid(), nn.Conv1d(6, 4, 3), nn.Softshrink(0.05), Lowest(), nn.Linear(4, 2)
    ),
    "ours": lambda: build_model("cnn", alphabet_size=4, outputs=2, channels=6, blocks=2, hidden=6, first_kernel=5),
    "sorted": lambda: build_model("cnn", alphabet_size=4, outputs=2, channels=6, blocks=2, activation="group_sort"),
}  # fmt: skip


@pytest.mark.parametrize("name", NETS)
def test_pieces_are_those_of_a_dense_grid(name: str) -> None:
    torch.manual_seed(5)
    module, ways = NETS[name](), segments()
    module(ways.start)
    module.eval()
    found, reason = followed(module, ways)
    assert reason is None
    for row, way in enumerate(found):
        assert way.exact
        assert way.knots[0] == 0
        assert way.knots[-1] == 1
        assert (np.diff(way.knots) > 0).all()
        grid = np.linspace(0, 1, 4001)
        truth = true_scores(module, ways, row, grid)
        np.testing.assert_allclose(np.interp(grid, way.knots, way.values), truth, atol=1e-6)
        # Every bend of the score seen on the grid is a known one.
        bends = grid[1:-1][np.abs(np.diff(truth, 2)) > 1e-7]
        assert all(np.abs(way.knots - bend).min() <= 1 / 4000 for bend in bends)
        assert way.slope == pytest.approx(
            float(np.diff(true_scores(module, ways, row, np.array([1e-7, 2e-7])))[0] / 1e-7), rel=1e-3, abs=1e-6
        )


def test_bends_of_one_layer_are_where_they_are_on_paper() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(4 * L, 40), nn.ReLU(), nn.Linear(40, 2))
    ways = segments()
    found, _ = followed(module, ways)
    weight, bias = (part.detach().double() for part in module[1].parameters())
    for row, way in enumerate(found):
        at = (weight @ ways.start[row].double().flatten() + bias).numpy()
        step = (weight @ (ways.end - ways.start)[row].double().flatten()).numpy()
        zeros = np.sort((-at / step)[-at / step > 0])
        np.testing.assert_allclose(way.knots[1:-1], zeros[zeros < 1], atol=1e-8)
        assert way.regions == (zeros < 1).sum() + 1
        assert way.radius == pytest.approx(zeros[0], abs=1e-8)


def test_patterns_of_a_deep_network_change_at_the_knots_alone() -> None:
    torch.manual_seed(7)
    module, ways = NETS["dense"](), segments(2)
    found, _ = followed(module, ways)
    twin = copy.deepcopy(module).double()
    for row, way in enumerate(found):
        places = np.linspace(0, 1, 20001)
        points = ways.at(torch.from_numpy(places), torch.full((len(places),), row))[0]
        with torch.no_grad():
            pattern = torch.cat([twin[:2](points) > 0, twin[:4](points) > 0], 1).numpy()
        changed = np.flatnonzero((pattern[1:] != pattern[:-1]).any(1))
        assert len({*np.searchsorted(places, way.knots[1:-1]) - 1}) == len(changed)
        np.testing.assert_array_equal(np.searchsorted(places, way.knots[1:-1]) - 1, changed)


def test_a_linear_network_is_one_region_without_an_end() -> None:
    ways = segments()
    found, reason = followed(nn.Sequential(nn.Conv1d(4, 3, 3), nn.Flatten(), nn.Linear(3 * (L - 2), 2)), ways)
    assert reason is None
    for way in found:
        assert (way.regions, way.radius, way.good_until) == (1, np.inf, 1.0)
        assert way.slope == pytest.approx(way.change, rel=1e-6)


def test_equal_letters_in_a_window_tie_and_are_told_apart_at_once() -> None:
    module = nn.Sequential(nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(4, 2))
    ways = segments(2)
    found, reason = followed(module, ways)
    assert reason is None
    for row, way in enumerate(found):
        grid = np.linspace(0, 1, 501)
        np.testing.assert_allclose(
            np.interp(grid, way.knots, way.values), true_scores(module, ways, row, grid), atol=1e-7
        )


@pytest.mark.parametrize("activation", [nn.GELU, nn.Tanh])
def test_smooth_networks_are_sampled_and_that_is_said(activation: type[nn.Module]) -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(4 * L, 12), activation(), nn.Linear(12, 2))
    ways = segments()
    found, reason = followed(module, ways)
    assert reason is not None
    assert "not linear" in reason
    for row, way in enumerate(found):
        assert not way.exact
        assert way.regions is None
        np.testing.assert_allclose(way.values, true_scores(module, ways, row, way.knots), atol=1e-9)
        assert way.slope == pytest.approx(
            float(np.diff(true_scores(module, ways, row, np.array([0, 1e-6])))[0] / 1e-6), rel=1e-4
        )


def test_a_step_that_is_not_understood_is_noticed() -> None:
    class Hidden(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            sums = x[:, 0].cumsum(1)[:, -2:] - x[:, 3].cumsum(1)[:, -2:]
            return torch.where(sums > (sums * 0.5).round() + 0.1, 2 * sums, sums * 0.5)

    ways = segments()
    assert followed(Hidden(), ways)[1] is not None


class Bump(nn.Module):
    """A constant but for the middle of the way, where the first score is one higher."""

    def __init__(self, gate: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.gate = gate

    def forward(self, x: Tensor) -> Tensor:
        score = x[:, 0, 0] + self.gate(x).to(x)
        return torch.stack([score, torch.zeros_like(score)], 1)


@pytest.mark.parametrize(
    "gate",
    [
        lambda x: (x * x).sum((1, 2)) < L - 2,
        lambda x: (x * x).sum((1, 2)) < L - 2.99999,  # on half a percent of the way
        lambda x: (0.2 * (L - (x * x).sum((1, 2)))).round(),
        lambda x: 1 - torch.cos(2 * np.pi * (x * x).sum((1, 2))),  # flat and nothing at either end, as sums are whole
        lambda x: (x * x).sum((1, 2)) % 1.0,
        lambda x: torch.tensor([float((L - one.square().sum()).clamp(max=1)) for one in x]),
        lambda x: (x.amax(1).sum(1) - L + 1).sign().neg() + 1,
        lambda x: x.sort(1).values[:, -1].sum(1).cos(),
    ],
    ids=["compares", "compares for a moment", "rounds", "smooth", "remainders", "numbers", "sign", "sorts"],
)
def test_a_bump_that_is_gone_at_the_end_is_not_called_linear(gate: Callable[[Tensor], Tensor]) -> None:
    ways = segments(edits=6)
    found, reason = followed(Bump(gate), ways)
    assert reason is not None
    assert not any(way.exact for way in found)
    module = Bump(gate)
    for row, way in enumerate(found):
        np.testing.assert_allclose(way.values, true_scores(module, ways, row, way.knots), atol=1e-9)


def test_a_gate_that_is_not_reached_is_a_radius_beyond_the_way() -> None:
    way = Way(
        knots=np.array([0, 0.5, 1.0]), values=np.array([0, 1.0, 3.0]), slope=2.0, radius=0.5, regions=2, exact=True
    )
    assert way.change == 3
    # Off by 2 (t - 1/2) behind the bend, allowed 0.15.
    assert way.good_until == pytest.approx(0.575)


def test_the_module_is_left_as_it_was() -> None:
    module = build_model("cnn", alphabet_size=4, outputs=2, channels=6, blocks=1)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    followed(module, segments())
    for name, value in module.state_dict().items():
        assert value.dtype == before[name].dtype
        assert torch.equal(value, before[name])


def test_layers_that_scale_do_not_amplify() -> None:
    class Scale(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return -3 * x

    module = nn.Sequential(Scale(), nn.Dropout(), Scale()).eval()
    ways = segments()
    batch = torch.cat([ways.start, ways.end, ways.start])
    with watched(module, 2, len(ways)) as seen:
        module(batch)
    inputs = relative_differences(batch, 2)
    assert list(seen.found) == ["0", "2"]
    for found in seen.found.values():
        torch.testing.assert_close(found, inputs)
    assert float(inputs[0, 0]) == pytest.approx(np.sqrt(2 * 4 / L))
    assert (inputs[1] == 0).all()
    assert not any(part._forward_hooks for part in module.modules())


def test_differences_of_a_layer_are_its_own() -> None:
    torch.manual_seed(0)
    module, ways = NETS["ours"]().eval(), segments()
    with watched(module, 1, len(ways)) as seen, torch.no_grad():
        module(torch.cat([ways.start, ways.end]))
    first = module.blocks[0].convolution
    with torch.no_grad():
        one, other = first(ways.start), first(ways.end)
    wanted = (other - one).flatten(1).norm(dim=1) / one.flatten(1).norm(dim=1)
    torch.testing.assert_close(seen.found["blocks.0.convolution"][0].float(), wanted)
    assert seen.kinds["blocks.0.convolution"] == "Conv1d"


def test_the_score_that_is_followed() -> None:
    clean = torch.tensor([[3.0, 1.0, 2.0], [0.0, 1.0, 5.0]])
    other = torch.tensor([[1.0, 2.0, 1.5], [0.0, 4.0, 5.0]])
    # From class 0 to class 1; class 2 stands, and class 1 is its runner-up.
    assert directions("classification", clean, other).tolist() == [[1, -1, 0], [0, -1, 1]]
    assert directions("binary", torch.tensor([[2.0], [-2.0]]), torch.zeros(2, 1)).tolist() == [[1], [-1]]
    assert directions("multilabel", clean - 2, other - 2).tolist() == [[1, 0, 0], [0, -1, 0]]
    assert directions("multilabel", clean.double() - 2, other.double() - 2).dtype == torch.float64
    assert directions("regression", clean, other, 2).tolist() == [[0, 0, 1], [0, 0, 1]]


def test_random_edits_are_as_many_and_keep_to_the_threat() -> None:
    texts = ["ACGTACGTAC", "ACGTNCG"]
    sequences = SequenceSet.from_texts(texts, DNA, regions=[[Region("core", 0, 3)], [Region("core", 0, 3)]])
    edited = sequences.tokens.copy()
    edited[0, [4, 6, 9]] = (edited[0, [4, 6, 9]] + 1) % 4
    edited[1, 6] = (edited[1, 6] + 1) % 4
    pairs = make_pairs(sequences, edited, SubstitutionThreat(budget=Budget(1), protect=("core",)), draws=20, seed=0)
    assert pairs.n_edits.tolist() == [3, 1]
    changed = pairs.random != pairs.clean
    assert (changed.sum(2) == torch.tensor([3, 1])).all()
    assert not changed[:, :, :3].any()
    assert not changed[:, 1, 4].any()
    assert not changed[:, 1, 7:].any()
    assert [batch.ids for batch in pairs.batches(8)] == [("seq2",), ("seq1",)]
    assert [batch.clean.shape[1] for batch in pairs.batches(8)] == [7, 10]
    again = make_pairs(sequences, edited, SubstitutionThreat(budget=Budget(1), protect=("core",)), draws=20, seed=0)
    assert torch.equal(pairs.random, again.random)
