"""Small models and files to attribute, and what is found of them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from seqrobust.analysis.asked import ModelOnSequences
from seqrobust.analysis.attribute import ATTRIBUTE, AttributeSettings
from seqrobust.models.source import ModelSource
from seqrobust.progress import Silent
from seqrobust.report.terminal import show
from seqrobust.run.answer import Answer, answer
from seqrobust.run.settings import RunSettings
from seqrobust.sequences.data_source import DataSource

MODEL = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, letters, outputs, recurrent=False):
        super().__init__()
        torch.manual_seed(0)
        self.gru = nn.GRU(letters, letters, batch_first=True) if recurrent else None
        self.layers = nn.Sequential(nn.Conv1d(letters, 8, 5, padding=2), nn.ReLU())
        self.head = nn.Linear(8, outputs)

    def forward(self, x):
        if self.gru is not None:
            x = self.gru(x.transpose(1, 2))[0].transpose(1, 2)
        return self.head(self.layers(x).mean(2))


class Ranked(Net):
    '''Gathers by places, of which there is no share.'''

    def forward(self, x):
        columns = self.layers(x)
        order = (columns * torch.arange(columns.shape[2]).sin()).argsort(2)
        return super().forward(x) + 9 * columns.gather(2, order)[:, :, :3].sum(1)


def dna():
    return Net(4, 3)


def gru():
    return Net(4, 3, True)


def protein():
    return Net(20, 1)


def value():
    return Net(4, 2)


def ranked():
    return Ranked(4, 3)
"""


TEXTS = {
    "DNA": ["ACGTNACGTTGCATTTACG", "acgtg", "A", "GGGTTTCCCAAANNGTACCATTAGA", "TTGACATATAAT", "NNNN"],
    "PROTEIN": ["MKVLAADDGHE", "MXK", "w", "HEHEHSTQQ"],
}


class Heard(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        """See the protocol."""
        self.said.append(text)


def asked_in(
    folder: Path,
    *,
    model: str = "dna",
    text: str | None = None,
    weights: Path | None = None,
    annotation: Path | None = None,
    preprocess: str | None = None,
    code: str = MODEL,
) -> ModelOnSequences:
    """A model and a file in that folder."""
    (folder / "model.py").write_text(code)
    alphabet = "PROTEIN" if model == "protein" else "DNA"
    task, labels = ("binary", "no,yes") if model == "protein" else ("classification", "EI,IE,N")
    task, labels = ("regression", "up,down") if model == "value" else (task, labels)
    rows = []
    for number, one in enumerate(TEXTS[alphabet]):
        target = f"{number}.5\t{number}" if model == "value" else f"{labels.split(',')[number % 2]}\t-"
        rows.append(f"r{number % 5}\t{target}\t{one}\tcore:0-{(len(one) + 1) // 2};tail:{len(one) - 1}-{len(one)}")
    head = "id\tlabel\tmore\tsequence\tregions\n"
    (folder / "data.tsv").write_text(head + "\n".join(rows) + "\n" if text is None else text)
    source = ModelSource(
        model=f"{folder / 'model.py'}:{model}",
        alphabet=alphabet,
        task=task,  # type: ignore[arg-type]
        labels=tuple(labels.split(",")),
        weights=weights,
        preprocess=preprocess,
    )
    return ModelOnSequences(model=source, data=DataSource(path=folder / "data.tsv", annotation=annotation))


def found_in(
    folder: Path,
    heard: Silent | None = None,
    *,
    out: str = "out",
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    files: dict[str, Any] | None = None,
    model: str = "dna",
    text: str | None = None,
    **more: Any,
) -> Answer[Any]:
    """What is found of a file in that folder, written into ``out`` there."""
    asked = asked_in(folder, model=model, text=text, **(files or {}))
    settings = AttributeSettings(**{"steps": 20, "draws": 3, "regions": ("core",), **more})
    run = RunSettings(out=folder / out, device="cpu", seed=seed, resume=resume, overwrite=overwrite)
    return answer(ATTRIBUTE, asked, settings, run, heard or Silent())


def metrics_in(folder: Path, heard: Silent | None = None, **more: Any) -> dict[str, Any]:
    """What ``metrics.json`` holds."""
    return found_in(folder, heard, **more).metrics


def opened(folder: Path) -> dict[str, np.ndarray]:
    with np.load(folder / "out" / "attributions.npz") as archive:
        return dict(archive)


def shown(found: Answer[Any]) -> str:
    """What a terminal shows."""
    console = Console(file=io.StringIO(), width=200)
    show(found.page, console)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]
