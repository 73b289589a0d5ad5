"""Metrics from hand-made tables, with figures worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from seqrobust.analysis import attack_metrics, wilson


def table(rows: list[tuple[str, str, int, str, str, bool | None]], **columns: object) -> pd.DataFrame:
    """Rows of id, target, budget, clean prediction, adversarial prediction, success."""
    names = ["id", "target", "budget", "clean_prediction", "adversarial_prediction", "success"]
    made = pd.DataFrame(rows, columns=names)
    made["success"] = made["success"].astype("boolean")
    made["n_edits"] = [
        budget if hit else 0 for budget, hit in zip(made["budget"], made["success"].fillna(False), strict=True)
    ]
    made["forwards"], made["gradients"] = 10 * made["budget"], made["budget"]
    made["random_success"] = [np.nan if pd.isna(hit) else 0.1 for hit in made["success"]]
    return made.assign(**columns)


FOUR = [
    ("a", "x", 1, "x", "x", False), ("a", "x", 2, "x", "y", True),
    ("b", "x", 1, "x", "y", True), ("b", "x", 2, "x", "y", True),
    ("c", "y", 1, "x", "x", None), ("c", "y", 2, "x", "x", None),
    ("d", "y", 1, "y", "y", False), ("d", "y", 2, "y", "y", False),
]  # fmt: skip


def by_hand(hits: int, n: int) -> list[float]:
    """Wilson's formula, written out."""
    z, p = 1.959963984540054, hits / n
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return [middle - half, middle + half]


@pytest.mark.parametrize(("hits", "n"), [(0, 5), (3, 4), (50, 50), (17, 300)])
def test_wilson_is_wilson(hits: int, n: int) -> None:
    assert wilson(hits, n) == pytest.approx(by_hand(hits, n), abs=1e-9)


def test_wilson_of_nothing() -> None:
    assert wilson(0, 0) is None


def test_accuracies_and_denominators() -> None:
    found = attack_metrics(table(FOUR), "classification", labelled=True)
    assert (found["n"], found["attacked"], found["clean_accuracy"]) == (4, 3, 0.75)
    one, two = found["budgets"]
    assert (one["budget"], one["robust_accuracy"], one["attack_success_rate"]) == (1, 0.5, pytest.approx(1 / 3))
    assert (two["robust_accuracy"], two["attack_success_rate"], two["mean_edits"]) == (0.25, pytest.approx(2 / 3), 2)
    assert two["robust_accuracy_ci"] == pytest.approx(by_hand(1, 4))
    assert (two["forwards_per_record"], two["gradients_per_record"]) == (20, 2)
    assert one["random_success_rate"] == pytest.approx(0.1)
    for entry in (one, two):
        kept = found["clean_accuracy"] * (1 - entry["attack_success_rate"])
        assert entry["robust_accuracy"] == pytest.approx(kept)


def test_without_labels_there_is_no_clean_accuracy() -> None:
    found = attack_metrics(table(FOUR), "binary", labelled=False)
    assert found["clean_accuracy"] is None


def test_nobody_attacked() -> None:
    rows = [("c", "y", 1, "x", "x", None), ("d", "y", 1, "x", "x", None)]
    found = attack_metrics(table(rows), "binary", labelled=True)
    assert found["attacked"] == 0
    entry = found["budgets"][0]
    assert entry["attack_success_rate"] is entry["random_success_rate"] is entry["mean_edits"] is None
    assert entry["robust_accuracy"] == 0


def test_shares_are_grouped_as_asked_for() -> None:
    """Two shares that come to the same count on a record stay two entries."""
    rows = [
        ("a", "x", 0, "x", "x", False),
        ("a", "x", 0, "x", "x", False),
        ("b", "x", 1, "x", "x", False),
        ("b", "x", 2, "x", "y", True),
    ]
    found = attack_metrics(table(rows, budget_share=["1%", "2%"] * 2), "binary", labelled=True)
    assert [(entry["budget"], entry["robust_accuracy"]) for entry in found["budgets"]] == [("1%", 1.0), ("2%", 0.5)]


def test_regression_shift_and_fit() -> None:
    made = pd.DataFrame(
        {
            "id": ["a", "b", "c"],
            "target": [1.0, 2.0, 3.0],
            "budget": 1,
            "clean_prediction": [1.0, 2.0, 3.0],
            "clean_score": [1.0, 2.0, 3.0],
            "adversarial_prediction": [2.0, 4.0, 3.0],
            "success": pd.array([True, True, False], dtype="boolean"),
            "n_edits": [1, 1, 0],
            "forwards": 5,
            "gradients": 1,
            "random_success": 0.0,
            "random_score": [1.5, 2.0, 3.0],
        }
    )
    found = attack_metrics(made, "regression", labelled=True)
    entry = found["budgets"][0]
    assert found["clean_r2"] == 1
    assert entry["mean_shift"] == pytest.approx(1)
    assert entry["random_mean_shift"] == pytest.approx(0.5 / 3)
    assert entry["mse"] == pytest.approx(5 / 3)
    assert entry["r2"] == pytest.approx(1 - (5 / 3) / (2 / 3))
    assert entry["spearman"] == pytest.approx(0.5)
    assert "robust_accuracy" not in entry
