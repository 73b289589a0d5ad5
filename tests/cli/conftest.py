"""A few small files and models that the command line is tried on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from seqrobust_cli.main import _exit_code

MODEL = '''\
"""A stranger's models."""

import time

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, letters=4, outputs=3, end=None):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv1d(letters, 8, 5, padding=2), nn.ReLU())
        self.head = nn.Linear(8, outputs)
        # Steep enough that records differ in their predicted class.
        self.head.weight.data.sub_(self.head.weight.data.mean(0) if outputs > 1 else 0).mul_(40)
        self.head.bias.data.zero_()
        if outputs == 1:
            probe = torch.eye(letters)[torch.randint(letters, (64, 30))].transpose(1, 2)
            self.head.bias.data.sub_(self.head(self.layers(probe).mean(2)).mean(0).detach())
        self.end = end

    def forward(self, x):
        out = self.head(self.layers(x).mean(2))
        return self.end(out) if self.end else out


def build():
    return Net()


def protein():
    return Net(20, 1)


def value():
    return Net(4, 1)


def softmax():
    return Net(end=nn.Softmax(1))


def nan():
    return Net(end=lambda out: out * float("nan"))


def pair():
    return Net(end=lambda out: (out, out))


def named():
    return Net(end=lambda out: {"loss": None, "logits": out})


def sequence():
    return Net(end=lambda out: out[:, :, None].expand(-1, -1, 7))


def broken():
    raise ValueError("no licence found")


class Slow(Net):
    def forward(self, x):
        time.sleep(0.004)
        return super().forward(x)


number = 3
'''

Run = Callable[..., int]


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``dna.tsv`` (3 classes), ``plain.fa`` (no labels), ``protein.tsv`` (binary), ``values.tsv`` and ``model.py``."""
    folder = tmp_path_factory.mktemp("files")
    rng = np.random.default_rng(0)
    rows, fasta = [], []
    for number in range(150):
        text = "".join(rng.choice(list("ACGT"), 30))
        label = ("EI", "IE", "N")[text.count("A") % 3]
        split = ("train", "train", "test")[number % 3]
        rows.append(
            f"r{number}\t{split}\t{label}\t{text.count('A') + rng.normal() / 9:.3f}\t{text}\tcore:10-14;edge:0-3"
        )
        fasta.append(f">r{number} some words\n{text[:15]}\n{text[15:]}\n")
    (folder / "dna.tsv").write_text("id\tsplit\tlabel\tvalue\tsequence\tregions\n" + "\n".join(rows) + "\n")
    (folder / "plain.fa").write_text("".join(fasta[:30]))
    residues = list("ACDEFGHIKLMNPQRSTVWY")
    proteins = ["".join(rng.choice(residues, int(rng.integers(12, 30)))) for _ in range(60)]
    lines = [f"p{i}\t{'yes' if t.count('L') > 1 else 'no'}\t{t}\tACT_SITE:3-4" for i, t in enumerate(proteins)]
    (folder / "protein.tsv").write_text("id\tlabel\tsequence\tregions\n" + "\n".join(lines) + "\n")
    (folder / "model.py").write_text(MODEL)
    return folder


CONFIG = """\
name: tiny
task: {task}
seed: 1
data:
  path: {path}
  target: {target}
model: {{architecture: {architecture}, {hyper}}}
training: {{epochs: 2, batch_size: 16}}
attack: {{budget: "1..2", protect: [{protect}], random_draws: 2{more}}}
"""

HYPER = {
    "cnn": "channels: 8, blocks: 1, first_kernel: 5",
    "gru": "hidden: 8, readout_hidden: 0",
    "cnn_gru": "channels: 8, first_kernel: 5, hidden: 8, readout_hidden: 0",
}


@pytest.fixture(scope="session")
def config_text(files: Path) -> Callable[..., str]:
    """A config's text for a task and an architecture."""

    def make(task: str = "classification", architecture: str = "cnn", data: str = "dna.tsv") -> str:
        return CONFIG.format(
            task=task,
            architecture=architecture,
            path=files / data,
            hyper=HYPER[architecture],
            target="value" if task == "regression" else "label",
            protect="ACT_SITE" if "protein" in data else "core",
            more=", max_records: 30",
        )

    return make


@pytest.fixture(scope="session")
def run() -> Run:
    """The command line, called in this process; gives the exit code."""

    def call(*arguments: object) -> int:
        return _exit_code([str(argument) for argument in arguments], debug=False)

    return call


@pytest.fixture(scope="session")
def checkpoint(
    files: Path, run: Run, config_text: Callable[..., str], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Path]:
    """A trained checkpoint per architecture, trained once."""
    made: dict[str, Path] = {}

    def get(architecture: str) -> Path:
        if architecture not in made:
            folder = tmp_path_factory.mktemp(architecture)
            (folder / "config.yaml").write_text(config_text(architecture=architecture))
            assert run("train", folder / "config.yaml", "--out", folder / "out") == 0
            made[architecture] = folder / "out" / "model.ckpt"
        return made[architecture]

    return get
