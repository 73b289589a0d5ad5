"""Whether probabilities mean what they say: log loss, Brier score, calibration error and its reliability diagram.

The expected calibration error (Naeini, Cooper & Hauskrecht 2015; Guo et al. 2017) compares, bin by bin, how sure
answers are with how often they are right. Bins hold as many answers each. It is never 0 of finitely many records,
however well a model is calibrated, so it stands beside what it would be if answers were drawn from the model's own
probabilities (consistency resampling, Broecker & Smith 2007), and the p-value says how often that is as large.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.analysis.uncertainty.attacking import Study
from seqrobust.analysis.uncertainty.materials import Materials
from seqrobust.analysis.uncertainty.measures import mean_log_probabilities
from seqrobust.statistics import Units, mean_interval, share_interval
from seqrobust.tasks import task_of

Floats = NDArray[np.float64]
BINS = 10
"""Bins of a reliability diagram; fewer where there are fewer than :data:`_LEAST_IN_BIN` answers for each."""
_LEAST_IN_BIN = 5
_DRAWS = 999


def calibration(study: Study, has: Materials) -> dict[str, Any] | None:
    """Of natural, randomly edited and attacked records; None where nothing is true of them, or values are predicted."""
    if task_of(study.task).measured or study.sequences.targets is None:
        return None
    kinds = {"clean": has.clean}
    for level, budget in enumerate(study.budgets):
        kinds[f"random edits, {budget}"] = has.control[:, level]
        kinds[f"attacked, {budget}"] = has.attacked[:, level]
    return {name: _of_columns(study, columns) for name, columns in kinds.items()}


def _of_columns(study: Study, columns: Tensor) -> dict[str, Any]:
    logs = mean_log_probabilities(study.panel.each(columns), study.task).cpu()
    truth = np.asarray(study.targets.values).astype(np.int64).reshape(len(logs), -1)
    return calibration_numbers(logs.numpy(), truth, study.sequences.units, seed=study.seed)


def calibration_numbers(
    logs: Floats, truth: NDArray[np.int64], units: Units = None, *, seed: int = 0
) -> dict[str, Any]:
    """The numbers of one kind of records.

    Args:
        logs: (N, T, S) log-probabilities of S states of T answers.
        truth: (N, T) the states that are true.
        units: (N,) clusters of records.
        seed: of the answers that are drawn.

    ``nll`` and ``brier`` are means over records, the first summed over a record's answers, the second averaged.
    """
    shares = np.exp(logs)
    own = np.take_along_axis(logs, truth[..., None], 2)[..., 0]
    wanted = np.arange(logs.shape[2]) == truth[..., None]
    losses, squares = -own.sum(1), ((shares - wanted) ** 2).sum(2).mean(1)
    sure, answer = shares.max(2), shares.argmax(2)
    right = (answer == truth).astype(np.float64)
    bins = _bins(sure.ravel())
    found = _error(sure.ravel(), right.ravel(), bins)
    rng = np.random.default_rng(seed)
    drawn = np.array([_error(sure.ravel(), (rng.random(sure.size) < sure.ravel()) * 1.0, bins) for _ in range(_DRAWS)])
    return {
        "n": len(logs),
        "nll": float(losses.mean()),
        "nll_ci": mean_interval(losses, units),
        "brier": float(squares.mean()),
        "brier_ci": mean_interval(squares, units, (0, 2)),
        "ece": found,
        "ece_if_calibrated": float(drawn.mean()),
        "ece_if_calibrated_range": [float(end) for end in np.quantile(drawn, [0.025, 0.975])],
        "ece_p_value": None if units is not None else float((1 + (drawn >= found - 1e-12).sum()) / (1 + _DRAWS)),
        "confidence": float(sure.mean()),
        "accuracy": float(right.mean()),
        "bins": _diagram(sure, right, bins, units),
    }


def _bins(sure: Floats) -> NDArray[np.int64]:
    """(M,) bin of each answer by its rank; answers that are equally sure share one."""
    count = max(min(BINS, len(sure) // _LEAST_IN_BIN), 1)
    edges = np.quantile(sure, np.arange(1, count) / count)
    return np.asarray(np.searchsorted(np.unique(edges), sure, side="left"), np.int64)


def _error(sure: Floats, right: Floats, bins: NDArray[np.int64]) -> float:
    """Mean over answers of how far their bin's confidence lies from its accuracy."""
    return float(np.abs(np.bincount(bins, sure - right)).sum() / len(sure))


def _diagram(sure: Floats, right: Floats, bins: NDArray[np.int64], units: Units) -> list[dict[str, Any]]:
    """A point for each bin: how sure, how often right, with its interval."""
    answers = sure.shape[1]
    owners = np.repeat(np.arange(len(sure)) if units is None else units, answers)
    rows = []
    for one in np.unique(bins):
        inside = bins == one
        hits = right.ravel()[inside]
        # Several labels of one record are no independent answers.
        alone = units is None and answers == 1
        ends = share_interval(hits, None if alone else owners[inside])
        confidence = float(sure.ravel()[inside].mean())
        rows.append(
            {"n": int(inside.sum()), "confidence": confidence, "accuracy": float(hits.mean()), "accuracy_ci": ends}
        )
    return rows


def calibration_statement(found: dict[str, Any]) -> str:
    """What natural records say, in a sentence."""
    one = found["clean"]
    error = f"expected calibration error {one['ece']:.3f}, {one['ece_if_calibrated']:.3f} if calibrated"
    if one["ece_p_value"] is None:
        return f"{error}; records come in clusters, so that no p-value is given"
    if one["ece_p_value"] > 0.05:
        high = one["ece_if_calibrated_range"][1]
        told = f"{error} (p = {one['ece_p_value']:.2g}): not told from calibrated"
        return f"{told}; an error above {high:.3f} would have been"
    side = "more" if one["confidence"] > one["accuracy"] else "less"
    return f"{error} (p = {one['ece_p_value']:.2g}): the model is {side} sure of its answers than it is right"
