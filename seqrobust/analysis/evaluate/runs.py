"""The runs of an evaluation: every method alone on all records, each finished shard kept in the folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from seqrobust.alphabet import Alphabet
from seqrobust.analysis.evaluate.claims import Method
from seqrobust.analysis.evaluate.settings import EvaluateSettings
from seqrobust.analysis.evaluate.transfer import Surrogate, transfer_shards
from seqrobust.analysis.robustness import outdone_by_random
from seqrobust.analysis.room import Work
from seqrobust.analysis.rows_sent import ROWS_SENT, joined
from seqrobust.analysis.shards import run_shards
from seqrobust.analysis.shifts import BEST, SIZE
from seqrobust.attacks import Problem, Scores, attacks_for, attacks_named, blind
from seqrobust.attacks.settings import AttackSettings
from seqrobust.attacks.stating import attack_problem
from seqrobust.errors import ModelError
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.tasks import task_of

NO_GRADIENT = "the model passes no gradient to its input"
"""Why a method that follows nothing else is not run."""

RUN_PARTS = f"parts/run-{2 * '[0-9]'}-{5 * '[0-9]'}.parquet"
"""Finished shards of an evaluation, and no file of the user's own."""


def evaluation_problems(
    predictor: Predictor, sequences: SequenceSet, targets: Targets | None, settings: AttackSettings, *, seed: int
) -> dict[str, Problem]:
    """The problem by direction: a regression goes ``up`` and ``down`` unless the goal says which; else there is one,
    without a name. Raises InputError as :func:`~seqrobust.attacks.stating.attack_problem` does.
    """
    if not task_of(predictor.task).measured:
        return {"": attack_problem(predictor, sequences, targets, settings, seed=seed)}
    if settings.goal != "auto":
        return {settings.goal: attack_problem(predictor, sequences, targets, settings, seed=seed)}
    up, down = (replace(settings, goal="up"), replace(settings, goal="down"))
    return {
        "up": attack_problem(predictor, sequences, targets, up, seed=seed),
        "down": attack_problem(predictor, sequences, targets, down, seed=seed),
    }


@dataclass(frozen=True, kw_only=True, eq=False)
class MethodRuns:
    """What is run, and where it is kept.

    Attributes:
        problems: by direction.
        settings: name the methods.
        surrogates: other models whose sequences are shown to this one, each a method of its own.
        work: keeps finished shards, and hears of them.
        scores: answers for neighbours.
    """

    problems: Mapping[str, Problem]
    settings: EvaluateSettings
    work: Work
    scores: Scores
    surrogates: tuple[Surrogate, ...] = ()

    @property
    def methods(self) -> list[Method]:
        """All that are tried."""
        return [*self.settings.chosen, *(surrogate.method for surrogate in self.surrogates)]

    def table(self) -> tuple[pd.DataFrame, dict[str, str]]:
        """Rows of all methods (see :class:`~seqrobust.analysis.evaluate.worst_case.Grid`), and why some failed.

        A method whose model gives it no gradient fails; raises that ModelError if no method is left.
        """
        methods = self.methods
        count = len(next(iter(self.problems.values())).sequences)
        self.work.progress.start("evaluate", count * len(self.problems) * (len(methods) + 1))
        tables, controls, number = [], [], 0
        failed: dict[str, str] = {}
        for direction, problem in self.problems.items():
            # A run of no attack holds the random control, which is the same beside every method.
            control = self._run(problem, (), number)
            controls.append(control)
            for method in methods:
                number += 1
                if problem.predictor.gradientless and method.attacks and blind(attacks_named(method.attacks)):
                    failed[method.name] = NO_GRADIENT
                    self.work.progress.say(f"{method.name} is left out: {NO_GRADIENT}")
                    continue
                try:
                    found = self._method(problem, direction, method, number)
                except ModelError as error:
                    failed[method.name] = _excuse(method, error, last=len(failed) + 1 == len(methods))
                    self.work.progress.say(f"{method.name} is left out: {failed[method.name]}")
                    continue
                tables.append(_labelled(found, control, method.name, direction))
            number += 1
        if not tables:
            raise ModelError(NO_GRADIENT, found=", ".join(failed), fix="name methods that need none (greedy_all)")
        table = joined(tables)
        if ROWS_SENT in table.attrs:
            table.attrs[ROWS_SENT] += sum(part.attrs.get(ROWS_SENT, 0) for part in controls)
        table = table[~table["method"].isin(list(failed))].reset_index(drop=True)
        return table.assign(spent=_spent(table, problem)), failed

    def _method(self, problem: Problem, direction: str, method: Method, number: int) -> pd.DataFrame:
        surrogate = next((one for one in self.surrogates if one.method.name == method.name), None)
        if surrogate is None:
            return self._run(replace(problem, control_draws=0), method.asked or method.attacks, number)
        return transfer_shards(
            problem,
            surrogate.problems[direction],
            method.name,
            partial(self._part, number),
            self.work.progress,
            before=number * len(problem.sequences),
        )

    def _run(self, problem: Problem, attacks: tuple[str, ...], number: int) -> pd.DataFrame:
        return run_shards(
            problem,
            attacks_for(problem.predictor, attacks) if attacks else (),
            partial(self._part, number),
            self.work.progress,
            self.scores,
            before=number * len(problem.sequences),
        )

    def _part(self, number: int, shard: int) -> Path:
        return self.work.parts / f"run-{number:02d}-{shard:05d}.parquet"


def _excuse(method: Method, error: ModelError, *, last: bool) -> str:
    """Why a method failed, in a line; the error itself goes on if that is no matter of gradients."""
    if method.access != "gradients" or last or "gradient" not in error.problem:
        raise error
    return error.problem + (f" ({error.found})" if error.found else "")


def _labelled(found: pd.DataFrame, control: pd.DataFrame, method: str, direction: str) -> pd.DataFrame:
    drawn = ("random_success", "random_score", "random_objective", SIZE, BEST)
    shared = {name: control[name] for name in drawn if name in control}
    labelled: pd.DataFrame = found.assign(**shared, method=method, direction=direction)
    if "random_objective" in shared:
        values = (labelled[name].to_numpy(np.float64) for name in ("objective", "random_success", "random_objective"))
        success = labelled["success"].fillna(value=False).to_numpy(bool)
        ahead = outdone_by_random(success, *values, goes_on=bool(direction))
        labelled["control_ahead"] = ahead & labelled["success"].notna().to_numpy()
    return labelled


def _spent(table: pd.DataFrame, problem: Problem) -> pd.Series | float:
    """What each row's edits cost, in the budget's units; NaN where those are units of a record's own."""
    alphabet = problem.sequences.alphabet
    costs = problem.threat.costs(alphabet)
    paid = costs[np.isfinite(costs) & (costs > 0)]
    if (paid == 1).all():
        return table["n_edits"].astype(float)
    if problem.budgets[0].percent:
        return float("nan")
    return table["edits"].map(partial(_cost, costs=costs, alphabet=alphabet)).astype(float)


def _cost(edits: str, *, costs: np.ndarray, alphabet: Alphabet) -> float:
    pairs = [(edit[0], edit[-1]) for edit in edits.split(";") if edit]
    return float(sum(costs[alphabet.letters.index(old), alphabet.letters.index(new)] for old, new in pairs))
