"""A decision threshold chosen on records that training did not see, by balanced accuracy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FEWEST = 5
"""Records of either class below which a threshold chosen on them is luck."""


def best_threshold(present: NDArray[np.bool_], logits: NDArray[Any]) -> float | None:
    """The probability from which on calling positive has the best balanced accuracy; None of few records.

    Halfway between two records' probabilities on the logit scale; of equally good ones that nearest to one half.

    >>> best_threshold(np.arange(20) >= 10, np.arange(20.0) - 12.5).__round__(3)
    0.047
    """
    truth, scores = np.asarray(present, bool), np.asarray(logits, np.float64)
    if min(truth.sum(), (~truth).sum()) < FEWEST or not np.isfinite(scores).all():
        return None
    order = np.argsort(scores)
    values = scores[order]
    between = np.concatenate([[values[0] - 1.0], (values[1:] + values[:-1]) / 2, [values[-1] + 1.0]])
    below = np.concatenate([[0], np.cumsum(truth[order])])
    missed = below / truth.sum()
    spared = (np.arange(len(values) + 1) - below) / (~truth).sum()
    score = (1 - missed) + spared
    # Between equal scores there is no threshold.
    apart = np.concatenate([[True], values[1:] > values[:-1], [True]])
    best = np.flatnonzero(apart & (score >= score[apart].max() - 1e-12))
    chosen = between[best[np.abs(between[best]).argmin()]]
    return float(1 / (1 + np.exp(-chosen)))
