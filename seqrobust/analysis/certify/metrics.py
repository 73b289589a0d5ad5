"""From the table of certificates to the numbers one quotes: certified, attacked and unknown shares by budget."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.analysis.certify.settings import CertifySettings
from seqrobust.analysis.clusters import units_in
from seqrobust.attacks import Problem, Shift
from seqrobust.statistics import proportion, share_interval
from seqrobust.tasks import task_of

Mask = NDArray[np.bool_]


def certify_metrics(
    results: pd.DataFrame, budgets: NDArray[np.int64], problem: Problem, settings: CertifySettings
) -> dict[str, Any]:
    """``metrics.json``.

    Args:
        results: see :func:`seqrobust.analysis.certify.table.results_table`.
        budgets: (N, B) units that each budget comes to on each record.
        problem, settings: what was certified.

    Certified and robust accuracy count over all records, as in an attack; a record whose clean prediction is wrong is
    neither. Robust accuracy is an upper bound: what no sequence is known to break. ``exact_fraction`` is the share of
    records that are known at every budget, ``exact`` of a budget that of those known there.
    """
    labelled = problem.targets is not None
    names = [str(budget) if budget.percent else int(budget.amount) for budget in problem.budgets]
    levels = [_at(results, budgets[:, level]) for level in range(len(names))]
    known = np.all([certified | attacked | ~results["attackable"] for certified, attacked in levels], axis=0)
    task = task_of(problem.predictor.task)
    metrics: dict[str, Any] = {
        "task": problem.predictor.task,
        "goal": problem.goal.describe(problem.predictor.labels or ()),
        "threat": problem.threat.describe(),
        "moves": settings.moves,
        "methods": list(settings.methods),
        "time_limit": settings.time_limit,
        "labelled": labelled,
        "n": len(results),
        "attacked": int(results["attackable"].sum()),
        **({} if task.measured else _clean(results, labelled=labelled)),
        **(problem.goal.plain() if isinstance(problem.goal, Shift) else {}),
        "exact_fraction": proportion(int(known.sum()), len(results)),
        "budgets": [_budget(name, *level, results) for name, level in zip(names, levels, strict=True)],
        "minimal_edits": _minimal(results),
        "by_method": _by_method(results),
        "seconds": float(results["seconds"].sum()),
        "scored": int(results["scored"].sum()),
    }
    if task.exclusive and labelled:
        metrics["by_class"] = _by_class(results, names, levels)
    return metrics


def _at(results: pd.DataFrame, units: NDArray[np.int64]) -> tuple[Mask, Mask]:
    """(N,) records that are certified at a budget of so many units each, and those that a known sequence breaks."""
    attackable = results["attackable"].to_numpy(bool)
    broken = results["attacked_units"].fillna(np.iinfo(np.int64).max).to_numpy(np.int64)
    certified = attackable & (results["certified_units"].to_numpy(np.int64) >= units)
    return certified, attackable & (broken <= units)


def _clean(results: pd.DataFrame, *, labelled: bool) -> dict[str, Any]:
    if not labelled:
        return {"clean_accuracy": None, "clean_accuracy_ci": None}
    right = results["clean_prediction"] == results["target"]
    return {
        "clean_accuracy": proportion(int(right.sum()), len(results)),
        "clean_accuracy_ci": share_interval(right, units_in(results)),
    }


def _budget(name: str | int, certified: Mask, attacked: Mask, results: pd.DataFrame) -> dict[str, Any]:
    attackable = results["attackable"].to_numpy(bool)
    standing, unknown = attackable & ~attacked, attackable & ~attacked & ~certified
    n = len(results)
    return {
        "budget": name,
        "certified_accuracy": proportion(int(certified.sum()), n),
        "certified_accuracy_ci": share_interval(certified, units_in(results)),
        "robust_accuracy": proportion(int(standing.sum()), n),
        "robust_accuracy_ci": share_interval(standing, units_in(results)),
        "unknown": int(unknown.sum()),
        "exact": proportion(n - int(unknown.sum()), n),
    }


def _minimal(results: pd.DataFrame) -> dict[str, Any]:
    """Records by the fewest edits that reach the goal, where those are known; and those that stand at every budget."""
    exact = results[results["exact"].fillna(value=False).astype(bool)]
    found = exact["attacked_budget"].dropna()
    counts = {f"{float(cost):g}": int(count) for cost, count in found.value_counts().sort_index().items()}
    return {"known": counts, "beyond_the_largest_budget": int(exact["attacked_budget"].isna().sum())}


def _by_method(results: pd.DataFrame) -> dict[str, dict[str, Any]]:
    groups = results[results["method"].notna()].groupby("method")
    return {
        str(name): {
            "records": len(rows),
            "exact": int(rows["exact"].fillna(value=False).astype(bool).sum()),
            "median_seconds": float(rows["seconds"].median()),
            "largest_seconds": float(rows["seconds"].max()),
        }
        for name, rows in groups
    }


def _by_class(
    results: pd.DataFrame, names: list[str | int], levels: list[tuple[Mask, Mask]]
) -> dict[str, dict[str, Any]]:
    found = {}
    for label in sorted(set(results["target"])):
        mine = (results["target"] == label).to_numpy(bool)
        rows = results[mine]
        found[str(label)] = {
            "n": len(rows),
            "budgets": [
                _budget(name, certified[mine], attacked[mine], rows)
                for name, (certified, attacked) in zip(names, levels, strict=True)
            ],
        }
    return found
