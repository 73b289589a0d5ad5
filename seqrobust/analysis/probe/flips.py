"""Flip rates of an adversary confined to one kind of positions, from the table of its attack."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.analysis.clusters import units_in
from seqrobust.sequences import Task
from seqrobust.statistics import mean_interval, mean_of, proportion, share_interval
from seqrobust.tasks import task_of


def arm_metrics(results: pd.DataFrame, task: Task, reachable: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """A row per budget.

    Args:
        results: the table of an attack on N records, in their order.
        task: of the model.
        reachable: (N,) records with a position of that kind; the others are left out of every share.

    Shares are over attacked records, those correctly classified at first; Wilson intervals. ``drop_per_edit`` is the
    fall of the margin (for a regression the absolute shift) over the number of edits, mean over edited records.
    """
    return [
        _row(int(budget), rows[reachable & rows["success"].notna().to_numpy()], task)
        for budget, rows in ((key, results[results["budget"] == key]) for key in dict.fromkeys(results["budget"]))
    ]


def _row(budget: int, rows: pd.DataFrame, task: Task) -> dict[str, Any]:
    n, hits, units = len(rows), int(rows["success"].sum()), units_in(rows)
    random = rows["random_success"].to_numpy(np.float64)
    moved = rows[rows["n_edits"] > 0]
    change = _change(moved, task)
    per_edit = change / moved["n_edits"].to_numpy(np.float64)
    found: dict[str, Any] = {
        "budget": budget,
        "n": n,
        "flip_rate": proportion(hits, n),
        "flip_rate_ci": share_interval(rows["success"].astype(bool), units),
        "random_flip_rate": mean_of(random),
        # Draws on one record are not independent: the interval rests on the number of records.
        "random_flip_rate_ci": share_interval(random, units),
        "mean_edits": float(moved["n_edits"].mean()) if len(moved) else None,
        "drop_per_edit": float(per_edit.mean()) if len(moved) else None,
        "drop_per_edit_ci": mean_interval(per_edit, units_in(moved)),
    }
    if task_of(task).measured:
        shift = (rows["adversarial_prediction"] - rows["clean_prediction"]).to_numpy(np.float64)
        random_shift = (rows["random_score"] - rows["clean_score"]).to_numpy(np.float64)
        found |= {
            "mean_shift": float(shift.mean()) if n else None,
            "mean_shift_ci": mean_interval(shift, units),
            "random_mean_shift": float(random_shift.mean()) if n else None,
            "random_mean_shift_ci": mean_interval(random_shift, units),
        }
    return found


def _change(rows: pd.DataFrame, task: Task) -> NDArray[np.float64]:
    if task_of(task).measured:
        return np.asarray((rows["adversarial_prediction"] - rows["clean_prediction"]).abs(), np.float64)
    return np.asarray(rows["clean_score"] - rows["adversarial_score"], np.float64)


def by_class(results: pd.DataFrame, reachable: NDArray[np.bool_]) -> dict[str, dict[str, Any]]:
    """The flip rate of each class at the largest budget: ``{class: {n, flip_rate, flip_rate_ci}}``."""
    rows = results[results["budget"] == results["budget"].max()]
    rows = rows[reachable & rows["success"].notna().to_numpy()]
    return {
        str(name): {
            "n": len(part),
            "flip_rate": proportion(int(part["success"].sum()), len(part)),
            "flip_rate_ci": share_interval(part["success"].astype(bool), units_in(part)),
        }
        for name, part in rows.groupby("target", sort=True)
    }
