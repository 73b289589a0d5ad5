"""From the table of certificates to the numbers one quotes: certified, attacked and unknown shares by budget."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.analysis.certify.settings import CertifySettings
from seqrobust.analysis.clusters import units_in
from seqrobust.analysis.confinement import by_class as counts_by_class
from seqrobust.analysis.confinement import never_editable, unprotected
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

    Certified and robust accuracy count over all records that may be edited, as in an attack; a record whose clean
    prediction is wrong is neither. A record without another sequence at the largest budget stands whatever the model
    does: it is in no rate, and counted in ``nothing_editable`` (where none may be edited, all count). Robust accuracy
    is an upper bound: what no sequence is known to break. ``exact_fraction`` is the share of records that are known at
    every budget, ``exact`` of a budget that of those known there.
    """
    everyone, counted = results, _counted(results, problem)
    results, budgets = everyone[counted].reset_index(drop=True), budgets[counted]
    labelled = problem.targets is not None
    names = [str(budget) if budget.percent else int(budget.amount) for budget in problem.budgets]
    levels = [_at(results, budgets[:, level], len(names) - level) for level in range(len(names))]
    known = np.all([level.certified | level.attacked | ~results["attackable"] for level in levels], axis=0)
    task = task_of(problem.predictor.task)
    metrics: dict[str, Any] = {
        "task": problem.predictor.task,
        "goal": problem.goal.describe(problem.predictor.labels or ()),
        "threat": problem.threat.describe(),
        "moves": settings.moves,
        "methods": list(settings.methods),
        "time_limit": settings.time_limit,
        "labelled": labelled,
        "n": len(everyone),
        "attacked": int(results["attackable"].sum()),
        **({} if task.measured else _clean(everyone, "clean_accuracy", labelled=labelled)),
        **_confined(everyone, results, counted, labelled=labelled, classes=not task.measured),
        **(problem.goal.plain() if isinstance(problem.goal, Shift) else {}),
        "exact_fraction": proportion(int(known.sum()), len(results)),
        "budgets": [_budget(name, level, results) for name, level in zip(names, levels, strict=True)],
        "minimal_edits": _minimal(results),
        "by_method": _by_method(results),
        "seconds": float(everyone["seconds"].sum()),
        "scored": int(everyone["scored"].sum()),
    }
    if task.exclusive and labelled:
        metrics["by_class"] = _by_class(results, names, levels)
    return metrics


class _Level(NamedTuple):
    """(N,) each, at one budget: records that are certified, those that a known sequence breaks, those without another
    sequence."""

    certified: Mask
    attacked: Mask
    fixed: Mask

    def take(self, rows: Mask) -> _Level:
        return _Level(*(mask[rows] for mask in self))


def _counted(results: pd.DataFrame, problem: Problem) -> Mask:
    """(N,) records that are in rates: those that may be edited at the largest budget, by the rule of an attack."""
    largest = pd.Series(str(problem.budgets[-1]), index=results.index)
    counted: Mask = ~never_editable(results, largest).to_numpy(bool)
    return counted if counted.any() else ~counted


def _confined(
    everyone: pd.DataFrame, able: pd.DataFrame, counted: Mask, *, labelled: bool, classes: bool
) -> dict[str, Any]:
    """What an attack says, under the same keys, of records that cannot be edited, or of which nothing is protected."""
    found: dict[str, Any] = {}
    if not counted.all():
        by_class = counts_by_class(everyone[~counted]) if classes else {}
        found["nothing_editable"] = {"n": int((~counted).sum()), "by_class": by_class}
        if classes and labelled:
            found |= _clean(able, "clean_accuracy_editable", labelled=True)
    reached = able["attacked_units"].notna().astype("boolean")
    rows = able.assign(success=reached.where(able["attackable"].astype(bool)))
    return found | unprotected(rows, rows, classes=classes)


def _at(results: pd.DataFrame, units: NDArray[np.int64], fewest: int) -> _Level:
    """What is known at a budget of so many units each, at which a record may be edited that may be at ``fewest``."""
    attackable = results["attackable"].to_numpy(bool)
    broken = results["attacked_units"].fillna(np.iinfo(np.int64).max).to_numpy(np.int64)
    certified = attackable & (results["certified_units"].to_numpy(np.int64) >= units)
    fixed = np.zeros(len(results), bool)
    if "editable_budgets" in results:
        fixed = attackable & (results["editable_budgets"].to_numpy(np.int64) < fewest)
    return _Level(certified, attackable & (broken <= units), fixed)


def _clean(results: pd.DataFrame, key: str, *, labelled: bool) -> dict[str, Any]:
    if not labelled:
        return {key: None, f"{key}_ci": None}
    right = results["clean_prediction"] == results["target"]
    return {
        key: proportion(int(right.sum()), len(results)),
        f"{key}_ci": share_interval(right, units_in(results)),
    }


def _budget(name: str | int, level: _Level, results: pd.DataFrame) -> dict[str, Any]:
    certified, attacked, fixed = level
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
        "nothing_editable": int(fixed.sum()),
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


def _by_class(results: pd.DataFrame, names: list[str | int], levels: list[_Level]) -> dict[str, dict[str, Any]]:
    found = {}
    for label in sorted(set(results["target"])):
        mine = (results["target"] == label).to_numpy(bool)
        rows = results[mine]
        found[str(label)] = {
            "n": len(rows),
            "budgets": [_budget(name, level.take(mine), rows) for name, level in zip(names, levels, strict=True)],
        }
    return found
