"""Larger budgets are never worse: what was reached stays reached, and no row is further from its goal than before."""

from __future__ import annotations

import numpy as np

from seqrobust.analysis.audit.attacked_table import AttackTable
from seqrobust.analysis.audit.outcome import Outcome, faults_of, not_checked


def nested(table: AttackTable) -> Outcome:
    """Success, and where nothing is reached the objective, do not fall from one budget to the next."""
    name, what = "larger budgets never worse", "success and objective at each budget against the budget below"
    if table.predictor.stochastic:
        return not_checked(name, what, "the model is random, and each row is judged on draws of its own")
    shape = (-1, table.levels)
    success = table.success.reshape(shape)
    worse = success[:, :-1] & ~success[:, 1:]
    if not table.joined and "objective" in table.results:
        objective = table.results["objective"].to_numpy(np.float64).reshape(shape)
        slack = table.predictor.rounding * _size(table).reshape(shape)[:, 1:]
        fell = objective[:, 1:] < objective[:, :-1] - slack
        worse |= fell & ~success[:, 1:] & table.attacked.reshape(shape)[:, 1:]
    rows = [record * table.levels + level + 1 for record, level in np.argwhere(worse).tolist()]
    faults = [f"{table.called(row)}: worse for the adversary than a smaller budget" for row in rows]
    return faults_of(name, what, len(table.results), faults)


def _size(table: AttackTable) -> np.ndarray:
    """(rows,) of the numbers that an objective is made of, as far as the table shows them: the largest of any row."""
    shown = [table.results[name].to_numpy(np.float64) for name in ("clean_score", "adversarial_score", "objective")]
    finite = [values[np.isfinite(values)] for values in shown]
    largest = max((float(np.abs(values).max()) for values in finite if len(values)), default=0.0)
    return np.full(len(table.results), largest)
