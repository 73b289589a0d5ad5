"""Uncertainty: measures by hand, backgrounds by counting, detectors evaded, abstention and purification by hand."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.analysis.uncertainty import (
    Background,
    Denoise,
    Density,
    Disagreement,
    Embedding,
    Mean,
    Panel,
    RandomLetters,
    SideBySide,
    Study,
    Unnoticed,
    dropout_members,
    find,
    fit_background,
    logit_variance,
    measured,
    mutual_information,
    paired_auroc,
    predictive_entropy,
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
from seqrobust.analysis.uncertainty.members import Scorer
from seqrobust.attacks import Shift, Untargeted, attacks_named
from seqrobust.errors import ConfigError, ModelError
from seqrobust.models import StraightThrough
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet, Targets, Task, one_hot
from seqrobust.statistics import auroc
from seqrobust.threats import Budget, SubstitutionThreat

LENGTH = 12


class Letters(nn.Module):
    """Logits linear in the one-hot input."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = nn.Parameter(weight)

    def forward(self, encoded: Tensor, lengths: Tensor | None = None) -> Tensor:
        return torch.einsum("nkl,okl->no", encoded, self.weight)


def linear(outputs: int, seed: int) -> Letters:
    return Letters(torch.randn(outputs, 4, LENGTH, generator=torch.Generator().manual_seed(seed)))


class CountsG(Scorer):
    """Suspicious of every G."""

    def forward(self, encoded: Tensor, lengths: Tensor | None = None) -> Tensor:
        return encoded[:, 2].sum(1)


def texts(n: int, seed: int = 0, letters: str = "ACGT") -> list[str]:
    rng = np.random.default_rng(seed)
    return ["".join(rng.choice(list(letters), LENGTH)) for _ in range(n)]


def study_of(
    members: list[nn.Module],
    outputs: int,
    *,
    task: Task = "classification",
    scorers: dict[str, Scorer] | None = None,
    letters: str = "ACGT",
    budgets: tuple[int, ...] = (1, 3),
    n: int = 24,
) -> Study:
    """A study whose targets are the clean predictions, of records of those letters."""
    sequences = SequenceSet.from_texts(texts(n, 1, letters), DNA)
    labels = tuple(f"c{i}" for i in range(outputs))
    like = Predictor(members[0], alphabet=DNA, task=task, labels=labels, device="cpu", scale="logits")
    like.check(torch.tensor(sequences.tokens))
    predictor = predictor_of(Mean(members), like)
    extra = scorers or {}
    panel = Panel(task=task, members=len(members), outputs=outputs, scores=tuple(extra))
    columns = predictor_of(SideBySide(members, list(extra.values())), like, columns=len(members) * outputs + len(extra))
    for one in (predictor, columns):
        one.check(torch.tensor(sequences.tokens))
    with predictor.attached():
        logits = predictor.logits(torch.tensor(sequences.tokens))
    several = (logits > 0).float() if task == "multilabel" else logits
    values = several.numpy() if task in ("regression", "multilabel") else logits.argmax(1).numpy()
    return Study(
        predictor=predictor,
        columns=columns,
        panel=panel,
        sequences=sequences,
        targets=Targets(task=task, labels=labels, values=values),
        calibration=SequenceSet.from_texts(texts(80, 2, letters), DNA),
        threat=SubstitutionThreat(budget=Budget(amount=budgets[-1])),
        budgets=tuple(Budget(amount=k) for k in budgets),
        goal=Shift(up=True, delta=1.0) if task == "regression" else Untargeted(),
        attacks=attacks_named(("one_step", "discrete_pgd_5", "exchange")),
    )


# Measures -------------------------------------------------------------------------------------------------------------


