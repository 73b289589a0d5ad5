"""What a run says against itself: lot that beats the search, records nobody searched, ties, goals about one label."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.analysis import attack_metrics, results_table
from seqrobust.analysis.alarms import alarms, control_alarm, one_answer, remarks, weaknesses
from seqrobust.analysis.evaluate.claims import Method, claims
from seqrobust.analysis.evaluate.worst_case import Grid, control_ahead, evaluation_metrics, worst_case
from seqrobust.analysis.robustness import constant_answer
from seqrobust.attacks import Attack, Goal, Problem, Shift, Targeted, Untargeted, attacks_named, run_shard
from seqrobust.attacks.coverage import require_coverage
from seqrobust.attacks.search import Access, Search, View
from seqrobust.attacks.searches.exhaustive import Exhaustive
from seqrobust.attacks.settings import AttackSettings
from seqrobust.attacks.stating import goal_of
from seqrobust.errors import ConfigError, ThreatError
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet, Targets, Task
from seqrobust.threats import Budget, SubstitutionThreat

RECORDS, LENGTH = 12, 8


class Counts(nn.Module):
    """The more G, the less the first class; every edit may flip a record."""

    def forward(self, encoded: Tensor) -> Tensor:
        lead = 0.5 - encoded[:, 2].sum(1)
        return torch.stack([lead, torch.zeros_like(lead)], dim=1)


class Same(Counts):
    """The first class, whatever the sequence."""

    def forward(self, encoded: Tensor) -> Tensor:
        return super().forward(encoded) * 0 + torch.tensor([1.0, 0.0])


class Sign(Counts):
    """The same without a gradient."""

    def forward(self, encoded: Tensor) -> Tensor:
        return torch.sign(super().forward(encoded))


class Idle:
    """Asks nothing."""

    name = "idle"
    access: Access = "scores"

    def search(self, view: View) -> Search:
        return
        yield


def problem_of(
    module: nn.Module,
    *,
    task: Task = "classification",
    goal: Goal | None = None,
    targets: Targets | None = None,
    letters: str = "ACT",
    budgets: tuple[int, ...] = (1, 3),
) -> Problem:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list(letters), LENGTH)) for _ in range(RECORDS)]
    sequences = SequenceSet.from_texts(texts, DNA)
    predictor = Predictor(module, alphabet=DNA, task=task, device="cpu", scale="logits")
    predictor.check(torch.tensor(sequences.tokens))
    return Problem(
        predictor=predictor,
        sequences=sequences,
        targets=targets,
        threat=SubstitutionThreat(budget=Budget(1)),
        budgets=tuple(Budget(k) for k in budgets),
        goal=goal or Untargeted(),
        control_draws=20,
    )


def results(problem: Problem, *attacks: Attack) -> pd.DataFrame:
    records = np.arange(RECORDS)
    with problem.predictor.attached():
        run = run_shard(problem, attacks, records)
    return results_table(problem, records, run, [attack.name for attack in attacks])


def test_random_edits_that_outdo_a_search_are_counted_and_told() -> None:
    table = results(problem_of(Counts()), Idle())
    # By hand: a draw reaches the goal, and the idle search nothing.
    expected = [int(((table["budget"] == k) & (table["random_success"] > 0)).sum()) for k in (1, 3)]
    metrics = attack_metrics(table, "classification", labelled=False)
    assert expected[1] > 0
    assert [row["control_ahead"] for row in metrics["budgets"]] == expected
    assert metrics["control_ahead"] == table.loc[table["random_success"] > 0, "id"].nunique()
    assert any(f"on {max(expected)} of {RECORDS} records at budget" in said for said in alarms(metrics))
    assert any("do not read its numbers as robustness" in said for said in alarms(metrics))


def counted(ahead: int, behind: int | None, n: int) -> dict[str, object]:
    row = {"budget": 2, "control_ahead": ahead, "not_searched": 0}
    return {
        "attacked": n,
        "control_ahead": ahead,
        "budgets": [row | {} if behind is None else row | {"control_behind": behind}],
    }


@pytest.mark.parametrize(
    ("ahead", "behind", "n", "serious"),
    [
        (1, 30, 40, False),  # a twentieth may be so, and the search leads elsewhere
        (1, 1, 40, True),  # which of them leads is anyone's guess
        (3, 4, 400, True),
        (3, 200, 400, False),
        (6, 30, 40, True),  # surely more than a record in twenty
        (40, 360, 400, True),
        (1, 0, 1, True),
        (1, None, 40, False),  # a table of before, which does not say where the search leads
    ],
)
def test_one_lucky_draw_is_no_alarm(ahead: int, behind: int | None, n: int, serious: bool) -> None:
    metrics = counted(ahead, behind, n)
    found = control_alarm(metrics)
    assert found is not None
    assert found.serious == serious
    assert f"on {ahead} of {n} record" in found.text
    assert ("do not read" in found.text) == serious
    assert bool(alarms(metrics)) == serious
    assert bool(weaknesses(metrics)) == (not serious)
    # By hand: the sign test, and the lower end of the interval.
    leads = n - ahead if behind is None else behind
    tail = sum(math.comb(ahead + leads, i) for i in range(ahead + 1)) / 2 ** (ahead + leads)
    low = wilson_low(ahead, n)
    assert serious == (tail >= 0.05 or low > 0.05)


def wilson_low(hits: int, n: int) -> float:
    """Lower end of Wilson's interval, from its formula."""
    z, p = 1.959964, hits / n
    return float((p + z**2 / (2 * n) - z * math.sqrt(p * (1 - p) / n + z**2 / (4 * n * n))) / (1 + z**2 / n))


