"""A group of records in numbers: accuracy, success and fewest edits, each with its interval."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrobust.analysis.subgroups.outcomes import Outcomes, mean_of
from seqrobust.analysis.subgroups.survival import median_edits
from seqrobust.statistics import Interval, Units, mean_interval, share_interval, units_of
from seqrobust.tasks import task_of


def describe_group(outcomes: Outcomes, name: str, inside: NDArray[np.bool_], *, seed: int = 0) -> dict[str, Any]:
    """What ``metrics.json`` says of one group of records (N,) bool."""
    regression = task_of(outcomes.task).measured
    clean, units = outcomes.quantity("clean")[inside], units_of(outcomes.units, inside)
    entry: dict[str, Any] = {
        "group": name,
        "n": int(inside.sum()),
        "n_attacked": _count(outcomes.quantity("success")[inside]),
    }
    if outcomes.labelled:
        key = "clean_error" if regression else "clean_accuracy"
        entry |= {key: _mean(clean), f"{key}_ci": _interval(clean, units, share=not regression)}
    budgets = []
    for level, budget in enumerate(outcomes.levels):
        robust, success = mean_of(outcomes.robust[:, inside, level]), mean_of(outcomes.success[:, inside, level])
        key = "mean_abs_shift" if regression else "robust_accuracy"
        budgets.append(
            {
                "budget": int(budget) if budget.isdigit() else budget,
                key: _mean(robust),
                f"{key}_ci": _interval(robust, units, share=not regression),
                "attack_success_rate": _mean(success),
                "attack_success_rate_ci": _interval(success, units, share=True),
            }
        )
    fewest, broken = outcomes.fewest[:, inside], outcomes.broken[:, inside]
    known = np.isfinite(fewest)
    own = np.arange(fewest.shape[1]) if units is None else units
    owner = np.broadcast_to(own, fewest.shape)[known]
    median = median_edits(fewest[known], broken[known], owner, seed=seed)
    return entry | {
        "minimal_edits": {
            "median": median.value,
            "median_ci": [median.low, median.high],
            "n": median.n,
            "censored": median.censored,
        },
        "budgets": budgets,
    }


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None


def _count(values: NDArray[np.float64]) -> int:
    return int(np.isfinite(values).sum())


def _interval(values: NDArray[np.float64], units: Units, *, share: bool) -> Interval:
    """Of a share Wilson's, on the number of records (several attacks of one are not independent); else Student's."""
    known = np.isfinite(values)
    units = units_of(units, known)
    return share_interval(values[known], units) if share else mean_interval(values[known], units)