def test_entropy_and_mutual_information_by_hand() -> None:
    first, second = torch.tensor([[0.0, math.log(3)]]), torch.tensor([[math.log(3), 0.0]])
    members = torch.stack([first, second])
    assert predictive_entropy(members, "classification").item() == pytest.approx(math.log(2))
    own = -(0.25 * math.log(0.25) + 0.75 * math.log(0.75))
    assert mutual_information(members, "classification").item() == pytest.approx(math.log(2) - own)
    assert logit_variance(members).item() == pytest.approx(math.log(3) ** 2 / 4)


def test_identical_members_disagree_about_nothing() -> None:
    logits = torch.randn(1, 5, 3).repeat(4, 1, 1)
    assert mutual_information(logits, "classification").abs().max() < 1e-12
    assert mutual_information(logits, "multilabel").abs().max() < 1e-12


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_members_sure_of_different_classes_differ_by_log_c(classes: int) -> None:
    members = 200 * torch.eye(classes)[:, None]
    assert mutual_information(members, "classification").item() == pytest.approx(math.log(classes))


def test_a_binary_logit_is_two_classes_and_labels_add_up() -> None:
    logits = torch.randn(3, 4, 1)
    two = torch.cat([torch.zeros_like(logits), logits], dim=2)
    for measure in (predictive_entropy, mutual_information):
        assert torch.allclose(measure(logits, "binary"), measure(two, "classification"))
        labels = torch.cat([logits, logits], dim=2)
        assert torch.allclose(measure(labels, "multilabel"), 2 * measure(logits, "binary"))


def test_draws_of_dropout_are_functions_that_share_weights() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(48, 16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3)).eval()
    members = dropout_members(module, 400, seed=1)
    batch = one_hot(torch.tensor(SequenceSet.from_texts(texts(4), DNA).tokens), DNA, "zeros")
    outputs = torch.stack([member(batch) for member in members])
    assert torch.equal(outputs[0], members[0](batch))
    assert torch.allclose(members[0](batch[1:2]), outputs[0, 1:2], atol=1e-6)
    assert members[0].get_parameter("1.weight") is module.get_parameter("1.weight")
    # The last layer is linear, so that the mean over dropout is the network without it.
    assert torch.allclose(outputs.mean(0), module(batch), atol=0.15)
    assert isinstance(module[3], nn.Dropout)
    with pytest.raises(ModelError, match="no dropout"):
        dropout_members(nn.Linear(2, 2), 4)


# Background and density -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", [0, 1, 2])
def test_background_against_counting(order: int) -> None:
    records = ["ACGTNACGA", "AACC", "GTTACCAGT"]
    model = fit_background(SequenceSet.from_texts(records, DNA), order, strength=2.0)

    def count(word: str) -> int:
        return sum(text[i : i + len(word)] == word for text in records for i in range(len(text)))

    def chance(context: str, letter: str) -> float:
        shorter = 0.25 if not context else chance(context[1:], letter)
        seen = sum(count(context + one) for one in "ACGT")
        return (count(context + letter) + 2.0 * shorter) / (seen + 2.0)

    words = ["".join(word) for word in product("ACGT", repeat=order + 1)]
    expected = [math.log(chance(word[:-1], word[-1])) for word in words]
    assert np.allclose(model.table / 1e9, expected, atol=2e-9)
    query = SequenceSet.from_texts(["ACGTTNACG"], DNA)
    whole = [query.texts[0][i : i + order + 1] for i in range(9 - order)]
    known = [chance(word[:-1], word[-1]) for word in whole if "N" not in word]
    scored = Background(model)(one_hot(torch.tensor(query.tokens), DNA, "zeros"))
    assert scored.item() == pytest.approx(-np.mean(np.log(known)), rel=1e-5)
    uniform = Background(model)(one_hot(torch.tensor(query.tokens), DNA, "uniform"))
    assert uniform.item() == pytest.approx(scored.item())


