"""A published model, brought as a user would, gives the published figures."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from seqrobust.alphabet import DNA
from seqrobust.errors import ModelError
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


@pytest.mark.parametrize(
    ("label", "output", "place", "before", "after"),
    [("EI", 0, 30, 0.26, 5e-8), ("IE", 1, 28, 0.06, 1e-7)],
    ids=["GT of a donor", "AG of an acceptor"],
)
def test_a_junction_needs_its_two_bases(
    data_root: Path, windows: SequenceSet, label: str, output: int, place: int, before: float, after: float
) -> None:
    """Medians fall as published with the data set once both are replaced; bases outside the consensus cost little."""
    model = predictor(data_root, "model_80nt", "model_80nt_rs10.pt")
    assert windows.targets is not None
    junctions = windows.take((windows.targets["label"] == label).to_numpy())
    tokens = torch.tensor(junctions.tokens)
    broken, aside = _substituted(tokens, place), _substituted(tokens, 3)
    with model.attached():
        found = [float(model.logits(rows)[:, output].exp().median()) for rows in (tokens, broken, aside)]
    assert found[0] == pytest.approx(before, abs=0.006)
    assert after / 3 < found[1] < after * 3
    assert found[2] > before / 2


def _substituted(tokens: torch.Tensor, place: int) -> torch.Tensor:
    """Two bases from ``place`` on, each replaced by any of the other three."""
    changed = tokens.clone()
    draws = torch.randint(1, 4, (len(tokens), 2), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    changed[:, place : place + 2] = (tokens[:, place : place + 2] + draws) % 4
    return changed


def test_gradients_do_not_vanish_where_the_network_is_sure(data_root: Path, windows: SequenceSet) -> None:
    model = predictor(data_root, "model_80nt", "model_80nt_rs10.pt")
    tokens = torch.tensor(windows.tokens[::20])
    with model.attached():
        asked = model.gradient(model.encode(tokens), model.lengths(tokens), lambda out, _: out[:, 0] - out[:, 1])
    assert asked.gradient.abs().amax((1, 2)).min() > 0.1


def test_other_windows_are_refused(data_root: Path) -> None:
    model = predictor(data_root, "model_80nt", "model_80nt_rs10.pt")
    with pytest.raises(ModelError, match="a window has 60 bases"):
        model.check(torch.zeros(4, 80, dtype=torch.uint8))
