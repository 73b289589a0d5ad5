"""What a study amounts to: means over records with Student's intervals, and shares with Wilson's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from seqrobust.analysis.clusters import CLUSTER, units_in
from seqrobust.analysis.stability.measures import MEASURES
from seqrobust.statistics import mean_interval, mean_of, proportion, share_interval

MOST_PREDICTIONS = 12
"""Predictions that are looked at apart, the most frequent ones."""

_LEFT_OUT = ("left_out_mass", "left_out_mass_edited", "left_out_share")
_MEANS = (
    *MEASURES,
    "functional_mass_clean",
    "functional_mass_edited",
    "top_k_chance",
    *_LEFT_OUT,
)


def method_metrics(results: pd.DataFrame) -> dict[str, Any]:
    """``{METHOD: {GOAL: {...}}}`` of a study's rows.

    Each goal has ``budgets``, a list of :func:`_level` per budget, and beside it the values of the largest one.
    """
    found: dict[str, Any] = {}
    for key, rows in results.groupby(["method", "goal"], sort=False):
        method, goal = map(str, key)
        column = "budget_share" if "budget_share" in rows else "budget"
        levels = [
            {"budget": level if isinstance(level, str) else int(level), **_level(rows[rows[column] == level], goal)}
            for level in dict.fromkeys(rows[column])
        ]
        searched = rows["searched"].iloc[0]
        found.setdefault(method, {})[goal] = {
            **levels[-1],
            "searched": None if goal == "random" else searched,
            "budgets": levels,
        }
    return found


def _level(rows: pd.DataFrame, goal: str) -> dict[str, Any]:
    """Values of one method, goal and budget.

    ``random``: measures are means over records of the mean over draws that keep the prediction; ``kept_rate`` is the
    share of such draws and ``success_rate`` the share of them in which the explanation changed. ``change``: measures
    are means over attacked records. ``keep``: over attacked records whose prediction was flipped.
    """
    rows = rows[rows["attacked"]]
    if goal == "random":
        return _random_level(rows)
    success = rows["success"].astype(bool).to_numpy()
    shown = rows[rows["flipped"]] if goal == "keep" else rows
    return {
        "n": len(rows),
        "success_rate": proportion(int(success.sum()), len(rows)),
        "success_rate_ci": share_interval(success, units_in(rows)),
        "random_success_rate": mean_of(rows["random_success"].to_numpy(np.float64)),
        "flipped_rate": proportion(int(rows["flipped"].sum()), len(rows)),
        **_measures(shown),
        "mean_edits": mean_of(rows["n_edits"].to_numpy(np.float64)),
        "forwards_per_record": mean_of(rows["forwards"].to_numpy(np.float64)),
        "gradients_per_record": mean_of(rows["gradients"].to_numpy(np.float64)),
        "by_prediction": _by_prediction(rows),
    }


def _by_prediction(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Of the most frequent clean predictions: explanations of a class that stands for the absence of something may well
    behave unlike those of the others. Nothing for a regression."""
    if pd.api.types.is_numeric_dtype(rows["clean_prediction"]):
        return []
    found = []
    for name, count in rows["clean_prediction"].value_counts().head(MOST_PREDICTIONS).items():
        mine = rows[rows["clean_prediction"] == name]
        hits = int(mine["success"].astype(bool).sum())
        found.append(
            {
                "prediction": str(name),
                "n": int(count),
                "success_rate": proportion(hits, len(mine)),
                "success_rate_ci": share_interval(mine["success"].astype(bool), units_in(mine)),
                "correlation": mean_of(mine["correlation"].to_numpy(np.float64)),
            }
        )
    return sorted(found, key=lambda one: str(one["prediction"]))


def _random_level(rows: pd.DataFrame) -> dict[str, Any]:
    kept = rows["kept"]
    some = rows[rows["success"].notna()]
    some = some.assign(changed=some["success"].astype(float))
    by_record = some.groupby("id", sort=False)[[*_MEANS, "changed"]].mean()
    if CLUSTER in some:
        by_record[CLUSTER] = some.groupby("id", sort=False)[CLUSTER].first()
    changed = by_record["changed"].to_numpy(np.float64)
    return {
        "n": len(by_record),
        "kept_rate": mean_of(kept.to_numpy(np.float64)),
        "success_rate": mean_of(changed),
        "success_rate_ci": share_interval(changed, units_in(by_record)),
        **_measures(by_record),
    }


def _measures(rows: pd.DataFrame) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in _MEANS:
        values = rows[name].to_numpy(np.float64)
        found[name], found[f"{name}_ci"] = mean_of(values), mean_interval(values, units_in(rows))
    return found
