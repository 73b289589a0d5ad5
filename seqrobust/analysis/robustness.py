"""From an attack's table to the numbers one quotes: robust accuracy against budget, with intervals and a control.

Denominators: robust accuracy counts over all records (a wrong clean prediction is not robust); attack success over the
records that were attacked, those read correctly at first. With every record attacked or wrong, robust accuracy equals
clean accuracy times one minus attack success.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from seqrobust.analysis.intervals import proportion, wilson
from seqrobust.sequences import Task


def attack_metrics(results: pd.DataFrame, task: Task, *, labelled: bool) -> dict[str, Any]:
    """``metrics.json`` of an attack from its results alone.

    Args:
        results: the table of :func:`seqrobust.analysis.results.results_table`.
        task: of the model.
        labelled: whether targets are the truth, rather than clean predictions standing for it.
    """
    level = results["budget_share"] if "budget_share" in results else results["budget"]
    groups = [(key, results[level == key]) for key in dict.fromkeys(level)]
    first = groups[0][1]
    right = first["clean_prediction"] == first["target"] if task != "regression" else None
    head: dict[str, Any] = {"n": len(first), "attacked": int(first["success"].notna().sum())}
    if right is not None and labelled:
        head |= {
            "clean_accuracy": proportion(int(right.sum()), len(first)),
            "clean_accuracy_ci": wilson(int(right.sum()), len(first)),
        }
    elif task != "regression":
        head |= {"clean_accuracy": None, "clean_accuracy_ci": None}
    elif labelled:
        head |= {f"clean_{name}": value for name, value in fit(first["target"], first["clean_prediction"]).items()}
    budgets = [_budget(key, rows, task, labelled=labelled) for key, rows in groups]
    return head | {"budgets": budgets}


def _budget(key: object, rows: pd.DataFrame, task: Task, *, labelled: bool) -> dict[str, Any]:
    attacked = rows[rows["success"].notna()]
    hits, n = int(attacked["success"].sum()), len(attacked)
    random_rate = float(attacked["random_success"].mean()) if n else None
    entry: dict[str, Any] = {
        "budget": key if isinstance(key, str) else int(str(key)),
        "attack_success_rate": proportion(hits, n),
        "attack_success_rate_ci": wilson(hits, n),
        "random_success_rate": random_rate,
        # Draws on one record are not independent: the interval rests on the number of records, not of draws.
        "random_success_rate_ci": None if random_rate is None else wilson(round(random_rate * n), n),
        "mean_edits": float(attacked["n_edits"][attacked["success"].astype(bool)].mean()) if hits else None,
        "forwards_per_record": float(rows["forwards"].mean()),
        "gradients_per_record": float(rows["gradients"].mean()),
    }
    if task == "regression":
        shift = attacked["adversarial_prediction"] - attacked["clean_prediction"]
        entry |= {"mean_shift": float(shift.mean()), "mean_shift_ci": _mean_interval(shift)}
        entry["random_mean_shift"] = float((attacked["random_score"] - attacked["clean_score"]).mean())
        entry["mean_edits"] = float(attacked["n_edits"].mean())
        return entry | (fit(rows["target"], rows["adversarial_prediction"]) if labelled else {})
    # Of several labels the attacked one alone has to be right at first, and a wrong answer may by chance be put right.
    right = (rows["clean_prediction"] == rows["target"]) & (rows["adversarial_prediction"] == rows["target"])
    robust = right & ~rows["success"].fillna(value=False).astype(bool)
    return entry | {
        "robust_accuracy": proportion(int(robust.sum()), len(rows)),
        "robust_accuracy_ci": wilson(int(robust.sum()), len(rows)),
    }


def _mean_interval(values: pd.Series) -> list[float] | None:
    if len(values) < 2:
        return None
    half = 1.96 * float(values.std(ddof=1)) / float(np.sqrt(len(values)))
    return [float(values.mean()) - half, float(values.mean()) + half]


def fit(target: pd.Series, prediction: pd.Series) -> dict[str, float | None]:
    """Mean squared error, share of variance explained, and Spearman's rank correlation."""
    truth, guess = target.to_numpy(np.float64), prediction.to_numpy(np.float64)
    error, spread = float(((truth - guess) ** 2).mean()), float(truth.var())
    constant = len(truth) < 2 or spread == 0 or float(guess.std()) == 0
    return {
        "mse": error,
        "r2": 1 - error / spread if spread else None,
        "spearman": None if constant else float(spearmanr(truth, guess).statistic),
    }
