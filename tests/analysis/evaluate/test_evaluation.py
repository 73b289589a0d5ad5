"""The worst case and what follows from it, against tables made by hand, plain loops, scikit-learn and scipy."""

from __future__ import annotations

import math
from itertools import combinations, product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from masked_models import Constant, Honest, evaluated, records, studied
from scipy.stats import spearmanr
from sklearn.metrics import mean_squared_error, r2_score

from seqrobust.alphabet import DNA
from seqrobust.analysis import wilson
from seqrobust.analysis.evaluate.claims import Method, claims
from seqrobust.analysis.evaluate.settings import EvaluateSettings, default_methods, method_named
from seqrobust.analysis.evaluate.worst_case import (
    Grid,
    _median_ends,
    contributions,
    evaluation_metrics,
    fewest_edits,
    minimal_edits,
    worst_case,
)
from seqrobust.errors import ConfigError, InternalError
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet, Targets


def row(method: str, name: str, budget: int, success: bool | None, edits: int, score: float) -> dict[str, Any]:
    return {
        "id": name, "target": "x", "budget": budget, "clean_prediction": "y" if success is None else "x",
        "clean_score": 1.0, "adversarial_prediction": "y" if success or success is None else "x",
        "adversarial_score": score, "success": success, "n_edits": edits, "edits": f"{method}{edits}",
        "adversarial_sequence": f"{method}{name}{budget}", "attack": "inner", "forwards": 10 * budget, "gradients": 1,
        "random_success": np.nan if success is None else 0.25, "method": method, "direction": "", "spent": float(edits),
    }  # fmt: skip


def framed(rows: list[dict[str, Any]]) -> pd.DataFrame:
    table = pd.DataFrame(rows)
    table["success"] = table["success"].astype("boolean")
    return table


TWO_METHODS = framed([
    # m breaks a at 2 with two edits, never b, and c was wrong at first
    row("m", "a", 1, False, 1, 0.5), row("m", "a", 2, True, 2, -0.1), row("m", "a", 3, True, 2, -0.1),
    row("m", "b", 1, False, 1, 0.4), row("m", "b", 2, False, 2, 0.3), row("m", "b", 3, False, 3, 0.2),
    row("m", "c", 1, None, 0, -1.0), row("m", "c", 2, None, 0, -1.0), row("m", "c", 3, None, 0, -1.0),
    row("m", "d", 1, False, 0, 1.0), row("m", "d", 2, True, 2, -0.1), row("m", "d", 3, True, 2, -0.1),
    # w finds only at 3 that one edit was enough for a, and breaks b there
    row("w", "a", 1, False, 1, 0.9), row("w", "a", 2, False, 1, 0.9), row("w", "a", 3, True, 1, -0.2),
    row("w", "b", 1, False, 1, 0.6), row("w", "b", 2, False, 2, 0.1), row("w", "b", 3, True, 3, -0.3),
    row("w", "c", 1, None, 0, -1.0), row("w", "c", 2, None, 0, -1.0), row("w", "c", 3, None, 0, -1.0),
    row("w", "d", 1, False, 0, 1.0), row("w", "d", 2, False, 0, 1.0), row("w", "d", 3, False, 0, 1.0),
])  # fmt: skip


def test_the_worst_of_two_methods_by_hand() -> None:
    worst = worst_case(TWO_METHODS).set_index(["id", "budget"])
    # One edit is a member of the smallest set too, though it was found at three.
    assert worst.loc[("a", 1), "adversarial_sequence"] == "wa3"
    assert worst["success"].loc["a"].tolist() == [True, True, True]
    assert worst["success"].loc["b"].tolist() == [False, False, True]
    assert worst["success"].loc["c"].isna().all()
    assert worst["attack"].loc["b"].tolist() == ["m", "w", "w"]
    assert worst["adversarial_score"].loc["b"].tolist() == [0.4, 0.1, -0.3]
    assert pd.isna(worst.loc[("d", 1), "attack"])
    assert (worst["forwards"].loc["a"] == [20, 40, 60]).all()
    assert (worst["random_success"].loc["a"] == 0.25).all()
    assert "method" not in worst.columns


