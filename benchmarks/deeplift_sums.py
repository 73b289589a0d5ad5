"""How much of an output's change do DeepLIFT's contributions leave out? Twenty-odd networks, beside Captum's DeepLift.

    python benchmarks/deeplift_sums.py

Contributions have to add up to the output less the output at the baseline. A row a network: the largest share of that
difference that is missing over eight one-hot sequences against a uniform baseline, here and by Captum on the same
network (``fails`` where it raises), each called as its own documentation says.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from captum.attr import DeepLift
from torch import Tensor, nn
from torch.nn import functional

from seqrobust.analysis.attribution.deeplift import multipliers

LENGTH = 24


class Of(nn.Module):
    """A function of the activations of a first convolution, and a linear head."""

    def __init__(self, inner: Callable[[Tensor], Tensor] | nn.Module, width: int = 8 * LENGTH) -> None:
        super().__init__()
        self.first, self.inner = nn.Conv1d(4, 8, 5, padding=2), inner
        self.head = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """(N, 1)."""
        h: Tensor = self.head(self.inner(self.first(x)).flatten(1))
        return h


class Attention(nn.Module):
    """Self-attention over places."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)

    def forward(self, h: Tensor) -> Tensor:
        """Same shape."""
        turned = h.transpose(1, 2)
        return self.attention(turned, turned, turned, need_weights=False)[0].transpose(1, 2)


class Turned(nn.Module):
    """A module that wants channels last."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, h: Tensor) -> Tensor:
        """Same shape."""
        found = self.inner(h.transpose(1, 2))
        return (found[0] if isinstance(found, tuple) else found).transpose(1, 2)


def networks() -> dict[str, nn.Module]:
    """By name."""
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True)
    single = {
        name: Of(getattr(nn, name)())
        for name in (
            "ReLU", "LeakyReLU", "ELU", "SELU", "CELU", "GELU", "SiLU", "Mish", "Softplus", "Sigmoid", "Tanh",
            "Hardswish", "Hardtanh", "ReLU6", "Softsign", "LogSigmoid", "Tanhshrink", "RReLU",
        )
    }  # fmt: skip
    return {
        **single,
        "PReLU": Of(nn.PReLU()),
        "Softmax": Of(nn.Softmax(1)),
        "GLU": Of(nn.GLU(1), 4 * LENGTH),
        "MaxPool1d": Of(nn.Sequential(nn.ReLU(), nn.MaxPool1d(4)), 2 * LENGTH),
        "AvgPool1d": Of(nn.Sequential(nn.ReLU(), nn.AvgPool1d(4)), 2 * LENGTH),
        "AdaptiveMaxPool1d": Of(nn.Sequential(nn.ReLU(), nn.AdaptiveMaxPool1d(1)), 8),
        "LPPool1d": Of(nn.Sequential(nn.ReLU(), nn.LPPool1d(2, 4)), 2 * LENGTH),
        "BatchNorm1d": Of(nn.Sequential(nn.BatchNorm1d(8), nn.ReLU())),
        "LayerNorm": Of(nn.LayerNorm(LENGTH)),
        "GroupNorm": Of(nn.GroupNorm(2, 8)),
        "InstanceNorm1d": Of(nn.InstanceNorm1d(8)),
        "MultiheadAttention": Of(Attention()),
        "TransformerEncoderLayer": Of(Turned(layer)),
        "h * (h > 0)": Of(lambda h: h * (h > 0)),
        "torch.where": Of(lambda h: torch.where(h > 0.1, h, 0.3 * h)),
        "product of two": Of(lambda h: h * torch.sigmoid(h.flip(1))),
        "amin": Of(lambda h: h.amin(2), 8),
        "cummax": Of(lambda h: h.cummax(2).values),
        "sort": Of(lambda h: h.sort(2).values),
        "residual": Of(lambda h: h + functional.relu(h)),
    }


def missed(total: Tensor, change: Tensor) -> str:
    """The largest share of a change that contributions leave out."""
    return f"{float(((total - change).abs() / change.abs().clamp(min=1e-6)).max()):.1e}"


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    print("| network | missed here | missed by Captum |")
    print("|---|---|---|")
    for seed, (name, net) in enumerate(networks().items()):
        torch.manual_seed(seed)
        for part in net.parameters():
            nn.init.normal_(part, std=0.4)
        net = net.double().eval()
        x = functional.one_hot(torch.randint(0, 4, (8, LENGTH)), 4).transpose(1, 2).double()
        base = torch.full_like(x, 0.25)
        with torch.no_grad():
            change = (net(x) - net(base))[:, 0]
        try:
            factors = multipliers(lambda points, net=net: net(points)[:, 0], x, base)[0]
            ours = missed((factors * (x - base)).sum((1, 2)), change)
        except Exception as error:
            ours = f"fails ({type(error).__name__})"
        try:
            theirs = missed(DeepLift(net).attribute(x, base, target=0).sum((1, 2)), change)
        except Exception as error:
            theirs = f"fails ({type(error).__name__})"
        print(f"| {name} | {ours} | {theirs} |", flush=True)


if __name__ == "__main__":
    main()
