"""Fake runs for reports: sequences, an adversary that edits where it may, and the metrics that follow from it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from seqrobust.alphabet import DNA, Alphabet
from seqrobust.analysis.outcomes import ReportInput
from seqrobust.sequences import Region, SequenceSet


def wilson(count: int, n: int) -> list[float]:
    """The 95 % interval as metrics.json holds it."""
    interval = binomtest(count, n).proportion_ci(method="wilson")
    return [float(interval.low), float(interval.high)]


def make_sequences(n: int, length: int, alphabet: Alphabet, rng: np.random.Generator, *, even: bool) -> SequenceSet:
    """N random records with a protected pair in the middle, flanks named around it, and one odd name."""
    lengths = [length if even else int(rng.integers(max(length // 2, 1), length + 1)) for _ in range(n)]
    texts = ["".join(rng.choice(list(alphabet.letters), one)) for one in lengths]
    regions = [
        [Region("left", 0, one // 2)] * (one > 1)
        + [Region("site_GT", one // 2, min(one // 2 + 2, one))]
        + [Region("right flank <b>&", one // 2 + 2, one)] * (one > one // 2 + 2)
        for one in lengths
    ]
    return SequenceSet.from_texts(texts, alphabet, ids=[f"rec{i + 1}" for i in range(n)], regions=regions)


def make_results(
    sequences: SequenceSet, labels: Sequence[str], budgets: Sequence[int], rng: np.random.Generator
) -> pd.DataFrame:
    """Rows of an attack that never touches ``site_GT`` and needs one to six edits per record."""
    closed = sequences.regions.cover(["site_GT"], (len(sequences), sequences.width))
    rows = []
    for record, text in enumerate(sequences.texts):
        places = [p for p in range(len(text)) if not closed[record, p] and text[p] in sequences.alphabet.letters]
        middle = np.exp(-(((np.array(places) - len(text) * 0.55) / (0.16 * len(text) + 1)) ** 2)) + 0.02
        order = rng.choice(places, len(places), replace=False, p=middle / middle.sum()) if places else np.array([])
        needed, right = int(rng.integers(1, 7)), bool(rng.random() < 0.95)
        target = labels[int(rng.integers(len(labels)))]
        for budget in budgets:
            flips = right and budget >= needed and bool(places)
            chosen = sorted(order[: min(needed, budget)].tolist()) if right else []
            edits = [f"{text[p]}{p + 1}{other_letter(text[p], sequences.alphabet, rng)}" for p in chosen]
            wrong = labels[(labels.index(target) + 1) % len(labels)]
            rows.append(
                {
                    "id": sequences.ids[record],
                    "target": target,
                    "budget": budget,
                    "clean_prediction": target if right else wrong,
                    "clean_score": 4.2 if right else -1.0,
                    "adversarial_prediction": wrong if flips or not right else target,
                    "adversarial_score": -0.8 if flips else 1.1,
                    "success": flips if right else None,
                    "n_edits": len(edits),
                    "edits": ";".join(edits),
                    "attack": "greedy",
                    "forwards": 10 * budget,
                    "gradients": 2 * budget,
                }
            )
    return pd.DataFrame(rows).astype({"success": "boolean"})


def other_letter(letter: str, alphabet: Alphabet, rng: np.random.Generator) -> str:
    """Any letter but this one."""
    return str(rng.choice([other for other in alphabet.letters if other != letter]))


def make_metrics(results: pd.DataFrame, task: str, budgets: Sequence[int]) -> dict[str, Any]:
    """What an attack writes into metrics.json for those results."""
    n = results["id"].nunique()
    right = int(results.drop_duplicates("id")["success"].notna().sum())
    rows = []
    for budget in budgets:
        flipped = int(results.loc[results["budget"] == budget, "success"].sum())
        by_chance = flipped // 20
        rows.append(
            {
                "budget": budget,
                "robust_accuracy": (right - flipped) / n,
                "robust_accuracy_ci": wilson(right - flipped, n),
                "attack_success_rate": flipped / right if right else None,
                "attack_success_rate_ci": wilson(flipped, right) if right else None,
                "random_success_rate": by_chance / right if right else None,
                "random_success_rate_ci": wilson(by_chance, right) if right else None,
                "mean_edits": float(results.loc[results["budget"] == budget, "n_edits"].mean()),
                "forwards_per_record": 10.0 * budget,
                "gradients_per_record": 2.0 * budget,
            }
        )
    return {
        "task": task,
        "goal": "any wrong prediction",
        "n": n,
        "clean_accuracy": right / n,
        "clean_accuracy_ci": wilson(right, n),
        "attacks": ["greedy", "frank_wolfe"],
        "budgets": rows,
    }


def make_report(
    n: int = 120,
    length: int = 60,
    alphabet: Alphabet = DNA,
    labels: Sequence[str] = ("EI", "IE", "N"),
    budgets: Sequence[int] = (1, 2, 3, 5),
    even: bool = True,
    seed: int = 0,
    **changes: Any,
) -> ReportInput:
    """A whole fake run; ``changes`` replace fields."""
    rng = np.random.default_rng(seed)
    sequences = make_sequences(n, length, alphabet, rng, even=even)
    results = make_results(sequences, list(labels) or ["yes", "no"], budgets, rng)
    epochs = np.arange(12)
    history = pd.DataFrame(
        {
            "epoch": epochs,
            "train_loss": 1.1 * np.exp(-epochs / 4) + 0.05,
            "valid_loss": 1.1 * np.exp(-epochs / 4) + 0.12,
            "valid_accuracy": 0.96 - 0.6 * np.exp(-epochs / 3),
            "valid_robust_accuracy": 0.4 - 0.35 * np.exp(-epochs / 5),
        }
    )
    fields: dict[str, Any] = {
        "title": "Splice junctions, small convolutional network",
        "task": "classification",
        "labels": tuple(labels),
        "history": history,
        "test_metrics": {"accuracy": 0.951, "accuracy_ci": [0.93, 0.966], "macro_f1": 0.944, "n": n},
        "attack": make_metrics(results, "classification", budgets),
        "results": results,
        "sequences": sequences,
        "protect": ("site_GT",),
        "data_summary": {
            "n": 3190,
            "alphabet": alphabet.name,
            "lengths": {"min": length, "median": length, "max": length},
            "splits": {"train": 2200, "valid": 397, "test": 593},
            "classes": {label: {"train": 700, "valid": 120, "test": 190} for label in labels},
            "ambiguous": {"N": 56, "R": 1},
            "duplicates": {"within": 185, "across_splits": 0},
            "regions": {"left": {"count": n, "records": n, "median_length": length // 2}},
        },
        "manifest": {
            "command": ["seqrobust", "run", "configs/splice.yaml", "--out", "runs/splice one"],
            "config": "model:\n  architecture: cnn\nattack:\n  protect: [site_GT]\n",
            "seed": 7,
            "versions": {"seqrobust": "0.1.0", "torch": "2.13.0"},
            "inputs": [
                {"path": "splice.tsv.gz", "sha256": "bb93affdca8e493471d9b422c992daec6d6ef046b144b8988c1830a3c703ff43"}
            ],
            "started": "2025-01-01 12:00",
        },
    }
    return ReportInput(**{**fields, **changes})


@pytest.fixture(scope="session")
def fake_report() -> Callable[..., ReportInput]:
    """Makes a fake run; see :func:`make_report`."""
    return make_report
