"""Faults put in on purpose into clusters, one kind after the other: going through every sequence notices each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from brute import ANY, certified, check, problem_of
from torch import Tensor, nn

from seqrobust.attacks import Problem
from seqrobust.certification.clusters import gathered, sums
from seqrobust.certification.clusters import method as clusters
from seqrobust.errors import InternalError
from seqrobust.sequences import Region
from seqrobust.threats import BoundThreat

LENGTH, MOST = 6, 2
TEXTS = ["ACGTCA", "GATTAC", "CCGATG", "TTACGA"]
Fault = Callable[[pytest.MonkeyPatch], None]


class Ties(nn.Module):
    """Whole numbers for weights, so that ties are exact and common, and a lead of the first class."""

    def __init__(self, lead: float) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.net = nn.Sequential(nn.Conv1d(4, 4, 2), nn.ReLU(), nn.Flatten(), nn.Linear(4 * (LENGTH - 1), 2))
        with torch.no_grad():
            for weight in self.net.parameters():
                weight.copy_((2 * weight / weight.abs().amax()).round())
        self.lead = lead

    def forward(self, encoded: Tensor) -> Tensor:
        return self.net(encoded) + torch.tensor([self.lead, 0.0])


def problems() -> list[Problem]:
    core = [[Region("core", 2, 4)] for _ in TEXTS]
    found = []
    for lead in (2.0, 4.0, 6.0):
        asked = problem_of(Ties(lead).eval(), "classification", TEXTS, ANY, MOST, regions=core)
        found += [asked, replace(asked, threat=replace(ANY, protect=("core",)))]
    return found


def is_caught(*, exact: bool) -> bool:
    """Whether going through every sequence, or the package itself, notices that something is wrong."""
    for problem in problems():
        try:
            check(problem, certified(problem, ["clusters"]), exact=exact)
        except (AssertionError, InternalError):
            return True
    return False


def test_without_a_fault_nothing_is_wrong() -> None:
    assert not is_caught(exact=True)


def one_edit_less(patch: pytest.MonkeyPatch) -> None:
    """A budget off by one: pairs are not gone through."""
    right = clusters._sets
    patch.setattr(clusters, "_sets", lambda pairs, found, units, edits: right(pairs, found, units, edits - 1))


def inward(patch: pytest.MonkeyPatch) -> None:
    """A rounding inward: only what lies beyond the goal by as much as arithmetic may add comes near it."""
    patch.setattr(gathered.Gathered, "margin", property(lambda self: -1e-6 * torch.ones(len(self.ways.weights))))


def half_of_a_pair(patch: pytest.MonkeyPatch) -> None:
    """A feasible value for a bound: each pair is taken for what its second edit does alone."""
    right = sums.PairSums.two

    def wrong(self: sums.PairSums, units: int) -> object:
        for batch in right(self, units):
            yield replace(batch, sums=self.columns.base + self.columns.alone[batch.edits[:, 1]])

    patch.setattr(sums.PairSums, "two", wrong)
    patch.setattr(gathered.Gathered, "_agree", lambda *_: True)


@pytest.mark.parametrize("fault", [one_edit_less, inward, half_of_a_pair])
def test_a_fault_is_caught(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch)
    assert is_caught(exact=False)


def test_sums_that_the_model_does_not_confirm_certify_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    right = sums.PairSums.two

    def wrong(self: sums.PairSums, units: int) -> object:
        for batch in right(self, units):
            yield replace(batch, sums=self.columns.base + self.columns.alone[batch.edits[:, 1]])

    monkeypatch.setattr(sums.PairSums, "two", wrong)
    assert not is_caught(exact=False)


def test_protection_ignored_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Letters that are protected are edited: a member outside the threat, or a record not known as it should be."""
    monkeypatch.setattr(BoundThreat, "prices", property(lambda self: (~self.clean).long()))
    assert is_caught(exact=True)
