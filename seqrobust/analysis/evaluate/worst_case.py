"""The worst case over several methods: what is left of a model when every one of them is tried on every record.

Each *run* is one method (for regression: one method in one direction) alone on all records at all budgets. A sequence
counts wherever it is allowed: one found at a budget of five that has three edits is a member of the set of three, and
breaks the record there too. So success only grows with the budget, which is asserted rather than hoped for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom

from seqrobust.analysis.clusters import units_in
from seqrobust.analysis.confinement import without_fixed
from seqrobust.analysis.failings import FLAGS
from seqrobust.analysis.robustness import attack_metrics, outdone_by_random
from seqrobust.analysis.shifts import BEST, SIZE, fit
from seqrobust.errors import InternalError
from seqrobust.sequences import Task
from seqrobust.statistics import LEAST, Units, count_units, proportion, share_interval, units_of
from seqrobust.statistics.shares import effective, wilson_of
from seqrobust.tasks import task_of

Harm: TypeAlias = Literal["goal", "error"]
"""What the worst sequence is the worst in: the goal, or (regression) the distance from the target."""

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)

_CONTROL = ("random_success", "random_score", "random_objective", SIZE, BEST)


@dataclass(frozen=True, eq=False)
class Grid:
    """A table of runs as cubes of (R, N, B): run, record, budget.

    Args:
        table: the columns of :data:`seqrobust.analysis.COLUMNS` and ``method``, ``direction`` (``up`` or ``down`` for
            regression, else empty) and ``spent`` (what the edits cost, NaN where that is not known in the budget's
            units); rows by run, then record, then budget.

    Raises InternalError for a table in another order.
    """

    table: pd.DataFrame

    def __post_init__(self) -> None:
        if len(self.table) != len(self.runs) * self.records * len(self.levels):
            raise InternalError("the table of methods does not hold every record at every budget once")
        first, step = self.table["id"].to_numpy()[: self.records * len(self.levels)], len(self.levels)
        if not (self.cube("id") == first.reshape(1, -1, step)).all():
            raise InternalError("the methods' tables hold their records in different orders")

    @cached_property
    def runs(self) -> list[tuple[str, str]]:
        """(method, direction) in the order of the table."""
        return list(dict.fromkeys(zip(self.table["method"], self.table["direction"], strict=True)))

    @cached_property
    def methods(self) -> list[str]:
        """Names, in the order of the table."""
        return list(dict.fromkeys(self.table["method"]))

    @cached_property
    def levels(self) -> list[Any]:
        """The budgets as they were asked for."""
        column = "budget_share" if "budget_share" in self.table else "budget"
        return list(dict.fromkeys(self.table[column]))

    @cached_property
    def records(self) -> int:
        """How many."""
        return len(self.table) // max(len(self.runs) * len(self.levels), 1)

    @cached_property
    def units(self) -> Units:
        """(N,) the independent units of the records."""
        return units_in(self.table.iloc[: self.records * len(self.levels) : len(self.levels)])

    def cube(self, column: str) -> NDArray[Any]:
        """(R, N, B) values of a column."""
        return self.table[column].to_numpy().reshape(len(self.runs), self.records, len(self.levels))

    @cached_property
    def attacked(self) -> NDArray[np.bool_]:
        """(N,) records on which the goal made sense."""
        known: NDArray[np.bool_] = self.table["success"].notna().to_numpy()
        return known.reshape(len(self.runs), self.records, -1)[0, :, 0]

    @cached_property
    def success(self) -> NDArray[np.bool_]:
        """(R, N, B) as each run reported it."""
        told: NDArray[np.bool_] = self.table["success"].fillna(value=False).to_numpy(bool)
        return told.reshape(len(self.runs), self.records, len(self.levels))

    @cached_property
    def harm(self) -> NDArray[np.float64]:
        """(R, N, B) how far each sequence goes towards the goal: minus the true answer's lead, or the shift."""
        found = self.cube("adversarial_score").astype(np.float64)
        sign = np.array([{"up": 1.0, "down": -1.0}.get(direction, 0.0) for _, direction in self.runs])[:, None, None]
        shift: NDArray[np.float64] = np.where(sign == 0, -found, sign * (found - self.cube("clean_score")))
        return shift

    def allowed(self, level: int) -> NDArray[np.bool_]:
        """(R, N, B) the sequences that are members of the set of that budget."""
        spent = self.cube("spent").astype(np.float64)
        small = spent <= self.cube("budget")[:1, :, level, None].astype(np.float64) + 1e-9
        found: NDArray[np.bool_] = small | (np.arange(len(self.levels)) <= level)
        return found

    def broken(self) -> NDArray[np.bool_]:
        """(R, N, B) whether any member of that run's sequences reaches the goal."""
        columns = [(self.success & self.allowed(level)).any(2) for level in range(len(self.levels))]
        return np.stack(columns, axis=2)

    def broken_by(self, names: Sequence[str]) -> NDArray[np.bool_]:
        """(N, B) whether any of those methods reaches the goal, in either direction."""
        chosen = [name in names for name, _ in self.runs]
        found: NDArray[np.bool_] = np.any(self.broken()[chosen], axis=0)
        return found

    def reach(self, names: Sequence[str], direction: str) -> NDArray[np.float64]:
        """(N, B) the largest harm that any of those methods does in that direction."""
        chosen = [name in names and way == direction for name, way in self.runs]
        levels = range(len(self.levels))
        farthest = [np.where(self.allowed(level), self.harm, -np.inf)[chosen].max((0, 2)) for level in levels]
        return np.stack(farthest, axis=1)


