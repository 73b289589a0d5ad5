"""Small whole commands, one of each kind, on files made for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

MODEL = """
import torch
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first = torch.nn.Conv1d(4, 6, 5, padding=2)
        self.last = torch.nn.Linear(6, 3)
        self.last.weight.data.mul_(9)
    def forward(self, x):
        return self.last(self.first(x).relu().mean(2))
def build():
    return Net()
def other():
    net = Net()
    net.last.weight.data.mul_(0.5)
    return net
"""
CONFIG = """
name: tiny
task: classification
seed: 1
data: {path: records.tsv, target: label}
model: {channels: 6, blocks: 1, first_kernel: 5}
training: {epochs: 4, batch_size: 16}
attack: {budget: "1..2", protect: [core], attacks: [one_step, greedy], random_draws: 2, max_records: 30}
"""


def prepared(folder: Path) -> None:
    """Write what the commands read."""
    draw = np.random.default_rng(0)
    rows = ["id\tlabel\tsplit\tgroup\tsequence\tregions"]
    for number in range(90):
        text = "".join(draw.choice(list("ACGT"), 40))
        split = ("train", "train", "test")[number % 3]
        rows.append(f"r{number}\t{'xyz'[text.count('A') % 3]}\t{split}\tg{number % 9}\t{text}\tcore:10-20")
    (folder / "records.tsv").write_text("\n".join(rows) + "\n")
    (folder / "model.py").write_text(MODEL)
    (folder / "config.yaml").write_text(CONFIG)


_READING = ["--task", "classification", "--alphabet", "DNA", "--labels", "x,y,z", "--data", "records.tsv"]
_MODEL = ["--model", "model.py:build", *_READING]
_THREAT = ["--budget", "1..2", "--random-draws", "2", "--max-records", "40"]


def _asks(name: str, *more: str) -> Callable[[str], list[str]]:
    return lambda out: [name, *_MODEL, *more, "--no-report", "--out", out]


COMMANDS: dict[str, Callable[[str], list[str]]] = {
    "attack": _asks("attack", "--attack", "one_step,greedy", *_THREAT),
    "evaluate": _asks("evaluate", "--methods", "one_step,greedy", "--probe-records", "10", *_THREAT),
    "certify": _asks("certify", "--budget", "2", "--max-records", "20"),
    "compare": lambda out: [
        "compare", "--model", "a=model.py:build", "--model", "b=model.py:other", *_READING, *_THREAT, "--no-report",
        "--out", out,
    ],
    "compress": _asks("compress", "--attack", "one_step", "--budget", "1", "--max-records", "20"),
    "ism": _asks("ism"),
    "probe": _asks("probe", "--functional", "core", "--attack", "one_step", "--budget", "1"),
    "attribute": _asks("attribute", "--methods", "saliency", "--max-records", "20"),
    "stability": _asks("stability", "--budget", "1", "--max-records", "10"),
    "inspect": _asks("inspect", "--max-records", "10"),
    "train": lambda out: ["train", "config.yaml", "--out", out],
    "run": lambda out: ["run", "config.yaml", "--out", out],
}  # fmt: skip
"""Name to the command line, given the output folder; the working folder is the one prepared."""
