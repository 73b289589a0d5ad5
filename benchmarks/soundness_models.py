"""Small networks of many kinds that certificates are tried on: random, trained, attacked, odd on purpose."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

LENGTH = 8
"""Letters of every record."""

Maker = Callable[[], nn.Module]


class Double(nn.Module):
    """Computes in double precision."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net.double()

    def forward(self, encoded: Tensor) -> Tensor:
        """(N, outputs) of (N, K, L)."""
        return self.net(encoded.double())


class Exponential(nn.Module):
    """e to the power of a number, kept within reach."""

    def forward(self, values: Tensor) -> Tensor:
        """Elementwise."""
        return torch.exp(values.clamp(max=5.0))


class Recurrent(nn.Module):
    """A recurrent layer whose last state, mean or largest state is read."""

    def __init__(
        self, outputs: int, *, kind: type[nn.RNNBase] = nn.GRU, both: bool = False, read: str = "last"
    ) -> None:
        super().__init__()
        self.layer = kind(4, 6, batch_first=True, bidirectional=both)
        self.read = read
        self.out = nn.Linear(12 if both else 6, outputs)

    def forward(self, encoded: Tensor) -> Tensor:
        """(N, outputs) of (N, K, L)."""
        states = self.layer(encoded.transpose(1, 2))[0]
        if self.read == "last":
            return self.out(states[:, -1])
        return self.out(states.mean(1) if self.read == "mean" else states.amax(1))


class Residual(nn.Module):
    """Adds what a block makes of its input to it."""

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.block = block

    def forward(self, features: Tensor) -> Tensor:
        """Of the shape of its input."""
        return features + self.block(features)


class MaxAndMean(nn.Module):
    """The largest and the mean value of every channel."""

    def forward(self, features: Tensor) -> Tensor:
        """(N, 2 C) of (N, C, W)."""
        return torch.cat([features.amax(2), features.mean(2)], 1)


def net(*parts: nn.Module, outputs: int, hidden: int = 0) -> nn.Module:
    """Convolutions, then a flattened read-out of whatever size they leave."""
    trunk = nn.Sequential(*parts, nn.Flatten())
    with torch.no_grad():
        size = trunk.eval()(torch.zeros(2, 4, LENGTH)).shape[1]
    head = [nn.Linear(size, hidden), nn.ReLU(), nn.Linear(hidden, outputs)] if hidden else [nn.Linear(size, outputs)]
    return nn.Sequential(trunk, *head)


def normed(channels: int) -> nn.BatchNorm1d:
    """A batch norm that has seen something."""
    layer = nn.BatchNorm1d(channels)
    with torch.no_grad():
        layer.running_mean.normal_()
        layer.running_var.uniform_(0.2, 3.0)
        layer.weight.normal_()
        layer.bias.normal_()
    return layer


def scaled(module: nn.Module, by: float) -> nn.Module:
    """All weights times a number."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.mul_(by)
    return module


def whole(module: nn.Module) -> nn.Module:
    """Small whole numbers for weights, so that ties are exact and common."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_((3 * weight / weight.abs().amax()).round())
    return module


def trained(module: nn.Module, outputs: int, *, attacked: bool = False) -> nn.Module:
    """Trained for a moment to count a motif; if asked, on sequences of which one letter is switched for the worse."""
    draw = torch.Generator().manual_seed(0)
    optimiser = torch.optim.Adam(module.parameters(), lr=0.01)
    for _ in range(80):
        letters = torch.randint(4, (64, LENGTH), generator=draw)
        encoded = functional.one_hot(letters, 4).transpose(1, 2).float()
        count = ((letters[:, :-1] == 0) & (letters[:, 1:] == 2)).sum(1)
        if attacked:
            encoded = _worse(module, encoded, count, outputs)
        loss = _loss(module(encoded), count, outputs)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return module


def _loss(logits: Tensor, count: Tensor, outputs: int) -> Tensor:
    if outputs == 1:
        return functional.mse_loss(logits[:, 0], count.to(logits.dtype))
    return functional.cross_entropy(logits, count.clamp(max=outputs - 1))


def _worse(module: nn.Module, encoded: Tensor, count: Tensor, outputs: int) -> Tensor:
    """One letter of each record switched where the loss grows most."""
    points = encoded.clone().requires_grad_(True)
    (slope,) = torch.autograd.grad(_loss(module(points), count, outputs), points)
    gain = slope - (slope * encoded).sum(1, keepdim=True)
    best = gain.flatten(1).argmax(1)
    letter, place = best // LENGTH, best % LENGTH
    made = encoded.clone()
    rows = torch.arange(len(made))
    made[rows, :, place] = 0
    made[rows, letter, place] = 1
    return made


def conv(*given: int, **more: int) -> nn.Conv1d:
    """A convolution."""
    return nn.Conv1d(*given, **more)  # type: ignore[arg-type]


