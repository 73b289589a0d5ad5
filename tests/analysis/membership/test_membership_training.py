"""Models trained together against the same trained alone; a model that memorises, and one that was never trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from seqrobust.alphabet import DNA
from seqrobust.analysis.membership import (
    assign_records,
    auc,
    lira_offline,
    lira_online,
    rmia,
    roc,
    shadow_logits,
    signals,
    tpr_at_fpr,
    train_shadows,
)
from seqrobust.analysis.membership.shadows import _built
from seqrobust.analysis.membership.stacked import Stack
from seqrobust.errors import ConfigError, DataError, SeqRobustError
from seqrobust.models import SequenceModel, build_model
from seqrobust.sequences import Region, SequenceSet, Targets, Task
from seqrobust.training import adversarial_settings, fit
from seqrobust.training.data import Batch, Labelled
from seqrobust.training.objectives import Robust
from seqrobust.training.settings import AdversarialSettings, TrainingSettings

L = 24


def pool(count: int, task: Task = "classification", *, seed: int = 0, length: int = L, classes: int = 3) -> Labelled:
    rng = np.random.default_rng(seed)
    texts = ["".join(row) for row in rng.choice(list("ACGT"), (count, length))]
    drawn: dict[str, Any] = {
        "classification": rng.integers(0, classes, count),
        "binary": rng.integers(0, 2, count),
        "multilabel": rng.integers(0, 2, (count, classes)).astype(np.float32),
        "regression": rng.normal(3, 10, (count, 2)).astype(np.float32),
    }
    outputs = {"classification": classes, "binary": 2, "multilabel": classes, "regression": 2}[task]
    targets = Targets(task=task, labels=tuple(f"class {n}" for n in range(outputs)), values=drawn[task])
    return Labelled(sequences=SequenceSet.from_texts(texts, DNA), targets=targets)


def small(
    records: Labelled, architecture: str = "cnn", **given: int | float | str | bool
) -> Callable[[], SequenceModel]:
    sizes: dict[str, int | float | str | bool] = (
        {"channels": 6, "blocks": 2, "first_kernel": 5, "hidden": 8}
        if architecture == "cnn"
        else {"hidden": 6, "readout_hidden": 8}
    )
    chosen = {**sizes, "dropout": 0.0, **given}
    return lambda: build_model(
        architecture, alphabet_size=4, outputs=records.targets.outputs, input_length=L, **chosen
    )  # fmt: skip


def same_weights(one: SequenceModel, other: SequenceModel, atol: float = 2e-4) -> None:
    for name, value in one.state_dict().items():
        torch.testing.assert_close(value, other.state_dict()[name], rtol=1e-3, atol=atol, msg=name)


@pytest.mark.parametrize("task", ["classification", "binary", "multilabel", "regression"])
def test_models_trained_together_are_those_trained_alone(task: Task) -> None:
    records = pool(51, task)
    inside = assign_records(51, 4, seed=0)
    settings = TrainingSettings(epochs=3, batch_size=8, gradient_clip=0.5, learning_rate=5e-3)
    both = [
        train_shadows(small(records), records, inside, settings=settings, way=way, seed=3)
        for way in ("stacked", "serial")
    ]
    assert [one.way for one in both] == ["stacked", "serial"]
    start = small(records)()
    for one, other in zip(both[0].models, both[1].models, strict=True):
        same_weights(one, other)
        assert not one.training
        assert all(weight.requires_grad for weight in one.parameters())
    moved = [
        float((a - b).detach().abs().max())
        for a, b in zip(start.parameters(), both[0].models[0].parameters(), strict=True)
    ]
    assert max(moved) > 0.05
    first, second = both[0].models[:2]
    assert float((next(first.parameters()) - next(second.parameters())).detach().abs().max()) > 0.05


@pytest.mark.parametrize(
    ("schedule", "extra"),
    [
        ("cosine", {"augment": "evolution", "class_weights": "balanced"}),
        ("constant", {"reverse_complement": True, "gradient_clip": None, "classification_loss": "margin"}),
        ("one_cycle", {"label_smoothing": 0.1}),
    ],
)
def test_every_setting_is_the_same_both_ways(schedule: str, extra: dict[str, object]) -> None:
    records, inside = pool(40), assign_records(40, 3, seed=1)
    settings = TrainingSettings(epochs=2, batch_size=8, schedule=schedule, **extra)  # type: ignore[arg-type]
    both = [
        train_shadows(small(records), records, inside, settings=settings, way=way, seed=4)
        for way in ("stacked", "serial")
    ]
    for one, other in zip(both[0].models, both[1].models, strict=True):
        same_weights(one, other)


def test_serial_training_is_plain_training() -> None:
    """One epoch of one batch, written out."""
    records, inside = pool(16), np.ones((1, 16), bool)
    settings = TrainingSettings(epochs=1, batch_size=16, schedule="constant", gradient_clip=None)
    found = train_shadows(small(records), records, inside, settings=settings, way="serial").models[0]
    torch.manual_seed(0)
    model = _built(small(records), records, 0, 0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
    encoded = torch.nn.functional.one_hot(torch.tensor(records.sequences.tokens).long(), 4).float().transpose(1, 2)
    loss = nn.functional.cross_entropy(model.train()(encoded), torch.tensor(records.targets.values))
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    same_weights(found, model.eval(), atol=1e-5)


@pytest.mark.parametrize(
    ("architecture", "given"),
    [("gru", {}), ("cnn_gru", {"channels": 6}), ("cnn", {"lipschitz": True, "activation": "group_sort"})],
)
def test_other_architectures_stack_too(architecture: str, given: dict[str, int | float | str | bool]) -> None:
    records, inside = pool(24), assign_records(24, 2, seed=0)
    settings = TrainingSettings(epochs=1, batch_size=6)
    both = [
        train_shadows(small(records, architecture, **given), records, inside, settings=settings, way=way)
        for way in ("stacked", "serial")
    ]
    for one, other in zip(both[0].models, both[1].models, strict=True):
        same_weights(one, other, atol=1e-3)


def test_dropout_is_drawn_for_each_model() -> None:
    records = pool(8)
    models = [small(records, dropout=0.5)().train() for _ in range(2)]
    models[1].load_state_dict(models[0].state_dict())
    encoded = torch.rand(1, 8, 4, L).expand(2, -1, -1, -1)
    targets = torch.tensor(records.targets.values).expand(2, -1)
    each = partial(nn.functional.cross_entropy, reduction="none")
    losses = Stack(models).losses(encoded, targets, each)
    assert not torch.allclose(losses[0], losses[1])


def test_what_cannot_be_stacked_is_trained_alone_and_said() -> None:
    records, inside = pool(24), assign_records(24, 2, seed=0)
    settings = TrainingSettings(epochs=1, batch_size=6)
    implicit = small(records, implicit=True)
    found = train_shadows(implicit, records, inside, settings=settings)
    assert (found.way, found.reason[:39]) == ("serial", "these models cannot be trained together")
    with pytest.raises(ConfigError, match="cannot be trained together"):
        train_shadows(implicit, records, inside, settings=settings, way="stacked")
    texts = [text[: 20 + number % 3] for number, text in enumerate(records.sequences.texts)]
    ragged = Labelled(sequences=SequenceSet.from_texts(texts, DNA), targets=records.targets)
    found = train_shadows(small(ragged), ragged, inside, settings=settings)
    assert "length" in found.reason
    large = TrainingSettings(epochs=1, batch_size=64)
    assert train_shadows(small(records), records, inside, settings=large).way == "serial"
    assert train_shadows(small(records, "gru"), records, inside, settings=large).way == "stacked"
    assert train_shadows(small(records), records, inside, settings=settings).way == "stacked"


def test_training_says_how_far_it_is_and_leaves_the_random_state() -> None:
    records, inside = pool(24), assign_records(24, 18, seed=0)
    heard: list[tuple[int, int]] = []
    before = torch.random.get_rng_state()
    train_shadows(
        small(records), records, inside, settings=TrainingSettings(epochs=2, batch_size=12),
        progress=lambda done, total: heard.append((done, total)),
    )  # fmt: skip
    assert heard == [(16, 36), (32, 36), (34, 36), (36, 36)]
    assert torch.equal(before, torch.random.get_rng_state())


def test_bad_training_is_refused() -> None:
    records, settings = pool(24), TrainingSettings(epochs=1, batch_size=6)
    with pytest.raises(DataError, match="who trains on what"):
        train_shadows(small(records), records, assign_records(23, 2, seed=0), settings=settings)
    with pytest.raises(ConfigError, match="outputs"):
        train_shadows(small(pool(24, "binary")), records, assign_records(24, 2, seed=0), settings=settings)
    wild = TrainingSettings(epochs=3, batch_size=6, learning_rate=1e30, gradient_clip=None)
    for way in ("stacked", "serial"):
        with pytest.raises(SeqRobustError, match="shadow model 1 was not finite"):
            train_shadows(small(records), records, assign_records(24, 2, seed=0), settings=wild, way=way)


def test_a_memorising_model_is_found_out_and_an_untrained_one_is_not() -> None:
    """Random labels can only be memorised, and twelve of them hardly guessed, so that the loss alone finds them out."""
    records = pool(400, "multilabel", classes=12)
    inside = assign_records(400, 9, seed=0)
    settings = TrainingSettings(epochs=60, batch_size=20, learning_rate=1e-2)
    trained = train_shadows(
        small(records, channels=24, hidden=32, head="flatten", blocks=1), records, inside, settings=settings
    )
    logits = shadow_logits(trained.models, records.sequences, [records.sequences.tokens])[:, 0]
    found = signals(logits, records.targets.values, "multilabel")
    members = inside[0]
    known = (inside[1:].sum(0) >= 2) & ((~inside[1:]).sum(0) >= 2)
    shadows, who = found.margin[1:, known], inside[1:][:, known]
    attacks = {
        "loss": -found.loss[0, known],
        "online": lira_online(found.margin[0, known], shadows, who),
        "offline": lira_offline(found.margin[0, known], shadows, who),
        "rmia": rmia(
            found.log_confidence[0, known], found.log_confidence[1:, known], who,
            found.log_confidence[0, ~members], found.log_confidence[1:, ~members],
        ).ratios,
    }  # fmt: skip
    for name, scores in attacks.items():
        held, others = scores[members[known]], scores[~members[known]]
        assert (tpr_at_fpr(roc(held, others), 0.01).tpr or 0) > 0.85, name
        assert auc(held, others).auc > 0.97, name
    outside = 0
    for seed in range(20):
        torch.manual_seed(seed)
        fresh = small(records)().eval()
        logits = shadow_logits([fresh], records.sequences, [records.sequences.tokens])[0, 0]
        loss = signals(logits, records.targets.values, "multilabel").loss
        low, high = auc(-loss[inside[seed % 9]], -loss[~inside[seed % 9]]).interval
        outside += not low <= 0.5 <= high
    assert outside <= 4


@pytest.mark.parametrize(
    "adversarial",
    [
        adversarial_settings(budget=2, clean_share=0, validation_steps=1),
        adversarial_settings(objective="replay", budget=2, clean_share=0, ramp_epochs=2),
        adversarial_settings(objective="penalty", budget=2, weight=0.5),
        adversarial_settings(budget=2, clean_share=0, validation_steps=1, protect=("site",)),
    ],
)
def test_adversarial_shadows_are_what_training_makes(adversarial: AdversarialSettings, tmp_path: Path) -> None:
    """By Lightning's loop, on all records at once, so that no order of records tells the two apart."""
    texts = pool(24).sequences.texts
    sequences = SequenceSet.from_texts(texts, DNA, regions=[[Region("site", 3, 15)]] * 24)
    records = Labelled(sequences=sequences, targets=pool(24).targets)
    settings = TrainingSettings(epochs=4, batch_size=24, learning_rate=2e-2, schedule="cosine", select="last")
    inside = np.ones((1, 24), bool)
    found = train_shadows(small(records), records, inside, settings=settings, adversarial=adversarial)
    assert (found.way, "by itself" in found.reason) == ("serial", True)
    plain = train_shadows(small(records), records, inside, settings=settings)
    start = _built(small(records), records, 0, 0)
    by_fit = fit(
        start, records, records, settings=settings, adversarial=adversarial, unknown="zeros", seed=0, out=tmp_path
    )
    same_weights(found.models[0], by_fit.model, atol=2e-3)
    first = next(found.models[0].parameters()) - next(plain.models[0].parameters())
    assert float(first.detach().abs().max()) > 0.02