def test_a_weak_spot_refuses_one_claim_and_a_serious_one_all() -> None:
    table = evaluated(exhaustive=Exhaustive())
    standing = {}
    for ahead in (0, 1, 6):
        metrics = evaluation_metrics(table, "classification", labelled=False)
        metrics["masking"] = {"verdict": "none", "evidence": []}
        metrics["attacked"] = 40
        metrics["budgets"][-1] |= {"control_ahead": ahead, "control_behind": 40 - ahead}
        made = claims(
            metrics,
            [Method(name="exhaustive", attacks=("exhaustive",), access="scores")],
            probabilities=False,
            protect=("core",),
        )
        standing[ahead] = [any("random edits reach" in reason for reason in one["reasons"]) for one in made]
    assert not any(standing[0])
    assert sum(standing[1]) == 1
    assert all(standing[6])


@pytest.mark.parametrize("goal", [Untargeted(), Shift(up=False, delta=1.0)])
def test_a_search_that_finds_the_optimum_is_never_outdone(goal: Goal) -> None:
    task: Task = "regression" if isinstance(goal, Shift) else "classification"
    metrics = attack_metrics(results(problem_of(Counts(), task=task, goal=goal), Exhaustive()), task, labelled=False)
    assert metrics["control_ahead"] == 0
    assert not alarms(metrics)


def test_a_nearer_draw_counts_too() -> None:
    goal = Shift(up=False, delta=100.0)
    table = results(problem_of(Counts(), task="regression", goal=goal), Idle())
    metrics = attack_metrics(table, "regression", labelled=False)
    assert metrics["budgets"][1]["attack_success_rate"] is None or metrics["budgets"][1]["control_ahead"] == RECORDS


def test_records_that_nobody_searched_are_in_no_rate() -> None:
    metrics = attack_metrics(results(problem_of(Counts()), Idle()), "classification", labelled=False)
    for row in metrics["budgets"]:
        assert row["not_searched"] == metrics["attacked"] == RECORDS
        assert row["attack_success_rate"] is row["robust_accuracy"] is None
    assert sum("nothing is known of them" in said for said in alarms(metrics)) == 2
    searched = attack_metrics(results(problem_of(Counts()), Exhaustive()), "classification", labelled=False)
    assert [row["not_searched"] for row in searched["budgets"]] == [0, 0]


def test_gradients_of_zero_search_nothing_and_scores_do() -> None:
    problem = problem_of(Sign())
    blind = attack_metrics(results(problem, *attacks_named(["quick"])), "classification", labelled=False)
    assert blind["budgets"][0]["not_searched"] == RECORDS
    seeing = attack_metrics(results(problem, *attacks_named(["greedy_all"])), "classification", labelled=False)
    assert seeing["budgets"][0]["not_searched"] == 0
    assert seeing["budgets"][0]["attack_success_rate"] == 1


def test_records_that_may_not_be_edited_are_counted_and_told() -> None:
    problem = problem_of(Counts(), budgets=(0, 1))
    texts = ["N" * LENGTH] * 5 + problem.sequences.texts[5:]
    problem = replace(problem, sequences=SequenceSet.from_texts(texts, DNA))
    metrics = attack_metrics(results(problem, Exhaustive()), "classification", labelled=False)
    assert [row["nothing_editable"] for row in metrics["budgets"]] == [RECORDS - 5, 0]
    assert metrics["nothing_editable"] == {"n": 5, "by_class": {"0": 5}}
    assert (metrics["n"], metrics["attacked"]) == (RECORDS, RECORDS - 5)
    assert [row["attack_success_rate"] for row in metrics["budgets"]] == [0, 1]
    assert [row["robust_accuracy"] for row in metrics["budgets"]] == [1, 0]
    assert any("on 5 of 12 records (0: 5) nothing may be edited" in said for said in remarks(metrics))
    assert not alarms(metrics), "the numbers hold, and claims stand"
    require_coverage(problem, [Exhaustive()])


