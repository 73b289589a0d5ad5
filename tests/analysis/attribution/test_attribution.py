"""Attributions against closed forms, loops, finite differences and brute force, and the module left as it was."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch
from attribution_toys import NO_RULE, TEXTS, Linear, Pooled, checked, found_by, hot, records, weights_of
from torch import Tensor

from seqrobust.alphabet import DNA, PROTEIN, Alphabet
from seqrobust.analysis.attribution import (
    METHODS,
)
from seqrobust.sequences import SequenceSet, Task
from seqrobust.sequences.encoding import one_hot


@pytest.mark.parametrize("alphabet", [DNA, PROTEIN])
@pytest.mark.parametrize("baseline", ["uniform", "zeros", "shuffled"])
@pytest.mark.parametrize("name", METHODS)
def test_a_linear_model_has_closed_forms(name: str, baseline: str, alphabet: Alphabet) -> None:
    sequences = records(alphabet)
    module = Linear(alphabet.size)
    predictor = checked(module, sequences)
    found = found_by(name, predictor, sequences, baseline=baseline, shuffles=3, steps=4, draws=3)
    x = hot(sequences)
    width = x.shape[2]
    slope = np.einsum("no,okl->nkl", weights_of(predictor, sequences), module.weight.detach().numpy()[:, :, :width])
    corrected = slope - slope.mean(1, keepdims=True)
    known = x.sum(1, keepdims=True)
    values = found.values
    if name in ("saliency", "smoothgrad"):
        np.testing.assert_allclose(values, slope * known, atol=1e-5)
    elif name in ("saliency_corrected", "ism"):
        np.testing.assert_allclose(values, corrected * known, atol=1e-5)
    elif name == "input_x_gradient":
        np.testing.assert_allclose(values, slope * x, atol=1e-5)
    elif name == "input_x_gradient_corrected":
        np.testing.assert_allclose(values, corrected * x, atol=1e-5)
    elif baseline == "shuffled":
        assert ((values * x).sum(1)[known[:, 0] == 0] == 0).all()
    else:
        above = corrected if baseline == "uniform" else slope
        np.testing.assert_allclose(values, above * (x if name == "occlusion" else known), atol=1e-5)
    if METHODS[name].adds_up:
        np.testing.assert_allclose((values * x).sum((1, 2)), found.difference, atol=1e-4)
        np.testing.assert_allclose(found.delta, 0, atol=1e-4)
    else:
        assert np.isnan(found.delta).all()


@pytest.mark.parametrize("recurrent", [False, True])
def test_gradients_are_finite_differences(recurrent: bool) -> None:
    sequences = records().take([0, 3, 4])
    module = Pooled(recurrent=recurrent)
    predictor = checked(module, sequences)
    values = found_by("saliency", predictor, sequences).values
    weights, double, eps = weights_of(predictor, sequences), copy.deepcopy(module).double(), 1e-5
    for row, length in enumerate(sequences.lengths):
        x = torch.tensor(hot(sequences)[row : row + 1, :, :length]).double()
        for letter, position in [(0, 0), (1, 3), (3, int(length) - 1)]:
            way = torch.zeros_like(x)
            way[0, letter, position] = eps
            with torch.no_grad():
                rise = (double(x + way) - double(x - way))[0].numpy() @ weights[row] / (2 * eps)
            assert values[row, letter, position] == pytest.approx(rise, abs=1e-5)


def test_integrated_gradients_are_those_of_a_loop() -> None:
    sequences = records().take([0, 3, 4])
    module = Pooled()
    predictor = checked(module, sequences)
    found = found_by("integrated_gradients", predictor, sequences, steps=64)
    weights = torch.tensor(weights_of(predictor, sequences)).float()
    for row, length in enumerate(sequences.lengths):
        x = torch.tensor(hot(sequences)[row : row + 1, :, :length])
        base = torch.where(x.sum(1, keepdim=True) > 0, torch.full_like(x, 0.25), x)
        total = torch.zeros_like(x)
        for share in (np.arange(400) + 0.5) / 400:
            point = (base + float(share) * (x - base)).requires_grad_(True)
            total += torch.autograd.grad((module(point) @ weights[row]).sum(), point)[0] / 400
        expected = ((x - base) * total).sum(1)[0].numpy()
        present = (found.values[row, :, :length] * x[0].numpy()).sum(0)
        np.testing.assert_allclose(present, expected, atol=1e-5)
    np.testing.assert_allclose(found.delta, 0, atol=1e-4)


@pytest.mark.parametrize("task", ["classification", "regression", "binary", "multilabel"])
def test_mutagenesis_is_brute_force(task: Task) -> None:
    sequences = records()
    module = Pooled(outputs=1 if task == "binary" else 3)
    predictor = checked(module, sequences, task)
    values = found_by("ism", predictor, sequences).values
    occluded = found_by("occlusion", predictor, sequences).values
    with torch.no_grad():
        for row, text in enumerate(TEXTS["DNA"]):
            own = module(one_hot(torch.tensor(sequences.tokens[row : row + 1, : len(text)]), DNA))[0]
            chosen = int(own.argmax()) if task in ("classification", "multilabel") else 0

            def number(out: Tensor, chosen: int = chosen) -> float:
                rest = (out.sum() - out[chosen]) / 2 if task == "classification" else 0
                return float(out[chosen] - rest)

            for position, letter in enumerate(text):
                scores = []
                for other in "ACGT":
                    tokens = ["ACGTN".index(one) for one in text[:position] + other + text[position + 1 :]]
                    scores.append(number(module(one_hot(torch.tensor([tokens], dtype=torch.uint8), DNA))[0]))
                expected = np.array(scores) - np.mean(scores) if letter != "N" else np.zeros(4)
                np.testing.assert_allclose(values[row, :, position], expected, atol=2e-6)
                x = one_hot(torch.tensor(sequences.tokens[row : row + 1, : len(text)]), DNA)
                x[0, :, position] = 0.25
                fall = number(own) - number(module(x)[0])
                if letter != "N":
                    assert occluded[row, "ACGT".index(letter), position] == pytest.approx(fall, abs=2e-6)


def test_a_wide_window_takes_positions_away_together() -> None:
    sequences = records().take([4])
    module = Pooled()
    predictor = checked(module, sequences)
    values = found_by("occlusion", predictor, sequences, window=12, baseline="zeros").values
    x = torch.tensor(hot(sequences)[:, :, :12])
    with torch.no_grad():
        whole = float((module(x) - module(torch.zeros_like(x)))[0].numpy() @ weights_of(predictor, sequences)[0])
    np.testing.assert_allclose(values[0, :, :12][x[0].bool().numpy()], whole, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "recurrent"), [(name, kind) for name in METHODS for kind in (False, True) if (name, kind) != NO_RULE]
)
def test_neither_batch_nor_order_matters(name: str, recurrent: bool) -> None:
    sequences = SequenceSet.from_texts([*TEXTS["DNA"], *(text[::-1] for text in 4 * TEXTS["DNA"])], DNA)
    settings: dict[str, Any] = {"steps": 10, "draws": 2, "baseline": "shuffled", "shuffles": 2}
    predictor = checked(Pooled(recurrent=recurrent), sequences)
    whole = found_by(name, predictor, sequences, **settings).values
    order = np.random.default_rng(1).permutation(len(sequences))
    predictor = checked(Pooled(recurrent=recurrent), sequences, batch_size=16)
    other = found_by(name, predictor, sequences.take(order), **settings).values
    np.testing.assert_allclose(whole[order], other, atol=2e-6)
    for row in (0, 2, 3):
        alone = found_by(name, predictor, sequences.take([row]), **settings).values
        np.testing.assert_allclose(whole[[row]], alone, atol=2e-6)
    assert not whole[sequences.tokens[:, None, :].repeat(4, 1) >= 4].any()
