"""Uncertainty: measures by hand, backgrounds by counting, detectors evaded, abstention and purification by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]
from torch import Tensor, nn
from uncertainty_toys import LENGTH, CountsG, Letters, linear, study_of, texts

from seqrobust.alphabet import DNA
from seqrobust.analysis.uncertainty import (
    Background,
    Denoise,
    Disagreement,
    Mean,
    RandomLetters,
    Unnoticed,
    find,
    fit_background,
    measured,
    mutual_information,
    paired_auroc,
    predictor_of,
    random_edits,
    risk_coverage,
    threshold,
)
from seqrobust.analysis.uncertainty.abstaining import selective
from seqrobust.analysis.uncertainty.defending.purifying import Defence, purification
from seqrobust.analysis.uncertainty.detecting import detection
from seqrobust.analysis.uncertainty.detection import adaptive_metrics, detection_sentence, expected_flagged, standing
from seqrobust.analysis.uncertainty.epistemic import epistemic
from seqrobust.analysis.uncertainty.materials import gather
from seqrobust.models import StraightThrough
from seqrobust.sequences import SequenceSet, one_hot
from seqrobust.statistics import auroc

# Detection ------------------------------------------------------------------------------------------------------------


def test_auroc_against_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    low, high = rng.integers(0, 6, 40).astype(float), rng.integers(2, 8, 40).astype(float)
    expected = roc_auc_score(np.repeat([0, 1], 40), np.concatenate([low, high]))
    assert auroc(low, high) == pytest.approx(expected)
    value, ends = paired_auroc(low, high)
    assert value == pytest.approx(expected)
    assert ends is not None
    assert ends[0] < value < ends[1]


def test_a_threshold_flags_no_more_than_it_may() -> None:
    scores = np.arange(40.0)
    cut = threshold(scores, 0.05)
    assert (scores > cut).sum() == 2
    assert (np.ones(40) > threshold(np.ones(40), 0.05)).sum() == 0


def test_a_claim_is_refused_unless_detection_survives() -> None:
    fooled = np.ones(40, bool)
    noticed = adaptive_metrics(fooled, np.zeros(40, bool), np.ones(40, bool))
    assert (noticed["stopped_ignorant"], noticed["stopped"]) == (1, 0)
    assert standing(noticed, 0.05) == "refused"
    assert "may not be claimed" in detection_sentence("d", "3", noticed, "refused")
    kept = adaptive_metrics(fooled, np.zeros(40, bool), np.zeros(40, bool))
    assert standing(kept, 0.05) == "survives"
    none = adaptive_metrics(~fooled, ~fooled, ~fooled)
    assert standing(none, 0.05) == "refused"
    assert "nothing can be said" in detection_sentence("d", "3", none, "refused")


def test_a_detector_that_sees_a_marker_letter_is_evaded_by_whom_it_knows_of() -> None:
    # One G makes the answer wrong; so do two of T.
    weight = torch.zeros(2, 4, LENGTH)
    weight[0] = torch.tensor([0.5, 0.5, -8.0, -3.0])[:, None]
    study = study_of([Letters(weight)], 2, scorers={"marker": CountsG()}, letters="AC", budgets=(3,))
    found = find(study, study.predictor, study.goal)
    has = gather(study, found, random_edits(study, found.tokens))
    entry = detection(study, has, 0.05, lambda _: None)["detectors"]["marker"]
    last = entry["budgets"][-1]
    assert found.reached.all()
    assert last["auroc_natural"] == 1
    assert last["adaptive"]["stopped_ignorant"] == 1
    assert last["adaptive"]["stopped"] == 0
    assert entry["standing"] == "refused"


def test_several_labels_are_studied_alike() -> None:
    study = study_of([linear(3, 0), linear(3, 1)], 3, task="multilabel", budgets=(2,), n=8)
    found = find(study, study.predictor, study.goal)
    has = gather(study, found, random_edits(study, found.tokens))
    entry = detection(study, has, 0.05, lambda _: None)
    assert set(entry["detectors"]) == {"max probability", "entropy", "mutual information"}
    raised, columns = epistemic(study, has, 0.05, lambda _: None)
    assert raised["budgets"][0]["mean"] > raised["clean_mean"]
    assert columns.shape == (8, 1, 6)
    curves = selective(study, has, 0.1)[1]
    assert curves["attacked, 2"].risk[-1] == found.reached.mean()


def test_what_cannot_be_evaded_survives() -> None:
    # Nothing but a G makes the answer wrong.
    weight = torch.zeros(2, 4, LENGTH)
    weight[0] = torch.tensor([0.5, 0.5, -8.0, 0.5])[:, None]
    study = study_of([Letters(weight)], 2, scorers={"marker": CountsG()}, letters="AC", budgets=(3,))
    found = find(study, study.predictor, study.goal)
    has = gather(study, found, random_edits(study, found.tokens))
    entry = detection(study, has, 0.05, lambda _: None)["detectors"]["marker"]
    assert found.reached.all()
    assert entry["budgets"][-1]["adaptive"]["stopped"] == 1
    assert entry["standing"] == "survives"


def test_an_attack_on_disagreement_beats_random_edits_and_finds_the_best() -> None:
    study = study_of([linear(3, 0), linear(3, 1)], 3, budgets=(1,))
    found = find(study, study.columns, Disagreement(panel=study.panel, threshold=-100.0))
    columns = study.panel_columns(found.tokens[:, 0])
    reached = mutual_information(study.panel.each(columns), "classification")
    for row in range(3):
        singles = study.tokens[row].repeat(4 * LENGTH, 1)
        singles[torch.arange(4 * LENGTH), torch.arange(LENGTH).repeat(4)] = (
            torch.arange(4).repeat_interleave(LENGTH).byte()
        )
        best = mutual_information(study.panel.each(study.panel_columns(singles)), "classification").max()
        assert reached[row].item() == pytest.approx(best.item(), rel=0.05)
    random = study.panel_columns(random_edits(study, found.tokens)[:, 0])
    assert reached.mean() > mutual_information(study.panel.each(random), "classification").mean()


def test_a_panel_keeps_its_columns_apart_and_random_edits_are_as_many() -> None:
    members = [linear(3, 0), linear(3, 1)]
    study = study_of(list(members), 3, scorers={"marker": CountsG()})
    columns = study.panel_columns(study.tokens)
    encoded = study.predictor.encode(study.tokens)
    for member, logits in zip(members, study.panel.each(columns), strict=True):
        assert torch.allclose(member(encoded), logits, atol=1e-5)
    assert torch.equal(study.panel.score(columns, "marker"), encoded[:, 2].sum(1))
    assert set(measured(study.panel, columns)) >= {"entropy", "mutual_information", "marker"}
    found = find(study, study.predictor, study.goal)
    edited = random_edits(study, found.tokens)
    clean = study.tokens[:, None]
    assert torch.equal((edited != clean).sum(2), (found.tokens != clean).sum(2))


def test_an_unnoticed_goal_without_a_detector_is_the_goal() -> None:
    study = study_of([linear(3, 0), linear(3, 1)], 3)
    plain = find(study, study.predictor, study.goal)
    other = find(study, study.columns, Unnoticed(panel=study.panel, goal=study.goal))
    assert (plain.reached == other.reached).mean() > 0.9


def test_a_shift_is_unnoticed_only_past_its_delta() -> None:
    study = study_of([linear(1, 0)], 1, task="regression", scorers={"marker": CountsG()}, letters="ACT")

    def marker(columns: Tensor) -> Tensor:
        return study.panel.score(columns, "marker")

    closed = Unnoticed(panel=study.panel, goal=study.goal, suspicion=marker, threshold=-0.5)
    assert not find(study, study.columns, closed).reached.any()
    free = Unnoticed(panel=study.panel, goal=study.goal, suspicion=marker, threshold=0.0)
    found = find(study, study.columns, free)
    columns = study.panel_columns(found.tokens[:, -1])
    shift = (study.panel.mean(columns) - study.panel.mean(study.panel_columns(study.tokens)))[:, 0]
    hit = torch.tensor(found.reached[:, -1])
    assert hit.any()
    assert (shift[hit] >= 1).all()
    assert (study.panel.score(columns, "marker")[hit] == 0).all()


# Abstention and purification ------------------------------------------------------------------------------------------


def test_risk_and_coverage_by_hand() -> None:
    curve = risk_coverage(np.array([0.3, 0.1, 0.2, 0.4]), np.array([1.0, 0.0, 0.0, 1.0]))
    assert curve.coverage.tolist() == [0.25, 0.5, 0.75, 1]
    assert curve.risk.tolist() == pytest.approx([0, 0, 1 / 3, 0.5])
    assert curve.area == pytest.approx((0 + 0 + 1 / 3 + 0.5) / 4)
    assert curve.coverage_at(0.4) == 0.75
    assert risk_coverage(np.array([0.0]), np.array([1.0])).coverage_at(0.5) == 0
    # Equal uncertainty says nothing about the order.
    assert risk_coverage(np.zeros(4), np.array([1.0, 1.0, 0.0, 0.0])).risk.tolist() == [0.5] * 4


def test_purification_that_does_nothing_changes_nothing() -> None:
    background = Background(fit_background(SequenceSet.from_texts(texts(50), DNA), 2))
    encoded = one_hot(torch.tensor(SequenceSet.from_texts(["ACGTTNACGCAT"], DNA).tokens), DNA, "uniform")
    assert torch.equal(Denoise(background, 0.0)(encoded), encoded)
    assert torch.equal(RandomLetters(0.0)(encoded), encoded)
    changed = RandomLetters(1.0)(encoded)
    assert torch.equal(changed[:, :, 5], encoded[:, :, 5])
    assert (changed.sum(1) == 1).all()
    replaced = Denoise(background, 1.1)(encoded)
    assert torch.allclose(replaced[0, :, 0], background.posterior(encoded)[0, :, 0])
    assert torch.equal(replaced[:, :, 5], encoded[:, :, 5])

    study = study_of([linear(3, 0), linear(3, 1)], 3)
    found = find(study, study.predictor, study.goal)
    has = gather(study, found, random_edits(study, found.tokens))
    step = StraightThrough(Denoise(background, 0.0))
    defended = predictor_of(Mean([linear(3, 0), linear(3, 1)]), study.predictor, preprocess=step)
    defended.check(study.tokens)
    entry = purification(study, has, Defence(name="none", predictor=defended, draws=1, step=""), lambda _: None)
    for row in entry["budgets"]:
        assert row["robust_non_adaptive"] == row["robust_undefended"] == row["robust_adaptive"]
        assert row["gain"] == 0
    assert entry["standing"] == "no gain"


@pytest.mark.parametrize("kind", ["denoise", "vote"])
def test_whoever_knows_the_defence_is_never_the_weaker(kind: str) -> None:
    study = study_of([linear(3, 0)], 3)
    found = find(study, study.predictor, study.goal)
    has = gather(study, found, random_edits(study, found.tokens))
    background = Background(fit_background(study.calibration, 1))
    step: nn.Module = Denoise(background, 0.2) if kind == "denoise" else RandomLetters(0.15)
    defended = predictor_of(Mean([linear(3, 0)]), study.predictor, preprocess=StraightThrough(step), samples=8)
    defended.check(study.tokens)
    assert defended.stochastic == (kind == "vote")
    entry = purification(study, has, Defence(name=kind, predictor=defended, draws=8, step=""), lambda _: None)
    for row in entry["budgets"]:
        assert row["robust_adaptive"] <= row["robust_non_adaptive"]
        assert row["robust_adaptive_alone"] <= row["robust_non_adaptive"] + 0.13
    assert entry["verdict"].startswith(f"{kind}: robust at budget")


def test_few_natural_records_flag_more_than_was_asked_for_and_that_is_said() -> None:
    rng = np.random.default_rng(0)
    new = [(rng.random(500) > threshold(rng.random(20), 0.05)).mean() for _ in range(2000)]
    assert expected_flagged(20, 0.05) == pytest.approx(2 / 21)
    assert np.mean(new) == pytest.approx(2 / 21, abs=0.006)
