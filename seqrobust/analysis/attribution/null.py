"""What an AUROC of annotation is to be judged by: the same regions placed elsewhere on the same importances.

One half is no null. Importances have a pattern along the sequence whatever they mean: a network's edges, its stride, a
few positions that it happens to read; and what all records have in common does not average out. So the labels of each
record are turned round it as on a circle, by the same share of its length in all records, every turn once, and the mean
AUROC over records is computed again (toroidal shifts: Lotwick & Silverman 1982, JRSS B 44:406). The p-value is exact
where the placement of regions has nothing to do with the model. With T turns none below 2 / T can come out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

TURNS = 500
"""Turns at most, that of nothing among them."""
_ROUNDING = 1e-9


def turned_areas(
    strength: NDArray[np.float64], inside: NDArray[np.bool_], kept: NDArray[np.bool_], turns: int
) -> NDArray[np.float64]:
    """(T,) AUROC of one record under every turn of its labels, the real placement first; NaN where undefined.

    Args:
        strength, inside: (L,) absolute importances, and functional positions, of the record's own length.
        kept: (L,) positions compared.
        turns: T.
    """
    length = len(strength)
    columns = (np.arange(length) - (np.arange(turns) * length // turns)[:, None]) % length
    member = inside[columns][:, kept]
    ranks, total = rankdata(strength[kept]), int(kept.sum())
    n = member.sum(1)
    sums = member @ ranks
    with np.errstate(invalid="ignore", divide="ignore"):
        areas: NDArray[np.float64] = (sums - n * (n + 1) / 2) / (n * (total - n))
    areas[(n == 0) | (n == total)] = np.nan
    return areas


def placement_null(areas: NDArray[np.float64]) -> dict[str, Any]:
    """What (T, N) areas under every turn, the real placement first, come to.

    Returns:
        ``mean`` and 95 % ``range`` of the mean area over turns, ``p_value`` (the smaller tail, the real placement
        counted, doubled), and ``least``, the smallest that can come out; None of nothing.
    """
    known = areas[:, np.isfinite(areas[0])]
    if not known.shape[1]:
        return {"mean": None, "range": None, "p_value": None, "least": None}
    there = np.isfinite(known)
    count = there.sum(1)
    means = np.where(count > 0, np.where(there, known, 0).sum(1) / np.maximum(count, 1), 0.5)
    above, below = (means >= means[0] - _ROUNDING).mean(), (means <= means[0] + _ROUNDING).mean()
    return {
        "mean": float(means.mean()),
        "range": [float(end) for end in np.quantile(means, [0.025, 0.975])],
        "p_value": min(1.0, 2 * float(min(above, below))),
        "least": min(1.0, 2 / len(means)),
    }
