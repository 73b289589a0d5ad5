"""The inner maximiser: exact where it can be, inside the threat, and without a trace."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from training_toys import TINY_CNN, LinearModel, small, toy

from seqrobust.alphabet import DNA
from seqrobust.sequences import Region, SequenceSet, Targets, one_hot
from seqrobust.threats import bind
from seqrobust.training import Labelled, TrainingSettings, adversarial_settings
from seqrobust.training.data import Batch, RecordDataset
from seqrobust.training.losses import record_loss
from seqrobust.training.objectives import Adversarial, worst_case


def adversarial(data: Labelled, **options: object) -> Adversarial:
    settings = adversarial_settings(**options)  # type: ignore[arg-type]
    return Adversarial(
        alphabet=DNA,
        unknown="zeros",
        loss=record_loss(data.targets, TrainingSettings()),
        settings=settings,
        switches=torch.tensor(settings.threat().switches(DNA)),
    )


def batch_of(data: Labelled, objective: Adversarial) -> Batch:
    return RecordDataset(data, objective.settings.threat()).__getitems__(range(len(data.sequences)))


def test_one_step_is_the_worst_sequence_of_a_linear_model() -> None:
    texts = ["ACGTA", "GGTCA", "TNCTA"]
    data = Labelled(
        sequences=SequenceSet.from_texts(texts, DNA, regions=[[Region("core", 0, 1)]] * 3),
        targets=Targets(task="binary", labels=("0", "1"), values=np.array([0, 1, 1])),
    )
    objective = adversarial(data, budget=2, protect=("core",))
    model = LinearModel(5)
    found = worst_case(objective, model, batch_of(data, objective), steps=1)
    loss = objective.loss
    for row, text in enumerate(texts):
        words = [
            text[0] + "".join(word)
            for word in itertools.product("ACGTN", repeat=4)
            if sum(a != b for a, b in zip(word, text[1:], strict=True)) <= 2
            and all((a == "N") == (b == "N") for a, b in zip(word, text[1:], strict=True))
        ]
        tokens = torch.tensor(SequenceSet.from_texts(words, DNA).tokens)
        target = torch.full((len(words),), int(data.targets.values[row]))
        worst = loss(model(one_hot(tokens, DNA)), target).max().item()
        here = loss(model(one_hot(found[row : row + 1], DNA)), target[:1]).item()
        assert here == pytest.approx(worst, abs=1e-5)


def test_to_first_order_the_loss_is_clean_loss_plus_the_largest_gains() -> None:
    data = toy("binary", n=8)
    objective = adversarial(data, budget=3)
    model = LinearModel(16, scale=1e-3)
    batch = batch_of(data, objective)
    encoded = one_hot(batch.tokens, DNA).requires_grad_(True)
    clean = objective.loss(model(encoded), batch.targets)
    (gradient,) = torch.autograd.grad(clean.sum(), encoded)
    threat = bind(batch.tokens, batch.editable, objective.switches, batch.budget)
    gains = threat.gains(gradient).gain.sort(dim=1, descending=True).values[:, :3].sum(1)
    found = worst_case(objective, model, batch, steps=1)
    attacked = objective.loss(model(one_hot(found, DNA)), batch.targets)
    assert torch.allclose(attacked - clean, gains, rtol=0.01)


@pytest.mark.parametrize("architecture", ["cnn", "gru", "cnn_gru"])
def test_the_search_leaves_no_trace(architecture: str) -> None:
    data = toy("classification", n=12)
    objective = adversarial(data, budget=2)
    model = small(architecture, data).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    worst_case(objective, model, batch_of(data, objective), steps=3)
    assert all(part.training for part in model.modules())
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    assert all(weight.grad is None for weight in model.parameters())
    assert torch.equal(random, torch.get_rng_state())


@pytest.mark.parametrize("steps", [1, 4])
def test_adversarial_sequences_stay_inside(steps: int) -> None:
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGTN"), int(size))) for size in rng.integers(5, 15, 30)]
    sequences = SequenceSet.from_texts(texts, DNA, regions=[[Region("core", 1, 4)]] * 30)
    targets = Targets(task="binary", labels=("0", "1"), values=rng.integers(0, 2, 30))
    data = Labelled(sequences=sequences, targets=targets)
    objective = adversarial(data, budget=3, protect=("core",))
    model = small("cnn", data, **TINY_CNN)
    found = worst_case(objective, model, batch_of(data, objective), steps=steps)
    for before, after in zip(texts, sequences.texts_with(found.numpy()), strict=True):
        edits = [i for i, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
        assert len(edits) <= 3
        assert not {1, 2, 3} & set(edits)
        assert all(before[i] != "N" and after[i] in "ACGT" for i in edits)
