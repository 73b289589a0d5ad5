"""Attacks on scores whose law is known, where the best attack's ROC has a closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import beta, norm

from seqrobust.analysis.membership import (
    auc,
    combined_score,
    edits_score,
    fit_beta,
    fit_gaussian,
    fit_shadows,
    lira_offline,
    lira_online,
    offline_confidence,
    offline_share,
    rmia,
    roc,
    signals,
    survival_score,
    tpr_at_fpr,
)
from seqrobust.analysis.membership.lira import Spread
from seqrobust.analysis.membership.shadow import Family
from seqrobust.errors import DataError

D = 1.5
"""By how much membership raises a record's phi, in standard deviations."""


def world(
    records: int, models: int, seed: int, *, queries: int = 1, shared: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Phi of an audited model (N, Q) and of shadow models (M, N, Q), who was in, and the audited model's members.

    Every record has a phi of its own, far from those of others; membership raises it by D. Queries' deviations have
    the correlation ``shared``.
    """
    rng = np.random.default_rng(seed)
    own = rng.normal(0, 10, records)[:, None]
    inside = np.stack([rng.permutation(records) < records // 2 for _ in range(models + 1)])
    both = rng.normal(size=(models + 1, records, 1)) * math.sqrt(shared)
    noise = both + rng.normal(size=(models + 1, records, queries)) * math.sqrt(1 - shared)
    phi = own + D * inside[:, :, None] + noise
    return phi[0], phi[1:], inside[1:], inside[0]


def agrees(scores: np.ndarray, members: np.ndarray, d: float, slack: float = 0.0) -> None:
    """The ROC is that of two normals d apart, within the errors of n members and of the threshold."""
    low, high = auc(scores[members], scores[~members]).interval
    assert low - slack <= norm.cdf(d / math.sqrt(2)) <= high + slack
    found = tpr_at_fpr(roc(scores[members], scores[~members]), 0.01)
    truth = norm.sf(norm.isf(0.01) - d)
    # The rate rises with the false-positive rate by the ratio of the densities there.
    error = math.sqrt(0.01 / (~members).sum()) * math.exp(d * norm.isf(0.01) - d * d / 2)
    assert found.interval is not None
    assert found.interval[0] - 2.5 * error - slack <= truth <= found.interval[1] + 2.5 * error + slack


@pytest.mark.parametrize("spread", ["pooled", "own"])
def test_lira_has_the_roc_of_the_likelihood_ratio(spread: Spread) -> None:
    target, shadows, inside, members = world(3000, 256, 0)
    agrees(lira_online(target, shadows, inside, spread=spread), members, D, slack=0.01)
    agrees(lira_offline(target, shadows, inside, spread=spread), members, D, slack=0.01)


def test_lira_is_the_ratio_that_its_formula_says() -> None:
    target, shadows, inside, _ = world(20, 40, 1)
    phi, models = target[:, 0], shadows[:, :, 0]
    online, offline = [], []
    for record in range(20):
        held, others = models[inside[:, record], record], models[~inside[:, record], record]
        online.append(
            norm.logpdf(phi[record], held.mean(), held.std(ddof=1))
            - norm.logpdf(phi[record], others.mean(), others.std(ddof=1))
        )
        offline.append(norm.cdf(phi[record], others.mean(), others.std(ddof=1)))
    np.testing.assert_allclose(lira_online(phi, models, inside, spread="own"), online)
    np.testing.assert_allclose(offline_confidence(lira_offline(phi, models, inside, spread="own")), offline)


def test_pooling_helps_where_shadow_models_are_few() -> None:
    target, shadows, inside, members = world(3000, 8, 2)
    known = (inside.sum(0) >= 2) & ((~inside).sum(0) >= 2)
    target, shadows, inside, members = target[known], shadows[:, known], inside[:, known], members[known]
    areas = {}
    for kind in ("auto", "pooled", "own"):
        scores = lira_online(target, shadows, inside, spread=kind)
        areas[kind] = auc(scores[members], scores[~members]).auc
    assert areas["auto"] == areas["pooled"] > areas["own"] + 0.03


@pytest.mark.parametrize("shared", [0.0, 0.6])
def test_several_queries_tell_more_and_correlation_is_heeded(shared: float) -> None:
    target, shadows, inside, members = world(3000, 128, 3, queries=4, shared=shared)
    # Four queries whose noise correlates: the mean has variance shared + (1 - shared) / 4.
    d = D / math.sqrt(shared + (1 - shared) / 4)
    for attack in (lira_online, lira_offline):
        agrees(attack(target, shadows, inside, spread="pooled"), members, d, slack=0.01)
    if shared == 0:
        agrees(lira_online(target, shadows, inside, spread="pooled", queries="independent"), members, d, slack=0.01)
    copies = lira_online(np.repeat(target[:, :1], 3, 1), np.repeat(shadows[:, :, :1], 3, 2), inside, spread="pooled")
    agrees(copies, members, D, slack=0.01)


def test_offline_is_one_sided() -> None:
    shadows = np.random.default_rng(4).normal(size=(50, 3))
    found = lira_offline(np.array([-30.0, 0.0, 30.0]), shadows)
    assert found.argsort().tolist() == [0, 1, 2]
    assert offline_confidence(found)[0] < 1e-6


def test_lira_refuses_what_it_cannot_judge() -> None:
    target, shadows, inside, _ = world(10, 4, 5)
    inside[0], inside[1] = True, False
    inside[:, 3] = True
    with pytest.raises(DataError, match="record number 4"):
        lira_online(target, shadows, inside)
    with pytest.raises(DataError, match="do not fit"):
        lira_online(target, shadows[:, :5], inside)
    shadows[0, 0] = np.nan
    with pytest.raises(DataError, match="not finite"):
        lira_offline(target, shadows, None)


def test_beta_fit_recovers_its_parameters() -> None:
    for number, (a, b) in enumerate([(2.0, 5.0), (0.3, 0.4), (30.0, 1.5), (400.0, 0.8)]):
        p = beta.rvs(a, b, size=20_000, random_state=number)
        p = np.clip(p, 1e-300, 1 - 1e-16)
        found = fit_beta(np.log(p) - np.log1p(-p))
        assert found.a == pytest.approx(a, rel=0.06)
        assert found.b == pytest.approx(b, rel=0.06)


def test_beta_fit_has_the_largest_likelihood() -> None:
    p = beta.rvs(2, 3, size=200, random_state=0)
    phi = np.log(p) - np.log1p(-p)
    found = fit_beta(phi)
    a, b, _, _ = beta.fit(p, floc=0, fscale=1)
    assert [found.a, found.b] == pytest.approx([a, b], rel=1e-3)
    np.testing.assert_allclose(found.log_density(phi), beta.logpdf(p, found.a, found.b), rtol=1e-9)


def test_beta_fit_of_certain_or_equal_confidences_is_finite() -> None:
    for phi in (np.array([40.0, 45.0, 60.0, 700.0]), np.zeros(5), np.array([-800.0, 800.0])):
        found = fit_beta(phi)
        assert np.isfinite([found.a, found.b]).all()
        assert np.isfinite(found.log_density(phi)).all()


def drawn_shadows(
    rng: np.random.Generator, n: int, family: str
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Phi, membership and classes whose laws differ, and the true log ratio of their densities."""
    members, classes = rng.random(n) < 0.5, rng.integers(0, 2, n)
    if family == "gaussian":
        phi = rng.normal(D * members + 4.0 * classes, 1)
        return phi, members, classes, D * (phi - 4 * classes) - D * D / 2
    held, others = np.array([[12.0, 2.0], [40.0, 2.0]])[classes].T, np.array([[4.0, 2.0], [12.0, 2.0]])[classes].T
    p = rng.beta(np.where(members, held[0], others[0]), np.where(members, held[1], others[1]))
    truth = beta.logpdf(p, *held) - beta.logpdf(p, *others)
    return np.log(p) - np.log1p(-p), members, classes, truth


@pytest.mark.parametrize("family", ["beta", "gaussian"])
def test_shadow_attack_by_class(family: Family) -> None:
    rng = np.random.default_rng(6)
    shadow = fit_shadows(*drawn_shadows(rng, 20_000, family)[:3], family=family)
    phi, members, classes, truth = drawn_shadows(rng, 6000, family)
    scores = shadow.log_ratio(phi, classes)
    if family == "gaussian":
        agrees(scores, members, D)
    assert np.abs(scores - truth).mean() < 0.06
    areas = [auc(one[members], one[~members]).auc for one in (scores, truth, shadow.log_ratio(phi))]
    assert areas[0] == pytest.approx(areas[1], abs=0.005)
    assert areas[2] < areas[0] - 0.05
    posterior = shadow.posterior(phi, classes, prior=0.5)
    near = (posterior > 0.7) & (posterior < 0.9)
    # A posterior of 0.8 means that four of five such records are members.
    assert members[near].mean() == pytest.approx(posterior[near].mean(), abs=0.05)
    assert (shadow.posterior(phi, classes, prior=0.01) < posterior).all()
    with pytest.raises(DataError, match="prior"):
        shadow.posterior(phi, prior=1.0)
    few = fit_shadows(phi[:40], members[:40], np.where(np.arange(40) < 3, 1, 0), family=family)
    assert list(few.classes) == [0]


def test_gaussian_fit() -> None:
    found = fit_gaussian(np.array([1.0, 2.0, 3.0]))
    assert (found.mean, found.spread) == (2.0, 1.0)
    with pytest.raises(DataError, match="two values"):
        fit_gaussian(np.array([1.0]))


def test_rmia_counts_what_it_says() -> None:
    rng = np.random.default_rng(7)
    own, models = np.log(rng.random(6)), np.log(rng.random((4, 6)))
    others, other_models = np.log(rng.random(9)), np.log(rng.random((4, 9)))
    inside = rng.random((4, 6)) < 0.5
    inside[:, 0], inside[0], inside[1] = False, True, False
    a, gamma = 0.3, 1.2

    def ratio(p: np.ndarray, q: np.ndarray, used: np.ndarray) -> np.ndarray:
        out = np.array([np.exp(q[used[:, j], j]).mean() for j in range(q.shape[1])])
        return np.asarray(np.exp(p) / (0.5 * ((1 + a) * out + 1 - a)))

    x, z = ratio(own, models, ~inside), ratio(others, other_models, np.ones((4, 9), bool))
    found = rmia(own, models, inside, others, other_models, gamma=gamma, offline=a)
    np.testing.assert_allclose(found.scores, (x[:, None] / z[None] >= gamma).mean(1))
    np.testing.assert_allclose(np.exp(found.ratios), x)
    assert found.resolution == 1 / 9
    assert found.warning is not None
    online = rmia(own, models, inside, others, other_models)
    mean = [(np.exp(models[inside[:, j], j]).mean() + np.exp(models[~inside[:, j], j]).mean()) / 2 for j in range(6)]
    np.testing.assert_allclose(np.exp(online.ratios), np.exp(own) / mean)
    # A record beats one that is remembered just as well: gamma is reached.
    same = rmia(others, other_models, None, others, other_models)
    assert sorted(same.scores.tolist()) == pytest.approx([(place + 1) / 9 for place in range(9)])


def test_rmia_on_normal_records() -> None:
    """Where log probabilities rise by D times their spread with membership, the ratio is the best attack, and a share
    of a large population keeps its order."""
    rng = np.random.default_rng(8)
    n, population = 4000, 20_000

    def log_p(own: np.ndarray, held: np.ndarray) -> np.ndarray:
        return np.asarray(own + 0.1 * (D * held + rng.normal(size=held.shape)))

    own, others = -rng.random(n) * 5 - 1, -rng.random(population) * 5 - 1
    members, inside = rng.random(n) < 0.5, np.stack([rng.permutation(n) < n // 2 for _ in range(64)])
    found = rmia(
        log_p(own, members), log_p(own, inside), inside,
        log_p(others, np.zeros(population)), log_p(others, np.zeros((64, population))),
    )  # fmt: skip
    assert found.warning is None
    agrees(found.scores, members, D, slack=0.02)
    agrees(found.ratios, members, D, slack=0.02)


@pytest.mark.parametrize("law", [0.2, 0.9])
def test_the_offline_share_follows_the_law_of_the_means(law: float) -> None:
    """Records whose probability rises as the offline mean supposes: (1 + a) p + 1 - a halved, at that a."""
    rng = np.random.default_rng(10)
    inside = np.stack([rng.permutation(3000) < 1500 for _ in range(24)])
    out = rng.uniform(0.02, 0.98, 3000)
    held = law * out + 1 - law
    noise = rng.normal(size=inside.shape) * 0.05
    p = np.where(inside, held, out) * np.exp(noise)
    assert offline_share(np.log(p.clip(1e-9, 1)), inside) == pytest.approx(law, abs=0.15)
    with pytest.raises(DataError, match="3 or more"):
        offline_share(np.log(p[:2].clip(1e-9, 1)), inside[:2])


def test_rmia_refuses() -> None:
    p, q = np.log([0.5]), np.log([[0.5], [0.4]])
    with pytest.raises(DataError, match="gamma"):
        rmia(p, q, None, p, q, gamma=0.5)
    with pytest.raises(DataError, match="density"):
        rmia(p + 3, q, None, p, q, offline=0.5)
    with pytest.raises(DataError, match="record number 1"):
        rmia(p, q, np.array([[True], [True]]), p, q)
    with pytest.raises(DataError, match="population"):
        rmia(p, q, None, p[:0], q[:, :0])
    rmia(p + 3, q, None, p, q, offline=1.0)


def test_label_only_scores() -> None:
    assert survival_score([[[True, False], [True, True]], [[False, False], [False, True]]]).tolist() == [0.75, 0.25]
    edits = edits_score([2, np.nan, np.inf, 1], np.array([True, True, False, True]), 5)
    assert edits.tolist() == [2, 6, 0, 1]
    both = combined_score(np.array([1.0, 1.0, 2.0]), np.array([0.2, 1.0, 0.0]))
    assert both.argsort().tolist() == [0, 1, 2]
    with pytest.raises(DataError, match="1 to 5"):
        edits_score([7], np.array([True]), 5)
    with pytest.raises(DataError, match="versions"):
        survival_score([True, False])


def test_label_only_edits_of_a_known_law() -> None:
    """Margins N(D, 1) of members and N(0, 1) of others, an edit taking 0.01 off: as good as the margin itself."""
    rng = np.random.default_rng(9)
    members = np.arange(6000) < 3000
    margin = rng.normal(D * members, 1) + 5
    edits = np.ceil(np.maximum(margin, 0) / 0.01).clip(1)
    agrees(edits_score(edits, margin > 0, 2000), members, D)


def test_a_threshold_on_the_loss_has_the_roc_of_its_law() -> None:
    rng = np.random.default_rng(10)
    members = np.arange(8000) < 4000
    logits = rng.normal(D * members, 1)[:, None]
    found = signals(logits, np.ones(8000, int), "binary").as_scores()
    for name in ("loss", "confidence", "margin", "modified_entropy"):
        agrees(found[name], members, D)
