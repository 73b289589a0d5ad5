"""How far methods agree with one another: rank correlations of what they say of the same record."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from seqrobust.statistics import Units, mean_interval, mean_of


def rank_correlations(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N,) Spearman correlations of absolute importances (N, L) over the positions of each record.

    NaN for a record where fewer than two positions are known, or all are equally important to either method.
    """
    return np.array([_spearman(*pair) for pair in zip(np.abs(one), np.abs(other), strict=True)], np.float64)


def _spearman(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    kept = np.isfinite(one) & np.isfinite(other)
    ranks = [rankdata(values[kept]) for values in (one, other)]
    centred = [rank - rank.mean() if len(rank) else rank for rank in ranks]
    scale = float(np.sqrt((centred[0] ** 2).sum() * (centred[1] ** 2).sum()))
    return float((centred[0] * centred[1]).sum()) / scale if scale > 0 else np.nan


def pair_metrics(correlations: NDArray[np.float64], units: Units = None) -> dict[str, Any]:
    """Mean correlation over records (N,), with its interval over units."""
    return {
        "spearman": mean_of(correlations),
        "spearman_ci": mean_interval(correlations, units, (-1, 1)),
        "records": int(np.isfinite(correlations).sum()),
    }
