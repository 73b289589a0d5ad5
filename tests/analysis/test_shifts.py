"""What is said of moved values: beside random edits either way, of whom can move, and of errors only where they are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

import seqrobust as sr
from seqrobust.analysis.outcomes.budget_curve import budget_curve
from seqrobust.analysis.outcomes.sentences import answer
from seqrobust.analysis.outcomes.tables import budget_table
from seqrobust.measures import cautions_of_scale

RANDOM = np.random.default_rng(2)
TEXTS = ["".join(RANDOM.choice(list("ACGT"), 20)) for _ in range(16)]


class CountsA(nn.Module):
    """Letters A, times a factor, plus another number."""

    def __init__(self, factor: float = 1.0, more: float = 0.0) -> None:
        super().__init__()
        self.factor, self.more = factor, more

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(N, 1)."""
        return self.factor * x[:, 0].sum(1, keepdim=True) + self.more


COUNTS = [float(text.count("A")) for text in TEXTS]


def attacked(
    network: nn.Module | None = None, *, known: tuple[float, float] | None = None, protect: list[str] | None = None
) -> Any:
    model = sr.wrap(network or CountsA(), alphabet="DNA", task="regression", labels=["y"])
    if known is not None:
        model.target_range = {"y": known}
    records = sr.records(TEXTS, targets=COUNTS, regions=[{"core": (0, 4)}] * 16)
    return sr.attack(
        model, records, sr.Substitutions(2, protect=protect or []), delta=2.0, attacks=["greedy"], random_draws=6
    )


@pytest.fixture(scope="module")
def plain() -> Any:
    return attacked(known=(0.0, 7.0))


def test_random_edits_are_measured_either_way_and_by_their_best(plain: Any) -> None:
    table, last = plain.table, plain.metrics["budgets"][-1]
    at_last = table[table["budget"] == 2]
    # As many letters as may change do, each to any other letter: A is lost, won or neither.
    assert (at_last["random_size"] >= (at_last["random_score"] - at_last["clean_score"]).abs() - 1e-6).all()
    assert (at_last["random_best"] >= at_last["random_score"] - at_last["clean_score"] - 1e-6).all()
    assert last["random_mean_abs_shift"] == pytest.approx(at_last["random_size"].mean())
    assert last["random_best_shift"] == pytest.approx(at_last["random_best"].mean())
    assert abs(last["random_mean_shift"]) < last["random_mean_abs_shift"] < last["random_best_shift"]
    said = " ".join(answer(plain.metrics))
    assert "as many random changes move it by" in said
    assert "the best of 6 draws by" in said


def test_who_cannot_move_without_leaving_what_was_trained_on(plain: Any) -> None:
    clean = np.array(COUNTS)
    able = clean + 2 <= 7
    found = plain.metrics["within_range"]
    assert (found["n"], found["of"]) == (able.sum(), 16)
    assert found["attack_success_rate"] == 1.0
    assert f"For {16 - able.sum()} of 16 sequences that would be beyond all training targets (0 to 7)" in " ".join(
        answer(plain.metrics)
    )
    assert "within_range" not in attacked(known=(0.0, 99.0)).metrics


def test_errors_under_attack_are_of_threats_that_state_the_truth(plain: Any) -> None:
    protected = attacked(protect=["core"]).metrics
    assert (plain.metrics["edits_keep_truth"], protected["edits_keep_truth"]) == (False, True)
    said = " ".join(answer(plain.metrics))
    assert "R² is 1 without change. Of the edited sequences no accuracy is given" in said
    assert "falls from" not in said
    assert "R² falls from 1 to" in " ".join(answer(protected, protect=["core"]))
    assert "R²" not in budget_table(plain.metrics).columns
    assert "R²" in budget_table(protected).columns
    assert len(budget_curve(plain.metrics).axes) == 1
    assert len(budget_curve(protected).axes) == 2


@pytest.mark.parametrize(
    ("network", "word"),
    [
        (CountsA(-1.0), "the reversed sign of this column"),
        (CountsA(0.1, -3.0), "but on another scale"),
        (CountsA(), ""),
        (CountsA(1.1, 0.2), ""),
    ],
)
def test_outputs_in_other_units_are_noticed(network: nn.Module, word: str) -> None:
    said = " ".join(attacked(network).metrics.get("cautions", []))
    assert (word in said) if word else not said


@pytest.mark.parametrize(("r2", "correlation", "said"), [(0.4, 0.7, 0), (0.0, 0.4, 0), (0.2, 0.9, 1), (-0.15, -0.7, 1)])
def test_what_a_line_would_not_mend_is_no_matter_of_units(r2: float, correlation: float, said: int) -> None:
    assert len(cautions_of_scale(r2, correlation)) == said


@pytest.mark.slow
def test_an_evaluation_writes_what_its_errors_are_made_of() -> None:
    model = sr.wrap(CountsA(1.0, 0.5), alphabet="DNA", task="regression", labels=["y"])
    records = sr.records(TEXTS[:12], targets=COUNTS[:12], regions=[{"core": (0, 4)}] * 12)
    found = sr.evaluate(model, records, sr.Substitutions(1, protect=["core"]), delta=1.0, attacks=["greedy"])
    rows: pd.DataFrame = found.table[found.table["budget"] == 1]
    error = (rows["farthest_prediction"] - rows["target"]).to_numpy(float)
    assert found.metrics["budgets"][-1]["mse"] == pytest.approx((error**2).mean())