def test_shadow_models_draw_budgets_as_training_does(monkeypatch: pytest.MonkeyPatch) -> None:
    records, drawn = pool(24), Robust.with_budgets_drawn
    spent: list[int] = []

    def heard(objective: Robust, batch: Batch) -> Batch:
        found = drawn(objective, batch)
        spent.extend(found.budget.tolist())
        return found

    monkeypatch.setattr(Robust, "with_budgets_drawn", heard)
    against = adversarial_settings(budget=2, least_share=0)
    settings = TrainingSettings(epochs=2, batch_size=12)
    train_shadows(small(records), records, np.ones((1, 24), bool), settings=settings, adversarial=against)
    assert (len(spent), set(spent)) == (48, {0, 1, 2})


def test_training_stops_where_the_audited_models_weights_are_from() -> None:
    """Two of five epochs along a cosine: steps of a longer schedule, not of a short one."""
    records, inside = pool(24), assign_records(24, 2, seed=0)
    long = TrainingSettings(epochs=5, batch_size=6, schedule="cosine", learning_rate=1e-2)
    both = [
        train_shadows(small(records), records, inside, settings=long, last=2, way=way) for way in ("stacked", "serial")
    ]
    same_weights(both[0].models[0], both[1].models[0])
    # With a constant rate the end of two epochs is the second of five.
    settings = [TrainingSettings(epochs=epochs, batch_size=6, schedule="constant") for epochs in (2, 5)]
    short = train_shadows(small(records), records, inside, settings=settings[0])
    cut = train_shadows(small(records), records, inside, settings=settings[1], last=2)
    same_weights(short.models[1], cut.models[1], atol=1e-6)
    by_cosine = train_shadows(small(records), records, inside, settings=replace(long, epochs=2))
    gap = next(by_cosine.models[0].parameters()) - next(both[0].models[0].parameters())
    assert float(gap.detach().abs().max()) > 1e-3