def test_metrics_of_the_worst_case_by_hand() -> None:
    found = evaluation_metrics(TWO_METHODS, "classification", labelled=True)
    assert (found["n"], found["attacked"], found["clean_accuracy"]) == (4, 3, 0.75)
    assert [entry["attack_success_rate"] for entry in found["budgets"]] == pytest.approx([1 / 3, 2 / 3, 1])
    assert [entry["robust_accuracy"] for entry in found["budgets"]] == [0.5, 0.25, 0]
    assert found["budgets"][1]["robust_accuracy_ci"] == wilson(1, 4)
    assert found["minimal_edits"] == {
        "n": 3, "median": 2, "median_ci": None, "censored": 0, "counts": {"1": 1, "2": 1, "3": 1},
        "quantiles": {"0.1": 1, "0.25": 1, "0.5": 2, "0.75": 3, "0.9": 3},
    }  # fmt: skip


def test_one_answer_to_everything_is_not_called_robust(tmp_path: Path) -> None:
    found = evaluation_metrics(TWO_METHODS, "classification", labelled=True)
    assert found["commonest_class"] == {"label": "x", "share": 1.0}
    outcome = evaluated(Constant(), tmp_path, n=20, methods=("one_step", "greedy_all"))
    told = next(one for one in outcome.metrics["claims"] if "to everything" in one["claim"])
    assert told["standing"] == "refused"
    assert outcome.metrics["budgets"][-1]["robust_accuracy"] == 1
    assert {one["standing"] for one in outcome.metrics["claims"]} == {"refused"}, "nothing is claimed of a constant"
    assert all("random ones included" in one["reasons"][0] for one in outcome.metrics["claims"])
    honest = evaluated(Honest(), tmp_path / "honest", n=20, methods=("one_step",))
    assert next(o for o in honest.metrics["claims"] if "to everything" in o["claim"])["standing"] == "supported"


def test_nobody_is_attacked() -> None:
    rows = [row("m", name, budget, None, 0, -1.0) for name in "ab" for budget in (1, 2)]
    found = evaluation_metrics(framed(rows), "classification", labelled=True)
    assert found["attacked"] == 0
    assert found["minimal_edits"]["median"] is None
    assert found["minimal_edits"]["counts"] == {}
    metrics = {**found, "masking": {"verdict": "none", "evidence": []}}
    assert claims(
        metrics, [Method(name="m", attacks=("greedy",), access="gradients")], probabilities=False, protect=("core",)
    )


def test_contributions_by_hand() -> None:
    m, w = contributions(TWO_METHODS)
    assert [entry["alone"] for entry in m["budgets"]] == pytest.approx([0, 2 / 3, 2 / 3])
    assert [entry["alone"] for entry in w["budgets"]] == pytest.approx([1 / 3, 1 / 3, 2 / 3])
    assert [entry["unique"] for entry in m["budgets"]] == [0, 1, 1]
    assert [entry["unique"] for entry in w["budgets"]] == [1, 0, 1]
    assert [entry["added"] for entry in w["budgets"]] == [1, 0, 1]


def test_dear_edits_count_only_at_the_budget_that_paid_for_them() -> None:
    """Where costs are not known in the budget's units, what was found at three is not said to be had for one."""
    worst = worst_case(TWO_METHODS.assign(spent=np.nan)).set_index(["id", "budget"])
    assert worst["success"].loc["a"].tolist() == [False, True, True]
    costly = worst_case(TWO_METHODS.assign(spent=2.0 * TWO_METHODS["n_edits"])).set_index(["id", "budget"])
    assert costly["success"].loc["a"].tolist() == [False, True, True]


def test_tables_out_of_order_are_refused() -> None:
    with pytest.raises(InternalError, match="different orders"):
        Grid(pd.concat([TWO_METHODS.iloc[:12], TWO_METHODS.iloc[[*range(15, 24), 12, 13, 14]]], ignore_index=True))
    with pytest.raises(InternalError, match="once"):
        Grid(TWO_METHODS.iloc[:-1])


def drawn(seed: int) -> pd.DataFrame:
    """Random results of three methods; a success at one budget may be missing at the next, as noise would have it."""
    rng = np.random.default_rng(seed)
    rows = []
    attacked = rng.random(30) < 0.8
    for method, (record, is_attacked) in product("pqr", enumerate(attacked)):
        for budget in (1, 2, 4):
            edits = int(rng.integers(1, budget + 1))
            success = bool(rng.random() < 0.3) if is_attacked else None
            rows.append(row(method, f"r{record}", budget, success, edits, float(rng.normal()) - 5 * bool(success)))
    return framed(rows)


