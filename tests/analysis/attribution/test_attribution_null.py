"""An AUROC of annotation is judged by the same regions placed elsewhere: brute force, false alarms, and power."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from seqrobust.analysis.attribution.null import placement_null, turned_areas
from seqrobust.analysis.attribution.others import comparable_records, others_null


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


def _records(rng: np.random.Generator, *, place: bool, letters: bool) -> tuple[np.ndarray, np.ndarray]:
    """Regions about the middle of 40 records; importances of what is preferred there, and of the region itself."""
    inside = np.zeros((40, 60), bool)
    for row, start in enumerate(rng.integers(18, 33, 40)):
        inside[row, start : start + 8] = True
    return rng.exponential(size=(40, 60)) + 3.0 * place * inside.mean(0) + 2.0 * letters * inside, inside


def test_other_records_importances_against_scikit_learn() -> None:
    strength, inside = _records(np.random.default_rng(1), place=True, letters=True)
    strength, inside, units = strength[:8], inside[:8], np.array([0, 0, 1, 2, 3, 4, 5, 6])
    kept = np.random.default_rng(2).random((8, 60)) < 0.9
    found = others_null(strength.astype(np.float32), inside, kept, units)
    own, others = [], []
    for row in range(8):
        area = [roc_auc_score(inside[row, kept[row]], one[kept[row]]) for one in strength.astype(np.float32)]
        own.append(area[row])
        others.append(np.mean([one for one, unit in zip(area, units, strict=True) if unit != units[row]]))
    assert found["mean"] == pytest.approx(np.mean(others))
    assert found["difference"] == pytest.approx(np.mean(own) - np.mean(others))


def test_a_preferred_place_is_not_taken_for_what_letters_say() -> None:
    """Both find the regions; only where the letters of a record are read are its own importances better."""
    everywhere, rng = np.ones((40, 60), bool), np.random.default_rng(3)
    alarms = []
    for _ in range(60):
        strength, inside = _records(rng, place=True, letters=False)
        alarms.append(others_null(strength, inside, everywhere, None)["p_value"] <= 0.05)
    assert sum(alarms) <= 8
    strength, inside = _records(rng, place=True, letters=True)
    found = others_null(strength, inside, everywhere, None)
    assert found["difference_ci"][0] > 0
    strength, inside = _records(rng, place=True, letters=False)
    assert others_null(strength, inside, everywhere, None)["mean"] > 0.55


def test_records_of_one_length_are_compared() -> None:
    functional = np.ones((6, 5), bool)
    functional[1] = False
    assert comparable_records(np.array([5, 5, 4, 5, 5, 4]), functional).tolist() == [0, 3, 4]
    assert not len(comparable_records(np.array([5, 5]), np.zeros((2, 5), bool)))


def test_nothing_compared_has_no_null() -> None:
    assert placement_null(np.full((9, 3), np.nan))["p_value"] is None
