"""An AUROC of annotation is judged by the same regions placed elsewhere: brute force, false alarms, and power."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from seqrobust.analysis.attribution.null import placement_null, turned_areas


def test_every_turn_against_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    strength, inside = np.round(rng.random(23), 1), np.zeros(23, bool)
    inside[[3, 4, 5, 9]] = True
    kept = rng.random(23) < 0.8
    found = turned_areas(strength, inside, kept, 23)
    for turn in range(23):
        label = np.roll(inside, turn)[kept]
        expected = roc_auc_score(label, strength[kept]) if 0 < label.sum() < len(label) else np.nan
        assert found[turn] == pytest.approx(expected, nan_ok=True)


def _study(rng: np.random.Generator, *, reads: bool) -> float:
    """P-value of 20 records of 60 letters whose importances share a smooth pattern along the sequence."""
    start = int(rng.integers(0, 50))
    inside = np.zeros(60, bool)
    inside[start : start + 10] = True
    pattern = np.convolve(rng.normal(size=90), np.ones(8) / 8, "same")[15:75]
    areas = []
    for _ in range(20):
        strength = np.abs(pattern + 0.1 * rng.normal(size=60)) + 2 * (reads & inside)
        areas.append(turned_areas(strength, inside, np.ones(60, bool), 60))
    return float(placement_null(np.array(areas).T)["p_value"])


def test_false_alarms_and_power() -> None:
    rng = np.random.default_rng(0)
    null = np.array([_study(rng, reads=False) for _ in range(250)])
    assert (null <= 0.05).mean() <= 0.05 + 3 * (0.05 * 0.95 / 250) ** 0.5
    found = np.array([_study(rng, reads=True) for _ in range(20)])
    assert (found <= 0.05).mean() > 0.9


def test_what_nobody_reads_is_like_any_other_region() -> None:
    # Five positions are read, the region is elsewhere: an AUROC below one half, as of most placements.
    strength, inside = np.zeros(60), np.zeros(60, bool)
    strength[10:15], inside[40:50] = 1.0, True
    null = placement_null(np.tile(turned_areas(strength, inside, np.ones(60, bool), 60)[:, None], 20))
    assert null["p_value"] > 0.5
    assert null["least"] == pytest.approx(2 / 60)


def test_nothing_compared_has_no_null() -> None:
    assert placement_null(np.full((9, 3), np.nan))["p_value"] is None
