"""Measures of disagreement, and how usual a sequence is, against counting and formulas by hand."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from uncertainty_toys import LENGTH, linear, texts

from seqrobust.alphabet import DNA
from seqrobust.analysis.uncertainty import (
    Background,
    Density,
    Embedding,
    dropout_members,
    fit_background,
    logit_variance,
    mutual_information,
    predictive_entropy,
)
from seqrobust.errors import ConfigError, ModelError
from seqrobust.sequences import SequenceSet, one_hot

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