def worst_case(table: pd.DataFrame, *, by: Harm = "goal") -> pd.DataFrame:
    """A row per record and budget: the worst of all runs, in the columns of an attack.

    Args:
        table: see :class:`Grid`.
        by: ``goal`` prefers success, of successes the fewest edits (regression: the largest shift), then whatever comes
            nearest; ``error`` the prediction farthest from the target.

    ``attack`` names the method, and ``forwards`` and ``gradients`` are what all runs together spent on the record.

    Raises InternalError should success fall as the budget grows.
    """
    grid = Grid(table)
    keys = _preferences(grid, by)
    chosen = np.stack([_best_rows(grid, keys, level) for level in range(len(grid.levels))], axis=1)
    worst: pd.DataFrame = table.iloc[chosen.ravel()].reset_index(drop=True)
    first = table.iloc[: len(worst)].reset_index(drop=True)
    for column in {"budget", "budget_share", "editable"} & set(table.columns):
        worst[column] = first[column]
    for column in set(_CONTROL) & set(table.columns):
        worst[column] = _control(grid, column).ravel()
    for column in ("forwards", "gradients"):
        worst[column] = grid.cube(column).sum(0).ravel()
    if "random_objective" in table:
        worst["control_ahead"] = control_ahead(grid).ravel()
    if "was_searched" in table:
        worst["was_searched"] = _searched(grid).ravel() | worst["success"].fillna(value=False).astype(bool)
    for column in {*FLAGS, "exact"} & set(table.columns):
        worst[column] = _any_of(grid, column).ravel()
    if "exact" in table and "success_over_draws" not in table:
        # Of a random model nothing is known exactly.
        worst["exact"] |= worst["success"].fillna(value=False).astype(bool)
    worst["attack"] = worst["method"].where(worst["n_edits"] > 0, None)
    if by == "goal":
        _assert_monotone(worst, len(grid.levels))
    left: pd.DataFrame = worst.drop(columns=["method", "spent"])
    return left


def _preferences(grid: Grid, by: Harm) -> tuple[NDArray[np.float64], ...]:
    """Cubes to be sorted by, the last first; smaller is preferred."""
    edits = grid.cube("n_edits").astype(np.float64)
    if by == "error":
        error = np.abs(grid.cube("adversarial_prediction") - grid.cube("target")).astype(np.float64)
        return edits, -error
    if grid.runs[0][1]:
        return edits, -grid.harm
    return -grid.harm, np.where(grid.success, edits, 0.0), (~grid.success).astype(np.float64)


def _best_rows(grid: Grid, keys: tuple[NDArray[np.float64], ...], level: int) -> NDArray[np.int64]:
    """(N,) rows of the table: each record's preferred member of the set of that budget; the first of equals."""

    def by_record(cube: NDArray[Any]) -> NDArray[Any]:
        return np.moveaxis(cube, 1, 0).reshape(grid.records, -1)

    order = np.lexsort((*(by_record(key) for key in keys), by_record(~grid.allowed(level))), axis=1)
    rows = by_record(np.arange(len(grid.table)).reshape(len(grid.runs), grid.records, -1))
    best: NDArray[np.int64] = np.take_along_axis(rows, order[:, :1], axis=1)[:, 0]
    return best


def _control(grid: Grid, column: str) -> NDArray[np.float64]:
    """(N, B) of the random control; of two directions, how often either is reached, and no mean score."""
    directions = list(dict.fromkeys(direction for _, direction in grid.runs))
    cube = grid.cube(column).astype(np.float64)
    first = [cube[[way == direction for _, way in grid.runs].index(True)] for direction in directions]
    if len(first) > 1 and column in (SIZE, BEST):
        return np.asarray(np.mean(first, axis=0) if column == SIZE else np.max(first, axis=0), np.float64)
    if len(first) > 1 and column != "random_success":
        return np.full_like(first[0], np.nan)
    # No draw moves a value up and down at once.
    total: NDArray[np.float64] = np.sum(first, axis=0)
    return total


