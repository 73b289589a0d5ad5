"""The diagnosis of masked gradients from end to end: what the methods' results say, and what the model says itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.analysis import masking
from seqrobust.analysis.evaluate import probes
from seqrobust.analysis.evaluate.claims import Method
from seqrobust.analysis.evaluate.worst_case import Grid
from seqrobust.analysis.masking import Evidence
from seqrobust.attacks import Exhaustive, Problem, Scores
from seqrobust.errors import ModelError
from seqrobust.statistics import Units, units_of
from seqrobust.tasks import task_of

FARTHER = 1.25
"""In a regression, a shift so many times another is the larger one. What scores every single edit is a tenth ahead
of a shortlist by gradients on some records of any model, with nothing hidden."""

NEARLY = 0.95
"""In a regression, a shift of that share of the largest known is as good."""


def from_results(table: pd.DataFrame, methods: Sequence[Method]) -> list[Evidence]:
    """What the methods' results say, compared record by record.

    Args:
        table: see :class:`~seqrobust.analysis.evaluate.worst_case.Grid`.
        methods: those in the table.
    """
    grid = Grid(table)
    seeing = [method.name for method in methods if method.by_gradients]
    steps = [name for name in seeing if not _is_one_step(name, methods)]

    def against(check: str, chosen: Sequence[str], champions: Sequence[str], words: tuple[str, str]) -> Evidence:
        duels = {name: _duel(grid, name, champions) for name in chosen} if champions else {}
        return masking.outdone(check, duels, grid.levels, words, _units(grid))

    blind = [method.name for method in methods if method.access != "gradients" and not method.is_random]
    drawn = [method.name for method in methods if method.is_random]
    first = [name for name in seeing if name not in steps]
    white = "all methods that go by gradients together"
    flat = _flat(grid)
    return [
        *([] if flat is None else [flat]),
        against("black_box_beats_white_box", blind, seeing, ("black-box method", white)),
        against("random_beats_gradient", drawn, seeing, ("random method", white)),
        against("one_step_beats_iterative", first, steps, ("one-step method", "all iterative ones together")),
        masking.falling(grid.success[:, grid.attacked]),
    ]


def _flat(grid: Grid) -> Evidence | None:
    """Plateaus, as far as any method scored single edits; None for a table that does not say."""
    if "flat" not in grid.table or "exact" not in grid.table:
        return None
    flat = grid.cube("flat").astype(np.float64).max((0, 2))[grid.attacked]
    exact = grid.cube("exact").astype(bool)[:, :, -1].any(0) | grid.broken_by(grid.methods)[:, -1]
    return masking.plateaus(flat, exact[grid.attacked])


def _is_one_step(name: str, methods: Sequence[Method]) -> bool:
    return any(method.name == name and method.attacks == ("one_step",) for method in methods)


def _units(grid: Grid) -> Units:
    """Which rows of a duel belong together: records of a cluster, and in regression both directions of a record."""
    own = units_of(grid.units, grid.attacked)
    ways = len({way for _, way in grid.runs})
    if ways < 2:
        return own
    return np.tile(np.arange(int(grid.attacked.sum())) if own is None else own, ways)


def _duel(grid: Grid, name: str, champions: Sequence[str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(n, B) where a method succeeds, and where the others do; in regression, where either shifts a quarter farther."""
    if not grid.runs[0][1]:
        return grid.broken_by([name])[grid.attacked], grid.broken_by(champions)[grid.attacked]
    ways = list(dict.fromkeys(way for _, way in grid.runs))
    mine, theirs = (
        np.concatenate([grid.reach(names, way)[grid.attacked] for way in ways]) for names in ([name], champions)
    )
    return mine > FARTHER * np.maximum(theirs, 0), theirs > FARTHER * np.maximum(mine, 0)


def from_model(
    problem: Problem,
    table: pd.DataFrame,
    methods: Sequence[Method],
    scores: Scores,
    *,
    records: int,
    progress: Callable[[float], None],
) -> list[Evidence]:
    """What the model says when asked directly, about a sample of the attacked records.

    Args:
        problem: one goal.
        table: of the methods, in that goal's direction.
        methods: those in the table.
        scores: answers for neighbours.
        records: most that are asked about.
        progress: called with the finished share.
    """
    grid = Grid(table)
    rows = sample_rows(grid.attacked, records)
    if not len(rows):
        return []
    evidence = [_exhaustive(problem, grid)] if not problem.predictor.stochastic else []
    sample = probes.Sample(problem, rows)
    asked = probes.repeated(sample)
    evidence += [masking.randomness(asked.spread, asked.size, asked.lead, asked.flips, draws=problem.predictor.draws)]
    if not task_of(problem.predictor.task).measured:
        evidence.append(masking.saturation(asked.lead, probabilities=problem.plain.predictor.saturates))
    progress(0.05)
    try:
        slopes = probes.slopes(sample, scores)
    except ModelError as error:
        return [*evidence, masking.no_gradient(error.problem, len(rows))]
    possible = _possible(grid, rows, slopes)
    evidence += [masking.vanishing(slopes.steepness, slopes.moves | possible), masking.ranks(slopes.correlation)]
    progress(0.1)
    seeing = [method.name for method in methods if method.by_gradients]
    if seeing:
        evidence.append(masking.standing_still(_gained(grid, seeing)[rows], slopes.size, possible))
    attack = probes.broken_without_bounds(sample, lambda share: progress(0.1 + 0.4 * share))
    attack |= grid.broken_by(seeing)[rows, -1]
    evidence.append(masking.unbounded(attack, probes.broken_by_writing_over(sample), possible))
    evidence.append(_convergence(sample, grid, seeing or grid.methods, lambda share: progress(0.5 + 0.5 * share)))
    return evidence


