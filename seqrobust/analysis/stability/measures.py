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
        top_k_overlap: share of the k most important positions that both have.
        functional_mass_clean, functional_mass_edited: share of the importance that lies in functional regions.
        left_out_mass: share of the clean importance at known positions that are not compared: what the clean
            explanation says of the edited ones.
    """

    correlation: Floats
    spearman: Floats
    cosine: Floats
    top_k_overlap: Floats
    functional_mass_clean: Floats
    functional_mass_edited: Floats
    left_out_mass: Floats


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
        (*_one(a[k], b[k], f[k], top), _mass(a[known], ~k[known]))
        for a, b, k, f, known in zip(one, other, kept, inside, np.isfinite(one), strict=True)
    ]
    return Similarity(*np.array(rows, np.float64).reshape(len(rows), len(Similarity._fields)).T)


def _one(one: Floats, other: Floats, inside: Mask, top: int | None) -> tuple[float, ...]:
    if len(one) < 2:
        return (np.nan,) * (len(Similarity._fields) - 1)
    some = inside.any() and not inside.all()
    k = min(top or (int(inside.sum()) if some else 0) or TOP, len(one))
    return (
        pearson(one, other),
        pearson(rankdata(one), rankdata(other)),
        _cosine(one, other),
        _overlap(one, other, k),
        _mass(one, inside) if some else np.nan,
        _mass(other, inside) if some else np.nan,
    )


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


def _overlap(one: Floats, other: Floats, k: int) -> float:
    tops = [set(np.argsort(-values, kind="stable")[:k].tolist()) for values in (one, other)]
    return len(tops[0] & tops[1]) / k


def _mass(values: Floats, inside: Mask) -> float:
    total = float(values.sum())
    return float(values[inside].sum()) / total if total > 0 else np.nan
