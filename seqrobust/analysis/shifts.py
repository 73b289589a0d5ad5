"""What an attack's table says of a measured value: how far it was moved, beside random edits, and who can move at all.

The mean of random shifts is near zero by symmetry, however far each one goes; so how far they go either way, and how
far the best of the draws goes towards the goal, stand beside the attack.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr

from seqrobust.analysis.clusters import units_in
from seqrobust.attacks import Problem, Shift
from seqrobust.statistics import mean_interval, mean_of, paired, proportion, share_interval

SIZE, BEST = "random_size", "random_best"
"""Columns of an attack's table: how far random edits move the value either way on average, and the best of the draws
towards the goal."""


def shift_figures(attacked: pd.DataFrame) -> dict[str, Any]:
    """Shifts of the attacked records of one budget, and of as many random edits."""
    shift = attacked["adversarial_prediction"] - attacked["clean_prediction"]
    random_shift = attacked["random_score"] - attacked["clean_score"]
    found = {
        "mean_shift": mean_of(shift),
        "mean_shift_ci": mean_interval(shift, units_in(attacked)),
        # A mean may be a few records' doing: half of the shifts lie below the middle one of these.
        "shift_quantiles": quantiles(shift),
        "random_mean_shift": mean_of(random_shift),
        "shift_over_random": paired(shift, random_shift, units_in(attacked)).plain(),
        "mean_edits": mean_of(attacked["n_edits"]),
    }
    names = {SIZE: "random_mean_abs_shift", BEST: "random_best_shift"}
    return found | {key: mean_of(attacked[column]) for column, key in names.items() if column in attacked}


def within_range(results: pd.DataFrame, problem: Problem) -> dict[str, Any]:
    """``within_range``: success among the records whose goal lies within the values that the model was trained on.

    Nothing where the model does not know those, and where no record's goal lies outside.
    """
    predictor, goal = problem.plain.predictor, problem.goal
    if not isinstance(goal, Shift) or not predictor.labels:
        return {}
    known = predictor.target_range.get(predictor.labels[goal.output])
    if known is None:
        return {}
    clean = results["clean_prediction"].astype(np.float64)
    inside = clean + goal.delta <= known[1] if goal.up else clean - goal.delta >= known[0]
    level = results["budget_share"] if "budget_share" in results else results["budget"]
    last = results[(level == list(dict.fromkeys(level))[-1]) & results["success"].notna()]
    able = last[inside[last.index]]
    if len(able) == len(last):
        return {}
    hits = able["success"].astype(bool)
    return {
        "within_range": {
            "low": known[0],
            "high": known[1],
            "n": len(able),
            "of": len(last),
            "attack_success_rate": proportion(int(hits.sum()), len(able)),
            "attack_success_rate_ci": share_interval(hits, units_in(able)),
        }
    }


def quantiles(values: pd.Series) -> dict[str, float] | None:
    """The value below which a tenth, a quarter, half ... of them lie; None of nothing."""
    kept = values.to_numpy(np.float64)
    if not len(kept):
        return None
    return {f"{share:g}": float(np.quantile(kept, share)) for share in (0.1, 0.25, 0.5, 0.75, 0.9)}


def fit(target: pd.Series, prediction: pd.Series) -> dict[str, float | None]:
    """Mean squared error, share of variance explained, and Spearman's rank correlation; None of no record."""
    if not len(target):
        return dict.fromkeys(("mse", "r2", "spearman"))
    truth, guess = target.to_numpy(np.float64), prediction.to_numpy(np.float64)
    error, spread = float(((truth - guess) ** 2).mean()), float(truth.var())
    return {
        "mse": error,
        "r2": 1 - error / spread if spread else None,
        "spearman": None if _still(truth, guess) else float(spearmanr(truth, guess).statistic),
    }


def correlation(target: pd.Series, prediction: pd.Series) -> float | None:
    """Pearson's; None of values that do not vary."""
    truth, guess = target.to_numpy(np.float64), prediction.to_numpy(np.float64)
    return None if _still(truth, guess) else float(np.corrcoef(truth, guess)[0, 1])


def _still(truth: NDArray[np.float64], guess: NDArray[np.float64]) -> bool:
    return len(truth) < 2 or float(truth.std()) == 0 or float(guess.std()) == 0
