"""Networks to measure with: architectures in common use, with random weights from a fixed seed.

Random weights cost what trained ones cost. They are scaled so that activations look trained: batch norm has the running
statistics of random sequences, weights and offsets that are not one and zero, and the outputs spread by about one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from seqrobust.models.architectures.hybrid import CNNGRU
from seqrobust.models.architectures.recurrent import GRU

CALIBRATION = 64
"""Random sequences that running statistics and the outputs' scale are taken from."""


class ResidualDilated(nn.Module):
    """What BPNet (Avsec et al. 2021) adds to its stem: x + relu(conv(x)), the dilation doubling from unit to unit."""

    def __init__(self, channels: int, dilations: Sequence[int]) -> None:
        super().__init__()
        self.units = nn.ModuleList(nn.Conv1d(channels, channels, 3, padding=d, dilation=d) for d in dilations)

    def forward(self, x: Tensor) -> Tensor:
        for unit in self.units:
            x = x + functional.relu(unit(x))
        return x


class PositionMean(nn.Module):
    """(N, C, W) to (N, C)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(2)


def _block(inputs: int, channels: int, kernel: int, pool: int) -> list[nn.Module]:
    conv = nn.Conv1d(inputs, channels, kernel, padding=kernel // 2)
    return [conv, nn.BatchNorm1d(channels), nn.ReLU(), nn.MaxPool1d(pool)]


def _basset(length: int) -> nn.Module:
    blocks = [*_block(4, 64, 19, 3), *_block(64, 64, 11, 4), *_block(64, 64, 7, 4)]
    width = length // 3 // 4 // 4
    return nn.Sequential(*blocks, nn.Flatten(), nn.Linear(64 * width, 64), nn.ReLU(), nn.Linear(64, 3))


def _deepstarr(length: int) -> nn.Module:
    blocks = [*_block(4, 256, 7, 2), *_block(256, 60, 3, 2), *_block(60, 60, 5, 2), *_block(60, 120, 3, 2)]
    width = length // 16
    dense: list[nn.Module] = []
    for inputs in (120 * width, 256):
        dense += [nn.Linear(inputs, 256), nn.BatchNorm1d(256), nn.ReLU(), nn.Dropout(0.4)]
    return nn.Sequential(*blocks, nn.Flatten(), *dense, nn.Linear(256, 2))


def _bpnet(length: int) -> nn.Module:
    trunk = ResidualDilated(64, [2**power for power in range(1, 9)])
    return nn.Sequential(nn.Conv1d(4, 64, 21, padding=10), nn.ReLU(), trunk, PositionMean(), nn.Linear(64, 1))


def _hybrid(length: int) -> nn.Module:
    return CNNGRU(4, 3, None)


def _gru(length: int) -> nn.Module:
    return GRU(4, 3, None)


def _draw_weights(module: nn.Module) -> None:
    """He's scale, half of it for residual units, which would blow up otherwise."""
    units = [unit for part in module.modules() if isinstance(part, ResidualDilated) for unit in part.units]
    for part in module.modules():
        if isinstance(part, (nn.Conv1d, nn.Linear)):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            part.weight *= 0.5 if part in units else 1.0
            part.bias.copy_(0.1 * torch.randn(part.bias.shape))  # type: ignore[union-attr]
        elif isinstance(part, nn.BatchNorm1d):
            nn.init.uniform_(part.weight, 0.5, 1.5)
            nn.init.normal_(part.bias, std=0.3)


def _settle(module: nn.Module, length: int) -> None:
    """Running statistics, and outputs around zero with spread one, from random sequences."""
    letters = torch.randint(0, 4, (CALIBRATION, length))
    encoded = functional.one_hot(letters, 4).transpose(1, 2).float()
    module.eval()
    for part in module.modules():
        if isinstance(part, nn.BatchNorm1d):
            part.momentum = None
            part.train()
    module(encoded)
    outputs = module.eval()(encoded)
    last = [part for part in module.modules() if isinstance(part, nn.Linear)][-1]
    scale = outputs.std(0)
    last.weight /= scale[:, None]
    last.bias.copy_((last.bias - outputs.mean(0)) / scale)


def _built(make: Callable[[int], nn.Module], length: int) -> nn.Module:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        module = make(length)
        if not isinstance(module, (CNNGRU, GRU)):
            _draw_weights(module)
        _settle(module, length)
    return module.eval()


ARCHITECTURES: dict[str, Callable[[int], nn.Module]] = {
    "basset": _basset,
    "deepstarr": _deepstarr,
    "bpnet": _bpnet,
    "hybrid": _hybrid,
    "gru": _gru,
}


def build(name: str, length: int) -> nn.Module:
    """The network of that name for one-hot (N, 4, length), in evaluation mode; (N, outputs) out.

    ``basset`` is like Basset (Kelley et al. 2016), three convolutions with pooling and two linear layers; ``deepstarr``
    like DeepSTARR (de Almeida et al. 2022); ``bpnet`` like BPNet's counts head; ``hybrid`` and ``gru`` are seqrobust's
    own CNN-GRU and bidirectional GRU at default sizes.
    """
    return _built(ARCHITECTURES[name], length)