@pytest.mark.parametrize("budgets", [(Budget(1), Budget(3)), (Budget(1, percent=True),)])
def test_a_threat_without_edits_is_refused(budgets: tuple[Budget, ...]) -> None:
    problem = replace(problem_of(Counts()), budgets=budgets)
    if not budgets[0].percent:
        problem = replace(problem, sequences=SequenceSet.from_texts(["N" * LENGTH] * RECORDS, DNA))
    with pytest.raises(ThreatError, match="no letter of any record may change"):
        require_coverage(problem, [Exhaustive()])


def test_a_constant_model_is_said_to_be_one() -> None:
    problem = problem_of(Same())
    table = results(problem, Exhaustive())
    assert constant_answer(table, problem.predictor) == "0"
    metrics = attack_metrics(table, "classification", labelled=False) | {"constant": "0"}
    assert any("predicts 0 of every record and of random sequences" in said for said in remarks(metrics))
    reading = problem_of(Counts())
    assert constant_answer(results(reading, Exhaustive()), reading.predictor) is None


def test_one_answer_for_several_classes_is_told_apart_from_a_small_file() -> None:
    def said(targets: str) -> str | None:
        table: pd.DataFrame = pd.DataFrame(
            {"id": range(len(targets)), "clean_prediction": "0", "target": list(targets)}
        )
        return one_answer({"clean_accuracy": 0.5}, table)

    assert said("0" * 20 + "1" * 5) == "0"
    assert said("0" * 20 + "1" * 4) is None
    assert said("0" * 20) is None
    assert one_answer({"constant": "1"}, pd.DataFrame()) == "1"
    unlabelled: pd.DataFrame = pd.DataFrame({"id": range(9), "clean_prediction": "0", "target": "1"})
    assert one_answer({"clean_accuracy": None}, unlabelled) is None


def test_nothing_to_edit_is_no_hole() -> None:
    problem = problem_of(Counts(), budgets=(0, 1))
    metrics = attack_metrics(results(problem, Idle()), "classification", labelled=False)
    assert [row["not_searched"] for row in metrics["budgets"]] == [0, RECORDS]
    assert metrics["budgets"][0]["robust_accuracy"] == 1


def test_exhaustive_alone_is_refused_where_it_covers_nothing() -> None:
    problem = problem_of(Counts(), budgets=(1, 2))
    require_coverage(problem, [Exhaustive()])
    with pytest.raises(ConfigError, match="covers no record") as refused:
        require_coverage(problem, [Exhaustive(limit=3 * LENGTH + 1)])
    assert "budget 2" in str(refused.value)
    # 1 + 24 + 252 members of eight letters.
    assert "277 sequences" in str(refused.value)
    require_coverage(problem, [Exhaustive(limit=1), Idle()])


def evaluated(**searches: Attack) -> pd.DataFrame:
    """A table of methods as an evaluation joins them: each alone, beside one control."""
    problem = problem_of(Counts())
    control = results(problem)
    tables = []
    for name, attack in searches.items():
        table = results(replace(problem, control_draws=0), attack)
        shared = {column: control[column] for column in ("random_success", "random_objective")}
        tables.append(table.assign(**shared, method=name, direction="", spent=table["n_edits"].astype(float)))
    return pd.concat(tables, ignore_index=True)


def test_an_evaluation_is_outdone_only_where_all_its_methods_are() -> None:
    idle, both = evaluated(idle=Idle()), evaluated(idle=Idle(), exhaustive=Exhaustive())
    assert control_ahead(Grid(idle)).any()
    assert not control_ahead(Grid(both)).any()
    assert worst_case(both)["was_searched"].all()
    for table, silent in ((idle, False), (both, True)):
        metrics = evaluation_metrics(table, "classification", labelled=False)
        metrics["masking"] = {"verdict": "none", "evidence": []}
        made = claims(
            metrics,
            [Method(name="exhaustive", attacks=("exhaustive",), access="scores")],
            probabilities=False,
            protect=("core",),
        )
        told = [any("random edits reach" in reason for reason in one["reasons"]) for one in made]
        assert not any(told) if silent else all(told)
        assert silent or all(one["standing"] == "refused" for one in made)


