"""The two networks that the zoo of masked models is wrapped around, and the records they read.

A splice junction in small: a record of class 1 holds ``CAGGTAAGT`` in its middle, of class 2 ``TTTCTTCAG``, of class 0
neither.
Both networks are trained on such records for a second or two; their weights are the same on every run of a machine.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

LETTERS = "ACGT"
MOTIFS = ("", "CAGGTAAGT", "TTTCTTCAG")


def texts(count: int, length: int, seed: int) -> tuple[list[str], list[int]]:
    """Records with a motif near their middle, one letter in eight of it wrong, and their classes."""
    rng = np.random.default_rng(seed)
    made, classes = [], []
    for number in range(count):
        letters, kind = rng.choice(list(LETTERS), length), number % len(MOTIFS)
        motif = MOTIFS[kind]
        start = (length - len(motif)) // 2 + int(rng.integers(-1, 2))
        for place, letter in enumerate(motif):
            if rng.random() > 1 / 8:
                letters[start + place] = letter
        made.append("".join(letters))
        classes.append(kind)
    return made, classes


def encoded(records: list[str]) -> Tensor:
    """(N, 4, L) one-hot."""
    codes = torch.tensor([[LETTERS.index(letter) for letter in record] for record in records])
    return F.one_hot(codes, 4).transpose(1, 2).float()


class Cnn(nn.Module):
    """Two convolutions, the largest and the mean of what they see, and three logits."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(4, 12, 5, padding=2)
        self.second = nn.Conv1d(12, 12, 5, padding=2)
        self.head = nn.Linear(24, 3)

    def forward(self, x: Tensor) -> Tensor:
        seen = F.relu(self.second(F.relu(self.first(x))))
        logits: Tensor = self.head(torch.cat([seen.amax(2), seen.mean(2)], 1))
        return logits


class Gru(nn.Module):
    """A recurrence, its largest states, and three logits."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn = nn.GRU(4, 16, batch_first=True)
        self.head = nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.rnn(x.transpose(1, 2))[0].amax(1))
        return logits


@cache
def trained(kind: str, length: int) -> nn.Module:
    """The network of that kind (``cnn`` or ``gru``) for records of that length; not to be changed by who gets it."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = {"cnn": Cnn, "gru": Gru}[kind]()
        records, classes = texts(300, length, seed=1)
        x, y = encoded(records), torch.tensor(classes)
        optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
        for _ in range(60):
            optimiser.zero_grad()
            F.cross_entropy(net(x), y).backward()
            optimiser.step()
    return net.eval()