def test_a_median_of_clusters_has_the_interval_of_clusters() -> None:
    """Records of a cluster alike: as wide as that of one record each; of four clusters there is none."""
    fewest = np.array([1.0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
    alone, many = _median_ends(fewest, None), np.repeat(fewest, 8)
    together = _median_ends(many, np.repeat(np.arange(12), 8))
    assert alone is not None
    assert together is not None
    assert abs(many[together[0]] - fewest[alone[0]]) <= 1
    assert abs(many[min(together[1], 95)] - fewest[alone[1]]) <= 1
    apart = _median_ends(many, None)
    assert apart is not None
    assert together[1] - together[0] > 1.5 * (apart[1] - apart[0])
    assert _median_ends(many, np.repeat(np.arange(4), 24)) is None


@pytest.mark.parametrize("seed", range(5))
def test_worst_case_and_minimal_edits_against_plain_loops(seed: int) -> None:
    table = drawn(seed)
    worst = worst_case(table).set_index(["id", "budget"])
    fewest = {}
    for name, mine in table.groupby("id", sort=False):
        known = mine[mine["success"].notna()]
        if not len(known):
            continue
        hits = known[known["success"].astype(bool)]
        fewest[name] = hits["n_edits"].min() if len(hits) else math.inf
        for budget in (1, 2, 4):
            within = known[(known["n_edits"] <= budget) | (known["budget"] <= budget)]
            wins = within[within["success"].astype(bool)]
            found = worst.loc[(name, budget)]
            assert found["success"] == bool(len(wins))
            if len(wins):
                assert found["n_edits"] == wins["n_edits"].min()
            else:
                assert found["adversarial_score"] == within["adversarial_score"].min()
    assert sorted(fewest_edits(table)) == sorted(fewest.values())
    ordered = sorted(fewest.values())
    found = minimal_edits(table)
    for share, value in found["quantiles"].items():
        # The smallest count that so large a share needs at most, by counting.
        counted = next((c for c in (1, 2, 3, 4) if sum(v <= c for v in ordered) >= float(share) * len(ordered)), None)
        assert value == counted
    assert found["censored"] == sum(math.isinf(value) for value in ordered)


def shifted(method: str, way: str, name: str, budget: int, target: float, clean: float, found: float) -> dict[str, Any]:
    made = row(method, name, budget, abs(found - clean) >= 1, budget, found)
    numbers = {"target": target, "clean_prediction": clean, "clean_score": clean, "adversarial_prediction": found}
    return {**made, **numbers, "direction": way, "random_success": 0.1, "random_score": clean + 0.01}


@pytest.fixture(scope="module")
def two_ways() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    target, clean = rng.normal(size=40), rng.normal(size=40)
    rows = []
    for way, sign, method in (("up", 1, "m"), ("up", 1, "w"), ("down", -1, "m"), ("down", -1, "w")):
        for record in range(40):
            shift = np.abs(rng.normal(size=2)).cumsum()
            values = [(budget, clean[record] + sign * shift[budget - 1]) for budget in (1, 2)]
            rows += [shifted(method, way, f"r{record}", k, target[record], clean[record], v) for k, v in values]
    return framed(rows)


def test_regression_under_attack_up_and_down(two_ways: pd.DataFrame) -> None:
    found = evaluation_metrics(two_ways, "regression", labelled=True)
    for entry in found["budgets"]:
        here = two_ways[two_ways["budget"] <= entry["budget"]]
        by_way: dict[str, Any] = {}
        target = here.groupby("id", sort=False)["target"].first()
        for way, pick in (("up", "max"), ("down", "min")):
            predicted = here[here["direction"] == way].groupby("id", sort=False)["adversarial_prediction"].agg(pick)
            by_way[way] = predicted
            assert entry[way]["mse"] == pytest.approx(mean_squared_error(target, predicted))
            assert entry[way]["r2"] == pytest.approx(r2_score(target, predicted))
            assert entry[way]["spearman"] == pytest.approx(spearmanr(target, predicted).statistic)
        up, down = by_way["up"], by_way["down"]
        farthest = up.where((up - target).abs() >= (down - target).abs(), down)
        assert entry["mse"] == pytest.approx(mean_squared_error(target, farthest))
        assert entry["r2"] == pytest.approx(r2_score(target, farthest))
        assert entry["spearman"] == pytest.approx(spearmanr(target, farthest).statistic)
        clean = here.groupby("id", sort=False)["clean_prediction"].first()
        largest = np.maximum(up - clean, clean - down)
        assert entry["mean_abs_shift"] == pytest.approx(largest.mean())
        assert entry["attack_success_rate"] == pytest.approx((largest >= 1).mean())
        assert entry["random_success_rate"] == pytest.approx(0.2)
        assert "robust_accuracy" not in entry


def test_the_worst_direction_is_named(two_ways: pd.DataFrame) -> None:
    worst = worst_case(two_ways)
    shift = worst["adversarial_prediction"] - worst["clean_prediction"]
    assert ((shift > 0) == (worst["direction"] == "up")).all()
    assert set(worst["direction"]) == {"up", "down"}


def brute_force(module: Honest, texts: list[str]) -> list[int | None]:
    """Fewest substitutions, up to two, that change the prediction, by trying all."""
    letters = "ACGT"

    def classes(many: list[str]) -> list[int]:
        codes = torch.tensor([[letters.index(letter) for letter in text] for text in many])
        encoded = torch.nn.functional.one_hot(codes, 4).transpose(1, 2).float()
        answers: list[int] = module(encoded).argmax(1).tolist()
        return answers

    fewest: list[int | None] = []
    for text in texts:
        own, needed = classes([text])[0], None
        for k in (1, 2):
            many = [
                "".join(dict(zip(where, what, strict=True)).get(i, old) for i, old in enumerate(text))
                for where in combinations(range(len(text)), k)
                for what in product(letters, repeat=k)
            ]
            if any(answer != own for answer in classes(many)):
                needed = k
                break
        fewest.append(needed)
    return fewest


def test_minimal_edits_are_exact_on_a_linear_model(tmp_path: Path) -> None:
    module = Honest()
    outcome = evaluated(module, tmp_path, n=20)
    fewest = brute_force(module, records(20).texts)
    for name, needed in zip(records(20).ids, fewest, strict=True):
        mine = outcome.results[outcome.results["id"] == name]
        assert [bool(hit) for hit in mine["success"]][:2] == [needed == 1, needed is not None]
    counts = outcome.metrics["minimal_edits"]["counts"]
    assert [counts.get("1", 0), counts.get("2", 0)] == [fewest.count(1), fewest.count(2)]


def test_an_evaluation_goes_on_where_it_stopped(tmp_path: Path) -> None:
    first = evaluated(Honest(), tmp_path / "whole", n=20)
    evaluated(Honest(), tmp_path / "broken", n=20)
    parts = sorted(path for path in (tmp_path / "broken" / "parts").iterdir() if path.name != "sums.jsonl")
    assert len(parts) == 7  # the control, five methods, and what the model was asked
    for lost in (parts[1], parts[4], tmp_path / "broken" / "results.parquet"):
        lost.unlink()
    kept = {path: path.stat().st_mtime_ns for path in parts if path.exists()}
    second = evaluated(Honest(), tmp_path / "broken", n=20, resume=True)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    pd.testing.assert_frame_equal(first.results, second.results, check_exact=True)
    pd.testing.assert_frame_equal(first.methods, second.methods, check_exact=True)
    assert first.metrics == second.metrics
    third = evaluated(Honest(), tmp_path / "broken", n=20)
    assert all(path.stat().st_mtime_ns != stamp for path, stamp in kept.items())
    assert third.metrics == first.metrics


def regression(folder: Path, goal: Any = "auto") -> tuple[Any, SequenceSet, Targets]:
    """An evaluation of the honest model's score as a value."""

    class Value(Honest):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.score(x)

    sequences = records(24)
    predictor = Predictor(Value(), alphabet=DNA, task="regression", device="cpu")
    tokens = torch.tensor(sequences.tokens)
    predictor.check(tokens)
    with predictor.attached():
        values = predictor.logits(tokens).numpy() + np.random.default_rng(0).normal(size=(24, 1)).astype(np.float32)
    targets = Targets(task="regression", labels=("0",), values=values)
    settings = EvaluateSettings(
        budget="1..2", random_draws=2, goal=goal, methods=("one_step", "greedy"), probe_records=8
    )
    return studied(predictor, sequences, targets, settings, folder), sequences, targets


def test_a_regression_goes_both_ways(tmp_path: Path) -> None:
    outcome, sequences, targets = regression(tmp_path)
    weight = (Honest().weight - Honest().weight.mean(0)).detach().numpy()
    codes = sequences.tokens.astype(int)
    own = weight[codes, np.arange(codes.shape[1])]
    last = outcome.metrics["budgets"][-1]
    ends = []
    for way, gains in (("up", weight.max(0) - own), ("down", weight.min(0) - own)):
        # On a linear model the best shift is the sum of the two largest gains.
        best = np.sort(np.abs(gains), axis=1)[:, -2:].sum(1) * (1 if way == "up" else -1)
        assert last[way]["mean_shift"] == pytest.approx(best.mean(), rel=1e-4)
        ends.append(own.sum(1) + best)
    errors = np.abs(np.stack(ends) - targets.values[:, 0]).max(0)
    assert last["mse"] == pytest.approx((errors**2).mean(), rel=1e-4)
    assert "raised or lowered" in outcome.metrics["goal"]
    assert set(outcome.results["direction"]) <= {"up", "down"}


def test_a_regression_goes_one_way_if_told(tmp_path: Path) -> None:
    outcome, _, _ = regression(tmp_path, "down")
    assert set(outcome.methods["direction"]) == {"down"}
    assert "up" not in outcome.metrics["budgets"][0]
    assert outcome.metrics["budgets"][-1]["mean_shift"] < 0


def test_methods_have_names() -> None:
    assert method_named("greedy") == Method(name="greedy", attacks=("greedy",), access="gradients")
    assert method_named("a=random+greedy_all").access == "scores"
    assert {"random", "greedy", "greedy_all", "auto"} <= set(default_methods())
    assert method_named("greedy").by_gradients
    # It ends with an exact scan of all single edits, which no gradient misleads.
    assert not method_named("auto").by_gradients
    assert not method_named("greedy+greedy_all").by_gradients
    with pytest.raises(ConfigError, match="unknown attack"):
        method_named("one_step+nonsense")
    with pytest.raises(ConfigError, match="twice"):
        EvaluateSettings(methods=("greedy", "greedy"))


WHITE = Method(name="greedy", attacks=("greedy",), access="gradients")
BLACK = Method(name="greedy_all", attacks=("greedy_all",), access="scores")
CHANCE = Method(name="random", attacks=("random",), access="scores")


@pytest.mark.parametrize(
    ("methods", "change", "reason"),
    [
        ((WHITE, BLACK, CHANCE), {}, None),
        ((WHITE, CHANCE), {}, "no black-box attack"),
        ((WHITE, CHANCE), {}, "only one attack"),
        ((BLACK, CHANCE), {}, "follows gradients"),
        ((WHITE, BLACK), {"attacked": 40}, "too few records"),
        ((WHITE, BLACK), {"verdict": "masked"}, "gradients are masked"),
        ((WHITE, BLACK), {"converged": False}, "more steps or restarts"),
        ((WHITE, BLACK), {"random_success_rate": None}, "no random control"),
        ((WHITE, BLACK), {"probabilities": True}, "rounding hides"),
    ],
)
def test_claims_are_refused_with_a_reason(methods: tuple[Method, ...], change: dict[str, Any], reason: Any) -> None:
    last = {
        "budget": 3, "robust_accuracy": 0.4, "robust_accuracy_ci": [0.3, 0.5], "attack_success_rate": 0.6,
        "attack_success_rate_ci": [0.5, 0.7], "random_success_rate": change.get("random_success_rate", 0.1),
        "random_success_rate_ci": [0.05, 0.2],
    }  # fmt: skip
    effort = {"check": "convergence", "verdict": "none", "values": {"converged": change.get("converged", True)}}
    metrics = {
        "n": 200, "clean_accuracy": 0.9, "attacked": change.get("attacked", 180), "budgets": [last],
        "minimal_edits": {"median": 2, "n": 180, "censored": 70},
        "masking": {"verdict": change.get("verdict", "none"), "evidence": [effort]},
    }  # fmt: skip
    found = claims(metrics, methods, probabilities=bool(change.get("probabilities")))
    assert next(one for one in found if "true label" in one["claim"])["standing"] == "refused"
    near = next(one for one in found if "near the truth" in one["claim"])
    assert near["standing"] == ("supported" if reason is None else "refused")
    assert reason is None or any(reason in text for text in near["reasons"])
    bound = next(one for one in found if "at most 40.0%" in one["claim"])
    assert bound["standing"] == "supported"
    assert next(one for one in found if "guarantee" in one["claim"])["standing"] == "refused"
