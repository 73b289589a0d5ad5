"""Small modules of every kind of answer, and what the bare module says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.models import ARCHITECTURES, Predictor, build_model
from seqrobust.models.predictor import Gradient
from seqrobust.sequences import Task
from seqrobust.sequences.encoding import one_hot

LENGTH = 12
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]


def tokens(n: int = 20, length: int = LENGTH, *, ragged: bool = False, seed: int = 0) -> Tensor:
    """Random DNA with an unknown letter; ragged records of 5 letters and more."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(DNA.size, (n, length), generator=generator).to(torch.uint8)
    drawn[0, 1] = DNA.unknown
    if ragged:
        sizes = torch.randint(5, length, (n, 1), generator=generator)
        drawn[torch.arange(length) >= sizes] = DNA.padding
    return drawn


class Convolution(nn.Module):
    """Batch norm, dropout and no ``lengths``: its modes matter, and padding would change what it says."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv1d(4, 9, 5, padding=2), nn.BatchNorm1d(9), nn.GELU(), nn.Dropout(0.5))
        self.head = nn.Linear(9, outputs)

    def forward(self, encoded: Tensor) -> Tensor:
        out: Tensor = self.head(self.features(encoded).mean(2))
        return out


class Recurrent(nn.Module):
    """Torch's own recurrence, both ways, without ``lengths``."""

    def __init__(self, outputs: int = 3) -> None:
        super().__init__()
        self.gru = nn.GRU(4, 6, batch_first=True, bidirectional=True)
        self.head = nn.Linear(12, outputs)

    def forward(self, encoded: Tensor) -> Tensor:
        out: Tensor = self.head(self.gru(encoded.transpose(1, 2))[0].mean(1))
        return out


class Ending(nn.Module):
    """A module whose raw outputs (N, outputs) end in some function, as people's models do."""

    def __init__(self, end: Callable[[Tensor], Any], outputs: int = 3) -> None:
        super().__init__()
        self.inner = made("convolution", outputs)
        self.end = end

    def forward(self, encoded: Tensor) -> Any:
        return self.end(self.inner(encoded))


def made(kind: str, outputs: int = 3) -> Any:
    """A module with always the same weights, and batch norms that have seen data."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        if kind in ARCHITECTURES:
            module: nn.Module = build_model(kind, alphabet_size=4, outputs=outputs, input_length=LENGTH)
        else:
            module = {"convolution": Convolution, "recurrent": Recurrent}[kind](outputs)
        for part in module.modules():
            if isinstance(part, nn.BatchNorm1d) and part.running_mean is not None:
                part.running_mean.normal_()
                nn.init.normal_(part.bias)
    return module.train()


KINDS = ["convolution", "recurrent", *ARCHITECTURES]


def wrap(module: nn.Module, task: Task = "classification", *, checked: bool = True, **more: Any) -> Predictor:
    predictor = Predictor(module, **{"alphabet": DNA, "task": task, "device": "cpu"} | more)
    if checked:
        predictor.check(tokens())
    return predictor


def logits(predictor: Predictor, rows: Tensor) -> Tensor:
    with predictor.attached():
        return predictor.logits(rows).cpu()


def gradient(predictor: Predictor, rows: Tensor, points: Tensor | None = None) -> Gradient:
    points = predictor.encode(rows) if points is None else points
    with predictor.attached():
        return predictor.gradient(points, predictor.lengths(rows), lambda out, _: out.square().sum(1))


def one_by_one(module: nn.Module, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Outputs and gradient of the bare module, one unpadded record at a time, with zeros where there is no letter."""
    module.eval()
    found, slopes = [], torch.zeros(len(rows), DNA.size, rows.shape[1])
    for row, record in enumerate(rows):
        letters = record[record != DNA.padding]
        encoded = one_hot(letters[None], DNA).requires_grad_(True)
        found.append(module(encoded))
        (slope,) = torch.autograd.grad(found[-1].square().sum(), encoded)
        slopes[row, :, : len(letters)] = slope[0]
    module.train()
    return torch.cat(found).detach(), slopes
