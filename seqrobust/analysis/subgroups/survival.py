"""How many edits break a record, where some were never broken: the product-limit estimate and its median.

A record that no budget broke is censored at the largest one tried: it needs more edits than that, or a better attack.
Kaplan and Meier (1958) estimate the share that withstands each number of edits without making up a number for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_DRAWS = 1000


@dataclass(frozen=True, kw_only=True)
class Median:
    """The median number of edits with its 95 % interval; None where it lies beyond what was tried.

    Attributes:
        value: smallest number that breaks at least half.
        low, high: percentile bootstrap over records; None for an end beyond the largest budget.
        n: records.
        censored: share of the observations that were never broken.
    """

    value: float | None
    low: float | None
    high: float | None
    n: int
    censored: float


def product_limit(
    times: NDArray[np.float64], broken: NDArray[np.bool_], weights: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Kaplan and Meier's estimate (1958, equation 2).

    Args:
        times: (n,) edits that broke a record, or those it withstood.
        broken: (n,) which of the two.
        weights: (draws, n) how often each record counts; None for once each.

    Returns:
        (T,) distinct times at which something broke, ascending, and (draws, T) the share that withstands them. Without
        weights one draw.

    >>> times, alive = product_limit(np.array([1.0, 2.0, 2.0]), np.array([True, True, False]))
    >>> alive.round(3).tolist()
    [[0.667, 0.333]]
    """
    counts = np.ones((1, len(times))) if weights is None else weights
    levels = np.unique(times[broken])
    events = counts @ ((times[:, None] == levels) & broken[:, None])
    at_risk = counts @ (times[:, None] >= levels)
    with np.errstate(invalid="ignore", divide="ignore"):
        kept: NDArray[np.float64] = np.where(at_risk > 0, 1 - events / at_risk, 1.0)
    alive: NDArray[np.float64] = np.multiply.accumulate(kept, axis=1)
    return levels, alive


def median_edits(
    times: NDArray[np.float64], broken: NDArray[np.bool_], owner: NDArray[np.int64], *, seed: int = 0
) -> Median:
    """The median of :func:`product_limit`.

    Args:
        times, broken: as there.
        owner: (n,) the record of each observation: several attacks of one record are drawn together.
        seed: of the bootstrap.
    """
    records, index = np.unique(owner, return_inverse=True)
    n = len(records)
    if not n:
        return Median(value=None, low=None, high=None, n=0, censored=float("nan"))
    drawn = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=_DRAWS).astype(np.float64)
    levels, alive = product_limit(times, broken, np.vstack([np.ones(n), drawn])[:, index])
    below = alive <= 0.5 + 1e-12
    padded = np.append(levels, np.inf)
    medians = padded[np.where(below.any(1), below.argmax(1), len(levels))] if len(levels) else np.full(1001, np.inf)
    low, high = np.quantile(medians[1:], [0.025, 0.975], method="inverted_cdf")
    return Median(
        value=_finite(medians[0]), low=_finite(low), high=_finite(high), n=n, censored=float(1 - broken.mean())
    )


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