def control_ahead(grid: Grid) -> NDArray[np.bool_]:
    """(N, B) whether random sequences outdo all methods together on a record, in any direction."""
    found = np.zeros((grid.records, len(grid.levels)), bool)
    objective, success = grid.cube("objective").astype(np.float64), grid.broken()
    control = [grid.cube(name).astype(np.float64) for name in ("random_success", "random_objective")]
    for direction in dict.fromkeys(way for _, way in grid.runs):
        mine = np.array([way == direction for _, way in grid.runs])
        for level in range(len(grid.levels)):
            best = np.where(grid.allowed(level), objective, -np.inf)[mine].max((0, 2))
            random = [cube[mine][0, :, level] for cube in control]
            broken = success[mine][:, :, level].any(0)
            found[:, level] |= outdone_by_random(broken, best, *random, goes_on=bool(direction))
    return found & grid.attacked[:, None]


def _searched(grid: Grid) -> NDArray[np.bool_]:
    """(N, B) whether any method did anything on a record, in every direction."""
    cube = grid.cube("was_searched").astype(bool)
    directions = dict.fromkeys(way for _, way in grid.runs)
    found: NDArray[np.bool_] = np.all(
        [cube[[way == direction for _, way in grid.runs]].any(0) for direction in directions], axis=0
    )
    return found


def _any_of(grid: Grid, column: str) -> NDArray[np.bool_]:
    """(N, B) whether a flag is set by any method; ``exact`` by one in every direction."""
    cube = grid.cube(column).astype(bool)
    directions = dict.fromkeys(way for _, way in grid.runs)
    each = [cube[[way == direction for _, way in grid.runs]].any(0) for direction in directions]
    found: NDArray[np.bool_] = np.all(each, axis=0) if column == "exact" else np.any(each, axis=0)
    return found


def _assert_monotone(worst: pd.DataFrame, levels: int) -> None:
    success = worst["success"].fillna(value=False).to_numpy(bool).reshape(-1, levels)
    if (success[:, :-1] & ~success[:, 1:]).any():
        raise InternalError("success fell as the budget grew")


def contributions(table: pd.DataFrame) -> list[dict[str, Any]]:
    """What each method is worth, in the order they were given.

    Per budget: ``alone``, its success by itself; ``unique``, records that it alone breaks; ``added``, records that it
    breaks and none before it does. Shares are of the attacked records, with 95 % Wilson intervals.
    """
    grid = Grid(table)
    n = int(grid.attacked.sum())
    by_method = np.stack([grid.broken_by([name]) for name in grid.methods])
    how_many = by_method.sum(0)
    before = np.zeros_like(by_method[0])
    found = []
    for name, broken in zip(grid.methods, by_method, strict=True):
        rows = []
        for level, budget in enumerate(grid.levels):
            hits = int(broken[:, level].sum())
            rows.append(
                {
                    "budget": budget if isinstance(budget, str) else int(budget),
                    "alone": proportion(hits, n),
                    "alone_ci": share_interval(broken[grid.attacked, level], units_of(grid.units, grid.attacked)),
                    "unique": int((broken & (how_many == 1))[:, level].sum()),
                    "added": int((broken & ~before)[:, level].sum()),
                }
            )
        before |= broken
        found.append({"method": name, "n": n, "budgets": rows})
    return found


def fewest_edits(table: pd.DataFrame) -> NDArray[np.float64]:
    """(attacked,) the smallest number of edits of any success on each attacked record; infinity where there is none."""
    grid = Grid(table)
    edits = np.where(grid.success, grid.cube("n_edits").astype(np.float64), np.inf)
    fewest: NDArray[np.float64] = edits.min((0, 2))[grid.attacked]
    return fewest


def minimal_edits(table: pd.DataFrame) -> dict[str, Any]:
    """How few edits break a record: counts, and quantiles over the attacked records.

    Records that were never broken are censored: they need more edits than were tried, or a better attack, and no number
    is made up for them. A quantile is the smallest count that so large a share of all records needs at most; None where
    it lies among the censored. ``median_ci`` holds order statistics (95 %): exact ones of independent records, and of
    clusters those at the ends of the share of records that need no more than the median (Woodruff 1952); its ends may
    be None too.
    """
    grid = Grid(table)
    units = units_of(grid.units, grid.attacked)
    fewest = fewest_edits(table)
    ends = _median_ends(fewest, units)
    fewest = np.sort(fewest)
    n, known = len(fewest), fewest[np.isfinite(fewest)].astype(int)
    return {
        "n": n,
        "median": _ranked(fewest, 0.5),
        "median_ci": None if ends is None else [_at(fewest, end) for end in ends],
        "quantiles": {f"{share:g}": _ranked(fewest, share) for share in QUANTILES},
        "counts": {str(count): int((known == count).sum()) for count in np.unique(known).tolist()},
        "censored": n - len(known),
    }


