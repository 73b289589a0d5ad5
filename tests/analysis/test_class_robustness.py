"""Measures for uneven classes under attack: against scikit-learn on made tables, and against all sequences in reach."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import metrics as reference
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.analysis import attack_metrics, results_table
from seqrobust.analysis.alarms import remarks
from seqrobust.analysis.compare import page as compare_page
from seqrobust.analysis.compress import page as compress_page
from seqrobust.analysis.outcomes.class_tables import attacked_tables
from seqrobust.analysis.outcomes.sentences import answer
from seqrobust.attacks import Problem, Untargeted, run_shard
from seqrobust.attacks.searches.exhaustive import Exhaustive
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.threats import Budget, SubstitutionThreat


def made(task: str, truth: list[str], clean: np.ndarray, found: np.ndarray, names: list[str]) -> pd.DataFrame:
    """An attack's table of one budget, from (n, outputs) clean outputs and those of what was found."""

    def said(outputs: np.ndarray) -> list[str]:
        if task == "multilabel":
            return [";".join(name for name, z in zip(names, row, strict=True) if z > 0) for row in outputs]
        scores = np.column_stack([np.zeros(len(outputs)), outputs]) if task == "binary" else outputs
        labels = ["no", *names] if task == "binary" else names
        return ["=".join(labels[i] for i in np.flatnonzero(row == row.max())) for row in scores]

    table = pd.DataFrame({"id": [f"r{i}" for i in range(len(truth))], "target": truth, "budget": 1})
    table["clean_prediction"], table["adversarial_prediction"] = said(clean), said(found)
    right = table["clean_prediction"] == table["target"]
    table["success"] = (table["adversarial_prediction"] != table["target"]).astype("boolean").mask(~right)
    table["n_edits"], table["forwards"], table["gradients"], table["random_success"] = 1, 1, 1, 0.0
    for one, name in enumerate(names):
        table[f"clean_output_{name}"], table[f"adversarial_output_{name}"] = clean[:, one], found[:, one]
    return table


