"""What robust training costs beside ordinary training, and what Lightning costs beside a plain loop.

Run ``OMP_NUM_THREADS=1 python benchmarks/training_cost.py``; a table is printed: seconds per epoch of ordinary training
and the other ways as ratios to it. Every repeat times all ways one after the other, in an order that turns round each
time, so that a busy machine slows them alike; ratios are taken within a repeat, and their median is shown with the
smallest and the largest. The last table kept is in ``benchmarks/training_cost.md``.
"""

from __future__ import annotations

import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytorch_lightning as lightning
import torch

from seqrobust.alphabet import DNA
from seqrobust.models import SequenceModel, build_model
from seqrobust.resources import data_root
from seqrobust.sequences import SequenceSet, encode_targets
from seqrobust.sequences.readers import read_sequences
from seqrobust.training import AdversarialSettings, Labelled, TrainingSettings, adversarial_settings, fit
from seqrobust.training.data import RecordDataModule
from seqrobust.training.losses import record_loss
from seqrobust.training.objectives import Ordinary

REPEATS = 9
RECORDS = 1280
SETTINGS = TrainingSettings(epochs=3, batch_size=64, select="last", accelerator="cpu", devices=1)
ADVERSARY = adversarial_settings(budget=3, clean_share=0, validation_steps=1)
WAYS = {
    "one step": ADVERSARY,
    "one step, half clean": replace(ADVERSARY, clean_share=0.5),
    "replay": adversarial_settings(objective="replay", budget=3, clean_share=0, validation_steps=1),
    "replay, half clean": adversarial_settings(objective="replay", budget=3, clean_share=0.5, validation_steps=1),
    "continued": adversarial_settings(objective="continued", budget=3, clean_share=0, validation_steps=1),
    "penalty": adversarial_settings(objective="penalty", budget=3, validation_steps=1),
    "random": adversarial_settings(objective="random", budget=3, clean_share=0, validation_steps=1),
    "five steps": replace(ADVERSARY, steps=5),
    "ten steps": replace(ADVERSARY, steps=10),
}
Way = Callable[[], float]
# As in the shipped configs splice and splice_gru: every position is read by itself.
SIZES: dict[str, dict[str, int | str]] = {
    "cnn": {"head": "flatten", "first_kernel": 11},
    "gru": {"head": "flatten", "hidden": 48},
}


def labelled(texts: list[str], targets: pd.DataFrame) -> Labelled:
    """Records of a classification task."""
    return Labelled(sequences=SequenceSet.from_texts(texts, DNA), targets=encode_targets(targets, "classification"))


def simulated(length: int) -> Labelled:
    """Uniform random DNA with random labels: what is learnt does not change what it costs."""
    generator = np.random.default_rng(0)
    letters = generator.choice(list("ACGT"), (RECORDS, length))
    return labelled(["".join(row) for row in letters], pd.DataFrame({"label": generator.choice(list("abc"), RECORDS)}))


def splice() -> Labelled | None:
    """Windows of 60 letters around splice junctions, where the real data are to be had."""
    root = data_root()
    if root is None:
        return None
    sequences = read_sequences(root / "uci_splice" / "splice.tsv.gz", alphabet=DNA).sequences.take(np.arange(RECORDS))
    assert sequences.targets is not None
    return Labelled(sequences=sequences, targets=encode_targets(sequences.targets[["label"]], "classification"))


def new_model(data: Labelled, architecture: str) -> SequenceModel:
    """With the same weights each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return build_model(
            architecture,
            alphabet_size=DNA.size,
            outputs=data.targets.outputs,
            input_length=data.sequences.width,
            **SIZES[architecture],
        )


def with_lightning(data: Labelled, architecture: str, adversary: AdversarialSettings | None) -> float:
    """Seconds per epoch of training alone, the first epoch left out."""
    few = np.arange(64)
    valid = Labelled(sequences=data.sequences.take(few), targets=data.targets.take(few))
    with tempfile.TemporaryDirectory() as out:
        model = new_model(data, architecture)
        trained = fit(model, data, valid, settings=SETTINGS, adversarial=adversary, out=Path(out))
    return statistics.mean(trained.history["seconds"][1:])


def by_hand(data: Labelled, architecture: str) -> float:
    """The same of a plain loop over the same batches: forward, backward, clipping, optimiser, schedule."""
    model = new_model(data, architecture).train()
    objective = Ordinary(alphabet=DNA, unknown="zeros", loss=record_loss(data.targets, SETTINGS))
    module = RecordDataModule(data, data, batch_size=SETTINGS.batch_size, seed=0, threat=None)
    loader = module.train_dataloader()
    optimizer = torch.optim.AdamW(model.parameters(), lr=SETTINGS.learning_rate, weight_decay=SETTINGS.weight_decay)
    steps = SETTINGS.epochs * len(loader)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, SETTINGS.learning_rate, total_steps=steps)
    seconds = []
    with torch.random.fork_rng():
        for epoch in range(SETTINGS.epochs):
            start = time.perf_counter()
            for batch in loader:
                optimizer.zero_grad()
                objective.losses(model, batch, epoch).mean().backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(model.parameters(), SETTINGS.gradient_clip or torch.inf)
                optimizer.step()
                schedule.step()
            seconds.append(time.perf_counter() - start)
    return statistics.mean(seconds[1:])


def ways_for(data: Labelled, architecture: str) -> dict[str, Way]:
    """What is timed, by name."""
    listed: dict[str, Way] = {"ordinary": partial(with_lightning, data, architecture, None)}
    listed["plain loop"] = partial(by_hand, data, architecture)
    return listed | {name: partial(with_lightning, data, architecture, adversary) for name, adversary in WAYS.items()}


def timed(ways: dict[str, Way]) -> dict[str, list[float]]:
    """Seconds of every way in every repeat, after one round to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for repeat in range(REPEATS + 1):
        for name in list(ways) if repeat % 2 else reversed(list(ways)):
            spent = ways[name]()
            if repeat:
                seconds[name].append(spent)
    return seconds


def main() -> None:
    """Print the table."""
    torch.set_num_threads(1)
    print(
        f"{date.today()}, {platform.machine()}, Python {platform.python_version()}, torch {torch.__version__}, "
        f"Lightning {lightning.__version__}, 1 thread"
    )
    print(f"{RECORDS} records, batches of {SETTINGS.batch_size}, budget {ADVERSARY.budget}; median of {REPEATS}\n")
    print(f"| {'case':22} | {'way':22} | {'s/epoch':>8} | {'ratio':>5} | {'range':>11} |")
    print(f"|{'-' * 24}|{'-' * 24}|{'-' * 9}:|{'-' * 6}:|{'-' * 12}:|")
    real = splice()
    name, data = ("splice", real) if real else ("random", simulated(60))
    for architecture in SIZES:
        seconds = timed(ways_for(data, architecture))
        for way, spent in seconds.items():
            ratios = [one / base for one, base in zip(spent, seconds["ordinary"], strict=True)]
            case = f"{architecture}, {name} L={data.sequences.width}"
            spread = f"{min(ratios):.2f}-{max(ratios):.2f}"
            middle = f"{statistics.median(spent):8.3f} | {statistics.median(ratios):5.2f}"
            print(f"| {case:22} | {way:22} | {middle} | {spread:>11} |", flush=True)


if __name__ == "__main__":
    main()
