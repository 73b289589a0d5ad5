"""Membership measures of odd inputs: ties, infinities, one record, integers as labels; by enumeration, brute force."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import logit
from scipy.stats import beta, norm
from sklearn.metrics import balanced_accuracy_score, roc_auc_score  # type: ignore[import-untyped]

from seqrobust.alphabet import DNA
from seqrobust.analysis.membership import (
    assign_records,
    attack_numbers,
    auc,
    balanced_accuracy,
    best_threshold,
    combined_score,
    edits_score,
    fit_beta,
    fit_shadows,
    group_numbers,
    held_out_accuracy,
    lira_offline,
    lira_online,
    mean_loss_threshold,
    most_exposed,
    offline_share,
    permutation_p_value,
    phi_from_confidence,
    rmia,
    roc,
    shift_test,
    signals,
    survival_score,
    tpr_at_fpr,
)
from seqrobust.analysis.membership.beta import Beta
from seqrobust.errors import DataError
from seqrobust.sequences import SequenceSet

RNG = np.random.default_rng(0)
SCORES = RNG.normal(size=60).round(1)
MEMBERS = RNG.random(60) < 0.5
MODELS, TARGET = RNG.normal(size=(6, 60)) - 4, RNG.normal(size=60) - 4
INSIDE = np.arange(6)[:, None] % 2 == np.arange(60) % 2
LABELLED: dict[str, Callable[[Any, Any], Any]] = {
    "attack_numbers": lambda members, _: attack_numbers(SCORES, members, draws=50),
    "held_out_accuracy": lambda members, _: held_out_accuracy(SCORES, members),
    "permutation": lambda members, _: permutation_p_value(SCORES, members, draws=50),
    "groups": lambda members, _: group_numbers(SCORES, members, ["a", "b"] * 30, fpr=0.2),
    "exposed": lambda members, _: most_exposed(SCORES, members),
    "threshold": lambda members, _: best_threshold(SCORES, members).overall,
    "shadows": lambda members, _: fit_shadows(SCORES, members).overall,
    "edits": lambda members, _: edits_score(np.ones(60), members, 3).tolist(),
    "survival": lambda _, inside: survival_score(inside).tolist(),
    "lira": lambda _, inside: lira_online(TARGET, MODELS, inside).tolist(),
    "lira_offline": lambda _, inside: lira_offline(TARGET, MODELS, inside).tolist(),
    "share": lambda _, inside: offline_share(np.minimum(MODELS, 0), inside),
    "rmia": lambda members, inside: rmia(
        TARGET, MODELS, inside, TARGET[::2], MODELS[:, ::2], population_inside=inside[:, ::2]
    ).scores.tolist(),
}


@pytest.mark.parametrize("name", LABELLED)
@pytest.mark.parametrize("kind", ["int64", "uint8", "float32"])
def test_labels_of_0_and_1_mean_what_bool_means(name: str, kind: str) -> None:
    """As indices they would pick records 0 and 1, and the complement of an integer is -1 or -2."""
    expected = LABELLED[name](MEMBERS, INSIDE)
    assert LABELLED[name](MEMBERS.astype(kind), INSIDE.astype(kind)) == expected


@pytest.mark.parametrize("name", LABELLED)
def test_other_labels_are_refused(name: str) -> None:
    for odd in (2 * MEMBERS, MEMBERS - 1.0, np.where(MEMBERS, np.nan, 0), MEMBERS.astype(str)):
        with pytest.raises(DataError, match="yes or no"):
            LABELLED[name](odd, np.where(INSIDE, 2, 0))
    if name not in ("survival", "lira", "lira_offline", "share", "rmia"):
        with pytest.raises(DataError):
            LABELLED[name](MEMBERS[:50], INSIDE)


@pytest.mark.parametrize("kind", ["uint8", "int8", "bool", "float32", "float16"])
def test_scores_of_any_number_type_have_one_order(kind: str) -> None:
    """Minus an unsigned score is a large one."""
    scores = RNG.integers(0, 2 if kind == "bool" else 100, 60).astype(kind)
    assert attack_numbers(scores, MEMBERS, draws=50) == attack_numbers(scores.astype(float), MEMBERS, draws=50)
    assert most_exposed(scores, MEMBERS) == most_exposed(scores.astype(float), MEMBERS)


def test_a_threshold_between_neighbouring_single_numbers() -> None:
    """Compared in single precision, what lies between two neighbours is one of them."""
    low = np.float32(1.5)
    high = np.nextafter(low, np.float32(2))
    cut = best_threshold(np.array([low, high]), np.array([0, 1])).overall
    assert float(low) < cut < float(high)
    assert balanced_accuracy(np.array([high]), np.array([low]), cut) == 1


@pytest.mark.parametrize("name", ["attack_numbers", "groups", "permutation", "exposed", "threshold"])
def test_a_score_that_is_no_number_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for odd in (np.where(np.arange(60) == 3, np.nan, SCORES), SCORES[:, None], SCORES.astype(str)):
        monkeypatch.setitem(globals(), "SCORES", odd)
        with pytest.raises(DataError, match="number"):
            LABELLED[name](MEMBERS, INSIDE)


def all_small() -> list[tuple[np.ndarray, np.ndarray]]:
    """Every way to give one or two members and one to three non-members scores, infinite ones too."""
    values = (-np.inf, 0.0, 1.0, np.inf)
    return [
        (np.array(held), np.array(others))
        for n, m in itertools.product((1, 2), (1, 2, 3))
        for held in itertools.combinations_with_replacement(values, n)
        for others in itertools.combinations_with_replacement(values, m)
    ]


def test_areas_of_all_small_cases_count_pairs() -> None:
    for held, others in all_small():
        found = auc(held, others)
        pairs = np.mean([(a > b) + 0.5 * (a == b) for a in held for b in others])
        assert found.auc == pytest.approx(pairs, abs=1e-12)
        assert found.interval is None


def test_rates_of_all_small_cases_are_those_of_the_best_threshold() -> None:
    for held, others in all_small():
        for wanted in (0.34, 0.5, 0.99):
            found = tpr_at_fpr(roc(held, others), wanted)
            if found.refused is not None:
                assert len(others) * wanted < 1
                continue
            cuts = [np.nan, *held, *others]
            kept = [(held >= cut).mean() for cut in cuts if (others >= cut).sum() <= wanted * len(others)]
            assert found.tpr == max(kept)
            assert found.threshold is not None
            assert (held >= found.threshold).mean() == found.tpr
            assert (others >= found.threshold).sum() == found.false_positives
            assert found.interval is not None
            assert 0 <= found.interval[0] <= found.tpr <= found.interval[1] <= 1


def test_thresholds_of_all_small_cases_are_the_best_there_are() -> None:
    for held, others in all_small():
        scores, members = np.concatenate([held, others]), np.repeat([1, 0], [len(held), len(others)])
        cut = best_threshold(scores, members)
        best = max(balanced_accuracy(held, others, one) for one in (*scores, np.inf, -np.inf))
        assert balanced_accuracy(held, others, cut.overall) == pytest.approx(max(best, 0.5))
        called = cut.members(scores)
        assert balanced_accuracy_score(members, called) == pytest.approx(max(best, 0.5))
        assert ((cut.lead(scores) >= 0) == called).all()


def test_a_threshold_between_numbers_at_the_ends_of_their_type() -> None:
    for low, high in ((1.0, np.nextafter(1.0, 2)), (0.0, 5e-324), (1.7e308, 1.75e308), (-np.inf, 3.0), (3.0, np.inf)):
        cut = best_threshold(np.array([low, high]), np.array([False, True]))
        assert cut.members(np.array([low, high])).tolist() == [False, True]


def test_equal_scores_leave_the_area_open() -> None:
    for n, m in ((50, 50), (6, 1000)):
        found = auc(np.zeros(n), np.zeros(m))
        assert found.auc == 0.5
        assert found.interval is not None
        assert found.interval[0] < 0.5 < found.interval[1]
        # As wide as the errors of a coin that was thrown as often as the rarer kind has records.
        assert found.interval[1] - found.interval[0] > 2.7 * 0.5 / math.sqrt(min(n, m) + 3)


def test_numbers_of_one_member_or_one_non_member() -> None:
    for held in (1, 19):
        members = np.arange(20) < held
        found = attack_numbers(SCORES[:20], members, draws=99)
        assert found["auc"] == pytest.approx(roc_auc_score(members, SCORES[:20]))
        assert found["balanced_accuracy"] is None
        assert found["tpr_at_fpr"]["0.01"] is None
    with pytest.raises(DataError, match="20 and 0"):
        attack_numbers(SCORES[:20], np.ones(20, bool))


def test_a_mean_loss_or_a_threshold_is_a_number() -> None:
    with pytest.raises(DataError, match="number"):
        mean_loss_threshold(np.array([1.0, np.nan]))
    with pytest.raises(DataError, match="number"):
        balanced_accuracy(np.ones(2), np.ones(2), math.nan)


def mean_of(found: Beta) -> float:
    return found.a / (found.a + found.b)


@pytest.mark.parametrize("p", [0.7, 0.02, 0.5, 1 - 1e-6, 1e-9])
def test_a_beta_of_equal_confidences_keeps_their_mean(p: float) -> None:
    assert mean_of(fit_beta(np.full(10, logit(p)))) == pytest.approx(p, rel=1e-6)


@pytest.mark.parametrize("centre", [-45.0, -8.0, 0.0, 3.0, 20.0, 40.0])
@pytest.mark.parametrize("spread", [0.01, 0.5, 4.0, 40.0])
def test_no_other_beta_is_likelier(centre: float, spread: float) -> None:
    phi = np.random.default_rng(1).normal(centre, spread, 25)
    found = fit_beta(phi)

    def loss(logs: np.ndarray) -> float:
        return -float(Beta(a=math.exp(logs[0]), b=math.exp(logs[1])).log_density(phi).mean())

    here = np.log([found.a, found.b])
    searched = minimize(loss, here + 0.3, method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-12})
    assert loss(here) <= searched.fun + 1e-7 * abs(searched.fun)


def test_beta_fits_are_those_of_scipy() -> None:
    for a, b in ((0.2, 3.0), (5.0, 0.5), (80.0, 60.0), (0.1, 0.1)):
        p = beta.rvs(a, b, size=400, random_state=2).clip(1e-12, 1 - 1e-12)
        found, expected = fit_beta(logit(p)), beta.fit(p, floc=0, fscale=1)[:2]
        assert [found.a, found.b] == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize(("held", "others"), [((34, 3), (24, 3)), ((60, 4), (20, 4)), ((25, 1.5), (18, 2.5))])
def test_shadow_distributions_of_overfitted_models_tell_as_well_as_a_threshold(
    held: tuple[float, float], others: tuple[float, float]
) -> None:
    rng = np.random.default_rng(3)
    phi = np.concatenate([rng.normal(*held, 500), rng.normal(*others, 500)])
    members = np.arange(1000) < 500
    lead = fit_shadows(phi, members).log_ratio(phi)
    reached = balanced_accuracy(lead[members], lead[~members], 0.0)
    best = balanced_accuracy(phi[members], phi[~members], best_threshold(phi, members).overall)
    assert reached > best - 0.035
    assert auc(lead[members], lead[~members]).auc > auc(phi[members], phi[~members]).auc - 0.01


def test_phi_of_a_probability_does_not_depend_on_its_neighbours() -> None:
    p = np.array([0.0, 1e-300, 1e-9, 0.3, 0.9, 1 - 1e-12, 1.0])
    together = phi_from_confidence(p)
    assert [float(phi_from_confidence([one])[0]) for one in p] == together.tolist()
    np.testing.assert_allclose(together[2:6], logit(p[2:6]), rtol=1e-12)
    assert (np.diff(together) >= 0).all()
    assert together[-1] == pytest.approx(54 * math.log(2))
    assert phi_from_confidence(np.float32([1.0]))[0] == pytest.approx(25 * math.log(2))
    assert len(phi_from_confidence([])) == 0
    with pytest.raises(DataError, match="nan"):
        phi_from_confidence([0.5, math.nan])


def brute_rmia(own: np.ndarray, models: np.ndarray, place: np.ndarray, gamma: float) -> np.ndarray:
    """Shares of the population at ``place``, from products of probabilities that are powers of two, so exact."""
    ratios = np.exp2(own) / np.exp2(models).mean(0)
    return np.array([np.mean([ratios[i] / ratios[j] >= gamma for j in place if j != i]) for i in range(len(own))])


@pytest.mark.parametrize("gamma", [1.0, 2.0, 4.0])
def test_rmia_counts_ties_and_leaves_the_record_itself_out(gamma: float) -> None:
    rng = np.random.default_rng(4)
    for _ in range(20):
        own = -rng.integers(1, 6, 40).astype(float)
        models = np.broadcast_to(-rng.integers(1, 6, 40).astype(float), (3, 40))
        place = np.flatnonzero(rng.random(40) < 0.6)
        among = np.isin(np.arange(40), place)
        logs, references = own * math.log(2), models * math.log(2)
        found = rmia(logs, references, None, logs[place], references[:, place], among=among, gamma=gamma)
        assert found.scores.tolist() == brute_rmia(own, models, place, gamma).tolist()


def test_rmia_of_one_record_at_a_time_is_that_of_all() -> None:
    """Sums of logarithms come out in another order for another shape; a tie is a tie all the same."""
    rng = np.random.default_rng(5)
    own, models = -rng.exponential(size=30) * 50, -rng.exponential(size=(9, 30)) * 50
    together = rmia(own, models, None, own, models).scores
    alone = [float(rmia(own[[i]], models[:, [i]], None, own, models).scores[0]) for i in range(30)]
    assert alone == together.tolist()
    assert sorted(together) == [(place + 1) / 30 for place in range(30)]


def test_rmia_refuses_what_has_no_comparison() -> None:
    p, q = np.log([0.5]), np.log([[0.5], [0.4]])
    with pytest.raises(DataError, match="found: itself"):
        rmia(p, q, None, p, q, among=[True])
    with pytest.raises(DataError, match="gamma"):
        rmia(p, q, None, p, q, gamma=math.inf)
    with pytest.raises(DataError, match="finite"):
        rmia([math.inf], q, None, p, q)
    with pytest.raises(DataError, match="audited"):
        offline_share(np.log(RNG.random((3, 8))), np.zeros((3, 8), bool))


def test_arrays_that_do_not_fit_are_refused() -> None:
    p, q = np.log([0.5]), np.log([[0.5], [0.4]])
    with pytest.raises(DataError, match="same reference models"):
        rmia(p, q, None, p, q[:1])
    with pytest.raises(DataError, match="a share"):
        combined_score(np.ones(2), np.array([0.5, math.nan]))
    with pytest.raises(DataError, match="cluster of each"):
        assign_records(6, 2, seed=0, clusters=np.zeros(5, int))
    texts = SequenceSet.from_texts(["ACGTA", "CCGTA"] * 3, DNA)
    for clusters, said in ((np.zeros(12, int), "5 clusters or more"), (np.zeros(7, int), "cluster of each")):
        with pytest.raises(DataError) as caught:
            shift_test(texts, texts, clusters=clusters)
        assert said in str(caught.value)


def test_signals_of_no_record() -> None:
    for task in ("binary", "regression"):
        assert signals(np.zeros((3, 0, 1)), np.zeros(0), task).loss.shape == (3, 0)  # type: ignore[arg-type]


def test_a_shift_that_words_cannot_show_or_show_for_certain_has_an_interval() -> None:
    """Folds whose areas have no error, for all scores are alike or apart."""
    one, other = (SequenceSet.from_texts([letter * 12] * 6, DNA) for letter in "AC")
    assert shift_test(one, one).interval[1] > 0.7
    assert shift_test(one, one).warning is None
    apart = shift_test(one, other).interval
    assert 0.5 < apart[0] < 0.7
    assert apart[1] == 1


def test_confidences_beyond_any_number_have_a_beta() -> None:
    for phi in ([1e300, -1e300], [1e300, 1e299], [-1e5, -2e5], [5e4, -3.0]):
        found = fit_beta(phi)
        assert found.a > 0
        assert found.b > 0
        assert np.isfinite(found.log_density(np.array([-50.0, 0.0, 50.0]))).all()


@pytest.mark.parametrize(
    ("targets", "task", "outputs"),
    [
        ([-1, 1], "binary", 1),
        ([0.3, 1], "binary", 1),
        ([[0, 2], [1, 0]], "multilabel", 2),
        ([0.5, 1.0], "classification", 3),
        ([math.nan, 1.0], "classification", 3),
        ([math.nan, 1.0], "regression", 1),
        (["a", "b"], "regression", 1),
    ],
)
def test_targets_that_a_task_has_not_are_refused(targets: list[Any], task: Any, outputs: int) -> None:
    with pytest.raises(DataError):
        signals(np.zeros((2, outputs)), np.array(targets), task)


def test_lira_has_variances_without_bias() -> None:
    phi = np.array([[1.0], [2.0], [4.0]])
    found = lira_offline(np.array([5.0]), phi, spread="own")
    assert found[0] == pytest.approx((5 - phi.mean()) / phi.std(ddof=1))
    held = np.array([[True], [True], [False], [False]])
    models = np.array([[3.0], [5.0], [0.0], [1.0]])
    expected = norm.logpdf(4, 4, math.sqrt(2)) - norm.logpdf(4, 0.5, math.sqrt(0.5))
    assert lira_online(np.array([4.0]), models, held, spread="own")[0] == pytest.approx(expected)
