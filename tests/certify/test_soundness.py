"""A sweep over models, records, budgets and methods: no certificate is beaten by going through every sequence."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch
from attacks_zoo import SmallCNN, SmallGRU
from brute import ANY, certified, fewest, problem_of
from torch import Tensor, nn

from seqrobust.attacks import Problem
from seqrobust.models.architectures.convolutional import CNN
from seqrobust.sequences import Region

LENGTH, MOST = 8, 3
METHODS = ("window_sums", "bounds", "enumeration", "auto")


def one_layer(activation: nn.Module, *, kernel: int = 3, scale: float = 1.0) -> nn.Module:
    net = nn.Sequential(nn.Conv1d(4, 6, kernel), activation, nn.Flatten(), nn.Linear(6 * (LENGTH + 1 - kernel), 3))
    return scaled(net, scale)


def scaled(net: nn.Module, scale: float) -> nn.Module:
    with torch.no_grad():
        for weight in net.parameters():
            weight.mul_(scale)
    return net


def whole(net: nn.Module) -> nn.Module:
    """Small whole numbers for weights, so that ties are exact and common."""
    with torch.no_grad():
        for weight in net.parameters():
            weight.copy_((3 * weight / weight.abs().amax()).round())
    return net


class Double(nn.Module):
    """Computes in double precision."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net.double()

    def forward(self, encoded: Tensor) -> Tensor:
        return self.net(encoded.double()).float()


class Shifted(nn.Module):
    """A network that prefers its first class, so that some edits, not one, turn it."""

    def __init__(self, net: nn.Module, preference: float) -> None:
        super().__init__()
        self.net, self.preference = net, preference

    def forward(self, encoded: Tensor) -> Tensor:
        return self.net(encoded) + torch.tensor([self.preference, 0.0, 0.0])


def preferring(net: nn.Module, share: float) -> nn.Module:
    """The network with a preference of so many standard deviations of its margins; whole where those are."""
    with torch.no_grad():
        some = nn.functional.one_hot(torch.randint(4, (200, LENGTH)), 4).transpose(1, 2).float()
        margin = net(some)[:, 0] - net(some)[:, 1:].amax(1)
    preference = float(share * margin.std() - margin.mean())
    is_whole = bool((margin == margin.round()).all())
    return Shifted(net, round(preference) if is_whole else preference)


MODELS: dict[str, Callable[[], nn.Module]] = {
    "relu": lambda: one_layer(nn.ReLU()),
    "gelu": lambda: one_layer(nn.GELU(), kernel=4),
    "tanh": lambda: one_layer(nn.Tanh(), kernel=2),
    "large weights": lambda: one_layer(nn.ReLU(), scale=1e4),
    "small weights": lambda: one_layer(nn.ReLU(), scale=1e-4),
    "ties": lambda: whole(one_layer(nn.ReLU())),
    "ties of a linear one": lambda: whole(nn.Sequential(nn.Flatten(), nn.Linear(4 * LENGTH, 3))),
    "double": lambda: Double(one_layer(nn.ReLU())),
    "ours": lambda: CNN(4, 3, input_length=LENGTH, head="flatten", blocks=1, pool=1, channels=6, first_kernel=5,
                        hidden=0),
    "ours, deep": lambda: CNN(4, 3, input_length=LENGTH, head="global", blocks=2, pool=2, channels=6, first_kernel=3,
                              kernel=3, hidden=4),
    "global maximum": lambda: SmallCNN(4, 3),
    "recurrent": lambda: SmallGRU(4, 3),
}  # fmt: skip


def problems(kind: str, seed: int) -> list[Problem]:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = preferring(MODELS[kind]().eval(), 1.0 + seed).eval()
    rng = np.random.default_rng(seed)
    texts = ["".join(rng.choice(list("ACGT"), LENGTH)) for _ in range(8)]
    core = [[Region("core", 3, 5)] for _ in texts]
    asked = problem_of(module, "classification", texts, ANY, MOST, regions=core)
    return [asked, replace(asked, threat=replace(ANY, protect=("core",)))]


def sweep(kinds: list[str], seeds: range) -> tuple[int, list[str]]:
    """The number of (record, budget, method) certificates looked at, and those that are wrong."""
    count, wrong = 0, []
    for kind, seed in itertools.product(kinds, seeds):
        for asked in problems(kind, seed):
            module = asked.predictor.module.eval()
            truth = [fewest(asked, module, row, MOST) or MOST + 1 for row in range(len(asked.sequences))]
            for method in METHODS:
                for standing, least in zip(certified(asked, [method]), truth, strict=True):
                    count += standing.certified
                    if standing.certified >= least or (standing.broken or MOST + 1) < least:
                        wrong.append(f"{kind} {seed} {method}: {standing}, fewest {least}")
                    if method in ("auto", "enumeration") and not standing.reason:
                        assert not standing.open
    return count, wrong


def test_a_few() -> None:
    _, wrong = sweep(["ties"], range(1))
    assert not wrong


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("kind", MODELS)
def test_no_certificate_is_beaten(kind: str, record_property: Callable[[str, object], None]) -> None:
    count, wrong = sweep([kind], range(3))
    record_property("certificates", count)
    print(f"{kind}: {count:,} certificates were checked")  # noqa: T201
    assert not wrong, wrong[:3]
