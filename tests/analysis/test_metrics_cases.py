"""Metrics where something is missing, constant, or of another kind than usual."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqrobust.analysis import attack_metrics


def row(name: str, target: Any, clean: Any, found: Any, success: bool | None, **more: Any) -> dict[str, Any]:
    usual = {"budget": 1, "n_edits": int(bool(success)), "forwards": 4, "gradients": 2}
    usual["random_success"] = np.nan if success is None else 0.5
    names = {"id": name, "target": target, "clean_prediction": clean, "adversarial_prediction": found}
    return {**usual, **names, "success": success, **more}


def metrics(rows: list[dict[str, Any]], task: Any, *, labelled: bool = True) -> dict[str, Any]:
    table = pd.DataFrame(rows)
    table["success"] = table["success"].astype("boolean")
    found = attack_metrics(table, task, labelled=labelled)
    # Plain values only: what stands here goes into a JSON file that allows no NaN.
    json.dumps(found, allow_nan=False)
    return found


def shifted(name: str, target: float, clean: float, found: float, drawn: float, **more: Any) -> dict[str, Any]:
    return row(name, target, clean, found, found - clean >= 1, clean_score=clean, random_score=drawn, **more)


def test_classes_that_are_digits() -> None:
    rows = [row("a", "1", "1", "0", True), row("b", "0", "0", "0", False), row("c", "0", "1", "1", None)]
    found = metrics(rows, "binary")
    assert found["clean_accuracy"] == pytest.approx(2 / 3)
    entry = found["budgets"][0]
    assert (entry["robust_accuracy"], entry["attack_success_rate"]) == (pytest.approx(1 / 3), 0.5)
    assert entry["random_success_rate"] == 0.5


def test_a_targeted_attack_that_ends_elsewhere() -> None:
    """The wanted class was z: b went to y instead, which is no success, but no robust answer either."""
    rows = [row("a", "x", "x", "z", True), row("b", "x", "x", "y", False), row("c", "z", "z", "z", None)]
    entry = metrics(rows, "classification")["budgets"][0]
    assert entry["attack_success_rate"] == 0.5
    assert entry["robust_accuracy"] == pytest.approx(1 / 3)


def test_what_was_wrong_at_first_is_never_robust() -> None:
    """Of several labels one is attacked; that the edits put the others right earns nothing."""
    rows = [row("a", "u;v", "u", "u;v", False), row("b", "u", "u", "u", False), row("c", "v", "v", "u", True)]
    found = metrics(rows, "multilabel")
    entry = found["budgets"][0]
    assert found["clean_accuracy"] == pytest.approx(2 / 3)
    assert entry["robust_accuracy"] == pytest.approx(1 / 3)
    assert entry["robust_accuracy"] <= found["clean_accuracy"]


def test_unlabelled_classes() -> None:
    """The clean prediction stands for the truth: robust accuracy is the share that was not flipped."""
    found = metrics([row("a", "x", "x", "y", True), row("b", "y", "y", "y", False)], "classification", labelled=False)
    assert found["clean_accuracy"] is found["clean_accuracy_ci"] is None
    assert found["budgets"][0]["robust_accuracy"] == 0.5


def test_unlabelled_values() -> None:
    found = metrics([shifted("a", np.nan, 1, 2, 1.5)], "regression", labelled=False)
    entry = found["budgets"][0]
    assert "clean_mse" not in found
    assert "mse" not in entry
    assert (entry["mean_shift"], entry["random_mean_shift"], entry["attack_success_rate"]) == (1, 0.5, 1)
    assert entry["mean_shift_ci"] is None


def test_an_interval_of_the_mean_shift() -> None:
    rows = [shifted(name, 0, 0, float(found), 0) for found, name in enumerate("abcde", 1)]
    half = 2.776445 * 2.5**0.5 / 5**0.5  # Student's quantile of 4 degrees of freedom
    assert metrics(rows, "regression")["budgets"][0]["mean_shift_ci"] == pytest.approx([3 - half, 3 + half])
    assert metrics(rows[:4], "regression")["budgets"][0]["mean_shift_ci"] is None


def test_values_that_do_not_vary() -> None:
    found = metrics([shifted("a", 2, 1, 1, 1), shifted("b", 2, 1, 1, 1)], "regression")
    assert found["clean_mse"] == 1
    assert found["clean_r2"] is found["clean_spearman"] is None


def test_ranks_turned_round() -> None:
    rows = [shifted("a", 1, 1, 3.5, 1), shifted("b", 2, 2, 2.5, 2), shifted("c", 3, 3, 3, 3)]
    found = metrics(rows, "regression")
    # Truth 1, 2, 3 against the ranks 3, 1, 2: 1 - 6 (4 + 1 + 1) / (3 (9 - 1)).
    assert found["budgets"][0]["spearman"] == pytest.approx(-0.5)
    assert found["clean_spearman"] == pytest.approx(1)


def test_costs_are_counted_over_all_records_and_edits_over_successes() -> None:
    rows = [
        row("a", "x", "x", "y", True, n_edits=3, forwards=10, gradients=1),
        row("b", "x", "x", "x", False, n_edits=5, forwards=30, gradients=3),
        row("c", "x", "y", "y", None, forwards=1, gradients=0),
    ]
    entry = metrics(rows, "classification")["budgets"][0]
    assert entry["mean_edits"] == 3
    assert entry["forwards_per_record"] == pytest.approx(41 / 3)
    assert entry["gradients_per_record"] == pytest.approx(4 / 3)


def test_budgets_keep_the_order_of_the_table() -> None:
    rows = [row("a", "x", "x", "x", False, budget=k) for k in (1, 2, 10)]
    assert [entry["budget"] for entry in metrics(rows, "binary")["budgets"]] == [1, 2, 10]
