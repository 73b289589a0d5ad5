"""Baselines against scikit-learn, on records whose truth is a sum over letters, or a copy of a training record's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import Ridge

from seqrobust.alphabet import DNA
from seqrobust.sequences import SequenceSet, Task, encode_targets
from seqrobust.training import Labelled
from seqrobust.training.baselines import PENALTIES, baselines, no_better

WEIGHTS = np.random.default_rng(0).normal(size=(30, 4))


def labelled(count: int, seed: int, task: Task = "regression", lengths: tuple[int, int] = (30, 31)) -> Labelled:
    rng = np.random.default_rng(seed)
    rows = [rng.integers(0, 4, int(rng.integers(*lengths))) for _ in range(count)]
    texts = ["".join("ACGT"[letter] for letter in row) for row in rows]
    values = [sum(WEIGHTS[at % 30, letter] for at, letter in enumerate(row)) for row in rows]
    truth = values if task == "regression" else ["no" if value < 0 else "yes" for value in values]
    sequences = SequenceSet.from_texts(texts, DNA, targets=pd.DataFrame({"y": truth}))
    assert sequences.targets is not None
    labels = None if task == "regression" else ("no", "yes")
    return Labelled(sequences=sequences, targets=encode_targets(sequences.targets, task, labels))


def test_ridge_is_that_of_scikit_learn() -> None:
    train, valid, test = labelled(300, 1), labelled(60, 2), labelled(80, 3)
    found = baselines(train, valid, test)

    def flat(part: Labelled) -> np.ndarray:
        return np.eye(5)[part.sequences.tokens][:, :, :4].transpose(0, 2, 1).reshape(len(part.sequences), -1)

    fitted = [Ridge(alpha=one).fit(flat(train), train.targets.values[:, 0]) for one in PENALTIES]
    errors = [((one.predict(flat(valid)) - valid.targets.values[:, 0]) ** 2).mean() for one in fitted]
    best = fitted[int(np.argmin(errors))]
    assert found["ridge"]["r2"] == pytest.approx(best.score(flat(test), test.targets.values[:, 0]), abs=1e-4)
    assert found["ridge"]["r2"] > 0.99
    assert found["mean"]["r2"] == pytest.approx(0, abs=0.05)
    assert found["ridge"]["how"] == "letters by position"
    assert "no better than a ridge regression" in str(no_better({"r2": 0.7}, found))
    assert no_better({"r2": 0.99999}, {"mean": found["mean"]}) is None


def test_copies_are_found_by_the_nearest_record() -> None:
    train = labelled(60, 1)
    found = baselines(train, labelled(20, 2), train)
    assert found["nearest"]["r2"] == pytest.approx(1)


def test_classes_and_uneven_lengths() -> None:
    found = baselines(labelled(400, 1, "binary"), labelled(80, 2, "binary"), labelled(100, 3, "binary"))
    assert found["ridge"]["balanced_accuracy"] > 0.75
    assert found["mean"]["balanced_accuracy"] == pytest.approx(0.5)
    uneven = baselines(*(labelled(40, seed, lengths=(20, 60)) for seed in (1, 2, 3)))
    assert uneven["ridge"]["how"] == "5-mer frequencies"
