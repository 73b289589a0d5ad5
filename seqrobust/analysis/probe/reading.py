"""What a model reads, in one word: from the exact effects of single edits, the placement null and paired flips.

A score of 0 or 1 needs no test: it says that not one single edit outside, or inside, functional positions moves the
decision. That alone does not say that nothing is read there: of two copies either may be lost unnoticed. So neither is
said where an attack with more letters got anywhere on that side. In between, the score is judged by the same regions
placed elsewhere, the smaller tail doubled, and blindness by flips of the same records inside functional positions and
at as many positions outside.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.analysis.clusters import units_in
from seqrobust.statistics import paired, sign_flips

Word = Literal[
    "function alone",
    "ignores function",
    "looks at function",
    "looks away from function",
    "not told apart",
    "cannot be told",
    "no single edit moves it",
    "not measured",
]
LEVEL = 0.05
ALONE = 0.01
"""Share of the decision that may lie on the other side of one that is read alone."""
MOST = 0.9
"""Share of all effects that the positions which matter hold."""
_STEEP, _LEAST_HALF = 3.0, 10
_OUTSIDE = 0.8
"""Share of a window that lies outside: of a few positions beside functional ones the mean is large by chance."""


@dataclass(frozen=True, kw_only=True)
class Moved:
    """Whether attacks at the largest budget got anywhere, by where they might edit."""

    inside: bool = False
    outside: bool = False


def reading_word(reliance: dict[str, Any], moved: Moved, *, measured: bool = True) -> Word:
    """From a score, its two tails and the smallest p-value that placements elsewhere allow.

    Args:
        reliance: the score and what it is judged by.
        moved: what attacks with more than one letter did.
        measured: whether there was a record to measure.
    """
    if reliance["score"] is None:
        return "no single edit moves it" if measured else "not measured"
    if reliance["score"] <= ALONE and not moved.outside:
        return "function alone"
    if reliance["score"] >= 1 - ALONE and not moved.inside:
        return "ignores function"
    if reliance["least"] > LEVEL:
        return "cannot be told"
    if reliance["p_two_sided"] > LEVEL:
        return "not told apart"
    return "looks at function" if reliance["score"] < reliance["null_mean"] else "looks away from function"


def effective_positions(effect: NDArray[np.float64]) -> float | None:
    """Median over (N, L) records of how few positions hold :data:`MOST` of all effects; None where nothing moves.

    >>> effective_positions(np.array([[0.0, 5.0, 0.0], [0.0, 5.0, 0.1]]))
    1.0
    """
    known = np.where(np.isfinite(effect), effect, 0.0)
    ordered = -np.sort(-known, axis=1)
    total = ordered.sum(1)
    kept = ordered[total > 0].cumsum(1) / total[total > 0, None]
    return float(np.median((kept < MOST).sum(1) + 1)) if len(kept) else None


def compact_place(
    effect: NDArray[np.float64], inside: NDArray[np.bool_], background: NDArray[np.bool_]
) -> dict[str, Any] | None:
    """A window outside, as long as the functional positions, that moves the decision like no other place outside.

    Chosen on every other record and tested on the rest, so that the choice does not flatter it: (N, L) effects there
    against the rest of the background, by exchanging signs. None where records are few, or no place stands out.

    Args:
        effect, inside, background: (N, L) of records with both kinds of positions, position by position.
    """
    if len(effect) < 2 * _LEAST_HALF:
        return None
    size = max(int(np.median(inside.sum(1))), 1)
    known = np.where(background & np.isfinite(effect), effect, 0.0)
    count = background.astype(np.float64)
    sums, counts = (np.cumsum(np.pad(part[::2].sum(0), (1, 0))) for part in (known, count))
    if len(sums) <= size:
        return None
    there = counts[size:] - counts[:-size]
    means = np.where(there >= _OUTSIDE * there.max(), (sums[size:] - sums[:-size]) / np.maximum(there, 1), 0.0)
    start = int(means.argmax())
    window = np.zeros(effect.shape[1], bool)
    window[start : start + size] = True
    here, rest = (_row_means(known[1::2], background[1::2] & side) for side in (window, ~window))
    own = _row_means(np.where(inside, np.nan_to_num(effect), 0.0)[1::2], inside[1::2])
    kept = np.isfinite(here) & np.isfinite(rest)
    if not kept.any() or here[kept].mean() < _STEEP * rest[kept].mean() or here[kept].mean() <= 0:
        return None
    test = sign_flips((here - rest)[kept])
    if test.p_value > LEVEL:
        return None
    function = float(np.nanmean(own)) if np.isfinite(own).any() else 0.0
    return {
        "start": start,
        "end": start + size,
        "effect": float(here[kept].mean()),
        "elsewhere": float(rest[kept].mean()),
        "functional": function,
        "p_value": test.p_value,
    }


def _row_means(values: NDArray[np.float64], where: NDArray[np.bool_]) -> NDArray[np.float64]:
    count = where.sum(1)
    means: NDArray[np.float64] = np.where(count > 0, (values * where).sum(1) / np.maximum(count, 1), np.nan)
    return means


def paired_flips(functional: pd.DataFrame, matched: pd.DataFrame, reachable: NDArray[np.bool_]) -> dict[str, Any]:
    """Flips inside functional positions less those at as many positions outside, of the same records.

    Args:
        functional, matched: rows of either attack at the largest budget, in the order of records.
        reachable: (N,) records with both kinds of positions.
    """
    kept = reachable & functional["success"].notna().to_numpy() & matched["success"].notna().to_numpy()
    one, other = (rows[kept]["success"].astype(bool).to_numpy() for rows in (functional, matched))
    return paired(one, other, units_in(functional[kept])).plain()
