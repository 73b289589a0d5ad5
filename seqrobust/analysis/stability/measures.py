"""How alike two explanations of one record are, before and after edits, over the positions that they share.

A position that was edited is left out, for there the letter itself is another one; so is one whose letter is unknown.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

TOP = 10
"""Positions of the top of an explanation, where no functional regions say how many there should be."""

MEASURES = ("correlation", "spearman", "cosine", "top_k_overlap")
"""Measures of similarity; all are 1 for explanations that are the same."""


class Similarity(NamedTuple):
    """Of M pairs of explanations, (M,) each; NaN where it is not defined.

    Attributes:
        correlation: Pearson's, of importances.
        spearman: of their ranks.
        cosine: of the angle between them; importances are never negative, so unrelated ones have one well above 0.
        top_k_overlap: share of the k most important positions that both have; positions that tie across the edge of a
            top are in none, so that disjoint explanations of a position each have nothing in common.
        top_k_chance: what two tops of those sizes share by chance.
        functional_mass_clean, functional_mass_edited: share of the importance that lies in functional regions.
        left_out_mass: share of the clean importance at known positions that are not compared: what the clean
            explanation says of the edited ones.
        left_out_mass_edited: the same of the edited explanation: what it says of the letters put in.
        left_out_share: share of the known positions that are not compared, which is that mass by chance.
    """

    correlation: Floats
    spearman: Floats
    cosine: Floats
    top_k_overlap: Floats
    top_k_chance: Floats
    functional_mass_clean: Floats
    functional_mass_edited: Floats
    left_out_mass: Floats
    left_out_mass_edited: Floats
    left_out_share: Floats


def similarity(
    clean: NDArray[np.floating],
    edited: NDArray[np.floating],
    compared: Mask,
    functional: Mask | None = None,
    *,
    top: int | None = None,
) -> Similarity:
    """Compare explanations pair by pair.

    Args:
        clean, edited: (M, L) importances, of which the size counts and the sign does not.
        compared: (M, L) positions to look at; those that are NaN in either are left out as well.
        functional: (M, L) positions of functional regions; None where there are none.
        top: k of the overlap; by default the number of functional positions, or :data:`TOP` where there is none.
    """
    one, other = np.abs(clean, dtype=np.float64), np.abs(edited, dtype=np.float64)
    kept = compared & np.isfinite(one) & np.isfinite(other)
    inside = np.zeros_like(kept) if functional is None else functional
    rows = [
        (*_one(a[k], b[k], f[k], top), *_left_out(a, b, k)) for a, b, k, f in zip(one, other, kept, inside, strict=True)
    ]
    return Similarity(*np.array(rows, np.float64).reshape(len(rows), len(Similarity._fields)).T)


def _one(one: Floats, other: Floats, inside: Mask, top: int | None) -> tuple[float, ...]:
    if len(one) < 2:
        return (np.nan,) * (len(Similarity._fields) - 3)
    some = inside.any() and not inside.all()
    k = min(top or (int(inside.sum()) if some else 0) or TOP, len(one))
    return (
        pearson(one, other),
        pearson(rankdata(one), rankdata(other)),
        _cosine(one, other),
        *_overlap(one, other, k),
        _mass(one, inside) if some else np.nan,
        _mass(other, inside) if some else np.nan,
    )


def _left_out(one: Floats, other: Floats, kept: Mask) -> tuple[float, float, float]:
    """What either explanation says of known positions that are not compared, and their share."""
    known, both = np.isfinite(one), np.isfinite(one) & np.isfinite(other)
    share = float((~kept[known]).mean()) if known.any() else np.nan
    return _mass(one[known], ~kept[known]), _mass(other[both], ~kept[both]), share


def pearson(one: Floats, other: Floats) -> float:
    """Pearson's correlation; NaN where the first does not vary, 0 where only the second does not: an explanation that
    has become the same everywhere has nothing left in common with what it was."""
    return _cosine(one - one.mean(), other - other.mean())


def _cosine(one: Floats, other: Floats) -> float:
    first, second = float(np.linalg.norm(one)), float(np.linalg.norm(other))
    tiny = 1e-12
    if first <= tiny * max(1.0, float(np.abs(one).max())):
        return np.nan
    return float(one @ other) / (first * second) if second > 0 else 0.0


def _overlap(one: Floats, other: Floats, k: int) -> tuple[float, float]:
    """Overlap of the two tops, and that by chance; NaN where the first has no top, 0 where the second has none."""
    first, second = (_top(values, k) for values in (one, other))
    size = max(int(first.sum()), int(second.sum()))
    if not first.any():
        return np.nan, np.nan
    return int((first & second).sum()) / size, int(first.sum()) * int(second.sum()) / (size * len(one))


def _top(values: Floats, k: int) -> Mask:
    """(L,) the k largest, without those that tie with one left out."""
    edge = np.sort(values)[::-1][k - 1]
    top: Mask = values >= edge if int((values >= edge).sum()) <= k else values > edge
    return top


def _mass(values: Floats, inside: Mask) -> float:
    total = float(values.sum())
    return float(values[inside].sum()) / total if total > 0 else np.nan