def _median_ends(fewest: NDArray[np.float64], units: Units) -> tuple[int, int] | None:
    """Places of the ends of the median's interval among n sorted records; None of too few."""
    n = len(fewest)
    if count_units(n, units) < LEAST or n <= LEAST:
        return None
    if units is None:
        return int(binom.ppf(0.025, n, 0.5)) - 1, int(binom.ppf(0.975, n, 0.5))
    # How sure a share of one half is, with these clusters.
    flags = (fewest <= np.sort(fewest)[(n - 1) // 2]).astype(np.float64)
    size, quantile = effective(flags, units, count_units(n, units))
    low, high = wilson_of(0.5, size, abs(quantile))
    return int(np.floor(low * n)) - 1, int(np.ceil(high * n))


def _ranked(ordered: NDArray[np.float64], share: float) -> int | None:
    return _at(ordered, int(np.ceil(share * len(ordered) - 1e-9)) - 1)


def _at(ordered: NDArray[np.float64], index: int) -> int | None:
    if not len(ordered):
        return None
    value = ordered[min(max(index, 0), len(ordered) - 1)]
    return int(value) if np.isfinite(value) else None


def evaluation_metrics(table: pd.DataFrame, task: Task, *, labelled: bool) -> dict[str, Any]:
    """``metrics.json`` of an evaluation, less the diagnosis: the keys of an attack for the worst case, and more.

    For regression, ``mse``, ``r2`` and ``spearman`` are those of the predictions farthest from their targets, shifts
    are absolute (``mean_abs_shift``), and each budget holds the same for the two directions by themselves.
    """
    metrics = attack_metrics(worst_case(table), task, labelled=labelled)
    if labelled and not task_of(task).measured:
        metrics["commonest_class"] = _commonest(table)
    table = without_fixed(table)
    parts = contributions(table)
    if task_of(task).measured:
        _regress(metrics, table, labelled=labelled)
        for part in parts:
            alone = worst_case(table[table["method"] == part["method"]].reset_index(drop=True))
            for row, shift in zip(part["budgets"], _mean_shifts(alone, len(part["budgets"])), strict=True):
                row["mean_abs_shift"] = shift
    return metrics | {"minimal_edits": minimal_edits(table), "contributions": parts}


def _commonest(table: pd.DataFrame) -> dict[str, Any]:
    """The commonest target and its share: the accuracy, under any attack, of giving it as the answer to everything."""
    shares = table.drop_duplicates("id")["target"].value_counts(normalize=True)
    return {"label": str(shares.index[0]), "share": float(shares.iloc[0])} if len(shares) else {}


def _regress(metrics: dict[str, Any], table: pd.DataFrame, *, labelled: bool) -> None:
    directions = list(dict.fromkeys(table["direction"]))
    worst, levels = worst_case(table), len(metrics["budgets"])
    farthest = worst_case(table, by="error") if labelled else worst
    alone = {way: worst_case(table[table["direction"] == way].reset_index(drop=True)) for way in directions}
    shifts = _mean_shifts(worst, levels)
    of_direction = {way: attack_metrics(rows, "regression", labelled=labelled) for way, rows in alone.items()}
    for level, entry in enumerate(metrics["budgets"]):
        entry["mean_abs_shift"] = shifts[level]
        if labelled:
            entry |= fit(worst["target"].iloc[level::levels], farthest.iloc[level::levels]["adversarial_prediction"])
        if len(directions) > 1:
            for key in ("mean_shift", "mean_shift_ci", "random_mean_shift", "shift_over_random", "shift_quantiles"):
                entry.pop(key)
        for way in directions:
            entry[way] = of_direction[way]["budgets"][level]


def with_farthest(worst: pd.DataFrame, table: pd.DataFrame, metrics: Mapping[str, Any]) -> pd.DataFrame:
    """The rows with ``farthest_prediction`` where values are measured and known: what errors under attack are made of.

    The row's own sequence is moved farthest from its clean prediction, which need not be farthest from the truth.
    """
    if not task_of(metrics["task"]).measured or metrics.get("clean_r2") is None:
        return worst
    told: pd.DataFrame = worst.assign(farthest_prediction=worst_case(table, by="error")["adversarial_prediction"])
    return told


def _mean_shifts(rows: pd.DataFrame, levels: int) -> list[float]:
    """Mean absolute shift by budget, of a row per record and budget."""
    shift = (rows["adversarial_prediction"] - rows["clean_prediction"]).abs().to_numpy(np.float64)
    means: list[float] = shift.reshape(-1, levels).mean(0).tolist()
    return means