def test_binary_measures_under_attack_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth = np.repeat([1, 0], [6, 60])
    clean = np.round(rng.normal(size=66) + 3 * truth - 1.5, 1)
    found = clean - np.where(truth > 0, 1, -1) * rng.random(66)
    found[3], clean[40] = 0.0, 0.0
    names = np.where(truth > 0, "yes", "no").tolist()
    metrics = attack_metrics(made("binary", names, clean[:, None], found[:, None], ["yes"]), "binary", labelled=True)
    budget = metrics["budgets"][0]
    for at, scores, right in (
        (metrics, clean, np.sign(clean) == 2 * truth - 1),
        (budget, found, (np.sign(clean) == 2 * truth - 1) & (np.sign(found) == 2 * truth - 1)),
    ):
        start = "clean" if at is metrics else "robust"
        answers = np.where(right, truth, 1 - truth)
        assert at[f"{start}_auroc"] == pytest.approx(reference.roc_auc_score(truth, scores))
        assert at[f"{start}_average_precision"] == pytest.approx(reference.average_precision_score(truth, scores))
        assert at[f"{start}_mcc"] == pytest.approx(reference.matthews_corrcoef(truth, answers))
        assert at[f"{start}_balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(truth, answers))
        for key in ("auroc", "average_precision", "mcc", "balanced_accuracy"):
            low, high = at[f"{start}_{key}_ci"]
            assert low < at[f"{start}_{key}"] < high or low <= at[f"{start}_{key}"] in (0, 1)
    yes = budget["by_class"]["yes"]
    attacked = clean[:6] > 0
    assert (yes["n"], yes["attacked"]) == (6, attacked.sum())
    assert yes["attack_success_rate"] == pytest.approx((found[:6][attacked] <= 0).mean())
    assert metrics["majority_accuracy"] == pytest.approx(60 / 66)
    assert metrics["majority_class"] == "no"


def test_measures_of_several_classes_under_attack_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(1)
    truth = rng.choice(3, 120, p=[0.85, 0.1, 0.05])
    clean = rng.normal(size=(120, 3)) + 3 * np.eye(3)[truth]
    found = clean - 2 * np.eye(3)[truth]
    names = ["a", "b", "c"]
    table = made("classification", [names[i] for i in truth], clean, found, names)
    metrics = attack_metrics(table, "classification", labelled=True)
    shares = np.exp(found) / np.exp(found).sum(1, keepdims=True)
    budget = metrics["budgets"][0]
    assert budget["robust_auroc"] == pytest.approx(reference.roc_auc_score(truth, shares, multi_class="ovr"))
    wanted = reference.average_precision_score(np.eye(3)[truth], shares)
    assert budget["robust_average_precision"] == pytest.approx(wanted)
    wrong_at_first = clean.argmax(1) != truth
    answers = np.where(found.argmax(1) != truth, found.argmax(1), np.where(wrong_at_first, clean.argmax(1), truth))
    assert budget["robust_mcc"] == pytest.approx(reference.matthews_corrcoef(truth, answers))
    assert sum(one["n"] for one in budget["by_class"].values()) == 120


def test_each_of_several_labels_is_measured_under_attack() -> None:
    rng = np.random.default_rng(2)
    truth = rng.random((80, 2)) < [0.5, 0.1]
    clean = rng.normal(size=(80, 2)) + 2 * truth - 1
    found = clean + np.where(truth, -0.5, 0.5)
    texts = [";".join(name for name, on in zip(("a", "rare"), row, strict=True) if on) for row in truth]
    metrics = attack_metrics(made("multilabel", texts, clean, found, ["a", "rare"]), "multilabel", labelled=True)
    for at, start, outputs in ((metrics, "clean", clean), (metrics["budgets"][0], "robust", found)):
        for one, name in enumerate(("a", "rare")):
            label = at[f"{start}_labels"][name]
            assert label["recall"] == pytest.approx(reference.recall_score(truth[:, one], outputs[:, one] > 0))
            specificity = reference.recall_score(~truth[:, one], outputs[:, one] < 0)
            assert label["specificity"] == pytest.approx(specificity)
            assert label["auroc"] == pytest.approx(reference.roc_auc_score(truth[:, one], outputs[:, one]))
            wanted = reference.average_precision_score(truth[:, one], outputs[:, one])
            assert label["average_precision"] == pytest.approx(wanted)
    assert [table.caption.split(",")[0] for table in attacked_tables(metrics)][-1] == "By label"


class Linear(nn.Module):
    """One logit, linear in the letters."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.tensor(np.random.default_rng(3).normal(size=(4, 5)), dtype=torch.float32))

    def forward(self, encoded: Tensor) -> Tensor:
        return (encoded * self.get_buffer("weight")).sum((1, 2))[:, None] - 1


def test_ranking_under_attack_is_the_worst_of_all_sequences_in_reach() -> None:
    """Against every sequence within one substitution, of records that were read correctly."""
    texts = ["".join(np.random.default_rng(seed).choice(list("ACGT"), 5)) for seed in range(24)]
    truth = (np.arange(24) % 6 == 0).astype(np.int64)
    sequences = SequenceSet.from_texts(texts, DNA)
    predictor = Predictor(Linear(), alphabet=DNA, task="binary", labels=("no", "yes"), device="cpu", scale="logits")
    problem = Problem(
        predictor=predictor,
        sequences=sequences,
        targets=Targets(task="binary", labels=("no", "yes"), values=truth),
        threat=SubstitutionThreat(budget=Budget(1)),
        budgets=(Budget(1),),
        goal=Untargeted(),
        search_on=True,
    )
    with predictor.attached():
        run = run_shard(problem, [Exhaustive()], np.arange(24))
    budget = attack_metrics(results_table(problem, np.arange(24), run, ["exhaustive"]), "binary", labelled=True)
    weight = Linear().get_buffer("weight").numpy()

    def score(text: str) -> float:
        return float(sum(weight["ACGT".index(letter), i] for i, letter in enumerate(text))) - 1

    worst = []
    for text, positive in zip(texts, truth, strict=True):
        reach = [text, *(text[:i] + letter + text[i + 1 :] for i, letter in product(range(5), "ACGT"))]
        lead = (2 * positive - 1) * score(text)
        worst.append((min if positive else max)(map(score, reach)) if lead > 0 else score(text))
    found = budget["budgets"][0]
    assert found["robust_auroc"] == pytest.approx(reference.roc_auc_score(truth, worst))
    assert found["robust_average_precision"] == pytest.approx(reference.average_precision_score(truth, worst))
    stays = (2 * truth - 1) * np.array(worst) > 0
    assert found["by_class"]["yes"]["robust_accuracy"] == pytest.approx(stays[truth > 0].mean())
    recalls = [stays[truth == one].mean() for one in (0, 1)]
    assert found["robust_balanced_accuracy"] == pytest.approx(np.mean(recalls))


def test_a_model_that_answers_no_to_all_is_told_not_sold() -> None:
    outputs = np.linspace(-3, -1, 40)[:, None]
    table = made("binary", ["yes"] * 2 + ["no"] * 38, outputs, outputs, ["yes"])
    metrics = attack_metrics(table, "binary", labelled=True) | {"task": "binary"}
    said = " ".join(answer(metrics))
    assert len(remarks(metrics)) == 2
    assert "no better than always answering no" in said
    assert "almost always one answer" in said.lower()
    assert metrics["clean_balanced_accuracy"] == 0.5


def test_without_truth_only_what_was_kept_is_counted() -> None:
    outputs = np.array([[-1.0], [2.0], [-3.0]])
    table = made("binary", ["no", "yes", "no"], outputs, outputs * np.array([[1], [-1], [1]]), ["yes"])
    metrics = attack_metrics(table, "binary", labelled=False)
    assert "clean_auroc" not in metrics
    assert "robust_auroc" not in metrics["budgets"][0]
    assert metrics["budgets"][0]["by_class"]["yes"]["attack_success_rate"] == 1


def test_clusters_widen_intervals_or_leave_none() -> None:
    rng = np.random.default_rng(4)
    truth = np.repeat([1, 0], [20, 60])
    outputs = np.repeat(rng.normal(size=20), 4) + 1.5 * truth - 0.7
    names = np.where(truth > 0, "yes", "no").tolist()
    table = made("binary", names, outputs[:, None], outputs[:, None], ["yes"])
    alone = attack_metrics(table, "binary", labelled=True)
    together = attack_metrics(table.assign(cluster=np.repeat(np.arange(20), 4).astype(str)), "binary", labelled=True)
    for key in ("balanced_accuracy", "mcc", "average_precision"):
        assert together[f"clean_{key}"] == alone[f"clean_{key}"]
        assert alone[f"clean_{key}_ci"] is not None
        assert together[f"clean_{key}_ci"] is None
    for found, wider in (
        (alone["clean_auroc_ci"], together["clean_auroc_ci"]),
        (
            alone["budgets"][0]["by_class"]["no"]["robust_accuracy_ci"],
            together["budgets"][0]["by_class"]["no"]["robust_accuracy_ci"],
        ),
    ):
        assert wider[1] - wider[0] > found[1] - found[0]


def _of_model(name: str, outputs: np.ndarray, truth: np.ndarray) -> dict[str, object]:
    names = np.where(truth > 0, "yes", "no").tolist()
    table = made("binary", names, outputs[:, None], outputs[:, None], ["yes"])
    found = attack_metrics(table, "binary", labelled=True)
    return found | {"name": name, "task": "binary", "layer": None, "method": None}


def test_a_copy_that_collapses_is_named_beside_its_high_accuracy() -> None:
    """On the pages of compress and compare, where its robust accuracy is the highest of all."""
    truth = np.repeat([1, 0], [3, 57])
    sound, collapsed = np.where(truth > 0, 1.0, -1.0), np.full(60, -2.0)
    sound[10:20] = 0.5
    models = {name: _of_model(name, outputs, truth) for name, outputs in (("sound", sound), ("flat", collapsed))}
    compressed = {"original": models["sound"], "variants": [models["flat"]], "task": "binary"}
    assert models["flat"]["clean_accuracy"] > models["sound"]["clean_accuracy"]  # type: ignore[operator]
    for notes, tables in (
        (dict(compress_page._cautions(compressed)), compress_page._balanced(compressed)),
        (dict(compare_page._cautions({"models": models})), list(compare_page._balanced({"models": models}))[1:]),
    ):
        assert "no robustness" in notes["flat"]
        assert "almost always one answer" in notes["flat"]
        assert "almost always" not in notes.get("sound", "")
        clean = {row[0]: row[1] for row in tables[0].rows}
        assert clean["flat"].startswith("50 %")
        assert clean["sound"].startswith("91.2 %")
