"""Reliance against models that read known positions, brute force, and its own null."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from probe_toys import linear, problem_of, records
from scipy.stats import kstest

from seqrobust.alphabet import DNA
from seqrobust.analysis.probe import Effects, Places, divide, exchange, exchanged, functional_names, position_effects
from seqrobust.analysis.probe.reliance import largest, reliance_shares
from seqrobust.attacks import true_margin
from seqrobust.errors import DataError, ThreatError
from seqrobust.neighbours import NeighbourScores
from seqrobust.sequences import Region, SequenceSet, Task
from seqrobust.statistics import wilson
from seqrobust.threats import Budget, SubstitutionThreat

TASKS: tuple[tuple[Task, int], ...] = (("binary", 1), ("classification", 3), ("regression", 1))


def test_expected_largest_is_the_mean_over_all_subsets() -> None:
    values = np.sort(np.random.default_rng(0).random(7))[::-1]
    member = np.array(
        [[1, 0, 1, 1, 0, 1, 1], [1, 1, 1, 1, 1, 1, 1], [0, 0, 1, 0, 0, 0, 0], [1, 1, 0, 0, 0, 0, 1]], bool
    )
    sizes = np.array([3, 4, 1, 1])
    for edits in (1, 2, 5):
        found = largest(values, member, sizes, edits)
        for row in range(4):
            own = values[member[row]]
            sums = [sum(sorted(subset)[-edits:]) for subset in itertools.combinations(own, sizes[row])]
            assert found[row] == pytest.approx(np.mean(sums))


@pytest.mark.parametrize("width", [2, 5])
def test_the_smaller_kind_of_positions_sets_the_size_of_both(width: int) -> None:
    """By every subset, where functional positions are the fewer and where they are the more."""
    sequences = records(1, 8, [1], width)
    covered = _covered(sequences)
    places = Places(names=("core",), covered=covered, editable=np.ones((1, 8), bool))
    effect = np.random.default_rng(2).random((1, 8))
    found = reliance_shares(Effects(effect=effect, usable=np.ones(1, bool)), places, sequences, 1)
    size = min(width, 8 - width)
    inside, outside = (
        np.mean([max(subset) for subset in itertools.combinations(effect[0, kind], size)])
        for kind in (covered[0], ~covered[0])
    )
    assert found.values[0, 0] == pytest.approx(outside / (inside + outside))


@pytest.mark.parametrize(("task", "outputs"), TASKS)
def test_effects_are_those_of_every_mutant_by_itself(task: Task, outputs: int) -> None:
    sequences = records(6, 9, [2], 3)
    module = linear(9, slice(0, 9), outputs)
    problem = problem_of(module, sequences, task)
    with problem.predictor.attached():
        found = position_effects(problem, NeighbourScores(problem.predictor))
    assert found.usable.all()
    for row, text in enumerate(sequences.texts):
        for position in range(9):
            mutants = [text[:position] + letter + text[position + 1 :] for letter in "ACGT"]
            tokens = torch.tensor(SequenceSet.from_texts(mutants, DNA).tokens)
            with torch.no_grad():
                logits = module(problem.predictor.encode(tokens))
                own = module(problem.predictor.encode(torch.tensor(sequences.tokens[row : row + 1])))
            if task == "regression":
                best = float((logits - own).abs().max())
            else:
                truth = torch.tensor(problem.targets.values[row : row + 1])  # type: ignore[union-attr]
                margins = true_margin(task, logits, truth.expand(4))
                best = max(float((true_margin(task, own, truth) - margins).max()), 0.0)
            assert found.effect[row, position] == pytest.approx(best, abs=1e-5)


@pytest.mark.parametrize(("task", "outputs"), TASKS)
def test_what_reads_functional_positions_alone_has_none_and_the_opposite_all(task: Task, outputs: int) -> None:
    sequences = records(30, 40, [10], 8)
    everyone = np.ones(30, bool)
    for read, score in ((slice(10, 18), 0.0), (slice(25, 33), 1.0)):
        problem = problem_of(linear(40, read, outputs), sequences, task)
        places = divide(sequences, ["core"], problem.threat)
        with problem.predictor.attached():
            effects = position_effects(problem, NeighbourScores(problem.predictor))
        found = reliance_shares(effects, places, sequences, 2).of(everyone)
        assert found.score == pytest.approx(score, abs=1e-9)
        assert found.ci == pytest.approx(wilson(round(30 * score), 30))
        assert found.p_value is not None
        assert found.p_value_below is not None
        if score == 0:
            assert found.p_value == 1
            assert found.p_value_below == 1 / 40
        else:
            # Every turn whose region misses what is read ties with the real one.
            assert found.p_value == (40 - 15) / 40
            assert found.p_value_below == 1
        assert found.null_mean is not None
        assert 0 < found.null_mean < 1


def test_a_model_that_reads_all_but_the_functional_positions_is_the_extreme_of_its_null() -> None:
    sequences = records(20, 40, [10], 8)
    effect = np.random.default_rng(0).random((20, 40)) + 0.5
    effect[:, 10:18] = 0
    threat = SubstitutionThreat(budget=Budget(1))
    effects = Effects(effect=effect, usable=np.ones(20, bool))
    found = reliance_shares(effects, divide(sequences, ["core"], threat), sequences, 3).of(np.ones(20, bool))
    assert found.score == 1
    assert found.p_value == 1 / 40


def test_the_score_does_not_hang_on_the_scale_of_the_logits() -> None:
    sequences = records(20, 30, [4, 11], 6)
    places = divide(sequences, ["core"], SubstitutionThreat(budget=Budget(1)))
    effect = np.random.default_rng(1).exponential(size=(20, 30))
    both = [
        reliance_shares(Effects(effect=scale * effect, usable=np.ones(20, bool)), places, sequences, 3).of(
            np.ones(20, bool)
        )
        for scale in (1, 100)
    ]
    assert both[0].score == pytest.approx(both[1].score)
    assert both[0].p_value == both[1].p_value


@pytest.mark.parametrize("aligned", [True, False])
def test_p_is_uniform_where_placement_and_model_have_nothing_to_do_with_each_other(aligned: bool) -> None:
    """A positional profile that all records share is what an aligned model has; the null must bear it."""
    found = []
    for case in range(120):
        rng = np.random.default_rng(case)
        starts = [int(rng.integers(33))] if aligned else rng.integers(33, size=12).tolist()
        sequences = records(12, 40, starts, 8, seed=case)
        # Regions that cross the end are as likely as others: turn them, too.
        covered = np.stack([np.roll(row, rng.integers(40)) for row in _covered(sequences)])
        if aligned:
            covered = np.repeat(covered[:1], 12, axis=0)
        places = Places(names=("core",), covered=covered, editable=np.ones((12, 40), bool))
        profile = rng.exponential(size=40) ** 2
        effect = profile * rng.exponential(size=(12, 40))
        effects = Effects(effect=effect, usable=np.ones(12, bool))
        one = reliance_shares(effects, places, sequences, 2).of(np.ones(12, bool))
        assert one.p_value is not None
        # Between its value and the next lower one a discrete p value is anywhere.
        found.append(one.p_value - rng.random() / 40)
    assert kstest(found, "uniform").pvalue > 0.01


def _covered(sequences: SequenceSet) -> np.ndarray:
    return sequences.regions.cover(["core"], (len(sequences), sequences.width))


def test_exchange_finds_what_the_background_tells_and_nothing_where_it_tells_nothing() -> None:
    sequences = records(60, 30, [10], 8)
    for read, told in ((slice(10, 18), False), (slice(20, 28), True)):
        problem = problem_of(linear(30, read, 1), sequences, "binary")
        places = divide(sequences, ["core"], problem.threat)
        with problem.predictor.attached():
            found = exchanged(problem, places, np.ones(60, bool))
        assert found.p_value is not None
        assert found.gap is not None
        assert found.kept_same is not None
        if told:
            assert found.p_value < 0.002
            assert (found.kept_same, found.kept_other) == (1.0, 0.0)
        else:
            assert found.gap == pytest.approx(0, abs=1e-6)
            assert (found.kept_same, found.kept_other) == (1.0, 1.0)
            assert found.p_value > 0.05


@pytest.mark.parametrize("count", [1, 2])
def test_exchange_without_donors_to_compare_says_nothing(count: int) -> None:
    """A record is no donor to itself: of so few, none has a donor of its own class and one of another."""
    sequences = records(count, 30, [10], 8)
    problem = problem_of(linear(30, slice(10, 18), 1), sequences, "binary")
    usable = np.arange(count) == 0
    with problem.predictor.attached():
        found = exchanged(problem, divide(sequences, ["core"], problem.threat), usable)
    assert (found.gap, found.ci, found.p_value, found.kept_gap) == (None, None, None, None)


def test_exchange_of_a_regression_is_the_slope() -> None:
    sequences = records(50, 30, [10], 8)
    problem = problem_of(linear(30, slice(20, 30), 1), sequences, "regression")
    places = divide(sequences, ["core"], problem.threat)
    with problem.predictor.attached():
        found = exchanged(problem, places, np.ones(50, bool))
    assert found.gap == pytest.approx(1, abs=1e-5)
    assert found.p_value is not None
    assert found.p_value < 0.002


@pytest.mark.parametrize("values", [[1.0, 2.0], [1.0, 1.0, 2.0], [1.0, 2.0, 3.0, 3.0]])
def test_exchange_of_a_regression_leaves_out_records_whose_donors_have_one_value(values: list[float]) -> None:
    sequences = records(len(values), 30, [10], 8)
    problem = problem_of(linear(30, slice(20, 30), 1), sequences, "regression")
    assert problem.targets is not None
    problem.targets.values[:, 0] = values
    places = divide(sequences, ["core"], problem.threat)
    with problem.predictor.attached():
        own = problem.predictor.logits(torch.tensor(sequences.tokens))[:, 0].double().numpy()
        found = exchanged(problem, places, np.ones(len(values), bool))
    # The model reads the background alone: on a donor's background it says what it says of the donor.
    slopes = []
    for row in range(len(values)):
        others = [donor for donor in range(len(values)) if donor != row]
        if len({values[donor] for donor in others}) > 1:
            slopes.append(np.polyfit(np.array(values)[others], own[others], 1)[0])
    if slopes:
        assert found.gap == pytest.approx(np.mean(slopes), abs=1e-5)
    else:
        assert found.gap is None
        assert found.p_value is None


def test_a_constant_up_to_rounding_follows_no_background() -> None:
    """Answers of a large constant differ by the rounding of single precision alone."""
    rng = np.random.default_rng(0)
    answers = 1e5 + 1e-3 * rng.normal(size=(20, 20))
    np.fill_diagonal(answers, np.nan)
    assert np.ptp(exchange._levelled(answers), axis=1) == pytest.approx(np.full(20, np.nan), nan_ok=True)
    levelled = exchange._levelled(answers)
    assert [np.nanmax(row) - np.nanmin(row) for row in levelled] == [0.0] * 20
    assert exchange._slope(levelled, np.arange(20.0), 0).p_value == 1
    told = answers + 10 * np.arange(20)
    np.testing.assert_array_equal(exchange._levelled(told), told)


def test_a_cluster_gives_one_donor_and_none_to_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten families of six: classes, and the backgrounds that the model reads, belong to families by chance."""
    monkeypatch.setattr(exchange, "PERMUTATIONS", 99)
    monkeypatch.setattr(exchange, "REPEATS", 1)
    units, small = np.repeat(np.arange(10), 6), 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        truth = rng.permutation(np.arange(10) % 2)[units]
        chosen = exchange._donors(truth, units, seed)
        assert len(np.unique(units[chosen])) == len(chosen) == 10
        answers = np.tile(rng.normal(size=10)[units[chosen]], (60, 1)) * np.where(truth, 1, -1)[:, None]
        answers[units[:, None] == units[chosen]] = np.nan
        found = exchange._gap(answers, truth, truth[chosen], units, seed)
        small += found.p_value is not None and found.p_value <= 0.05
    assert small <= 6
    few = exchange._gap(answers, truth, truth[chosen], units // 4, seed)
    assert few.ci is None


def test_exchange_p_is_uniform_where_labels_have_nothing_to_do_with_sequences(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also among the records correctly classified, which were chosen for what their own background says."""
    monkeypatch.setattr(exchange, "PERMUTATIONS", 99)
    monkeypatch.setattr(exchange, "REPEATS", 1)
    found = []
    for case in range(60):
        rng = np.random.default_rng(case)
        sequences = records(40, 16, [4], 4, seed=case)
        problem = problem_of(linear(16, slice(0, 16), 1, seed=case), sequences, "binary", seed=case)
        assert problem.targets is not None
        said = problem.targets.values.copy()
        problem.targets.values[:] = rng.permutation(np.arange(40) % 2)
        places = divide(sequences, ["core"], problem.threat)
        with problem.predictor.attached():
            one = exchanged(problem, places, said == problem.targets.values)
        assert one.p_value is not None
        found.append(one.p_value)
    assert kstest(found, "uniform").pvalue > 0.01


def test_what_cannot_be_compared_is_refused() -> None:
    threat = SubstitutionThreat(budget=Budget(1))
    plain = SequenceSet.from_texts(["ACGT"], DNA)
    with pytest.raises(DataError, match="no regions"):
        functional_names(plain)
    some = SequenceSet.from_texts(["ACGT"], DNA, regions=[[Region("all", 0, 4), Region("shortcut", 0, 2)]])
    assert functional_names(some) == ("all",)
    with pytest.raises(ThreatError, match="no region has that name"):
        functional_names(some, ["box"])
    with pytest.raises(ThreatError, match="every editable position"):
        divide(some, ["all"], threat)
    with pytest.raises(ThreatError, match="no editable position"):
        divide(some, ["all"], SubstitutionThreat(budget=Budget(1), protect=("all",)))
