"""Clusters against going through every sequence: networks that slide in every way, threats of every kind."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from brute import ANY, certified, check, edited, one_each, one_hot, problem_of
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.attacks import Problem, Shift, Targeted
from seqrobust.certification.clusters import columns as columns_module
from seqrobust.certification.clusters import far
from seqrobust.certification.clusters.columns import Columns, singles_of
from seqrobust.certification.clusters.split import split_of
from seqrobust.certification.network import network_of
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import Region

LENGTH, MOST = 8, 3
Maker = Callable[[], nn.Module]


def net(*parts: nn.Module, outputs: int = 3, hidden: int = 5) -> nn.Module:
    trunk = nn.Sequential(*parts, nn.Flatten())
    size = trunk.eval()(torch.zeros(2, 4, LENGTH)).shape[1]
    return nn.Sequential(trunk, nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, outputs))


NETS: dict[str, Maker] = {
    "two blocks": lambda: net(
        nn.Conv1d(4, 5, 3, padding=1), nn.BatchNorm1d(5), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(5, 4, 3), nn.GELU()
    ),
    "strided, dilated": lambda: net(
        nn.Conv1d(4, 4, 2, stride=2), nn.SiLU(), nn.Conv1d(4, 4, 2, dilation=2, padding="same"), nn.Softplus()
    ),
    "odd pools": lambda: net(
        nn.Conv1d(4, 4, 3, padding=1, groups=2), nn.ReLU(), nn.MaxPool1d(3, 2, padding=1, ceil_mode=True),
        nn.Conv1d(4, 4, 2), nn.Sigmoid(), nn.AvgPool1d(2, 1),
    ),
    "reach of one": lambda: net(nn.Conv1d(4, 4, 1), nn.ReLU()),
    "a maximum over positions": lambda: nn.Sequential(
        nn.Conv1d(4, 6, 3), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(6, 3)
    ),
    "linear head": lambda: nn.Sequential(
        nn.Conv1d(4, 6, 2), nn.ReLU(), nn.Conv1d(6, 5, 2), nn.ReLU(), nn.Flatten(), nn.Linear(30, 3)
    ),
}  # fmt: skip


def made(name: str, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return NETS[name]().eval()


def texts(count: int, seed: int = 0) -> list[str]:
    draw = np.random.default_rng(seed)
    return ["".join(draw.choice(list("ACGT"), LENGTH)) for _ in range(count)]


def asked(module: nn.Module, count: int = 2, **more: object) -> Problem:
    core = [[Region("core", 3, 5)] for _ in range(count)]
    return problem_of(module, "classification", texts(count), ANY, MOST, regions=core, **more)


class Leaning(nn.Module):
    """Prefers its first class by so much."""

    def __init__(self, net: nn.Module, preference: float) -> None:
        super().__init__()
        self.net, self.preference = net, preference

    def forward(self, encoded: Tensor) -> Tensor:
        return self.net(encoded) + torch.tensor([self.preference, 0.0, 0.0])


@pytest.mark.parametrize("name", NETS)
def test_every_record_is_known_exactly(name: str) -> None:
    problem = asked(Leaning(made(name), 0.3))
    assert check(problem, certified(problem, ["clusters"]), exact=True)


@pytest.mark.parametrize("many", [0, 1 << 20], ids=["bounds anew for each edit", "one bound for all"])
def test_triples_that_are_apart_are_known_exactly(many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(far, "_MANY", many)
    for name in ("reach of one", "strided, dilated"):
        problem = asked(Leaning(made(name), 0.4))
        check(problem, certified(problem, ["clusters"]), exact=True)


def test_protected_letters_stay() -> None:
    problem = asked(Leaning(made("two blocks"), 0.15))
    problem = replace(problem, threat=replace(ANY, protect=("core",)))
    check(problem, certified(problem, ["clusters"]), exact=True)


def test_letters_cost_what_they_cost(tmp_path: Path) -> None:
    def cost(old: str, new: str) -> float:
        return 1.0 if {old, new} in ({"A", "G"}, {"C", "T"}) else 2.0

    table = tmp_path / "costs.tsv"
    rows = [[a, *(f"{0.0 if a == b else cost(a, b):g}" for b in DNA.letters)] for a in DNA.letters]
    table.write_text("\t".join(["", *DNA.letters]) + "\n" + "".join("\t".join(row) + "\n" for row in rows))
    problem = asked(Leaning(made("two blocks"), 0.2))
    problem = replace(problem, threat=replace(ANY, letters=str(table)))
    check(problem, certified(problem, ["clusters"]), exact=True, cost=cost)


def test_a_shift_a_hair_beyond_the_largest_is_certified() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        module = net(nn.Conv1d(4, 5, 3), nn.ReLU(), nn.Conv1d(5, 4, 2), nn.ReLU(), outputs=1).eval()
    (text,) = texts(1)
    members = [one for _, one in edited(text, list(range(LENGTH)), DNA.letters, one_each, MOST)]
    with torch.no_grad():
        values = module(one_hot([text, *members], DNA.letters))[:, 0]
    most = float(values.max() - values[0])
    problem = problem_of(module, "regression", [text], ANY, MOST, goal=Shift(up=True, delta=most * 1.001))
    (standing,) = certified(problem, ["clusters"])
    assert standing.certified == MOST
    (standing,) = certified(replace(problem, goal=Shift(up=True, delta=most * 0.999)), ["clusters"])
    assert standing.broken == MOST


def test_a_target_among_three_classes_is_known_exactly() -> None:
    for label in (1, 2):
        problem = asked(Leaning(made("two blocks", 3), 0.1), goal=Targeted(label=label))
        check(problem, certified(problem, ["clusters"]), exact=True)


def test_time_runs_out_with_a_true_interval() -> None:
    problem = asked(Leaning(made("two blocks"), 5.0), 1)
    (standing,) = certified(problem, ["clusters"], seconds=0.0)
    assert standing.certified <= 1
    assert "time limit" in standing.reason


def columns_of(module: nn.Module, length: int) -> Columns:
    tokens = torch.randint(4, (1, length), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    predictor = Predictor(module, alphabet=DNA, task="classification", device="cpu", scale="logits")
    with predictor.attached():
        split = split_of(network_of(predictor, tokens))
    prices = torch.ones(4, length, dtype=torch.int64)
    prices[tokens[0].long(), torch.arange(length)] = 0
    letters = split.head.encode(torch.arange(4, dtype=torch.uint8)[None])[0]
    return Columns(split, split.head.encode(tokens)[0], singles_of(prices, MOST), letters)


def test_only_edits_within_reach_act_together() -> None:
    columns = columns_of(made("two blocks"), LENGTH)
    found = [(one.first, one.last) for one in columns.together(triples=True)]
    assert found
    assert all(last - first < columns.reach for first, last in found)
    assert columns_module.Together is type(next(columns.together(triples=False)))


@pytest.mark.parametrize(
    "module",
    [
        nn.Sequential(nn.Flatten(), nn.Linear(4 * LENGTH, 3)),
        nn.Sequential(nn.Conv1d(4, 3, 3), nn.AdaptiveAvgPool1d(4), nn.ReLU(), nn.Conv1d(3, 3, 4), nn.Flatten()),
    ],
    ids=["no layer that slides", "a convolution behind"],
)
def test_what_cannot_be_cut_is_left_open(module: nn.Module) -> None:
    problem = asked(module.eval(), 1)
    for standing in certified(problem, ["clusters"]):
        assert standing.certified == 0
        assert not standing.open or "clusters cannot read" in standing.reason


def test_a_layer_that_says_something_else_of_a_part_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool that is read wrongly is noticed, whatever its weights hide of it."""
    from seqrobust.certification.clusters import stages

    right = stages._pool

    def wrong(*given: object) -> object:
        found = right(*given)  # type: ignore[arg-type]
        return replace(found, before=found.before + 1)  # type: ignore[arg-type]

    monkeypatch.setattr(stages, "_pool", wrong)
    problem = asked(made("two blocks"), 1)
    (standing,) = certified(problem, ["clusters"])
    assert standing.certified == 0
