"""How well another record's importances find a record's own annotation.

A method that prefers the same places in every record finds regions that lie at the same places, whatever the letters
say. What it reads of a record shows in how much better that record's own importances rank its functional positions than
importances of other records do, position by position. Records of one length are compared; the difference is judged
record by record, over independent units.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from seqrobust.statistics import Units, mean_of, paired

MOST_RECORDS = 100
"""Records that are compared with one another."""


def comparable_records(lengths: NDArray[np.int64], functional: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Numbers of the records that are looked at: of the commonest length, with annotation, spread over all."""
    annotated = functional.any(1)
    if not annotated.any():
        return np.zeros(0, np.int64)
    values, counts = np.unique(lengths[annotated], return_counts=True)
    rows = np.flatnonzero(annotated & (lengths == values[counts.argmax()]))
    step = max(-(-len(rows) // MOST_RECORDS), 1)
    return np.asarray(rows[::step], np.int64)


def others_null(
    importance: NDArray[np.float32], inside: NDArray[np.bool_], kept: NDArray[np.bool_], units: Units
) -> dict[str, Any]:
    """What (R, L) importances of R records say of each other's (R, L) functional positions.

    Args:
        importance: of each record; its size counts.
        inside, kept: functional positions, and those compared.
        units: (R,) clusters; importances of a record's own cluster are none of another's.

    Returns:
        ``records``, ``mean`` AUROC of other records' importances, and of the record's own less that ``difference``,
        ``difference_ci`` and ``p_value``; None of fewer than two units.
    """
    strength = np.abs(importance).astype(np.float64)
    place = np.arange(len(strength)) if units is None else np.asarray(units)
    own, others = np.full(len(strength), np.nan), np.full(len(strength), np.nan)
    for row, (mask, member) in enumerate(zip(kept, inside, strict=True)):
        apart = place != place[row]
        known = mask & np.isfinite(strength[row])
        n, total = int((member & known).sum()), int(known.sum())
        if not 0 < n < total or not apart.any():
            continue
        ranks = rankdata(np.nan_to_num(strength[:, known]), axis=1)
        areas = (ranks[:, member[known]].sum(1) - n * (n + 1) / 2) / (n * (total - n))
        own[row], others[row] = areas[row], areas[apart].mean()
    found = paired(own, others, units)
    return {
        "records": found.n,
        "mean": mean_of(others),
        "difference": found.difference,
        "difference_ci": found.interval,
        "p_value": found.test.p_value if found.n else None,
    }
