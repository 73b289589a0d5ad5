"""A regression that knows nothing is hard to move: that it knows nothing is said wherever it is called robust."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.analysis.attacked import still
from seqrobust.analysis.robustness import attack_metrics
from seqrobust.attacks.settings import AttackSettings
from seqrobust.attacks.stating import attack_problem
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.training.metrics import prediction_metrics

RANDOM = np.random.default_rng(2)
TRUTH = RANDOM.normal(3, 2, 40)
NOISE = RANDOM.normal(0, 1, 40)


def table(said: np.ndarray, shift: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [f"r{i}" for i in range(40)],
            "budget": 1,
            "target": TRUTH,
            "clean_prediction": said,
            "clean_score": said,
            "adversarial_prediction": said + shift,
            "adversarial_score": said + shift,
            "success": pd.array(shift > 1, dtype="boolean"),
            "random_success": 0.0,
            "random_score": said,
            "n_edits": 1,
            "forwards": 1,
            "gradients": 0,
        }
    )


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4, 1.0])
def test_r2_near_nothing_is_said(share: float) -> None:
    said = 3 + share * (TRUTH - 3) + 0.3 * NOISE
    r2 = 1 - ((TRUTH - said) ** 2).sum() / ((TRUTH - TRUTH.mean()) ** 2).sum()
    targets = Targets(task="regression", labels=("y",), values=TRUTH[:, None].astype(np.float32))
    trained = prediction_metrics(targets, said[:, None].astype(np.float32))
    attacked = attack_metrics(table(said, np.zeros(40)), "regression", labelled=True)
    for found in (trained, attacked):
        assert bool(found.get("cautions")) == (r2 < 0.1)
    if r2 < 0:
        assert "no better than always giving the mean" in attacked["cautions"][0]


def test_a_few_records_do_not_speak_for_all() -> None:
    shift = np.where(np.arange(40) < 3, 50.0, 0.01 * np.arange(40))
    (found,) = attack_metrics(table(TRUTH, shift), "regression", labelled=True)["budgets"]
    ordered = sorted(shift)
    assert found["mean_shift"] == pytest.approx(sum(ordered) / 40)
    assert found["shift_quantiles"]["0.5"] == pytest.approx((ordered[19] + ordered[20]) / 2)
    assert found["shift_quantiles"]["0.9"] == pytest.approx(ordered[35] + 0.1 * (ordered[36] - ordered[35]))
    assert found["shift_quantiles"]["0.5"] < 0.3 < 3 < found["mean_shift"]


class Scaled(nn.Module):
    def __init__(self, scale: float) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, x: Tensor) -> Tensor:
        return self.scale * x.mean(2)[:, :1]


@pytest.mark.parametrize(("scale", "told"), [(0.1, True), (10.0, False)])
def test_predictions_that_hardly_vary_beside_the_training_are_no_truth(scale: float, told: bool) -> None:
    letters = np.random.default_rng(1).choice(list("ACGT"), (30, 12)).tolist()
    records = SequenceSet.from_texts(["".join(row) for row in letters], alphabet=DNA)
    model = Predictor(Scaled(scale), alphabet=DNA, task="regression", labels=("y",), device="cpu", scale="logits")
    model.check(torch.tensor(records.tokens))
    problem = attack_problem(model, records, None, AttackSettings(budget="1", delta=1), seed=0)
    with model.attached():
        said = model.logits(torch.tensor(records.tokens))[:, 0].numpy()
    results = pd.DataFrame({"id": records.ids, "clean_score": said})
    assert still(results, problem) == {}  # nothing is known of the training
    model.target_spread = {"y": 1.0}
    assert bool(still(results, problem)) == told == (said.std() < 0.1)
