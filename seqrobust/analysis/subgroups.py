"""Subgroups: is the model as robust for one species, family or class as for another?

A record's outcomes are read off the tables of one or more attacks (seeds, say), and averaged over them, so that a
record counts once however often it was attacked. Groups are then described with intervals, and compared by
permutation tests of one outcome over all budgets together: a test per budget would be many tests of one thing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.analysis.intervals import Interval, bootstrap_mean, wilson
from seqrobust.analysis.survival import median_edits
from seqrobust.errors import ConfigError, DataError
from seqrobust.sequences import Task

CLASS = "class"
"""The grouping by target."""
_OTHER = "other"
_KINDS = 20


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
        if self.task == "regression" and name != "success":
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
        classes=None if task == "regression" or not labelled else np.array([str(targets[name]) for name in ids]),
        levels=parts[0]["levels"],
        labelled=labelled,
        right=joined("right"),
        robust=joined("robust", levels),
        success=joined("success", levels),
        fewest=joined("fewest"),
        broken=joined("broken") == 1,
    )


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
    if task == "regression":
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


@dataclass(frozen=True, kw_only=True, eq=False)
class Grouping:
    """Records put into groups.

    Attributes:
        by: the column.
        names: of the groups, by number.
        member: (N,) int64 group of each record, -1 where it is left out.
        notices: what was pooled, cut or left out.
    """

    by: str
    names: tuple[str, ...]
    member: NDArray[np.int64]
    notices: tuple[str, ...]


def grouping(
    by: str, values: Sequence[str], *, smallest: int, pool: bool, cut: bool = False, bins: int = 4
) -> Grouping:
    """Records grouped by their values in a column.

    Args:
        by: name of the column.
        values: (N,) as text; fractions of many kinds are cut into groups of one size, and records without a value are
            left out.
        smallest: records below which a group is small.
        pool: small groups become one, if that is large enough, instead of being left out.
        cut: numbers are cut though they are whole.
        bins: of numbers.

    Raises DataError where there are no numbers to cut, or fewer than two groups are left.
    """
    kinds, notices = _cut(by, values, bins, cut=cut)
    counts = pd.Series([value for value in kinds if value != ""]).value_counts()
    large = sorted(str(name) for name in counts.index[counts >= smallest])
    small = sorted(str(name) for name in counts.index[counts < smallest])
    number = {name: index for index, name in enumerate(large)}
    few = int(counts[counts < smallest].sum())
    if small and pool and few >= smallest and len(small) > 1:
        name = f"{_OTHER} ({len(small)})"
        large.append(name)
        number |= dict.fromkeys(small, len(large) - 1)
        notices.append(f"{by}: {len(small)} groups of fewer than {smallest} records pooled ({few} records)")
    elif small:
        notices.append(
            f"{by}: {len(small)} group{'s'[: len(small) > 1]} of fewer than {smallest} records left out ({few} records)"
        )
    if empty := sum(value == "" for value in kinds):
        notices.append(f"{by}: {empty} records have no value and are left out")
    if len(large) < 2:
        raise DataError(
            "there are no two groups to compare",
            expected=f"two groups of at least {smallest} records",
            found=f"{len(counts)} groups, the largest of {int(counts.max()) if len(counts) else 0}",
            where=f"column {by!r}",
            fix="lower --min-records, or name another column with --by",
        )
    member = np.array([number.get(value, -1) for value in kinds], np.int64)
    return Grouping(by=by, names=tuple(large), member=member, notices=tuple(notices))


def _cut(by: str, values: Sequence[str], bins: int, *, cut: bool) -> tuple[list[str], list[str]]:
    """Measurements become intervals that hold about equally many records; whole numbers, which may be names (a
    cluster's, a chromosome's), only where asked."""
    numbers = pd.to_numeric(pd.Series(values), errors="coerce")
    words = bool(numbers[[value != "" for value in values]].isna().any())
    if cut and (words or numbers.nunique() < 2):
        raise DataError("a column that is cut holds numbers", where=f"column {by!r}", fix="leave it out of --cut")
    fractions = bool((numbers.dropna() % 1 != 0).any()) and numbers.nunique() > _KINDS
    if words or not (cut or fractions):
        return list(values), []
    made = pd.qcut(numbers, bins, duplicates="drop")
    names = ["" if pd.isna(one) else f"{one.left:.4g} to {one.right:.4g}" for one in made]
    return names, [f"{by}: numbers cut into {made.cat.categories.size} groups of about one size"]


def describe_group(outcomes: Outcomes, name: str, inside: NDArray[np.bool_], *, seed: int = 0) -> dict[str, Any]:
    """What ``metrics.json`` says of one group of records (N,) bool."""
    regression = outcomes.task == "regression"
    clean = outcomes.quantity("clean")[inside]
    entry: dict[str, Any] = {
        "group": name,
        "n": int(inside.sum()),
        "n_attacked": _count(outcomes.quantity("success")[inside]),
    }
    if outcomes.labelled:
        key = "clean_error" if regression else "clean_accuracy"
        entry |= {key: _mean(clean), f"{key}_ci": _interval(clean, share=not regression, seed=seed)}
    budgets = []
    for level, budget in enumerate(outcomes.levels):
        robust, success = mean_of(outcomes.robust[:, inside, level]), mean_of(outcomes.success[:, inside, level])
        key = "mean_abs_shift" if regression else "robust_accuracy"
        budgets.append(
            {
                "budget": int(budget) if budget.isdigit() else budget,
                key: _mean(robust),
                f"{key}_ci": _interval(robust, share=not regression, seed=seed),
                "attack_success_rate": _mean(success),
                "attack_success_rate_ci": _interval(success, share=True, seed=seed),
            }
        )
    fewest, broken = outcomes.fewest[:, inside], outcomes.broken[:, inside]
    known = np.isfinite(fewest)
    owner = np.broadcast_to(np.arange(fewest.shape[1]), fewest.shape)[known]
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


def _interval(values: NDArray[np.float64], *, share: bool, seed: int) -> Interval:
    """Of a share Wilson's, on the number of records (several attacks of one are not independent); else a bootstrap."""
    known = values[np.isfinite(values)]
    if not share:
        return bootstrap_mean(known, seed=seed, least=2)
    return wilson(round(float(known.sum())), len(known))
