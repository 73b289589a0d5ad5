"""The whole study on small models: its rows agree with its metrics and with the model itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from stability_models import Linear, Smooth, problem_for, records
from torch import nn

from seqrobust.alphabet import DNA
from seqrobust.analysis.results import COLUMNS
from seqrobust.analysis.stability import ExplainedPredictor, StabilitySettings, Study, explanation_stability
from seqrobust.analysis.stability.tables import FEW_DRAWS, MORE_COLUMNS
from seqrobust.attacks import Problem, coded
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import Region, SequenceSet, Targets, Task, one_hot
from seqrobust.sequences.encoding import tokens_from_texts
from seqrobust.threats.coding import parse_moves

SETTINGS = StabilitySettings(
    methods=("input_x_gradient", "ism"),
    functional=("core",),
    random_draws=3,
    attacks=("greedy_all",),
    changed_below=0.8,
    sanity_records=0,
)


@pytest.fixture(scope="module")
def study() -> tuple[Problem, pd.DataFrame, dict]:
    sequences = records(9, ragged=True)
    wrong = np.zeros(9, np.int64)
    problem = problem_for(Smooth(activation=nn.ReLU), sequences, budget="1,2")
    with problem.predictor.attached():
        said = problem.predictor.logits(torch.tensor(sequences.tokens)).argmax(1).numpy()
    wrong[0] = 1
    targets = Targets(task="classification", labels=("0", "1", "2"), values=np.where(wrong, (said + 1) % 3, said))
    problem = replace(problem, targets=targets)
    return problem, *explanation_stability(problem, replace(SETTINGS, sanity_records=4))


def test_rows_are_complete(study: tuple[Problem, pd.DataFrame, dict]) -> None:
    _, rows, _ = study
    assert set(COLUMNS) | set(MORE_COLUMNS) <= set(rows)
    counts = rows.groupby(["goal", "method"]).size()
    assert counts["random", "ism"] == 9 * 2 * 3
    assert counts["change", "input_x_gradient"] == counts["keep", "ism"] == 18
    assert rows.loc[rows["id"] == "seq1", "success"].isna().all()
    assert set(rows.loc[rows["goal"] != "random", "searched"]) == {"input_x_gradient"}
    draws = rows[(rows["goal"] == "random") & (rows["method"] == "ism") & rows["correlation"].notna()]["draw"]
    assert draws.max() == FEW_DRAWS - 1
    assert ((rows["n_edits"] <= rows["budget"]) | (rows["goal"] != "random")).all()
    spent = rows[rows["goal"] == "random"]
    assert (spent["n_edits"] == spent["budget"]).all()


def test_kept_and_flipped_are_the_models_own(study: tuple[Problem, pd.DataFrame, dict]) -> None:
    problem, rows, _ = study
    module, sequences = problem.predictor.module, problem.sequences
    rows = rows[rows["attacked"]]
    number = rows["id"].map({name: row for row, name in enumerate(sequences.ids)}).to_numpy()
    for row, text, kept, flipped in zip(
        number, rows["adversarial_sequence"], rows["kept"], rows["flipped"], strict=True
    ):
        before, after = (
            module(one_hot(torch.tensor(tokens_from_texts([one], DNA)), DNA))[0].detach()
            for one in (sequences.texts[row], text)
        )
        assert flipped == bool(after.argmax() != before.argmax())
        own = before.argmax()
        leads = [float(x[own] - x.clone().index_fill(0, own, -1e9).max()) for x in (before, after)]
        if abs(leads[1] - 0.5 * leads[0]) > 1e-5:
            assert kept == (leads[1] >= 0.5 * leads[0])


def test_metrics_are_those_of_the_rows(study: tuple[Problem, pd.DataFrame, dict]) -> None:
    _, rows, metrics = study
    found = metrics["methods"]["input_x_gradient"]["change"]
    assert [level["budget"] for level in found["budgets"]] == [1, 2]
    mine = rows[(rows["goal"] == "change") & (rows["method"] == "input_x_gradient") & (rows["budget"] == 2)]
    mine = mine[mine["attacked"]]
    assert found["n"] == len(mine) == 8
    assert found["success_rate"] == pytest.approx(mine["success"].astype(float).mean())
    assert found["spearman"] == pytest.approx(mine["spearman"].mean())
    assert found["spearman_ci"][0] <= found["spearman"] <= found["spearman_ci"][1]
    assert found["budgets"][0]["correlation"] >= found["correlation"] - 1e-6
    for part in found["by_prediction"]:
        own = mine[mine["clean_prediction"] == part["prediction"]]
        assert (part["n"], part["success_rate"]) == (len(own), pytest.approx(own["success"].astype(float).mean()))
    assert sum(part["n"] for part in found["by_prediction"]) == 8
    random = metrics["methods"]["input_x_gradient"]["random"]["budgets"][1]
    drawn = rows[(rows["goal"] == "random") & (rows["method"] == "input_x_gradient") & (rows["budget"] == 2)]
    drawn = drawn[drawn["success"].notna()]
    assert random["correlation"] == pytest.approx(drawn.groupby("id")["correlation"].mean().mean())
    assert random["correlation"] > found["correlation"]
    assert set(metrics["sanity"]) == {"input_x_gradient", "ism"}
    assert [verdict["method"] for verdict in metrics["verdicts"]] == ["input_x_gradient", "ism"]


@pytest.mark.parametrize("task", ["binary", "multilabel", "regression"])
def test_every_task(task: Task) -> None:
    module = Smooth(outputs=1 if task == "binary" else 2)
    problem = problem_for(module, records(6), task=task, budget="2")
    rows, metrics = explanation_stability(problem, replace(SETTINGS, methods=("saliency",), functional=()))
    assert set(rows["goal"]) == {"random", "change", "keep"}
    assert rows.loc[rows["goal"] == "keep", "flipped"].any()
    assert metrics["methods"]["saliency"]["change"]["correlation"] < 1


def test_a_linear_model_is_stable_and_its_flips_are_not_silent() -> None:
    problem = problem_for(Linear(), records(8), budget="3")
    settings = replace(SETTINGS, methods=("input_x_gradient",), functional=(), kept_above=0.2)
    _, metrics = explanation_stability(problem, settings)
    goals = metrics["methods"]["input_x_gradient"]
    assert goals["change"]["success_rate"] == 0
    assert goals["change"]["correlation"] == pytest.approx(1, abs=1e-5)
    assert goals["random"]["correlation"] == pytest.approx(1, abs=1e-5)
    assert metrics["verdicts"][0]["verdict"] == "stable"


def test_records_are_compared_with_others_of_one_prediction() -> None:
    sequences = records(12)
    study = Study(problem=problem_for(Smooth(), sequences), settings=replace(SETTINGS, methods=("saliency",)))
    with study.attached():
        found = study.between()["saliency"]
        clean = study.judge.explanation("saliency")
        said = study.judge.clean.argmax(1).numpy()
    own = [
        np.corrcoef(clean[one], clean[other])[0, 1]
        for one in range(12)
        for other in range(12)
        if one != other and said[one] == said[other]
    ]
    sizes = np.bincount(said)
    assert found["n"] == sizes[sizes > 1].sum()
    assert min(own) - 1e-6 <= found["correlation"] <= max(own) + 1e-6
    linear = Study(problem=problem_for(Linear(), sequences), settings=replace(SETTINGS, methods=("saliency",)))
    with linear.attached():
        assert linear.between()["saliency"]["correlation"] == pytest.approx(1, abs=1e-5)


def test_codons() -> None:
    rng = np.random.default_rng(0)
    texts = ["ATG" + "".join(rng.choice(["CTG", "TTA", "GGC", "AGC"], 4)) + "T" for _ in range(5)]
    sequences = SequenceSet.from_texts(texts, DNA, regions=[[Region("CDS", 0, 15)]] * 5)
    plain = problem_for(Smooth(), sequences, budget="2")
    coding = parse_moves("codons:CDS", DNA)
    assert coding is not None
    rows, _ = explanation_stability(
        coded(plain, coding), replace(SETTINGS, methods=("input_x_gradient",), functional=())
    )
    from Bio.Seq import Seq

    proteins = {name: str(Seq(text[:15]).translate()) for name, text in zip(sequences.ids, texts, strict=True)}
    for name, text in zip(rows["id"], rows["adversarial_sequence"], strict=True):
        assert str(Seq(text[:15]).translate()) == proteins[name]
    assert (rows.loc[rows["goal"] == "change", "correlation"] < 0.999).any()


def test_results_do_not_depend_on_batches() -> None:
    tables = []
    for size in (16, 64):
        problem = problem_for(Smooth(), records(5), budget="2")
        problem.predictor.batch_size = size
        tables.append(explanation_stability(problem, replace(SETTINGS, functional=()))[0])
    pd.testing.assert_frame_equal(tables[0], tables[1], rtol=1e-4)


@pytest.mark.parametrize("kind", ["dropout", "strands"])
def test_random_models_and_means_over_strands(kind: str) -> None:
    module = Noisy() if kind == "dropout" else Smooth()
    sequences = records(4)
    plain = problem_for(module, sequences, budget="2")
    predictor = Predictor(
        plain.predictor.module,
        alphabet=DNA,
        task="classification",
        device="cpu",
        scale="logits",
        samples=3,
        average_strands=kind == "strands",
    )
    predictor.check(torch.tensor(sequences.tokens))
    settings = replace(SETTINGS, methods=("input_x_gradient",), functional=())
    tables = [explanation_stability(replace(plain, predictor=predictor), settings)[0] for _ in range(2)]
    pd.testing.assert_frame_equal(*tables)
    change = tables[0][tables[0]["goal"] == "change"]
    assert (change["correlation"] < 0.99).any()
    if kind == "strands":
        explained = ExplainedPredictor(predictor, "input_x_gradient")
        tokens = torch.tensor(sequences.tokens)
        explained.check(tokens)
        with explained.attached():
            here = explained.layout.parts(explained.logits(tokens)).importance
            there = explained.layout.parts(explained.logits(3 - tokens.flip(1))).importance
        torch.testing.assert_close(here, there.flip(1), rtol=1e-4, atol=1e-5)


class Noisy(Smooth):
    """Dropout that stays on."""

    def forward(self, encoded: torch.Tensor) -> torch.Tensor:
        return super().forward(nn.functional.dropout(encoded, 0.1, training=True))
