"""Where one record in a hundred is positive, the epoch that is kept is not the one that answers no to all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn import metrics as reference
from torch import Tensor, nn
from training_toys import logits, toy, trained

from seqrobust.alphabet import DNA
from seqrobust.errors import ConfigError
from seqrobust.models import SequenceModel
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.training import (
    AdversarialSettings,
    Labelled,
    TrainingSettings,
    adversarial_settings,
    fit,
    prediction_metrics,
)
from seqrobust.training.scores import BalancedAccuracy
from seqrobust.training.selection import selection


def one_in_a_hundred(n: int, seed: int) -> Labelled:
    """A positive and a hundred negatives in turn; positives are rich in A."""
    rng = np.random.default_rng(seed)
    values = (np.arange(n) % 101 == 0).astype(np.int64)
    chances = {0: [0.25, 0.25, 0.25, 0.25], 1: [0.43, 0.19, 0.19, 0.19]}
    texts = ["".join(rng.choice(list("ACGT"), 16, p=chances[value])) for value in values.tolist()]
    targets = Targets(task="binary", labels=("no", "yes"), values=values)
    return Labelled(sequences=SequenceSet.from_texts(texts, DNA), targets=targets)


class CountsA(SequenceModel):
    """How many A's a record has beyond a threshold, which alone is learnt; it begins by answering no to all."""

    def __init__(self) -> None:
        super().__init__(1)
        self.threshold = nn.Parameter(torch.tensor(27.0))

    def scores(self, encoded: Tensor, lengths: Tensor | None) -> Tensor:
        return encoded[:, 0].sum(1, keepdim=True) - self.threshold


@pytest.mark.parametrize("against", [None, adversarial_settings(budget=1, validation_steps=1)])
def test_the_epoch_that_is_constant_is_kept_by_accuracy_and_not_by_default(
    against: AdversarialSettings | None, tmp_path: Path
) -> None:
    data, valid = one_in_a_hundred(404, 0), one_in_a_hundred(404, 1)
    found = {}
    for select_by in ("accuracy", "auto"):
        settings = TrainingSettings(
            epochs=3, learning_rate=1.4, schedule="constant", class_weights="balanced", select_by=select_by
        )
        result = fit(CountsA(), data, valid, settings=settings, adversarial=against, out=tmp_path / select_by)
        found[select_by] = prediction_metrics(valid.targets, logits(result.model, valid))
    assert found["accuracy"]["by_class"]["yes"]["recall"] == 0
    assert len(found["accuracy"]["cautions"]) == 2
    assert found["auto"]["by_class"]["yes"]["recall"] > 0
    assert found["auto"]["balanced_accuracy"] > 0.7
    assert result.history["valid_accuracy"].iloc[0] == pytest.approx(100 / 101)


def test_of_epochs_that_all_answer_no_the_one_of_the_smallest_loss_is_kept(tmp_path: Path) -> None:
    data, valid = one_in_a_hundred(404, 0), one_in_a_hundred(303, 1)
    result = trained(data, tmp_path, valid=valid, epochs=4, learning_rate=0.03)
    assert result.monitor == "valid_balanced_accuracy"
    assert set(result.history["valid_balanced_accuracy"]) == {0.5}
    assert result.best_epoch == result.history["valid_loss"].idxmin() + 1 > 1
    assert "no 400, yes 4" in result.rule


def test_history_holds_what_scikit_learn_says_of_the_last_epoch(tmp_path: Path) -> None:
    for task in ("binary", "classification"):
        data = toy(task)
        result = trained(data, tmp_path / task, epochs=1, select="last")
        scores, truth = logits(result.model, data), data.targets.values
        answers = scores[:, 0] > 0 if task == "binary" else scores.argmax(1)
        shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        ranked = scores[:, 0] if task == "binary" else shares
        row = result.history.iloc[-1]
        assert row["valid_balanced_accuracy"] == pytest.approx(reference.balanced_accuracy_score(truth, answers))
        assert row["valid_mcc"] == pytest.approx(reference.matthews_corrcoef(truth, answers), abs=1e-6)
        assert row["valid_auroc"] == pytest.approx(reference.roc_auc_score(truth, ranked, multi_class="ovr"))
        wanted = truth if task == "binary" else np.eye(len(data.targets.labels))[truth]
        assert row["valid_average_precision"] == pytest.approx(reference.average_precision_score(wanted, ranked))


def test_the_balanced_accuracy_of_several_labels_is_the_mean_of_each() -> None:
    rng = np.random.default_rng(0)
    truth, scores = (rng.random((60, 3)) < [0.5, 0.1, 0.0]).astype(np.float32), rng.normal(size=(60, 3))
    metric = BalancedAccuracy("multilabel", 3)
    for part in range(0, 60, 20):
        metric.update(torch.tensor(scores[part : part + 20]), torch.tensor(truth[part : part + 20]))
    each = [reference.balanced_accuracy_score(truth[:, one], scores[:, one] > 0) for one in range(2)]
    assert float(metric.compute()) == pytest.approx(np.mean(each))


def _targets(*counts: int) -> Targets:
    labels = tuple("abcdef"[: len(counts)])
    return Targets(
        task="binary" if len(counts) == 2 else "classification",
        labels=labels,
        values=np.repeat(np.arange(len(counts)), counts),
    )


@pytest.mark.parametrize(
    ("train", "valid", "options", "monitor", "said"),
    [
        (_targets(30, 10), _targets(9, 3), {}, "valid_accuracy", ""),
        (_targets(31, 10), _targets(9, 3), {}, "valid_balanced_accuracy", ""),
        (_targets(31, 10), _targets(9, 3), {"select_by": "accuracy"}, "valid_accuracy", ""),
        (_targets(10, 10), _targets(9, 3), {"select_by": "balanced"}, "valid_balanced_accuracy", ""),
        (_targets(31, 10), _targets(9, 3), {"select": "loss"}, "valid_loss", ""),
        (_targets(31, 10), _targets(9, 0), {}, None, "no record of b"),
        (_targets(31, 10, 30), _targets(9, 0, 4), {}, "valid_balanced_accuracy", "no record of b"),
        (_targets(31, 10, 0), _targets(9, 2, 0), {}, "valid_balanced_accuracy", ""),
    ],
)
def test_the_rule(train: Targets, valid: Targets, options: dict[str, str], monitor: str | None, said: str) -> None:
    chosen = selection(TrainingSettings(**options), None, train, valid)  # type: ignore[arg-type]
    assert chosen.monitor == monitor
    assert said in " ".join(chosen.notices)
    assert bool(chosen.notices) == bool(said)
    assert ("uneven" in chosen.rule) == (monitor == "valid_balanced_accuracy" and not options)


def test_one_class_in_validation_is_refused_where_a_score_was_asked_for() -> None:
    with pytest.raises(ConfigError, match="one class only"):
        selection(TrainingSettings(select="clean"), None, _targets(31, 10), _targets(9, 0))


def test_a_rare_label_makes_the_score_of_several_balanced(tmp_path: Path) -> None:
    data = toy("multilabel")
    rare = data.targets.values.copy()
    rare[:, 0] = np.arange(len(rare)) % 40 == 0
    targets = Targets(task="multilabel", labels=data.targets.labels, values=rare)
    uneven = Labelled(sequences=data.sequences, targets=targets)
    result = trained(uneven, tmp_path, epochs=2)
    assert result.monitor == "valid_balanced_accuracy"
    assert isinstance(result.history, pd.DataFrame)
    assert np.isfinite(result.history[["valid_balanced_accuracy", "valid_auroc", "valid_mcc"]].to_numpy()).all()
