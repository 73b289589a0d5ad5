"""Planted cases: what hides is found out, with the right evidence; what is robust, or constant, is not accused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from masked_models import (
    ArgMax,
    Constant,
    Honest,
    Misleading,
    Noisy,
    Rounded,
    SteepByHand,
    SteepSoftmax,
    SteepTanh,
    Vote,
    evaluated,
    signs,
)
from scipy.stats import binom
from torch import nn

from seqrobust.analysis import masking
from seqrobust.errors import ModelError


@pytest.fixture(autouse=True)
def _fixed_noise() -> None:
    torch.manual_seed(0)


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        (SteepTanh(), {"vanishing_gradients", "black_box_beats_white_box", "random_beats_gradient"}),
        (Rounded(), {"vanishing_gradients", "black_box_beats_white_box", "gradient_ranks"}),
        (ArgMax(), {"gradients_available"}),
        (Misleading(), {"black_box_beats_white_box"}),
        (Noisy(), {"random_outputs", "success_falls"}),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_what_hides_is_found_out(module: nn.Module, expected: set[str], tmp_path: Path) -> None:
    outcome = evaluated(module, tmp_path)
    assert outcome.metrics["masking"]["verdict"] in ("suspected", "masked")
    assert expected <= set(signs(outcome))
    refused = [one for one in outcome.metrics["claims"] if "near the truth" in one["claim"]]
    last = outcome.metrics["budgets"][-1]
    # What is known exactly needs no gradient to be believed.
    assert (refused[0]["standing"] == "supported") == (last["exact"] == outcome.metrics["attacked"])


def test_a_softmax_that_can_be_seen_hides_nothing(tmp_path: Path) -> None:
    outcome = evaluated(SteepSoftmax(), tmp_path / "softmax", scale="probabilities", n=60)
    twin = evaluated(Honest(), tmp_path / "logits", n=60)
    assert signs(outcome) == {}
    rates = [[row["attack_success_rate"] for row in one.metrics["budgets"]] for one in (outcome, twin)]
    assert rates[0] == rates[1]


def test_saturated_probabilities(tmp_path: Path) -> None:
    outcome = evaluated(SteepByHand(), tmp_path, scale="probabilities")
    assert outcome.metrics["masking"]["verdict"] == "masked"
    assert {"saturated_outputs", "black_box_beats_white_box"} <= set(signs(outcome))
    reasons = " ".join(reason for one in outcome.metrics["claims"] for reason in one["reasons"])
    assert "probabilities" in reasons


@pytest.mark.parametrize(
    ("module", "lopsided", "broken"),
    [(Honest(), False, True), (Vote(), True, False), (Constant(), False, False)],
    ids=["honest", "robust by construction", "constant"],
)
def test_the_honest_are_not_accused(module: nn.Module, lopsided: bool, broken: bool, tmp_path: Path) -> None:
    outcome = evaluated(module, tmp_path, lopsided=lopsided)
    assert signs(outcome) == {}
    assert outcome.metrics["masking"]["verdict"] == "none"
    assert (outcome.metrics["budgets"][-1]["attack_success_rate"] > 0) == broken


def test_what_is_robust_by_construction_yields_to_a_budget_without_bounds(tmp_path: Path) -> None:
    outcome = evaluated(Vote(), tmp_path, lopsided=True)
    evidence = {item["check"]: item for item in outcome.metrics["masking"]["evidence"]}
    assert evidence["unbounded_budget"]["values"]["attack"] == 1
    # Fourteen votes against two: six have to change sides, and five leave the lead.
    assert outcome.metrics["minimal_edits"]["median"] is None
    assert outcome.metrics["minimal_edits"]["censored"] == 120


def test_few_records_accuse_nobody(tmp_path: Path) -> None:
    """Nothing is found out on five records, however plain it would be on more."""
    outcome = evaluated(SteepTanh(), tmp_path, n=5)
    assert outcome.metrics["masking"]["verdict"] == "none"
    reasons = [reason for one in outcome.metrics["claims"] for reason in one["reasons"]]
    assert any("too few records" in reason for reason in reasons)


def test_what_a_sister_finds_gives_the_blind_away(tmp_path: Path) -> None:
    """Gradients of the honest model break the one that hides its own, where that one's own do not."""
    outcome = evaluated(SteepTanh(), tmp_path / "a", methods=("one_step", "discrete_pgd"), sister=Honest())
    evidence = {item["check"]: item for item in outcome.metrics["masking"]["evidence"]}
    found = evidence["black_box_beats_white_box"]
    assert (found["verdict"], found["values"]["method"]) == ("masked", "transfer:sister")
    honest = evaluated(Honest(), tmp_path / "b", methods=("one_step", "discrete_pgd"), sister=SteepTanh())
    assert honest.metrics["masking"]["verdict"] == "none"
    shares = {one["method"]: one["budgets"][0]["alone"] for one in outcome.metrics["contributions"]}
    # They agree on every prediction, so what breaks the one breaks the other.
    assert shares["transfer:sister"] == honest.metrics["budgets"][0]["attack_success_rate"]


