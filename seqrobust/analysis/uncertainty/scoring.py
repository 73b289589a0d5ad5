"""Uncertainties and scores of a panel's columns: as numbers of a table, and as detectors."""

from __future__ import annotations

from functools import partial

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from seqrobust.analysis.uncertainty.goals import Suspicion
from seqrobust.analysis.uncertainty.measures import (
    confidence,
    confidence_score,
    disagreement_score,
    entropy_score,
    logit_variance,
    mutual_information,
    predictive_entropy,
)
from seqrobust.analysis.uncertainty.members import Panel
from seqrobust.tasks import task_of


def detectors(panel: Panel) -> dict[str, Suspicion]:
    """Every score of a panel by name, large where a record is suspicious."""
    found: dict[str, Suspicion] = {}
    measured = task_of(panel.task).measured
    if not measured:
        found["max probability"] = lambda columns: confidence_score(panel.each(columns), panel.task)
        found["entropy"] = lambda columns: entropy_score(panel.each(columns), panel.task)
    if panel.members > 1:
        name = "variance" if measured else "mutual information"
        found[name] = lambda columns: disagreement_score(panel.each(columns), panel.task)
    for name in panel.scores:
        found[name] = partial(_own_score, panel, name)
    return found


def _own_score(panel: Panel, name: str, columns: Tensor) -> Tensor:
    return panel.score(columns, name)


def measured(panel: Panel, columns: Tensor) -> dict[str, NDArray[np.float64]]:
    """Uncertainties of (M, columns), in nats or units squared, and the panel's scores."""
    each = panel.each(columns)
    found: dict[str, Tensor] = {"logit_variance": logit_variance(each)}
    if not task_of(panel.task).measured:
        found |= {
            "max_probability": confidence(each, panel.task),
            "entropy": predictive_entropy(each, panel.task),
            "mutual_information": mutual_information(each, panel.task),
        }
    found |= {name: panel.score(columns, name) for name in panel.scores}
    return {name: value.double().cpu().numpy() for name, value in found.items()}


def values_of(score: Suspicion, columns: Tensor) -> NDArray[np.float64]:
    """A score as numbers."""
    value: NDArray[np.float64] = score(columns).double().cpu().numpy()
    return value
