"""What attacks made of records: outcomes read off the tables of one or more attacks.

They are averaged over the attacks (seeds, say), so that a record counts once however often it was attacked.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.analysis.clusters import CLUSTER
from seqrobust.errors import ConfigError, DataError
from seqrobust.sequences import Task
from seqrobust.statistics import Units, unit_numbers
from seqrobust.tasks import task_of

NO_LABEL = "none of the labels"
"""The group of records without any of several labels."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Outcomes:
    """What R attacks made of N records under B budgets; NaN where a record was not in an attack.

    Attributes:
        task: of the model.
        ids: the records.
        classes: (N,) targets as text, or None where there are none or they are numbers.
        levels: budgets as they were asked for.
        labelled: whether targets are the truth.
        right: (R, N) 1 where the clean prediction is right; for regression the absolute error.
        robust: (R, N, B) 1 where it stays right; for regression the absolute shift.
        success: (R, N, B) 1 where the attack reached its goal, NaN where there was nothing to attack.
        fewest: (R, N) edits of the smallest success, or the largest budget where there is none.
        broken: (R, N) whether there is one.
        units: (N,) numbers of the clusters within which records are not independent; None where all are.
    """

    task: Task
    ids: tuple[str, ...]
    classes: NDArray[np.str_] | None
    levels: tuple[str, ...]
    labelled: bool
    right: NDArray[np.float64]
    robust: NDArray[np.float64]
    success: NDArray[np.float64]
    fewest: NDArray[np.float64]
    broken: NDArray[np.bool_]
    units: Units = None

    def quantity(self, name: str) -> NDArray[np.float64]:
        """(N,) an outcome of each record, averaged over attacks, and over budgets where it depends on them.

        Args:
            name: ``clean`` (right, or the absolute error), ``robust`` (accuracy, or absolute shift) or ``success``.
        """
        parts: dict[str, NDArray[np.float64]] = {"clean": self.right, "robust": self.robust, "success": self.success}
        of = parts[name]
        return mean_of(of if of.ndim == 2 else mean_of(np.moveaxis(of, 2, 0)))

    def unit(self, name: str) -> float | None:
        """Of which a record's outcome is a whole multiple; None where it is not of that kind."""
        if task_of(self.task).measured and name != "success":
            return None
        runs = len(self.right)
        return 1 / runs if name == "clean" else 1 / (runs * len(self.levels))


def mean_of(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean over the first axis of what is known; NaN where nothing is."""
    known = np.isfinite(values)
    count = known.sum(0)
    total: NDArray[np.float64] = np.where(known, values, 0).sum(0)
    out: NDArray[np.float64] = np.full(total.shape, np.nan)
    np.divide(total, count, out=out, where=count > 0)
    return out


def read_outcomes(tables: Sequence[pd.DataFrame], task: Task, *, labelled: bool) -> Outcomes:
    """Outcomes of attacks of the same budgets.

    Args:
        tables: of :func:`seqrobust.analysis.results_table`, one per attack.
        task: of their model.
        labelled: whether their targets are the truth.

    Raises ConfigError where budgets differ.
    """
    parts = [_one(table, task) for table in tables]
    for part in parts[1:]:
        if part["levels"] != parts[0]["levels"]:
            raise ConfigError(
                "the attacks differ in their budgets",
                expected=", ".join(parts[0]["levels"]),
                found=", ".join(part["levels"]),
            )
    ids = tuple(dict.fromkeys(name for part in parts for name in part["ids"]))
    place = {name: row for row, name in enumerate(ids)}
    targets = {name: target for part in parts for name, target in zip(part["ids"], part["targets"], strict=True)}
    rows = [np.array([place[name] for name in part["ids"]]) for part in parts]
    count, levels = len(ids), len(parts[0]["levels"])

    def joined(key: str, *more: int) -> NDArray[np.float64]:
        whole = np.full((len(parts), count, *more), np.nan)
        for run, (part, row) in enumerate(zip(parts, rows, strict=True)):
            whole[run, row] = part[key]
        return whole

    return Outcomes(
        task=task,
        ids=ids,
        # A record of none of several labels is in a group like others.
        classes=None
        if task_of(task).measured or not labelled
        else np.array([str(targets[name]) or (NO_LABEL if task_of(task).independent else "") for name in ids]),
        levels=parts[0]["levels"],
        labelled=labelled,
        right=joined("right"),
        robust=joined("robust", levels),
        success=joined("success", levels),
        fewest=joined("fewest"),
        broken=joined("broken") == 1,
        units=_units(tables, ids),
    )


def _units(tables: Sequence[pd.DataFrame], ids: Sequence[str]) -> Units:
    """Clusters of records as the tables name them; a record of a table that names none is a cluster by itself."""
    named: dict[str, str] = {}
    for table in tables:
        if CLUSTER in table:
            named |= dict(zip(table["id"], table[CLUSTER].astype(str), strict=True))
    return unit_numbers([named.get(name, f"only {name}") for name in ids]) if named else None


def _one(table: pd.DataFrame, task: Task) -> dict[str, Any]:
    level = table["budget_share"] if "budget_share" in table else table["budget"]
    levels = tuple(str(key) for key in dict.fromkeys(level))
    ids = list(dict.fromkeys(table["id"].tolist()))
    if len(table) != len(ids) * len(levels):
        raise DataError("a table of results holds a row per record and budget", found=f"{len(table)} rows")

    def grid(column: str) -> NDArray[Any]:
        values: NDArray[Any] = table[column].to_numpy().reshape(len(ids), len(levels))
        return values

    success = table["success"].astype("Float64").to_numpy(np.float64, na_value=np.nan).reshape(len(ids), len(levels))
    hit = success == 1
    broken = hit.any(1)
    attacked = np.isfinite(success).all(1)
    fewest = np.where(broken, grid("n_edits")[np.arange(len(ids)), hit.argmax(1)], grid("budget")[:, -1])
    if task_of(task).measured:
        target, clean, moved = (
            grid(name).astype(np.float64) for name in ("target", "clean_prediction", "adversarial_prediction")
        )
        right, robust = np.abs(target - clean)[:, 0], np.abs(moved - clean)
    else:
        same = grid("clean_prediction") == grid("target")
        stays = same & (grid("adversarial_prediction") == grid("target")) & ~hit
        right, robust = same[:, 0].astype(np.float64), stays.astype(np.float64)
    return {
        "ids": ids,
        "targets": grid("target")[:, 0].tolist(),
        "levels": levels,
        "right": right,
        "robust": robust,
        "success": success,
        "fewest": np.where(attacked, fewest.astype(np.float64), np.nan),
        "broken": broken.astype(np.float64),
    }