def test_a_model_without_gradients_needs_another_method(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no gradient"):
        evaluated(ArgMax(), tmp_path, methods=("one_step", "greedy"))


def test_more_restarts_that_find_more_are_noticed() -> None:
    n = 80
    weak, strong = np.zeros(n, bool), np.arange(n) < 30
    success = {"few": weak, "steps": weak, "starts": strong}
    found = masking.convergence(success, ["steps", "starts"], weak, weak)
    assert (found.verdict, found.values["best"], found.values["converged"]) == ("suspected", "starts", False)
    assert found.values["beyond_evaluation"] == 30
    # Other gradient attacks had found as much: one attack gains by restarts, and nobody is blind.
    level = masking.convergence(success, ["steps", "starts"], strong, strong)
    assert (level.verdict, level.values["converged"]) == ("none", True)


def test_a_lead_within_few_clusters_is_no_certain_one() -> None:
    """Four families of ten, each led alike: forty records would be sure of it, four units are not."""
    first, second, units = np.ones(40, bool), np.zeros(40, bool), np.repeat(np.arange(4), 10)
    alone, together = masking.paired(first, second), masking.paired(first, second, units=units)
    assert (alone.verdict, together.verdict) == ("masked", "none")
    assert together.p == pytest.approx(1 / 16)
    assert (together.wins, together.net) == (40, 1.0)
    assert masking.paired(first, second, units=np.arange(40)).p == alone.p


@pytest.mark.parametrize(("wins", "losses", "n"), [(7, 0, 20), (30, 2, 100), (12, 11, 40), (200, 20, 500), (9, 0, 9)])
def test_mcnemar_is_exact(wins: int, losses: int, n: int) -> None:
    first = np.arange(n) < wins
    second = (np.arange(n) >= wins) & (np.arange(n) < wins + losses)
    found = masking.paired(first, second, comparisons=2)
    assert (found.wins, found.losses) == (wins, losses)
    assert found.p == pytest.approx(min(1, 2 * binom.sf(wins - 1, wins + losses, 0.5)))
    assert found.net == pytest.approx((wins - losses) / n)


@pytest.mark.parametrize("n", [1, 5, 6, 20, 1000])
def test_no_verdict_hangs_on_five_records(n: int) -> None:
    few = np.arange(n) < 5
    nobody = np.zeros(n, bool)
    ones, zeros = np.ones(n), np.zeros(n)
    assert masking.paired(few, nobody).verdict == "none"
    assert masking.unbounded(nobody, few).verdict == "none"
    assert masking.vanishing(np.where(few, 0.0, 1.0), few).verdict == "none"
    assert masking.standing_still(np.where(few, 0.0, 1.0), ones, few).verdict == "none"
    assert masking.randomness(np.where(few, 1.0, 0.0), ones, ones, few).verdict == "none"
    assert masking.saturation(np.where(few, 20.0, 1.0), probabilities=True).verdict == "none"
    assert masking.falling(np.stack([few, nobody], 1)[None]).verdict == "none"
    assert masking.ranks(zeros[:5]).verdict == "none"


def test_a_large_number_is_no_large_difference() -> None:
    """A lead of one in fifty is certain on ten thousand records, and still no sign."""
    ahead = np.arange(10_000) < 200
    found = masking.paired(ahead, np.zeros(10_000, bool))
    assert found.p < 1e-12
    assert found.verdict == "none"


def test_looking_often_has_its_price() -> None:
    ahead, nothing = np.arange(40)[:, None] < np.full((1, 5), 9), np.zeros((40, 5), bool)
    words = ("challenger", "champions")
    one = masking.outdone("x", {"a": (ahead[:, :1], nothing[:, :1])}, [1], words)
    many = masking.outdone("x", {str(i): (ahead, nothing) for i in range(10)}, [1, 2, 3, 4, 5], words)
    assert (one.verdict, many.verdict) == ("suspected", "none")


def test_the_gravest_comes_first() -> None:
    few = masking.Evidence(check="a", verdict="none", n=1, explanation="")
    grave = masking.Evidence(check="b", verdict="masked", n=1, explanation="")
    found = masking.diagnosis([few, grave])
    assert (found["verdict"], [item["check"] for item in found["evidence"]]) == ("masked", ["b", "a"])
    assert masking.diagnosis([]) == {"verdict": "none", "evidence": []}


def test_wrong_ranks_are_told_from_weak_ones() -> None:
    rng = np.random.default_rng(0)
    assert masking.ranks(rng.normal(0.6, 0.2, 50)).verdict == "none"
    assert masking.ranks(rng.normal(0.0, 0.1, 200)).verdict == "masked"
    assert masking.ranks(rng.normal(0.1, 0.1, 200)).verdict == "suspected"