_CHECKED = 16
"""Records that stand of which every sequence is scored."""
_MEMBERS = 20_000
"""Sequences within a budget of one record that are few enough for that."""


def _exhaustive(problem: Problem, grid: Grid) -> Evidence:
    """The search checked at its largest budget of two or less: every sequence of some records that stand is scored."""
    small = [level for level, budget in enumerate(problem.budgets) if not budget.percent and 0 < budget.amount <= 2]
    way = grid.runs[0][1]
    if not small or way:
        return masking.missed(np.zeros(0, bool), "2", 0)
    level = small[-1]
    standing = np.flatnonzero(grid.attacked & ~grid.broken_by(grid.methods)[:, level])
    rows = standing[np.unique(np.linspace(0, len(standing) - 1, min(len(standing), _CHECKED)).astype(np.int64))]
    if not len(standing):
        return masking.missed(np.zeros(0, bool), str(problem.budgets[level]), 0)
    search = Exhaustive(limit=_MEMBERS)
    bound = replace(problem.threat, budget=problem.budgets[level]).bind(problem.sequences.take(rows))
    rows = rows[search.covers(bound).cpu().numpy()]
    unknown = rows
    if "exact" in grid.table:
        known: NDArray[np.bool_] = np.any(grid.cube("exact").astype(bool)[:, :, level], axis=0)
        unknown = rows[~known[rows]]
    found = np.zeros(len(rows), bool)
    if len(unknown):
        one = replace(problem, budgets=(problem.budgets[level],), control_draws=0)
        found[np.isin(rows, unknown)] = probes.found_at(one, (search,), unknown).reached
    return masking.missed(found, str(problem.budgets[level]), len(standing) - len(rows) if not len(rows) else 0)


def _possible(grid: Grid, rows: NDArray[np.int64], slopes: probes.Slopes) -> NDArray[np.bool_]:
    """(n,) whether anything that was tried within the largest budget raises the objective: any method, or one edit.

    What can be done with every letter free says nothing of a budget within which nothing can: there a model that does
    not move is robust, and no gradient is hidden.
    """
    gained = _gained(grid, grid.methods)[rows] > masking.STILL * np.maximum(slopes.size, 1e-12)
    one = grid.cube("budget")[0, rows, -1].astype(np.float64) >= 1
    possible: NDArray[np.bool_] = grid.broken_by(grid.methods)[rows, -1] | gained | (slopes.lifts & one)
    return possible


def sample_rows(attacked: NDArray[np.bool_], most: int) -> NDArray[np.int64]:
    """Up to so many attacked records, from all over the set."""
    rows = np.flatnonzero(attacked)
    return rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), most)).astype(np.int64))] if len(rows) else rows


def _gained(grid: Grid, names: Sequence[str]) -> NDArray[np.float64]:
    """(N,) how much the best of those methods raised the objective by the largest budget."""
    harm = grid.harm[[name in names for name, _ in grid.runs]]
    clean = grid.cube("clean_score")[0, :, 0].astype(np.float64) if not grid.runs[0][1] else 0.0
    most = harm.max((0, 2))
    with np.errstate(invalid="ignore"):
        # What was infinite and stays so has not risen.
        gained: NDArray[np.float64] = np.where(most == -clean, 0.0, most + clean)
    return gained


def _convergence(
    sample: probes.Sample, grid: Grid, seeing: Sequence[str], progress: Callable[[float], None]
) -> Evidence:
    """At the budget at which about half of the records are broken: there, effort shows.

    In a regression, a setting succeeds where it shifts the value nearly as far as anything that was tried.
    """
    level = int(np.abs(grid.broken_by(grid.methods)[grid.attacked].mean(0) - 0.5).argmin())
    tried = probes.by_effort(sample, sample.problem.budgets[level], progress)
    if way := grid.runs[0][1]:
        far = {"": grid.reach(grid.methods, way), "seeing": grid.reach(seeing, way)}
        reach = {name: values[sample.rows, level] for name, values in far.items()}
        best = np.max([reach[""], *(one.value for one in tried.values())], axis=0)
        success = {name: one.value >= NEARLY * best for name, one in tried.items()}
        found, seen = reach[""] >= NEARLY * best, reach["seeing"] >= NEARLY * best
    else:
        success = {name: one.reached for name, one in tried.items()}
        found, seen = (grid.broken_by(names)[sample.rows, level] for names in (grid.methods, seeing))
    more = [probes.effort(probes.STEPS[-1], 0), probes.effort(probes.USUAL_STEPS, probes.RESTARTS[-1])]
    evidence = masking.convergence(success, more, seen, found)
    return replace(evidence, values={"budget": str(sample.problem.budgets[level]), **evidence.values})
