"""A zoo of models that hide their gradients, or only look as if they did, each around one of two small networks.

An animal says what is expected of it: ``honest`` nets hide nothing and must not be accused; ``hidden`` nets mislead or
blind who goes by gradients, and may be accused; ``random`` nets have no exact answer; ``refused`` nets are no function
of a sequence, and no number of theirs means anything.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from zoo_base import encoded, texts, trained

Kind = Literal["honest", "hidden", "random", "refused"]
Scores = Callable[[Tensor], Tensor]
Wrapping = Callable[["Inner", Tensor], Tensor]


class Inner:
    """What a wrapping may ask: the network's logits, and the length of its records."""

    def __init__(self, net: nn.Module, length: int) -> None:
        self.net, self.length = net, length

    def __call__(self, x: Tensor) -> Tensor:
        logits: Tensor = self.net(x)
        return logits


class Wrapped(nn.Module):
    """A network inside a wrapping."""

    def __init__(self, net: nn.Module, wrapping: Wrapping, length: int) -> None:
        super().__init__()
        self.net, self.wrapping, self.length = net, wrapping, length

    def forward(self, x: Tensor) -> Tensor:
        return self.wrapping(Inner(self.net, self.length), x)


@dataclass(frozen=True, kw_only=True)
class Animal:
    """One net of the zoo.

    Attributes:
        name: of it.
        kind: what is expected of it.
        wrapping: from the network and one-hot input to outputs.
        task: classification of three, or binary (the second class against the first).
        base: the network inside.
        probabilities: a lone output is positive above a half rather than above zero.
    """

    name: str
    kind: Kind
    wrapping: Wrapping
    task: Literal["classification", "binary"] = "classification"
    base: Literal["cnn", "gru"] = "cnn"
    probabilities: bool = False

    def made(self, length: int) -> nn.Module:
        """A fresh one for records of that length."""
        return Wrapped(trained(self.base, length), self.wrapping, length).eval()


def one_logit(z: Tensor) -> Tensor:
    """(N, 1): the second class against the first."""
    return z[:, 1:2] - z[:, :1]


# Ways of wrapping -----------------------------------------------------------------------------------------------------


def scaled(factor: float, net: Inner, x: Tensor) -> Tensor:
    return factor * net(x)


def shifted(net: Inner, x: Tensor) -> Tensor:
    return net(x) + 1000.0


def masked(value: float, net: Inner, x: Tensor) -> Tensor:
    return net(x).index_fill(1, torch.tensor([2], device=x.device), value)


def soft(factor: float, net: Inner, x: Tensor) -> Tensor:
    return (factor * net(x)).softmax(1)


def log_soft(net: Inner, x: Tensor) -> Tensor:
    return net(x).log_softmax(1)


def masked_log_soft(net: Inner, x: Tensor) -> Tensor:
    return masked(-torch.inf, net, x).log_softmax(1)


def sigmoid(factor: float, net: Inner, x: Tensor) -> Tensor:
    return torch.sigmoid(factor * one_logit(net(x)))


def column(factor: float, net: Inner, x: Tensor) -> Tensor:
    return F.softmax(factor * net(x)[:, :2], dim=1)[:, 1]


def pair(factor: float, net: Inner, x: Tensor) -> Tensor:
    p = torch.sigmoid(factor * one_logit(net(x)))
    return torch.cat([1 - p, p], 1)


def by_hand(factor: float, net: Inner, x: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-factor * one_logit(net(x))))


def tanh(factor: float, net: Inner, x: Tensor) -> Tensor:
    return 10 * torch.tanh(factor * one_logit(net(x)))


def clamped(most: float, net: Inner, x: Tensor) -> Tensor:
    return net(x).clamp(-most, most)


def rounded(places: float, net: Inner, x: Tensor) -> Tensor:
    return torch.round(net(x) * places) / places


def rounded_softmax(net: Inner, x: Tensor) -> Tensor:
    return torch.round(net(x).softmax(1) * 100) / 100