def makers(outputs: int) -> Iterator[tuple[str, Maker]]:
    """Names and makers of networks with so many outputs; each draws its weights from torch's global generator."""
    n = outputs
    activations: dict[str, Callable[[], nn.Module]] = {
        "relu": nn.ReLU, "gelu": nn.GELU, "silu": nn.SiLU, "softplus": nn.Softplus, "tanh": nn.Tanh,
        "sigmoid": nn.Sigmoid, "elu": nn.ELU, "leaky": nn.LeakyReLU, "exp": Exponential, "mish": nn.Mish,
        "hardswish": nn.Hardswish,
    }  # fmt: skip
    for name, act in activations.items():
        yield f"one block, {name}", lambda a=act: net(conv(4, 5, 3), a(), outputs=n)
        yield (
            f"two blocks, {name}",
            lambda a=act: net(
                conv(4, 5, 3, padding=1), a(), nn.MaxPool1d(2), conv(5, 4, 3, padding=1), a(), outputs=n, hidden=5
            ),
        )
    pools: dict[str, Callable[[], nn.Module]] = {
        "max 3/2": lambda: nn.MaxPool1d(3, 2),
        "max 3/2 ceil": lambda: nn.MaxPool1d(3, 2, ceil_mode=True),
        "max 3/2 padded": lambda: nn.MaxPool1d(3, 2, padding=1),
        "max dilated": lambda: nn.MaxPool1d(2, 2, dilation=2),
        "avg 2": lambda: nn.AvgPool1d(2),
        "avg 3/2 ceil": lambda: nn.AvgPool1d(3, 2, ceil_mode=True),
        "avg padded": lambda: nn.AvgPool1d(3, 2, padding=1),
        "avg padded, not counted": lambda: nn.AvgPool1d(3, 2, padding=1, count_include_pad=False),
        "adaptive max": lambda: nn.AdaptiveMaxPool1d(4),
        "adaptive avg": lambda: nn.AdaptiveAvgPool1d(4),
        "max and mean": MaxAndMean,
    }
    for name, pool in pools.items():
        yield f"pool {name}", lambda p=pool: net(conv(4, 5, 3, padding=1), nn.ReLU(), p(), outputs=n, hidden=4)
        yield (
            f"deep, pool {name}",
            lambda p=pool: net(conv(4, 5, 2), nn.ReLU(), conv(5, 4, 3, padding=1), nn.ReLU(), p(), outputs=n, hidden=4),
        )
    yield "strided", lambda: net(conv(4, 5, 3, stride=2, padding=1), nn.ReLU(), conv(5, 4, 2), nn.ReLU(), outputs=n)
    yield "dilated", lambda: net(conv(4, 5, 3, dilation=2), nn.ReLU(), conv(5, 4, 2, dilation=3), nn.ReLU(), outputs=n)
    yield "grouped", lambda: net(conv(4, 4, 3, groups=2), nn.ReLU(), conv(4, 4, 2, groups=4), nn.ReLU(), outputs=n)
    yield (
        "batch norm",
        lambda: net(
            conv(4, 5, 3),
            normed(5),
            nn.ReLU(),
            nn.MaxPool1d(2),
            conv(5, 4, 2),
            normed(4),
            nn.ReLU(),
            outputs=n,
            hidden=4,
        ),
    )
    yield (
        "residual",
        lambda: net(
            conv(4, 4, 3, padding=1), Residual(nn.Sequential(nn.ReLU(), conv(4, 4, 3, padding=1))), nn.ReLU(), outputs=n
        ),
    )
    yield "linear", lambda: nn.Sequential(nn.Flatten(), nn.Linear(4 * LENGTH, n))
    yield "dense", lambda: nn.Sequential(nn.Flatten(), nn.Linear(4 * LENGTH, 6), nn.ReLU(), nn.Linear(6, n))
    deep = lambda: net(  # noqa: E731
        conv(4, 6, 3, padding=1), nn.ReLU(), nn.MaxPool1d(2), conv(6, 6, 3, padding=1), nn.ReLU(), outputs=n, hidden=6
    )
    plain = lambda: net(conv(4, 6, 3), nn.ReLU(), outputs=n)  # noqa: E731
    for name, make in (("deep", deep), ("plain", plain)):
        yield f"{name}, times 10^4", lambda m=make: scaled(m(), 1e4)
        yield f"{name}, times 10^-4", lambda m=make: scaled(m(), 1e-4)
        yield f"{name}, whole numbers", lambda m=make: whole(m())
        yield f"{name}, double", lambda m=make: Double(m())
        yield f"{name}, trained", lambda m=make: trained(m(), n)
        yield f"{name}, attacked in training", lambda m=make: trained(m(), n, attacked=True)
    yield "gru", lambda: Recurrent(n)
    yield "gru, both ways, mean", lambda: Recurrent(n, both=True, read="mean")
    yield "gru, maximum", lambda: Recurrent(n, read="max")
    yield "gru, trained", lambda: trained(Recurrent(n), n)
    yield "lstm", lambda: Recurrent(n, kind=nn.LSTM)
