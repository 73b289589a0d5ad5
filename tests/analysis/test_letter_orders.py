"""A model that reads its letters in another order is told from one that knows nothing, and from one that is right."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import cohen_kappa_score
from torch import Tensor, nn

import seqrobust as sr
from seqrobust.analysis.letter_orders import other_order
from seqrobust.sequences import encode_targets

ORDERS = ["".join(order) for order in itertools.permutations("ACGT")]


class Counts(nn.Module):
    """Letters weighed by what they are and where; of channels in an order of its own."""

    def __init__(self, order: str, letters: str, weights: np.ndarray[Any, Any], backwards: bool = False) -> None:
        super().__init__()
        self.places = [letters.index(letter) for letter in order]
        self.register_buffer("weights", torch.tensor(weights, dtype=torch.float32)[self.places])
        self.backwards = backwards

    def forward(self, x: Tensor) -> Tensor:
        x = x.flip(2) if self.backwards else x
        size = x.shape[2]
        profile = torch.tensor(np.random.default_rng(6).normal(size=size), dtype=torch.float32)
        return torch.einsum("nkl,kt,l->nt", x, self.weights, profile) / size**0.5  # type: ignore[arg-type]


def world(letters: str, outputs: int, seed: int = 0, count: int = 80) -> tuple[list[str], np.ndarray[Any, Any], Tensor]:
    draw = np.random.default_rng(seed)
    texts = ["".join(draw.choice(list(letters), 40)) for _ in range(count)]
    weights = draw.normal(size=(len(letters), outputs))
    weights -= weights.mean(0)
    one = torch.zeros(count, len(letters), 40)
    for row, text in enumerate(texts):
        for place, letter in enumerate(text):
            one[row, letters.index(letter), place] = 1
    return texts, weights, Counts(letters, letters, weights)(one)


def said(model: nn.Module, texts: list[str], targets: Any, task: Any, alphabet: str) -> str | None:
    predictor = sr.wrap(model, alphabet=alphabet, task=task, device="cpu")
    records = sr.records(texts, alphabet=alphabet, targets=targets)
    predictor.check(torch.tensor(records.tokens))
    assert records.targets is not None
    before = predictor.forwards, predictor.rows_sent
    found = other_order(predictor, records, encode_targets(records.targets, predictor.task, predictor.labels))
    assert (predictor.forwards, predictor.rows_sent) == before
    return found


@pytest.mark.parametrize("order", ORDERS[1::4])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_order_of_channels_is_found(order: str, task: str) -> None:
    texts, weights, scores = world("ACGT", 3 if task == "classification" else 1)
    targets = [str(int(row)) for row in scores.argmax(1)] if task == "classification" else scores[:, 0].tolist()
    right = Counts("ACGT", "ACGT", weights)
    assert said(right, texts, targets, task, "DNA") is None
    model = Counts(order, "ACGT", weights)
    notice = said(model, texts, targets, task, "DNA")
    if notice is None:  # near enough to the right order to know something
        predictor = sr.wrap(model, alphabet="DNA", task=task, device="cpu")  # type: ignore[arg-type]
        tokens = torch.tensor(sr.records(texts).tokens)
        predictor.check(tokens)
        rows = np.linspace(0, 79, 64).astype(int)
        known, true = predictor.logits(tokens)[rows], scores[rows]
        if task == "regression":
            agreement = np.corrcoef(known[:, 0], true[:, 0])[0, 1]
        else:
            agreement = cohen_kappa_score(known.argmax(1), true.argmax(1))
        assert not -0.6 < agreement < 0.2
        return
    assert f"--letters {order}" in notice
    found = sr.wrap(model, alphabet="DNA", task=task, letters=order, device="cpu")  # type: ignore[arg-type]
    found.check(torch.tensor(sr.records(texts).tokens))
    torch.testing.assert_close(found.logits(torch.tensor(sr.records(texts).tokens)), scores, atol=1e-4, rtol=1e-4)


def test_the_other_strand_and_the_other_end() -> None:
    texts, weights, scores = world("ACGT", 1)
    targets = scores[:, 0].tolist()
    assert "from the other end" in str(said(Counts("ACGT", "ACGT", weights, True), texts, targets, "regression", "DNA"))
    notice = said(Counts("TGCA", "ACGT", weights, True), texts, targets, "regression", "DNA")
    assert "reverse-complemented" in str(notice)


def test_amino_acids_in_the_order_of_esm() -> None:
    letters = "ACDEFGHIKLMNPQRSTVWY"
    texts, weights, scores = world(letters, 1, seed=6)
    model = Counts("LAGVSERTIDPKQNFYMHWC", letters, weights)
    notice = said(model, texts, scores[:, 0].tolist(), "regression", "PROTEIN")
    assert "--letters LAGVSERTIDPKQNFYMHWC" in str(notice)


@pytest.mark.parametrize("seed", range(8))
def test_nothing_is_said_of_models_that_know_nothing_in_any_order(seed: int) -> None:
    texts, _, _ = world("ACGT", 1, seed)
    draw = np.random.default_rng(100 + seed)
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv1d(4, 6, 5), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(6, 2))
    assert said(net, texts, [str(int(v)) for v in draw.integers(2, size=80)], "classification", "DNA") is None
    assert (
        said(nn.Sequential(*net[:4], nn.Linear(6, 1)), texts, draw.normal(size=80).tolist(), "regression", "DNA")
        is None
    )


def test_too_few_records_and_one_class_say_nothing() -> None:
    texts, weights, scores = world("ACGT", 1)
    model = Counts("TGCA", "ACGT", weights)
    assert said(model, texts[:20], scores[:20, 0].tolist(), "regression", "DNA") is None
    assert said(Counts("TGCA", "ACGT", np.tile(weights, 2)), texts, ["1"] * 80, "classification", "DNA") is None