def labels(net: Inner, x: Tensor) -> Tensor:
    return F.one_hot(net(x).argmax(1), 3).float()


def sign(net: Inner, x: Tensor) -> Tensor:
    return torch.sign(one_logit(net(x)))


def detached(net: Inner, x: Tensor) -> Tensor:
    return net(x.detach()).detach()


def read_letters(net: Inner, x: Tensor) -> Tensor:
    return net(F.one_hot(x.argmax(1), 4).transpose(1, 2).float())


def misleading(net: Inner, x: Tensor) -> Tensor:
    other = torch.stack([torch.sin(x * (k + 1)).mul(torch.arange(x.shape[2]) + k).sum((1, 2)) for k in range(3)], 1)
    return net(x).detach() + other - other.detach()


def turned(net: Inner, x: Tensor) -> Tensor:
    z = net(x)
    return 2 * z.detach() - z


def zeroed(net: Inner, x: Tensor) -> Tensor:
    return net(x).detach() + 0 * x.sum((1, 2))[:, None]


def steep_start(net: Inner, x: Tensor) -> Tensor:
    """A square root of zero wherever a record does not begin with an A: its slope is no number."""
    return net(x) + (0 * torch.sqrt(x[:, 0, 0]))[:, None]


def nan_at(motif: str, net: Inner, x: Tensor) -> Tensor:
    """No number wherever a motif stands."""
    filter_ = encoded([motif])
    found = (F.conv1d(x, filter_) > len(motif) - 0.5).any(2)
    return net(x).masked_fill(found, torch.nan)


def abstaining(least: float, net: Inner, x: Tensor) -> Tensor:
    """A detector: below a confidence, the same constant answer."""
    z = net(x)
    sure = z.softmax(1).amax(1, keepdim=True) >= least
    return torch.where(sure, z, torch.tensor([0.0, 1.0, 0.5]))


def staying(least: float, net: Inner, x: Tensor) -> Tensor:
    """A detector that keeps to the class it leans to, with a constant lead, below a confidence."""
    z = net(x)
    lead = z.topk(2, 1).values
    sure = (lead[:, :1] - lead[:, 1:]) >= least
    return torch.where(sure, z, F.one_hot(z.argmax(1), 3).float())


def dead_zone(width: float, net: Inner, x: Tensor) -> Tensor:
    return F.softshrink(one_logit(net(x)), width) - 0.01


def mean_of_sigmoids(net: Inner, x: Tensor) -> Tensor:
    z = one_logit(net(x))
    return (torch.sigmoid(200 * z) + torch.sigmoid(200 * (z - 0.3)) + torch.sigmoid(200 * (z + 0.3))) / 3


def twice_soft(net: Inner, x: Tensor) -> Tensor:
    return (30 * net(x).softmax(1)).softmax(1)


def temperature_clamp(net: Inner, x: Tensor) -> Tensor:
    return net(x).softmax(1).clamp(1e-3, 1 - 1e-3)


def half(net: Inner, x: Tensor) -> Tensor:
    return net(x).to(torch.bfloat16)


def constant(net: Inner, x: Tensor) -> Tensor:
    return 0 * net(x) + torch.tensor([0.0, 1.0, -1.0])


def exponentials(net: Inner, x: Tensor) -> Tensor:
    return (net(x) - 5).exp()


def codes(x: Tensor) -> Tensor:
    """(N, L) letters by number."""
    return x.argmax(1)


def look_up(net: Inner, x: Tensor) -> Tensor:
    """Counts of trinucleotides, weighed by a table."""
    c = codes(x)
    words = c[:, :-2] * 16 + c[:, 1:-1] * 4 + c[:, 2:]
    table = torch.tensor(np.random.default_rng(0).normal(size=(64, 3)), dtype=torch.float32)
    return table[words].sum(1)