def test_the_slope_of_the_background_is_what_a_switch_changes() -> None:
    background = Background(fit_background(SequenceSet.from_texts(texts(50), DNA), 2))
    tokens = torch.tensor(SequenceSet.from_texts(["ACGTTNACGCAT"], DNA).tokens)
    point = one_hot(tokens, DNA, "zeros").requires_grad_(True)
    value = background(point)
    (slope,) = torch.autograd.grad(value.sum(), point)
    for place, letter in product((0, 3, 7, 11), range(4)):
        switched = tokens.clone()
        switched[0, place] = letter
        change = background(one_hot(switched, DNA, "zeros")) - value
        own = int(tokens[0, place])
        assert (slope[0, letter, place] - slope[0, own, place]).item() == pytest.approx(change.item(), abs=1e-5)
    with pytest.raises(ConfigError, match="order"):
        fit_background(SequenceSet.from_texts(texts(2), DNA), 6)


def test_posterior_is_bayes_over_whole_records() -> None:
    background = Background(fit_background(SequenceSet.from_texts(texts(50), DNA), 2))
    tokens = torch.tensor(SequenceSet.from_texts(["ACGTTAACGCAT"], DNA).tokens)
    posterior = background.posterior(one_hot(tokens, DNA, "zeros"))[0]
    every = tokens.repeat(4, 1)
    every[:, 5] = torch.arange(4)
    total = -background(one_hot(every, DNA, "zeros")) * (LENGTH - 2)
    assert torch.allclose(posterior[:, 5], total.softmax(0), atol=1e-4)


def test_density_is_a_mahalanobis_distance() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Flatten(), nn.Linear(48, 5), nn.ReLU(), nn.Linear(5, 2)).eval()
    batch = one_hot(torch.tensor(SequenceSet.from_texts(texts(300), DNA).tokens), DNA, "zeros")

    class Taking(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = module

        def forward(self, encoded: Tensor, lengths: Tensor | None = None) -> Tensor:
            out: Tensor = self.inner(encoded)
            return out

    embedding = Embedding(Taking(), batch[:1])
    features = embedding(batch).detach()
    assert torch.equal(features, module[:3](batch).detach())
    classes = np.arange(300) % 2
    density = Density(embedding, features, classes.tolist())
    means = [features[classes == kind].mean(0) for kind in (0, 1)]
    rest = torch.cat([features[classes == kind] - means[kind] for kind in (0, 1)])
    # Of so many records the shrinkage is slight.
    inverse = torch.linalg.inv(rest.T @ rest / 300)
    expected = torch.stack([((features - mean) @ inverse * (features - mean)).sum(1) for mean in means]).amin(0) / 5
    assert torch.corrcoef(torch.stack([density(batch).detach(), expected]))[0, 1] > 0.99
    with pytest.raises(ModelError, match="no linear layer"):
        Embedding(linear(2, 0), batch[:1])


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


def test_a_class_that_is_never_given_adds_nothing_to_any_measure() -> None:
    members = torch.tensor([[[0.3, -0.2], [1.0, 2.0]], [[0.9, 0.1], [-1.0, 0.5]]])
    masked = torch.cat([members, torch.full((2, 2, 1), -torch.inf)], dim=2)
    for measure in (predictive_entropy, mutual_information):
        assert torch.allclose(measure(masked, "classification"), measure(members, "classification"))
    slope = members.clone().requires_grad_(True)
    beside = torch.cat([slope, torch.full((2, 2, 1), -torch.inf)], dim=2)
    mutual_information(beside, "classification").sum().backward()
    assert slope.grad is not None
    assert bool(slope.grad.isfinite().all())
    with pytest.raises(ModelError, match="infinite logit"):
        predictive_entropy(-masked, "classification")


def test_few_natural_records_flag_more_than_was_asked_for_and_that_is_said() -> None:
    rng = np.random.default_rng(0)
    new = [(rng.random(500) > threshold(rng.random(20), 0.05)).mean() for _ in range(2000)]
    assert expected_flagged(20, 0.05) == pytest.approx(2 / 21)
    assert np.mean(new) == pytest.approx(2 / 21, abs=0.006)
