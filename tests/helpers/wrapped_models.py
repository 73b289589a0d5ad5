"""Small models that are random, or not, and ways to ask them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.models import Predictor
from seqrobust.models.gradients import Gradient
from seqrobust.neighbours import Edits
from seqrobust.sequences import SequenceSet

LENGTH = 12
DEVICES = ["cpu", pytest.param("cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU"))]


def texts(n: int = 20, *, ragged: bool = False) -> list[str]:
    rng = np.random.default_rng(1)
    return ["".join(rng.choice(list("ACGTN"), int(rng.integers(5, LENGTH)) if ragged else LENGTH)) for _ in range(n)]


def tokens(n: int = 20, *, ragged: bool = False) -> Tensor:
    return torch.tensor(SequenceSet.from_texts(texts(n, ragged=ragged), DNA).tokens)


class Linear(nn.Module):
    """Logits that are sums of weights of letters, one weight per letter and position."""

    def __init__(self, outputs: int = 3, length: int = LENGTH) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(7)
        self.weight = nn.Parameter(torch.randn(outputs, 4, length, generator=generator))

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum("nkl,okl->no", x, self.weight[:, :, : x.shape[2]])


class Multiplied(Linear):
    """Every number of the input is multiplied by noise of its own."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x * (1 + torch.randn(x.shape, device=x.device)))


class Dropping(nn.Module):
    """A convolution whose dropout does not listen to ``eval``."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.layers = nn.Sequential(nn.Conv1d(4, 16, 5, padding=2), nn.ReLU())
            self.head = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(nn.functional.dropout(self.layers(x), 0.3, training=True).mean(2))
        return out


class NoisyRecurrence(nn.Module):
    """What torch cannot do for each record alone."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(3)
            self.gru = nn.GRU(4, 8, batch_first=True)
            self.head = nn.Linear(8, 3)

    def forward(self, x: Tensor) -> Tensor:
        steps = self.gru(x.transpose(1, 2))[0].mean(1)
        out: Tensor = self.head(steps + torch.randn_like(steps))
        return out


class ElsewhereRandom(Linear):
    """Noise that torch knows nothing of."""

    def __init__(self) -> None:
        super().__init__()
        self.rng = np.random.default_rng(0)

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + float(self.rng.normal())


class Then(nn.Module):
    """A model whose outputs go on into a function."""

    def __init__(self, inner: nn.Module, end: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.inner = inner
        self.end = end

    def forward(self, x: Tensor) -> Tensor:
        return self.end(self.inner(x))


def wrap(module: nn.Module, *, first: Tensor | None = None, **more: Any) -> Predictor:
    settings: dict[str, Any] = {"alphabet": DNA, "task": "classification", "device": "cpu"}
    predictor = Predictor(module, **settings | more)
    predictor.check(tokens() if first is None else first)
    return predictor


def logits(predictor: Predictor, rows: Tensor) -> Tensor:
    with predictor.attached():
        return predictor.logits(rows)


def gradient(predictor: Predictor, rows: Tensor, objective: Callable[[Tensor], Tensor]) -> Gradient:
    with predictor.attached():
        return predictor.gradient(predictor.encode(rows), predictor.lengths(rows), lambda out, _: objective(out))


def second(out: Tensor) -> Tensor:
    return out[:, 1]


def squares(out: Tensor) -> Tensor:
    return out.square().sum(1)


def every_edit(base: Tensor, *, repeat: int = 1) -> Edits:
    """All single edits of each record, some times over."""
    n, width = base.shape
    record, position, letter = (
        part.flatten().repeat(repeat)
        for part in torch.meshgrid(torch.arange(n), torch.arange(width), torch.arange(4), indexing="ij")
    )
    inside = base[record, position] != DNA.padding
    return Edits(record[inside], position[inside, None], letter[inside, None])


class Dropless(Dropping):
    """A convolution that is not random."""

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.layers(x).mean(2))
        return out
