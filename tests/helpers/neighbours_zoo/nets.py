"""Small networks of every shape, each with what the incremental way must make of it: what they are made of.

Weights are random and of mixed sign, batch norms have seen data: nothing is the neutral value that hides a mistake.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from seqrobust.sequences import Task

C = 8
LENGTH = 60
Kind = Literal["local", "works", "plain", "any"]
"""``local``: answered from caches, with less arithmetic. ``works``: answered from caches at all. ``plain``: in plain
batches, with a notice. ``any``: either way, but right."""


class Net(nn.Module):
    """A forward written as one function of the net and its input; layers are attributes."""

    def __init__(self, run: Callable[[Any, Tensor], Tensor], **layers: nn.Module | Tensor) -> None:
        super().__init__()
        self.run = run
        for name, layer in layers.items():
            if isinstance(layer, nn.Module):
                self.add_module(name, layer)
            else:
                self.register_buffer(name, layer)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


class TakesLengths(nn.Module):
    """Told its lengths, it leaves the padding out of the mean."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(4, C, 5, padding=2)
        self.head = nn.Linear(C, 3)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        columns = F.relu(self.conv(x))
        if lengths is None:
            out: Tensor = self.head(columns.mean(2))
            return out
        inside = (torch.arange(x.shape[2], device=x.device) < lengths[:, None])[:, None]
        out = self.head((columns * inside).sum(2) / lengths[:, None])
        return out


class NeedsLengths(TakesLengths):
    """The same, but lengths have no default."""

    def forward(self, x: Tensor, lengths: Tensor | None) -> Tensor:  # type: ignore[override]
        return super().forward(x, lengths)


def shaken(module: nn.Module, name: str) -> nn.Module:
    """The module with weights, statistics and biases drawn anew, the same for the same name."""
    generator = torch.Generator().manual_seed(zlib.crc32(name.encode()))
    with torch.no_grad():
        for weight in module.parameters():
            fan = weight[0].numel() if weight.dim() > 1 else 4
            weight.copy_(torch.randn(weight.shape, generator=generator) * 1.4 / fan**0.5)
        for part in module.modules():
            if isinstance(part, (nn.BatchNorm1d, nn.BatchNorm2d)) and part.running_mean is not None:
                part.running_mean.copy_(torch.randn(part.running_mean.shape, generator=generator))
                part.running_var.copy_(torch.rand(part.running_var.shape, generator=generator) * 2 + 0.2)
    return module.eval()


@dataclass(frozen=True, kw_only=True)
class Case:
    """A network, its length and what is expected of it."""

    name: str
    make: Callable[[], nn.Module]
    kind: Kind = "local"
    length: int = LENGTH
    task: Task = "classification"

    def module(self) -> nn.Module:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            module = self.make()
            if any(isinstance(weight, nn.parameter.UninitializedParameter) for weight in module.parameters()):
                module.eval()(torch.zeros(2, 4, self.length))
            return shaken(module, self.name)


CASES: dict[str, Case] = {}


def case(name: str, make: Callable[[], nn.Module], kind: Kind = "local", **more: Any) -> None:
    assert name not in CASES, name
    CASES[name] = Case(name=name, make=make, kind=kind, **more)


def seq(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(*layers)


def ends(*layers: nn.Module, channels: int = C, out: int = 3) -> Callable[[], nn.Module]:
    """Columns, their mean, a linear layer."""
    return lambda: Net(lambda s, x: s.head(s.body(x).mean(2)), body=seq(*layers), head=nn.Linear(channels, out))


def conv(into: int = 4, out: int = C, kernel: int = 5, **more: Any) -> nn.Conv1d:
    return nn.Conv1d(into, out, kernel, **more)


def norm(channels: int = C, **more: Any) -> nn.BatchNorm1d:
    return nn.BatchNorm1d(channels, **more)
