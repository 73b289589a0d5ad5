"""A published model, brought as a user would, gives the published figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from seqrobust.alphabet import DNA
from seqrobust.models import Predictor, load_module
from seqrobust.sequences import SequenceSet, encode_targets
from seqrobust.sequences.readers import read_sequences

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "openspliceai.py"
LABELS = ("EI", "IE", "N")


@pytest.fixture(scope="module")
def windows(data_root: Path) -> SequenceSet:
    """Distinct windows, the first of each."""
    sequences = read_sequences(data_root / "uci_splice" / "splice.tsv.gz").sequences
    first = {text: row for row, text in reversed(list(enumerate(sequences.texts)))}
    return sequences.take(sorted(first.values()))


def predictor(data_root: Path, name: str, weights: str) -> Predictor:
    module = load_module(f"{EXAMPLE}:{name}", data_root / "openspliceai_mane" / weights)
    made = Predictor(module, alphabet=DNA, task="classification", labels=LABELS)
    made.check(torch.zeros(4, 60, dtype=torch.uint8))
    return made


@pytest.mark.parametrize(
    ("name", "weights", "expected"),
    [
        ("model_80nt", "model_80nt_rs10.pt", 556),  # as measured by whoever prepared the data set
        ("model_80nt", "model_80nt_rs12.pt", 557),
        ("model_400nt", "model_400nt_rs10.pt", 541),
    ],
)
def test_accuracy_on_distinct_test_windows(
    data_root: Path, windows: SequenceSet, name: str, weights: str, expected: int
) -> None:
    """With one threshold for each network, chosen on training windows."""
    model = predictor(data_root, name, weights)
    test = windows.in_split("test")
    assert test.targets is not None
    with model.attached():
        called = model.logits(torch.tensor(test.tokens)).argmax(1).numpy()
    right = called == encode_targets(test.targets, "classification", LABELS).values
    assert (int(right.sum()), len(right)) == (expected, 564)


def test_donor_probability_needs_its_gt(data_root: Path, windows: SequenceSet) -> None:
    """Median donor probability about 0.26, and about 5e-8 once GT is gone."""
    model = predictor(data_root, "model_80nt", "model_80nt_rs10.pt")
    assert windows.targets is not None
    donors = windows.take((windows.targets["label"] == "EI").to_numpy())
    tokens = torch.tensor(donors.tokens)
    broken = tokens.clone()
    broken[:, 30], broken[:, 31] = 0, 1
    with model.attached():
        before, after = (np.median(np.exp(model.logits(t)[:, 0].numpy())) for t in (tokens, broken))
    assert before == pytest.approx(0.26, abs=0.03)
    assert after < 1e-6
