"""Measures against scipy and by hand; seeds and verdicts on figures made up for them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import pearsonr, spearmanr

from seqrobust.analysis.stability import MEASURES, Answers, agreement, sanity_summary, similarity, verdicts
from seqrobust.analysis.stability.goals import correlation


def test_measures_are_those_of_scipy_over_the_positions_compared() -> None:
    rng = np.random.default_rng(0)
    clean, edited = rng.exponential(size=(5, 30)), rng.exponential(size=(5, 30))
    edited[:, ::4] = clean[:, ::4].round(4)
    clean[:, 7] = np.nan
    compared = rng.random((5, 30)) < 0.8
    found = similarity(clean, -edited, compared)
    for row in range(5):
        kept = compared[row] & np.isfinite(clean[row])
        one, other = clean[row, kept], edited[row, kept]
        assert found.correlation[row] == pytest.approx(pearsonr(one, other).statistic)
        assert found.spearman[row] == pytest.approx(spearmanr(one, other).statistic)
        assert found.cosine[row] == pytest.approx(one @ other / np.sqrt((one @ one) * (other @ other)))
        tops = [set(np.argsort(values)[-10:]) for values in (one, other)]
        assert found.top_k_overlap[row] == len(tops[0] & tops[1]) / 10
    torch.testing.assert_close(
        correlation(
            torch.tensor(np.nan_to_num(clean)), torch.tensor(edited), torch.tensor(compared & np.isfinite(clean))
        ),
        torch.tensor(found.correlation),
    )


def test_functional_positions_set_the_top_and_hold_mass() -> None:
    clean = np.array([[4.0, 3.0, 0.5, 0.5, 2.0]])
    edited = np.array([[4.0, 0.0, 3.0, 1.0, 2.0]])
    functional = np.array([[True, True, False, False, False]])
    found = similarity(clean, edited, np.ones((1, 5), bool), functional)
    assert found.top_k_overlap[0] == 0.5
    assert found.functional_mass_clean[0] == pytest.approx(0.7)
    assert found.functional_mass_edited[0] == pytest.approx(0.4)
    assert np.isnan(similarity(clean, edited, np.ones((1, 5), bool)).functional_mass_clean[0])
    assert found.left_out_mass[0] == 0
    clean[0, 3] = np.nan
    left = similarity(clean, edited, np.array([[False, True, True, False, True]]))
    assert left.left_out_mass[0] == pytest.approx(4 / 9.5)


def test_ties_are_in_no_top_and_overlap_stands_beside_chance() -> None:
    """Explanations of one position each: apart they share nothing, however many zeros both have."""
    one, other = np.eye(20)[[3]], np.eye(20)[[8]]
    everywhere = np.ones((1, 20), bool)
    assert similarity(one, other, everywhere).top_k_overlap[0] == 0
    assert similarity(one, one, everywhere).top_k_overlap[0] == 1
    assert similarity(one, one, everywhere).top_k_chance[0] == pytest.approx(1 / 20)
    assert np.isnan(similarity(np.ones((1, 20)), one, everywhere).top_k_overlap[0])
    rng = np.random.default_rng(3)
    drawn = similarity(rng.random((400, 20)), rng.random((400, 20)), np.ones((400, 20), bool), top=5)
    assert drawn.top_k_overlap.mean() == pytest.approx(drawn.top_k_chance.mean(), abs=0.04)


def test_an_explanation_that_pointed_at_the_edits_is_not_silent() -> None:
    keep = _goal([0.9, 0.9], "gradient") | {"left_out_mass": 0.5, "left_out_share": 0.1}
    (told,) = verdicts({"gradient": {"change": _goal([0.1, 0.1], "gradient"), "keep": keep}}, {})
    assert told.word == "stable"
    assert "it pointed at them" in told.sentence
    (silent,) = verdicts({"gradient": {"change": _goal([0.1, 0.1]), "keep": keep | {"left_out_mass": 0.1}}}, {})
    assert silent.word == "silent"


def test_flat_explanations() -> None:
    flat, other = np.ones((1, 4)), np.arange(4.0)[None]
    everywhere = np.ones((1, 4), bool)
    assert np.isnan(similarity(flat, other, everywhere).correlation[0])
    assert similarity(other, flat, everywhere).correlation[0] == 0
    assert similarity(other, 0 * flat, everywhere).cosine[0] == 0
    assert np.isnan(similarity(other, other, np.array([[True, False, False, False]])).spearman[0])


def test_models_that_say_the_same_are_compared_and_others_are_not() -> None:
    rng = np.random.default_rng(1)
    one, other = rng.random((4, 12)).astype(np.float32), rng.random((4, 12)).astype(np.float32)
    models = {
        "a": Answers(("x", "x", "y", "y"), {"m": one, "only_a": one}),
        "b": Answers(("x", "x", "y", "x"), {"m": one * 3}),
        "c": Answers(("y", "x", "y", "y"), {"m": other}),
    }
    found = agreement(models, np.ones((4, 12), bool))
    assert list(found) == ["m"]
    pairs = {(pair["one"], pair["other"]): pair for pair in found["m"]["pairs"]}
    assert [pairs[key]["n"] for key in (("a", "b"), ("a", "c"), ("b", "c"))] == [3, 3, 2]
    assert all(pairs["a", "b"][name] == pytest.approx(1) for name in MEASURES)
    expected = np.mean([spearmanr(one[row], other[row]).statistic for row in (1, 2, 3)])
    assert pairs["a", "c"]["spearman"] == pytest.approx(expected)
    assert found["m"]["spearman_ci"] is None, "too few for an interval"


def _goal(shares: list[float], searched: str = "m") -> dict[str, Any]:
    levels = [{"budget": k + 1, "success_rate": share, "n": 9} for k, share in enumerate(shares)]
    return {**levels[-1], "searched": searched, "budgets": levels}


@pytest.mark.parametrize(
    ("goals", "whole", "word", "budget"),
    [
        ({"random": _goal([0.0, 0.1]), "change": _goal([0.2, 0.6]), "keep": _goal([0.1, 0.2])}, 0.1, "movable", 2),
        ({"change": _goal([0.5, 0.6]), "keep": _goal([0.9, 0.9])}, None, "movable and silent", 1),
        ({"change": _goal([0.1, 0.1]), "keep": _goal([0.1, 0.9])}, None, "silent", 2),
        ({"random": _goal([0.6, 0.7]), "change": _goal([1.0, 1.0])}, None, "unstable", 1),
        ({"change": _goal([1.0, 1.0])}, 0.9, "unrelated to the weights", None),
        ({"change": _goal([0.0, 0.2]), "keep": _goal([0.0, 0.0])}, 0.2, "stable", None),
        ({"change": _goal([0.0, 0.2], "other")}, 0.2, "not seen to move", None),
        ({"random": _goal([0.0, 0.2])}, None, "untold", None),
    ],
)
def test_verdicts(goals: dict[str, Any], whole: float | None, word: str, budget: int | None) -> None:
    sanity = {}
    if whole is not None:
        sanity["m"] = sanity_summary([{"stage": "all at once", "spearman": whole}], 0.5)
    (verdict,) = verdicts({"m": goals}, sanity)
    assert (verdict.word, verdict.budget) == (word, budget)
    assert verdict.plain()["text"].startswith("m: ")


def test_predictions_that_differ_are_told_apart() -> None:
    change = _goal([0.6])
    for rates, told in (((0.1, 0.9), True), ((0.55, 0.6), False)):
        change["by_prediction"] = [
            {"prediction": name, "success_rate": rate} for name, rate in zip("EN", rates, strict=True)
        ]
        (verdict,) = verdicts({"m": {"change": change}}, {})
        assert ("(E: 10 %, N: 90 %)" in verdict.sentence) is told


def test_what_is_the_same_for_all_records_is_no_merit() -> None:
    for value, kept, word in (
        (0.9, 0.0, "alike for all records"),
        (0.9, 1.0, "alike for all records"),
        (0.3, 1.0, "silent"),
        (0.3, 0.0, "stable"),
    ):
        goals = {"change": _goal([0.0, 0.0]), "keep": _goal([0.0, kept])}
        (verdict,) = verdicts({"m": goals}, {}, {"m": {"correlation": value}})
        assert verdict.word == word
        assert f"{value:.2f}" in verdict.sentence