def look_up_few(net: Inner, x: Tensor) -> Tensor:
    """Whether one of four words stands anywhere, and nothing else."""
    c = codes(x)
    words = c[:, :-2] * 16 + c[:, 1:-1] * 4 + c[:, 2:]
    there = torch.stack([(words == word).any(1) for word in (10, 43, 61, 30)], 1).float()
    table = torch.tensor([[0.0, 1.0, 0.0], [0.0, 2.0, 0.0], [0.0, 0.0, 1.5], [0.0, 0.0, 1.0]])
    return there @ table + torch.tensor([0.6, 0.0, 0.0])


def tree(seed: int, x: Tensor) -> Tensor:
    """(N, 3) one-hot votes of a random tree of depth four over letters near the middle."""
    c, rng = codes(x), np.random.default_rng(seed)
    middle = c.shape[1] // 2
    node = torch.zeros(len(c), dtype=torch.long)
    for _ in range(4):
        place, letter = (torch.tensor(rng.integers(0, most, 64)) for most in (8, 4))
        read = c.gather(1, (middle - 4 + place[node])[:, None]).squeeze(1)
        node = 2 * node + 1 + (read == letter[node]).long()
    leaf = torch.tensor(rng.integers(0, 3, 64))[node]
    return F.one_hot(leaf, 3).float()


def one_tree(net: Inner, x: Tensor) -> Tensor:
    return tree(0, x)


def forest(net: Inner, x: Tensor) -> Tensor:
    return torch.stack([tree(seed, x) for seed in range(15)]).sum(0)


def nearest(neighbours: int, net: Inner, x: Tensor) -> Tensor:
    """Votes of the nearest of sixty records, by letters that agree."""
    known, classes = texts(60, net.length, seed=2)
    agree = torch.einsum("nkl,mkl->nm", x, encoded(known)).round()
    rank = (agree - torch.arange(60) * 1e-3).topk(neighbours, 1).indices
    return F.one_hot(torch.tensor(classes)[rank], 3).sum(1).float()


def vote(net: Inner, x: Tensor) -> Tensor:
    """Every position votes: who leads by more than twice k cannot be outvoted by k."""
    votes = x @ torch.ones(x.shape[2])
    return torch.stack([votes[:, 0] + votes[:, 1], votes[:, 2], votes[:, 3]], 1)


def window_votes(net: Inner, x: Tensor) -> Tensor:
    """The network asked about shifted copies, whose answers are counted."""
    return sum((labels(net, x.roll(shift, 2)) for shift in (-1, 0, 1)), torch.zeros(len(x), 3))


def noise(size: float, net: Inner, x: Tensor) -> Tensor:
    z = net(x)
    return z + size * torch.randn_like(z)


def numpy_noise(net: Inner, x: Tensor) -> Tensor:
    z = net(x)
    return z + torch.tensor(np.random.normal(size=tuple(z.shape)), dtype=z.dtype)  # noqa: NPY002


def one_of_two(net: Inner, x: Tensor) -> Tensor:
    return net(x) if torch.rand(()) < 0.9 else net(x.flip(2))


def random_shift(net: Inner, x: Tensor) -> Tensor:
    return net(x.roll(int(random.random() < 0.1), 2))


def dropped(net: Inner, x: Tensor) -> Tensor:
    return net(F.dropout(x, 0.05, training=True))


def over_batch(net: Inner, x: Tensor) -> Tensor:
    z = net(x)
    return z - z.mean(0)


def batch_norm(net: Inner, x: Tensor) -> Tensor:
    return F.batch_norm(net(x), None, None, training=True)


class Remembering:
    """Drifts with every call."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, net: Inner, x: Tensor) -> Tensor:
        self.calls += 1
        return net(x) + 0.05 * self.calls * torch.tensor([1.0, 0.0, 0.0])


class Blending:
    """Leans on what it said last."""

    def __init__(self) -> None:
        self.last = torch.zeros(3)

    def __call__(self, net: Inner, x: Tensor) -> Tensor:
        z = net(x)
        blended = z + 0.5 * self.last
        self.last = z.detach()[-1]
        return blended
