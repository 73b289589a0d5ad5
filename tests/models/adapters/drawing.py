"""Texts and one-hot matrices written out here, letter by letter, and small networks."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

LETTERS = "ACGT"
LENGTH = 24


def drawn(count: int, seed: int, length: int = LENGTH, letters: str = LETTERS) -> list[str]:
    """Random texts."""
    generator = np.random.default_rng(seed)
    return ["".join(generator.choice(list(letters), length)) for _ in range(count)]


def encoded(texts: list[str], order: str = LETTERS) -> Tensor:
    """(N, K, L) one-hot, letter by letter."""
    out = torch.zeros(len(texts), len(order), len(texts[0]))
    for row, text in enumerate(texts):
        for place, letter in enumerate(text):
            out[row, order.index(letter), place] = 1
    return out


def net(channels: int = 4, outputs: int = 1) -> nn.Module:
    """A small convolutional network of fixed weights."""
    torch.manual_seed(7)
    return nn.Sequential(
        nn.Conv1d(channels, 6, 5, padding=2),
        nn.Tanh(),
        nn.Conv1d(6, 5, 3, padding=1),
        nn.Tanh(),
        nn.Flatten(),
        nn.Linear(5 * LENGTH, outputs),
    ).eval()