class Equal(nn.Module):
    """Two equal logits, until there is a G."""

    def forward(self, encoded: Tensor) -> Tensor:
        lead = encoded[:, 2].sum(1)
        return torch.stack([lead, torch.zeros_like(lead)], dim=1)


@pytest.mark.parametrize("labelled", [True, False])
def test_ties_are_wrong_from_the_first_budget_on(labelled: bool) -> None:
    values = np.arange(RECORDS) % 2
    targets = Targets(task="classification", labels=("0", "1"), values=values) if labelled else None
    table = results(problem_of(Equal(), targets=targets, budgets=(0, 1)), *attacks_named(["quick"]))
    assert set(table["clean_prediction"]) == {"0=1"}
    metrics = attack_metrics(table, "classification", labelled=labelled)
    assert metrics["attacked"] == 0
    assert [row["robust_accuracy"] for row in metrics["budgets"]] == [0, 0]
    assert metrics["clean_accuracy"] == (0 if labelled else None)


class TwoLabels(nn.Module):
    """The first label by G, the second by A; whole numbers and a half."""

    def forward(self, encoded: Tensor) -> Tensor:
        return torch.stack([encoded[:, 2].sum(1) - 1.5, encoded[:, 0].sum(1) - 1.5], dim=1)


@pytest.mark.parametrize("absent", [False, True])
def test_a_goal_on_one_label_is_measured_on_it_alone(absent: bool) -> None:
    problem = problem_of(TwoLabels(), task="multilabel", goal=Targeted(label=1, absent=absent), letters="ACGT")
    count = np.array([text.count("A") for text in problem.sequences.texts])
    wrong_elsewhere = np.zeros((RECORDS, 2), np.float32)
    wrong_elsewhere[:, 1] = count >= 2
    wrong_elsewhere[:, 0] = [text.count("G") < 2 for text in problem.sequences.texts]
    targets = Targets(task="multilabel", labels=("g", "a"), values=wrong_elsewhere)
    problem = replace(problem, targets=targets)
    table = results(problem, Exhaustive())
    metrics = attack_metrics(table, "multilabel", labelled=True)
    # By counting: of eight letters k can be made A or something else.
    open_ = count >= 2 if absent else count < 2
    assert metrics["clean_accuracy"] == 1
    assert metrics["attacked"] == open_.sum() > 0
    for row in metrics["budgets"]:
        k = row["budget"]
        hit = open_ & ((count - k < 2) if absent else (count + k >= 2))
        assert row["attack_success_rate"] == pytest.approx(hit.sum() / open_.sum())
        assert row["robust_accuracy"] == pytest.approx(1 - hit.mean())
        assert row["otherwise_wrong"] == 0
    assert set(table["target"]) == {"", problem.predictor.labels[1]}


def test_no_more_than_three_parts_make_up_clean_accuracy() -> None:
    """Under a goal that wants one class: robust, reached, and wrong otherwise."""

    class Three(nn.Module):
        def forward(self, encoded: Tensor) -> Tensor:
            return torch.stack([encoded[:, i].sum(1) + 0.1 * i for i in range(3)], dim=1)

    problem = problem_of(Three(), goal=Targeted(label=2), letters="ACGT", budgets=(1, 2))
    table = results(problem, *attacks_named(["standard"]))
    metrics = attack_metrics(table, "classification", labelled=False)
    right = (table["clean_prediction"] == table["target"])[:: len(problem.budgets)].mean()
    for row in metrics["budgets"]:
        reached = row["attack_success_rate"] * metrics["attacked"] / RECORDS
        assert right == pytest.approx(row["robust_accuracy"] + reached + row["otherwise_wrong"] / RECORDS)


def test_a_label_is_named_or_taken_away_by_name() -> None:
    problem = problem_of(TwoLabels(), task="multilabel")

    def goal(name: str) -> Goal:
        settings = AttackSettings(goal="targeted", target_label=name)
        return goal_of(settings, problem.predictor, problem.sequences, None)

    assert goal("1") == Targeted(label=1)
    assert goal("-1") == Targeted(label=1, absent=True)
    with pytest.raises(ConfigError, match="names a class"):
        goal("-2")
    classes = problem_of(Counts())
    with pytest.raises(ConfigError, match="names a class"):
        goal_of(AttackSettings(goal="targeted", target_label="-1"), classes.predictor, classes.sequences, None)
