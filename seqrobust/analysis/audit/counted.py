"""The numbers that are quoted, counted again from the rows: shares, their denominators, and clean accuracy."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrobust.analysis.audit.attacked_table import AttackTable
from seqrobust.analysis.audit.outcome import Outcome, faults_of, not_checked
from seqrobust.tasks import task_of

_ROUNDING = 1e-9


def metrics_recounted(table: AttackTable) -> Outcome:
    """``metrics.json`` says what the table says."""
    name, what = "metrics against the table", "counts and shares of metrics.json, counted again from the rows"
    if table.metrics is None:
        return not_checked(name, what, "the analysis quotes no share of this table by itself")
    metrics, rows = table.metrics, table.results
    expected: dict[str, Any] = {
        "n": len(table.sequences),
        "attacked": int((table.attacked & _counted(table))[:: table.levels].sum()),
        "clean_accuracy": _clean_accuracy(table),
    }
    faults = list(_different(metrics, expected, "metrics"))
    if len(metrics["budgets"]) != table.levels:
        faults.append(f"metrics have {len(metrics['budgets'])} budgets, the table {table.levels}")
    else:
        for level, entry in enumerate(metrics["budgets"]):
            faults += _different(entry, _of_budget(table, level), f"budget {entry['budget']}")
    return faults_of(name, what, len(rows), faults)


def _different(said: Mapping[str, Any], counted: Mapping[str, Any], where: str) -> Iterator[str]:
    for key, value in counted.items():
        if key in said and not _same(said[key], value):
            yield f"{where}: {key} is {said[key]} and by the rows {value}"


def _same(one: Any, other: Any) -> bool:
    if one is None or other is None:
        return one is None and other is None
    return math.isclose(one, other, rel_tol=_ROUNDING, abs_tol=_ROUNDING)


def _clean_accuracy(table: AttackTable) -> float | None:
    """Share of records whose target is what is predicted of them; None where no truth is known."""
    if table.targets is None or task_of(table.predictor.task).measured:
        return None
    first = table.results.iloc[:: table.levels]
    return float(np.mean([a == b for a, b in zip(first["clean_prediction"], first["target"], strict=True)]))


def _counted(table: AttackTable) -> NDArray[np.bool_]:
    """(rows,) whether the record is in a rate: it can be edited at the largest budget, or no record can at any."""
    if "editable" not in table.results or not any(budget.amount for budget in table.problem.budgets):
        return np.ones(len(table.results), bool)
    able = table.results["editable"].to_numpy(bool).reshape(-1, table.levels)[:, -1]
    return np.repeat(able if able.any() else ~able, table.levels)


def _of_budget(table: AttackTable, level: int) -> dict[str, Any]:
    """Shares of one budget: of records that were attacked and searched, and of all but those passed over."""
    every = slice(level, None, table.levels)
    rows, success = table.results.iloc[every], table.success[every]
    counted = _counted(table)[every]
    attacked = table.attacked[every] & counted
    looked = rows["was_searched"].to_numpy(bool) if "was_searched" in rows else np.ones(len(rows), bool)
    searched, kept = attacked & looked, counted & (~attacked | looked)
    found: dict[str, Any] = {
        "attack_success_rate": float(success[searched].mean()) if searched.any() else None,
        "not_searched": int((attacked & ~looked).sum()),
    }
    if task_of(table.predictor.task).measured:
        return found
    target = rows["target"].to_numpy()
    right = rows["clean_prediction"].to_numpy() == target
    stays = rows["adversarial_prediction"].to_numpy() == target
    robust = (right & stays & ~success)[kept]
    return found | {"robust_accuracy": float(robust.mean()) if kept.any() else None}
