"""Every record's fewest edits by enumeration are those of plain loops, whatever the model, task and threat."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from attacks_zoo import DNA, PROTEIN, SmallCNN, records
from brute import ANY, certified, check, fewest, problem_of, zoo_problem
from torch import Tensor, nn

from seqrobust.attacks import Shift, Targeted, Untargeted, coded
from seqrobust.certification import enumeration, members, require_certifiable
from seqrobust.certification.members import count_members, members_at
from seqrobust.errors import ModelError
from seqrobust.neighbours import apply_edits
from seqrobust.sequences import Region, Task
from seqrobust.threats import Budget, SubstitutionThreat
from seqrobust.threats.coding import Indels

PROTECTED = replace(ANY, protect=("core",))
CONFINED = replace(ANY, only=("core",))
CASES: list[tuple[str, Task, SubstitutionThreat, int]] = [
    ("cnn", "binary", ANY, 3),
    ("cnn", "classification", PROTECTED, 3),
    ("cnn", "multilabel", ANY, 2),
    ("cnn", "regression", PROTECTED, 2),
    ("gru", "classification", ANY, 2),
    ("gru", "binary", CONFINED, 3),
    ("linear", "classification", PROTECTED, 3),
]


@pytest.mark.parametrize(("kind", "task", "threat", "most"), CASES)
def test_exact_as_plain_loops(kind: str, task: Task, threat: SubstitutionThreat, most: int) -> None:
    problem, _ = zoo_problem(kind, task, threat, most)
    check(problem, certified(problem, ["enumeration"]), exact=True)


@pytest.mark.parametrize("goal", [Shift(up=False, delta=0.3, output=1), Shift(up=True, delta=0.1)])
def test_shifts_of_a_regression(goal: Shift) -> None:
    problem, _ = zoo_problem("cnn", "regression", ANY, 2, goal=goal)
    check(problem, certified(problem, ["enumeration"]), exact=True)


def test_proteins_and_unequal_costs(tmp_path: Path) -> None:
    table = tmp_path / "costs.tsv"
    rows = [[0, 1, 2.5, 0.5], [1, 0, 1.5, 2], [2, 1, 0, 1], [1, 1, 0.5, 0]]
    table.write_text("\tACGT\n".replace("ACGT", "A\tC\tG\tT") + "\n".join(
        f"{letter}\t" + "\t".join(map(str, row)) for letter, row in zip("ACGT", rows, strict=True)
    ) + "\n")  # fmt: skip
    problem, _ = zoo_problem("cnn", "classification", replace(ANY, letters=str(table)), 2, n=4, length=8)
    standings = certified(problem, ["enumeration"])

    def cost(old: str, new: str) -> float:
        return rows["ACGT".index(old)]["ACGT".index(new)]

    check(problem, standings, exact=True, cost=cost, unit=0.5)
    problem, _ = zoo_problem("cnn", "binary", ANY, 2, alphabet=PROTEIN, n=3, length=7)
    check(problem, certified(problem, ["enumeration"]), exact=True)


def test_members_come_once_each_and_all() -> None:
    threat = replace(PROTECTED, budget=Budget(3)).bind(records(DNA, 1, 9))
    seen: set[bytes] = set()
    for units, count in enumerate(count_members(threat, 3)[1:], 1):
        tokens = torch.cat([apply_edits(threat.tokens, edits) for edits in members_at(threat, units)])
        assert len(tokens) == count
        assert ((tokens != threat.tokens).sum(1) == units).all()
        assert threat.take(torch.zeros(len(tokens), dtype=torch.int64)).contains(tokens).all()
        seen |= {row.numpy().tobytes() for row in tokens}
    assert len(seen) == sum(count_members(threat, 3)[1:])


class Counting(nn.Module):
    """Counts letters; whole numbers, so that ties are exact."""

    def forward(self, encoded: Tensor) -> Tensor:
        return (encoded[:, 0] - encoded[:, 1]).sum(1, keepdim=True)


def test_a_tie_counts_for_the_attacker() -> None:
    problem = problem_of(Counting(), "binary", ["AAATTTTT", "AATTTTTT", "CCCCTTTT"], ANY, 4)
    standings = certified(problem, ["enumeration"])
    # Two As more than Cs: one edit A to C, or two of any kind, tie.
    assert [one.broken for one in standings] == [2, 1, 2]
    check(problem, standings, exact=True)


class NearTie(nn.Module):
    """Two large logits, which one edit brings within rounding of each other."""

    def forward(self, encoded: Tensor) -> Tensor:
        count = encoded[:, 0].sum(1)
        return torch.stack([torch.full_like(count, 1e6) + 0.25 * (count >= 3) + 1e3 * (count >= 4), 1e6 + 0 * count], 1)


def test_what_rounding_decides_is_left_open() -> None:
    problem = problem_of(NearTie(), "classification", ["AAAATTTT"], ANY, 1)
    standing = certified(problem, ["enumeration"])[0]
    assert (standing.certified, standing.broken) == (0, None)
    assert "rounding" in standing.reason


def test_time_runs_out_with_a_true_interval() -> None:
    problem, _ = zoo_problem("cnn", "classification", ANY, 3)
    for seconds in (0.0, 0.002):
        standings = certified(problem, ["enumeration"], seconds=seconds)
        check(problem, standings, exact=False)
        assert all(one.reason for one in standings if one.open)


def test_a_cost_that_will_not_fit_is_not_begun() -> None:
    problem, _ = zoo_problem("cnn", "classification", ANY, 3)
    slow = enumeration.Enumeration(rate=100.0)
    standings = certified(problem, [slow], seconds=1.0)
    assert all(one.certified <= 1 for one in standings)
    assert any("would take about" in one.reason for one in standings)


def test_two_letters_in_one_gap_are_not_certified_away() -> None:
    problem, _ = zoo_problem("cnn", "classification", ANY, 2, n=4, length=8)
    standings = certified(coded(problem, Indels(source=DNA, anchor="left")), ["enumeration"])
    assert all(one.certified <= 1 for one in standings)
    assert all("gap" in one.reason for one in standings if one.open)


class Random(nn.Module):
    """Another answer each time."""

    def forward(self, encoded: Tensor) -> Tensor:
        return torch.nn.functional.dropout(encoded[:, :3].sum(2), 0.5, training=True)


def test_a_random_model_is_refused() -> None:
    problem = problem_of(Random(), "classification", ["ACGTACGT", "AAGTACGA"], ANY, 1)
    with pytest.raises(ModelError, match="random"):
        require_certifiable(problem)


def test_targeted_goals() -> None:
    problem, _ = zoo_problem("cnn", "classification", ANY, 2)
    aimed = replace(problem, goal=Targeted(label=1))
    module = problem.predictor.module.eval()
    for row, standing in enumerate(certified(aimed, ["enumeration"])):
        if standing.attackable and standing.certified:
            # Whatever reaches the class is a flip, so the fewest flips are a lower bound of it.
            assert standing.broken is None or (fewest(problem, module, row, 2) or 9) <= standing.broken
    assert any(one.attackable and not one.open for one in certified(aimed, ["enumeration"]))


def _one_less(units: Callable[..., object]) -> Callable[..., object]:
    return lambda threat, cost: units(threat, max(cost - 1, 1))


def test_a_budget_off_by_one_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, _ = zoo_problem("cnn", "classification", ANY, 3)
    monkeypatch.setattr(enumeration, "members_at", _one_less(members.members_at))
    monkeypatch.setattr(enumeration, "count_members", lambda threat, most: [0, *count_members(threat, most)])
    with pytest.raises(AssertionError):
        check(problem, certified(problem, ["enumeration"]), exact=True)


def test_members_that_are_passed_over_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, _ = zoo_problem("cnn", "classification", ANY, 2)
    monkeypatch.setattr(enumeration, "members_at", _one_less(members.members_at))
    standings = certified(problem, ["enumeration"])
    assert all(one.certified <= 1 for one in standings)
    assert any("please report" in one.reason for one in standings)


class CoreOnly(nn.Module):
    """Reads the protected letters alone."""

    def forward(self, encoded: Tensor) -> Tensor:
        return encoded[:, 0, 3:5].sum(1, keepdim=True) - 0.5


def test_protection_ignored_is_caught() -> None:
    core = [[Region("core", 3, 5)]]
    problem = problem_of(CoreOnly(), "binary", ["CCCACCCCC"], PROTECTED, 2, regions=core)
    assert check(problem, certified(problem, ["enumeration"]), exact=True) == 2
    unprotected = replace(problem, threat=ANY)
    check(unprotected, certified(unprotected, ["enumeration"]), exact=True)
    for asked, told in ((problem, unprotected), (unprotected, problem)):
        with pytest.raises(AssertionError):
            check(told, certified(asked, ["enumeration"]), exact=True)


def test_scores_from_caches_that_are_wrong_do_not_certify(monkeypatch: pytest.MonkeyPatch) -> None:
    problem, _ = zoo_problem("cnn", "classification", ANY, 2)
    service = type(certified.__globals__["scores_for"](problem.predictor))
    right = service.logits

    def flattered(self: object, base: Tensor, edits: object) -> Tensor:
        return right(self, base, edits) * torch.tensor([1.0, 0.99, 1.01])  # type: ignore[arg-type]

    monkeypatch.setattr(service, "logits", flattered)
    check(problem, certified(problem, ["enumeration"]), exact=True)


def test_untargeted_without_targets_keeps_the_clean_prediction() -> None:
    problem = problem_of(SmallCNN(4, 3), "classification", ["ACGTACGTAC", "TTGACCATGA"], ANY, 2, goal=Untargeted())
    check(problem, certified(problem, ["enumeration"]), exact=True)
