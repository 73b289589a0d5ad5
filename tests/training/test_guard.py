"""Catastrophic overfitting of one-step training: when the guard speaks, and what happens then."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from training_toys import small

from seqrobust.alphabet import DNA
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.training import Labelled, Trained, TrainingSettings, adversarial_settings, fit
from seqrobust.training.guard import Guard


def first_heard(one_step: list[float], several: list[float], records: int = 500) -> int | None:
    guard = Guard()
    for epoch, (one, many) in enumerate(zip(one_step, several, strict=True)):
        if guard.hears(one, many, records):
            return epoch
    return None


def test_a_collapse_is_heard() -> None:
    assert first_heard([0.4, 0.5, 0.55, 0.8, 0.9], [0.35, 0.46, 0.5, 0.1, 0.0]) == 3


@pytest.mark.parametrize(
    ("one_step", "several"),
    [
        # A stronger attack is always somewhat stronger, however it varies.
        ([0.5, 0.6, 0.6, 0.7], [0.45, 0.5, 0.55, 0.56]),
        # A wide gap from the start is the model's nature, not a jump.
        ([0.6, 0.62, 0.61], [0.2, 0.21, 0.2]),
        # A gap that widens while most of the robustness stays.
        ([0.6, 0.8, 0.9], [0.55, 0.6, 0.65]),
        # Both fall: training went wrong in another way.
        ([0.6, 0.3, 0.1], [0.5, 0.2, 0.05]),
        ([0.0, 0.0], [0.0, 0.0]),
    ],
)
def test_what_is_no_collapse(one_step: list[float], several: list[float]) -> None:
    assert first_heard(one_step, several) is None


def test_few_records_need_a_wider_gap() -> None:
    curves = [0.3, 0.3], [0.28, 0.13]
    assert first_heard(*curves, records=1000) == 1
    assert first_heard(*curves, records=25) is None


def test_it_speaks_once() -> None:
    guard = Guard()
    heard = [guard.hears(one, many, 500) for one, many in [(0.5, 0.45), (0.9, 0.1), (0.5, 0.45), (0.9, 0.1)]]
    assert heard == [False, True, False, False]


def collapsing() -> Labelled:
    """Classes told by the share of a letter, which an adversary of a quarter of the letters can hide from a network."""
    rng = np.random.default_rng(0)
    values = np.arange(120) % 2
    chances = {0: [0.55, 0.15, 0.15, 0.15], 1: [0.15, 0.15, 0.15, 0.55]}
    texts = ["".join(rng.choice(list("ACGT"), 24, p=chances[value])) for value in values.tolist()]
    return Labelled(
        sequences=SequenceSet.from_texts(texts, DNA), targets=Targets(task="binary", labels=("0", "1"), values=values)
    )


class KilledError(Exception):
    """Stands for whatever ends a process."""


def run(out: Path, *, said: list[str], stop: float = 99, resume: bool = False, guard: bool = True) -> Trained:
    """Training that overfits: a high budget, one step, no clean records, a high and constant learning rate."""

    def progress(done: float, row: Mapping[str, float]) -> None:
        if done > stop:
            raise KilledError

    data = collapsing()
    model = small("cnn", data, head="flatten", channels=32, blocks=2, first_kernel=5, pool=1, hidden=64, dropout=0.0)
    settings = TrainingSettings(
        epochs=7, batch_size=16, learning_rate=0.02, schedule="constant", weight_decay=0.0, select="last"
    )
    adversary = adversarial_settings(budget=6, clean_share=0, validation_steps=8, ramp_epochs=6, guard=guard)
    return fit(
        model,
        data,
        data,
        settings=settings,
        adversarial=adversary,
        out=out,
        resume=resume,
        progress=progress,
        say=said.append,
    )


def test_overfitting_provoked_is_found_once_and_remembered(tmp_path: Path) -> None:
    said: list[str] = []
    whole = run(tmp_path / "whole", said=said)
    gap = whole.history["valid_one_step_accuracy"] - whole.history["valid_robust_accuracy"]
    assert gap.max() > 0.2
    assert len(said) == 1
    assert "overfitted to one-step adversaries" in said[0]
    heard = int(said[0].split(":")[0].removeprefix("epoch "))
    # Up to then training is as it would be unguarded; from then on it takes other steps.
    free = run(tmp_path / "free", said=said, guard=False).history["train_loss"]
    same = (free == whole.history["train_loss"]).tolist()
    assert same == [True] * heard + [False] * (7 - heard)
    again: list[str] = []
    with pytest.raises(KilledError):
        run(tmp_path / "broken", said=again, stop=heard + 0.4)
    resumed = run(tmp_path / "broken", said=again, resume=True)
    assert again == said
    pd.testing.assert_frame_equal(whole.history.drop(columns="seconds"), resumed.history.drop(columns="seconds"))
