"""Small audits: files of random records, networks that learnt them by heart or not, and how the audit is asked."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from seqrobust.alphabet import DNA, Alphabet
from seqrobust.analysis.asked import Audit
from seqrobust.analysis.membership import train_shadows
from seqrobust.analysis.privacy import PRIVACY, PrivacyFindings, PrivacySettings
from seqrobust.models import ModelCard, build_model, save_checkpoint
from seqrobust.models.source import ModelSource
from seqrobust.progress import Silent
from seqrobust.run.answer import Answer, answer
from seqrobust.run.settings import RunSettings
from seqrobust.sequences import SequenceSet, Task, encode_targets
from seqrobust.sequences.data_source import FileReading
from seqrobust.sequences.readers import Columns
from seqrobust.training import TrainingSettings
from seqrobust.training.data import Labelled

LENGTH = 20
SETTINGS: dict[str, Any] = {"epochs": 30, "batch_size": 16, "learning_rate": 8e-3, "schedule": "constant"}
HYPER: dict[str, Any] = {
    "channels": 12,
    "blocks": 1,
    "first_kernel": 5,
    "hidden": 24,
    "dropout": 0.0,
    "head": "flatten",
}
LABELS: dict[Task, tuple[str, ...]] = {
    "classification": ("EI", "IE", "N"),
    "binary": ("no", "yes"),
    "multilabel": ("up", "down"),
    "regression": ("activity",),
}
RECIPE = """
task: classification
data: {path: members.tsv}
model: {architecture: gru, hidden: 4, readout_hidden: 0}
"""


class Heard(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        """See the protocol."""
        self.said.append(text)


def write_records(
    folder: Path, *, task: Task = "classification", alphabet: Alphabet = DNA, count: int = 100, rich: float = 0.0
) -> None:
    """Members and non-members of random letters and random answers; ``rich`` non-members hold more of one letter."""
    rng = np.random.default_rng(0)
    letters = list(alphabet.letters)
    for name in ("members", "nonmembers"):
        weights = np.ones(len(letters))
        weights[0] += 4 * rich if name == "nonmembers" else 0
        texts = ["".join(row) for row in rng.choice(letters, (count, LENGTH), p=weights / weights.sum())]
        drawn = {
            "classification": rng.choice(["EI", "IE", "N"], count).tolist(),
            "binary": rng.choice(["no", "yes"], count).tolist(),
            "multilabel": rng.choice(["", "up", "down", "up;down"], count).tolist(),
            "regression": rng.normal(2, 3, count).round(3).tolist(),
        }[task]
        head = "activity" if task == "regression" else "label"
        rows = [
            f"{name[0]}{i}\t{value}\tg{i % 4}\t{text}" for i, (value, text) in enumerate(zip(drawn, texts, strict=True))
        ]
        (folder / f"{name}.tsv").write_text(f"id\t{head}\tgroup\tsequence\n" + "\n".join(rows) + "\n")


def write_model(
    folder: Path, *, task: Task = "classification", alphabet: Alphabet = DNA, trained: bool = True, recipe: bool = True
) -> None:
    """A small net that learnt the members by heart, or was never trained."""
    table = pd.read_csv(folder / "members.tsv", sep="\t", keep_default_na=False)
    column = table.columns[1]
    targets = encode_targets(table[[column]], task, LABELS[task])
    sequences = SequenceSet.from_texts(table["sequence"].tolist(), alphabet)
    outputs = targets.outputs

    def build() -> Any:
        return build_model("cnn", alphabet_size=alphabet.size, outputs=outputs, input_length=LENGTH, **HYPER)

    torch.manual_seed(3)
    model = build()
    if trained:
        # Trained as shadow models are, but on every member.
        inside = np.ones((1, len(sequences)), bool)
        pool = Labelled(sequences=sequences, targets=targets)
        model = train_shadows(build, pool, inside, settings=TrainingSettings(**SETTINGS), way="serial").models[0]
    training = {**SETTINGS, "adversarial": None}
    card = ModelCard(
        alphabet=alphabet,
        task=task,
        labels=LABELS[task],
        architecture="cnn",
        hyperparameters=model.hyperparameters,
        input_length=LENGTH,
        provenance={"training": training} if recipe else {},
    )
    save_checkpoint(folder / "model.ckpt", model, card)


@dataclass(frozen=True, kw_only=True)
class Call:
    """A question, how it is asked, and where its answer goes."""

    asked: Audit
    settings: PrivacySettings
    run: RunSettings


def call(folder: Path, *, target: str | None = "label", **more: Any) -> Call:
    """On that folder's files, written into ``out`` there."""
    usual: dict[str, Any] = {
        "model": ModelSource(model=str(folder / "model.ckpt")),
        "reading": FileReading(columns=Columns(targets=() if target is None else (target,))),
        "out": folder / "out",
        "device": "cpu",
        "shadows": 4,
    }
    if "data" not in more:
        usual |= {name: folder / f"{name}.tsv" for name in ("members", "nonmembers")}
    told = {**usual, **more}
    parts = []
    for kind in (Audit, PrivacySettings, RunSettings):
        named = {one.name for one in fields(kind)}  # type: ignore[arg-type]
        parts.append(kind(**{name: told.pop(name) for name in [*told] if name in named}))
    assert not told
    asked, settings, run = parts
    return Call(asked=asked, settings=settings, run=run)


def answered(question: Call, progress: Silent) -> Answer[PrivacyFindings]:
    """The whole answer."""
    return answer(PRIVACY, question.asked, question.settings, question.run, progress)


def audited(question: Call, progress: Silent) -> dict[str, Any]:
    """What ``metrics.json`` holds."""
    return answered(question, progress).metrics
