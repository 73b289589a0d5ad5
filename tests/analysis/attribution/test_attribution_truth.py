"""Agreement with annotation and between methods, against scikit-learn and scipy; shuffles keep what they should."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise, permutations
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score

from seqrobust.alphabet import DNA
from seqrobust.analysis.attribution import (
    METHODS,
    Attribution,
    AttributionSummary,
    Truth,
    baselines,
    compare,
    dinucleotide_shuffle,
    rank_correlations,
    truth_metrics,
)
from seqrobust.analysis.attribution.truth import auroc, average_precision, chance_precision
from seqrobust.errors import ThreatError
from seqrobust.sequences import Region, SequenceSet
from seqrobust.sequences.encoding import one_hot
from seqrobust.statistics import mean_interval

TEXTS = ["ACGTNACGTTGCA", "ACATGCAG", "NNNNN", "ACGTAC", "A"]
REGIONS = [
    [Region("motif", 2, 6), Region("motif", 8, 9), Region("edge", 0, 1)],
    [Region("motif", 0, 8)],
    [Region("motif", 1, 3)],
    [Region("edge", 5, 6)],
    [],
]


def records() -> SequenceSet:
    return SequenceSet.from_texts(TEXTS, DNA, regions=REGIONS)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_ranking_is_scikit_learns(data: st.DataObject) -> None:
    length = data.draw(st.integers(2, 30))
    scores = np.array(data.draw(st.lists(st.integers(0, 5), min_size=length, max_size=length)), float)
    inside = np.array(data.draw(st.lists(st.booleans(), min_size=length, max_size=length)))
    inside[0], inside[-1] = True, False
    assert auroc(scores, inside) == pytest.approx(roc_auc_score(inside, scores))
    assert average_precision(scores, inside) == pytest.approx(average_precision_score(inside, scores))


def test_which_positions_are_compared() -> None:
    sequences = records()
    truth = Truth.of(sequences, ["motif"])
    assert np.flatnonzero(truth.functional[0]).tolist() == [2, 3, 5, 8]  # the N at 4 is neither
    assert np.flatnonzero(truth.background[0]).tolist() == [0, 1, 6, 7, 9, 10, 11, 12]
    assert not truth.functional[2].any()
    assert not truth.background[2].any()
    protected = Truth.of(sequences, ["motif"], ["edge"])
    assert np.flatnonzero(protected.background[0]).tolist() == [1, 6, 7, 9, 10, 11, 12]
    both = Truth.of(sequences, ["*"])
    assert np.flatnonzero(both.functional[0]).tolist() == [0, 2, 3, 5, 8]
    assert np.flatnonzero(both.apart["edge"][0]).tolist() == [0]
    with pytest.raises(ThreatError, match="no region has that name"):
        Truth.of(sequences, ["moti"])


def test_records_are_compared_one_by_one() -> None:
    sequences = records()
    importance = np.random.default_rng(0).normal(size=sequences.tokens.shape).astype(np.float32)
    importance[sequences.tokens >= 4] = np.nan
    importance[3] = np.where(np.isfinite(importance[3]), 0, np.nan)
    truth = Truth.of(sequences, ["motif", "edge"])
    found = compare(importance, truth.functional, truth.background)
    kept = sequences.tokens[0] < 4
    strength, inside = np.abs(importance[0][kept]), truth.functional[0][kept]
    assert found.auroc[0] == pytest.approx(roc_auc_score(inside, strength))
    assert found.precision[0] == pytest.approx(average_precision_score(inside, strength))
    assert found.base_rate[0] == pytest.approx(5 / 12)
    assert found.mass[0] == pytest.approx(strength[inside].sum() / strength.sum(), rel=1e-6)
    # All functional, all unknown, all equal, no region.
    assert np.isnan(found.auroc[[1, 2, 4]]).all()
    assert (found.auroc[3], found.precision[3]) == (0.5, pytest.approx(1 / 6))
    assert np.isnan(found.mass[3])
    metrics = truth_metrics(found)
    assert metrics["records"] == 2
    assert metrics["region_auroc"] == pytest.approx(np.nanmean(found.auroc))
    assert metrics["random"] == {
        "region_auroc": 0.5,
        "region_aupr": pytest.approx((chance_precision(12, 5) + found.chance_precision[3]) / 2),
        "mass_in_regions": pytest.approx((5 / 12 + 1 / 6) / 2),
    }


def test_nothing_to_compare() -> None:
    metrics = truth_metrics(compare(*(np.zeros((0, 4), kind) for kind in (np.float32, np.bool_, np.bool_))))
    assert metrics["records"] == 0
    assert metrics["region_auroc"] is None
    assert metrics["region_auroc_ci"] is None


def test_intervals_hold_the_mean_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        low, high = mean_interval(rng.normal(1, 2, 60)) or (0, 0)
        held += low <= 1 <= high
    assert 0.88 <= held / 200 <= 0.99
    values = rng.normal(size=50)
    assert mean_interval(values) == mean_interval(values)
    low, high = mean_interval(values) or (0, 0)
    half = 1.96 * values.std() / np.sqrt(50)
    assert (low, high) == (pytest.approx(values.mean() - half, abs=0.06), pytest.approx(values.mean() + half, abs=0.06))


def test_chance_is_where_it_is_said_to_be() -> None:
    rng = np.random.default_rng(0)
    inside = np.zeros((800, 40), bool)
    inside[:, :6] = True
    found = truth_metrics(compare(rng.random((800, 40)).astype(np.float32), inside, ~inside))
    assert found["region_auroc"] == pytest.approx(0.5, abs=0.02)
    assert found["mass_in_regions"] == pytest.approx(found["random"]["mass_in_regions"], abs=0.01)
    assert found["region_aupr_ci"][0] < found["random"]["region_aupr"] < found["region_aupr_ci"][1]


@pytest.mark.parametrize(("positions", "positive"), [(2, 1), (5, 1), (6, 3), (7, 6)])
def test_average_precision_by_chance_is_the_mean_over_all_orders(positions: int, positive: int) -> None:
    inside = np.arange(positions) < positive
    scores = [average_precision_score(inside, order) for order in permutations(range(positions))]
    assert chance_precision(positions, positive) == pytest.approx(np.mean(scores))
    found = compare(np.arange(positions, dtype=np.float32)[None], inside[None], ~inside[None])
    assert found.chance_precision[0] == chance_precision(positions, positive)


def test_methods_agree_as_scipy_says() -> None:
    rng = np.random.default_rng(0)
    one, other = rng.integers(-4, 5, (2, 3, 12)).astype(np.float32)
    one[0, 5:], other[0, 5:] = np.nan, np.nan
    one[2] = 1
    found = rank_correlations(one, other)
    assert found[0] == pytest.approx(spearmanr(np.abs(one[0, :5]), np.abs(other[0, :5])).statistic)
    assert found[1] == pytest.approx(spearmanr(np.abs(one[1]), np.abs(other[1])).statistic)
    assert np.isnan(found[2])
    assert np.isnan(rank_correlations(np.full((1, 3), np.nan, np.float32), np.zeros((1, 3), np.float32)))


def test_the_summary_is_the_same_however_it_is_added_up() -> None:
    sequences = records()
    rng = np.random.default_rng(0)
    methods = [METHODS[name] for name in ("saliency", "integrated_gradients", "ism")]
    shape = (len(sequences), 4, sequences.width)
    found = {
        method.name: Attribution(
            rng.normal(size=shape).astype(np.float32), *rng.random((2, len(sequences))).astype(np.float32)
        )
        for method in methods
    }
    truth, classes = Truth.of(sequences, ["motif"]), np.array(["a", "b", "a", "b", "c"])
    said: list[dict[str, Any]] = []
    for cuts in ([0, 5], [0, 1, 3, 5]):
        summary = AttributionSummary(sequences, methods, truth, classes)
        for low, high in pairwise(cuts):
            part = {name: Attribution(*(each[low:high] for each in one)) for name, one in found.items()}
            summary.add(slice(low, high), part)
        said.append({method.name: summary.of_method(method) for method in methods} | summary.agreement())
        table = summary.table()
    assert said[0] == said[1]
    summary_of = summary.of_method(methods[1])
    assert set(summary_of["per_class"]) == {"a", "b", "c"}
    assert summary_of["per_class"]["c"]["region_auroc"] is None
    assert summary_of["per_region"]["motif"]["region_auroc"] == summary_of["region_auroc"]
    delta, difference = found["integrated_gradients"][1:]
    assert summary_of["completeness_delta"] == pytest.approx(delta.mean() / difference.mean(), rel=1e-5)
    assert "completeness_delta" not in summary.of_method(methods[0])
    assert len(table) == 3 * len(sequences)
    assert table.region_auroc.notna().sum() == 3


@settings(max_examples=50, deadline=None)
@given(st.text("ACGT", min_size=1, max_size=40), st.integers(0, 9))
def test_a_shuffle_keeps_pairs_of_neighbours(text: str, seed: int) -> None:
    letters = np.frombuffer(text.encode(), np.uint8) - 65
    shuffled = dinucleotide_shuffle(letters, np.random.default_rng(seed))
    pairs = [Counter(pairwise(one.tolist())) for one in (letters, shuffled)]
    assert pairs[0] == pairs[1]
    assert (shuffled[0], shuffled[-1]) == (letters[0], letters[-1])


def test_all_shuffles_are_equally_likely() -> None:
    letters = np.array([0, 1, 0, 2, 1, 2, 0, 1], np.uint8)
    rng = np.random.default_rng(0)
    counts = Counter(tuple(dinucleotide_shuffle(letters, rng).tolist()) for _ in range(6000))
    every = set()

    def walk(path: list[int], left: Counter[tuple[int, int]]) -> None:
        if not left.total():
            every.add(tuple(path))
        for pair in [pair for pair, many in left.items() if many and pair[0] == path[-1]]:
            walk([*path, pair[1]], left - Counter([pair]))

    walk([0], Counter(pairwise(letters.tolist())))
    assert set(counts) == every
    expected = 6000 / len(every)
    assert sum((many - expected) ** 2 / expected for many in counts.values()) < 3 * len(every) + 10


def test_baselines_leave_unknown_letters_and_padding() -> None:
    sequences = records()
    tokens = torch.tensor(sequences.tokens)
    encoded = one_hot(tokens, DNA, "uniform")
    outside = (tokens >= 4)[:, None, :].expand_as(encoded)
    more: dict[str, Any] = {"alphabet": DNA, "ids": sequences.ids}
    for kind, shape in (("uniform", 1), ("zeros", 1), ("shuffled", 3)):
        found = baselines(encoded, tokens, kind, shuffles=3, **more)  # type: ignore[arg-type]
        assert found.shape == (shape, *encoded.shape)
        assert all(torch.equal(one[outside], encoded[outside]) for one in found)
        assert (found.sum(2)[:, tokens < 4] == (0 if kind == "zeros" else 1)).all()
    again = baselines(encoded[[1]], tokens[[1]], "shuffled", shuffles=3, alphabet=DNA, ids=sequences.ids[1:2])
    assert torch.equal(again[:, 0], found[:, 1])
    other = baselines(encoded, tokens, "shuffled", shuffles=3, seed=1, **more)
    assert not torch.equal(other, found)
