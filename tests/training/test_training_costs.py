"""Adversaries whose switches cost unequally, and the state a model is searched in."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from training_toys import TINY_GRU, LinearModel, small, toy

from seqrobust.alphabet import DNA
from seqrobust.sequences import SequenceSet, Targets, one_hot
from seqrobust.training import AdversarialSettings, Labelled, TrainingSettings, adversarial_settings, fit
from seqrobust.training.costs import record_budgets, switch_units
from seqrobust.training.data import RecordDataset
from seqrobust.training.losses import record_loss
from seqrobust.training.objectives import Adversarial, worst_case
from seqrobust.training.objectives.search import still


@pytest.fixture
def prices(tmp_path: Path) -> str:
    """Transitions cost 1, transversions 2.5; C to A is forbidden."""
    rows = ["A\t0\t2.5\t1\t2.5", "C\t0\t0\t2.5\t1", "G\t1\t2.5\t0\t2.5", "T\t2.5\t1\t2.5\t0"]
    path = tmp_path / "prices.tsv"
    path.write_text("\tA\tC\tG\tT\n" + "\n".join(rows) + "\n")
    return str(path)


def objective_of(data: Labelled, settings: AdversarialSettings) -> Adversarial:
    threat = settings.threat()
    return Adversarial(
        alphabet=DNA,
        unknown="zeros",
        loss=record_loss(data.targets, TrainingSettings()),
        settings=settings,
        switches=torch.tensor(threat.switches(DNA)),
        units=switch_units(threat, data.sequences),
    )


@pytest.mark.parametrize("budget", [2, 3, 5])
def test_one_step_is_the_worst_affordable_sequence(budget: int, prices: str) -> None:
    data = Labelled(
        sequences=SequenceSet.from_texts(["ACGTA", "GGTCA", "TNCTA"], DNA),
        targets=Targets(task="binary", labels=("0", "1"), values=np.array([0, 1, 1])),
    )
    settings = adversarial_settings(budget=budget, allow=prices)
    objective, model = objective_of(data, settings), LinearModel(5)
    batch = RecordDataset(data, settings.threat()).__getitems__(range(3))
    found = worst_case(objective, model, batch, steps=1)
    words = torch.tensor(list(itertools.product(range(5), repeat=5)), dtype=torch.uint8)
    bound = settings.threat().bind(data.sequences)
    assert bound.contains(found).all()
    for row in range(3):
        here = bound.take(torch.tensor([row]).expand(len(words)))
        members = words[here.contains(words)]
        target = torch.full((len(members),), int(data.targets.values[row]))
        losses = objective.loss(model(one_hot(members, DNA)), target)
        reached = objective.loss(model(one_hot(found[row : row + 1], DNA)), target[:1])
        assert reached.item() == pytest.approx(losses.max().item(), abs=1e-5)


@pytest.mark.parametrize("budget", [4, "20%"])
def test_budgets_are_those_of_an_attack(budget: int | str, prices: str) -> None:
    data = toy("binary", n=600)
    for allow in ("any", prices):
        threat = adversarial_settings(budget=budget, allow=allow).threat()
        assert torch.equal(record_budgets(threat, data.sequences), threat.bind(data.sequences).budget)


def test_training_against_unequal_costs(prices: str, tmp_path: Path) -> None:
    data = toy("binary", n=40)
    adversary = adversarial_settings(budget=3, allow=prices, ramp_epochs=2)
    settings = TrainingSettings(epochs=2, batch_size=16)
    result = fit(small("gru", data, **TINY_GRU), data, data, settings=settings, adversarial=adversary, out=tmp_path)
    assert np.isfinite(result.history.to_numpy()).all()
    assert result.robust_overfitting is not None
    assert result.robust_overfitting >= 0


def test_a_batch_is_never_left_all_clean() -> None:
    data = toy("binary", n=2)
    settings = adversarial_settings(budget=16, clean_share=0.95)
    objective = objective_of(data, settings)
    batch = RecordDataset(data, settings.threat()).__getitems__(range(2))
    model = LinearModel(16)
    clean = objective.loss(model(one_hot(batch.tokens, DNA)), batch.targets)
    attacked = objective.losses(model, batch, 0)
    assert attacked[0] == clean[0]
    assert attacked[1] > clean[1]


class Noisy(nn.Module):
    """Recurrent layers that drop out by themselves, beside some that do not."""

    def __init__(self) -> None:
        super().__init__()
        self.noisy = nn.GRU(4, 3, num_layers=2, dropout=0.5)
        self.plain = nn.GRU(4, 3)
        self.drop = nn.Dropout(0.5)


@pytest.mark.parametrize("mode", [True, False])
def test_a_searched_model_is_still_and_differentiable(mode: bool) -> None:
    """cuDNN can back-propagate through a recurrent layer in training mode only: so is one that has no dropout."""
    model = Noisy().train(mode)
    enabled = torch.backends.cudnn.enabled
    with still(model):
        assert (model.noisy.training, model.plain.training, model.drop.training) == (False, True, False)
        assert not torch.backends.cudnn.enabled
    assert torch.backends.cudnn.enabled == enabled
    assert all(part.training is mode for part in model.modules())
    with still(model.plain):
        assert torch.backends.cudnn.enabled == enabled
