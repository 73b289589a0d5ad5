"""Small networks of every shape, each with what the incremental way must make of it.

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

from seqrobust.alphabet import DNA, Alphabet
from seqrobust.models import Predictor
from seqrobust.sequences import Task
from seqrobust.sequences.encoding import Unknown, one_hot

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


# Convolutions --------------------------------------------------------------------------------------------------------

for stride in (1, 2, 3):
    for padding in (0, 1, 2, 5):
        case(f"conv stride {stride} padding {padding}", ends(conv(stride=stride, padding=padding), nn.ReLU()))
        case(
            f"two convs stride {stride} padding {padding}",
            ends(conv(stride=stride, padding=padding), nn.GELU(), conv(C, C, 4, stride=2, padding=2), nn.ReLU()),
        )
for dilation in (2, 3):
    case(f"conv dilation {dilation}", ends(conv(dilation=dilation, padding=3), nn.ReLU()))
    case(f"conv dilation {dilation} stride 2", ends(conv(dilation=dilation, stride=2, padding=1), nn.ReLU()))
for kernel in (1, 2, 4, 5):
    case(f"conv same {kernel}", ends(conv(kernel=kernel, padding="same"), nn.ReLU(), conv(C, C, 3), nn.ReLU()))
    case(f"conv same {kernel} dilated", ends(conv(kernel=kernel, padding="same", dilation=3), nn.ReLU()))
case("conv valid", ends(conv(padding="valid"), nn.ReLU()))
case("conv kernel 1 padding 3", ends(conv(kernel=1, padding=3), nn.ReLU(), conv(C, C, 3), nn.ReLU()))
case("conv even with same, twice", ends(conv(kernel=4, padding="same"), conv(C, C, 6, padding="same"), nn.ReLU()))
case("grouped", ends(conv(), nn.ReLU(), conv(C, C, 3, groups=2, padding=1), nn.ReLU()))
case("depthwise", ends(conv(), nn.ReLU(), conv(C, C, 3, groups=C), conv(C, C, 1), nn.ReLU()))
case("depthwise first", ends(conv(4, C, 5, groups=4, padding=2), nn.ReLU()))
case("no bias", ends(conv(bias=False), norm(), nn.ReLU()))
case("one channel", ends(conv(4, 1), nn.ReLU(), conv(1, C, 3), nn.ReLU()))
case("two convs, no activation", ends(conv(padding=2), conv(C, C, 5, padding=2), nn.ReLU()))
case("three convs, no activation", ends(conv(padding=4), conv(C, C, 5, padding=2), conv(C, C, 3, padding=2), nn.ReLU()))
case("convs only", ends(conv(padding=2), conv(C, C, 5, padding=2), conv(C, C, 3, stride=2, padding=1)))
case(
    "one conv twice",
    lambda: Net(
        lambda s, x: s.head(F.relu(s.c(F.relu(s.c(s.a(x))))).mean(2)),
        a=conv(padding=2),
        c=conv(C, C, 3, padding=1),
        head=nn.Linear(C, 3),
    ),
)
case(
    "functional conv",
    lambda: Net(lambda s, x: F.relu(F.conv1d(x, s.w)).amax(2), w=torch.linspace(-1, 1, 3 * 4 * 5).view(3, 4, 5)),
)
case(
    "conv with full receptive field",
    ends(conv(kernel=31, padding=15), nn.ReLU(), conv(C, C, 31, padding=15), nn.ReLU()),
    "works",
)
case(
    "deep dilated",
    ends(
        *[p for d in (1, 2, 4, 8) for p in (conv(4 if d == 1 else C, C, 3, dilation=d, padding=d), norm(), nn.GELU())]
    ),
    "works",
)

# Norms ---------------------------------------------------------------------------------------------------------------

case("conv bn relu", ends(conv(padding=2), norm(), nn.ReLU(), conv(C, C, 3, padding=1), norm(), nn.ReLU()))
case("conv relu bn", ends(conv(padding=2), nn.ReLU(), norm(), conv(C, C, 3, padding=1), nn.ReLU(), norm()))
case("bn before conv", ends(norm(4), conv(padding=2), norm(), nn.ReLU(), conv(C, C, 3, padding=1)))
case("bn relu pool", ends(conv(padding=2), norm(), nn.ReLU(), nn.MaxPool1d(2), conv(C, C, 3)))
case("bn pool without activation", ends(conv(padding=2), norm(), nn.MaxPool1d(3, 2, 1), conv(C, C, 3)))
case("bn without affine", ends(conv(padding=2), norm(affine=False), nn.ReLU()))
case("bn conv bn bn", ends(conv(padding=2), norm(), norm(), conv(C, C, 3, padding=1), norm(), nn.Tanh()))
case("instance norm", ends(conv(padding=2), nn.InstanceNorm1d(C, affine=True), nn.ReLU()), "works")
case(
    "instance norm with statistics",
    ends(conv(padding=2), nn.InstanceNorm1d(C, affine=True, track_running_stats=True), nn.ReLU()),
    "works",
)
case("group norm", ends(conv(padding=2), nn.GroupNorm(2, C), nn.ReLU()), "works")
case("weight norm", ends(nn.utils.parametrizations.weight_norm(conv(padding=2)), nn.ReLU()))

# Pools ---------------------------------------------------------------------------------------------------------------

for name, pool in {
    "2": {"kernel_size": 2},
    "3": {"kernel_size": 3},
    "5 stride 2": {"kernel_size": 5, "stride": 2},
    "2 stride 3": {"kernel_size": 2, "stride": 3},
    "3 stride 1": {"kernel_size": 3, "stride": 1},
    "3 stride 2 padding 1": {"kernel_size": 3, "stride": 2, "padding": 1},
    "5 stride 5 padding 2": {"kernel_size": 5, "padding": 2},
    "3 stride 1 padding 1": {"kernel_size": 3, "stride": 1, "padding": 1},
    "7 ceil": {"kernel_size": 7, "ceil_mode": True},
    "4 stride 3 padding 2 ceil": {"kernel_size": 4, "stride": 3, "padding": 2, "ceil_mode": True},
}.items():
    for length in (LENGTH, 59):
        for word, act in {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}.items():
            case(
                f"{word}, max pool {name}, conv, L {length}",
                ends(conv(padding=2), act(), nn.MaxPool1d(**pool), conv(C, C, 3, padding=1), nn.ReLU()),
                length=length,
            )
        case(f"max pool {name} and mean, L {length}", ends(conv(padding=2), nn.MaxPool1d(**pool)), length=length)
        case(
            f"max pool {name}, relu, L {length}", ends(conv(padding=2), nn.MaxPool1d(**pool), nn.ReLU()), length=length
        )
        case(
            f"max pool {name} first, L {length}", ends(nn.MaxPool1d(**pool), conv(padding=2), nn.ReLU()), length=length
        )
        case(
            f"max pool {name} flatten, L {length}",
            lambda pool=pool: Net(
                lambda s, x: s.head(s.p(F.relu(s.c(x))).flatten(1)),
                c=conv(padding=2),
                p=nn.MaxPool1d(**pool),
                head=nn.LazyLinear(3),
            ),
            length=length,
        )
    for word, include in {"with": True, "without": False}.items():
        average = {**pool, "count_include_pad": include}
        sure = not (pool.get("padding") and not include) and not pool.get("ceil_mode")
        for length in (LENGTH, 59):
            case(
                f"avg pool {name} {word} pad, L {length}",
                ends(conv(padding=2), nn.ReLU(), nn.AvgPool1d(**average), conv(C, C, 3, padding=1), nn.ReLU()),
                "local" if sure else "works",
                length=length,
            )
case("max pool dilated", ends(conv(), nn.GELU(), nn.MaxPool1d(3, 2, dilation=3), conv(C, C, 3), nn.ReLU()))
case(
    "max pool dilated padded",
    ends(conv(), nn.GELU(), nn.MaxPool1d(3, 3, padding=1, dilation=2), conv(C, C, 3), nn.ReLU()),
)
case(
    "max pool dilated ceil",
    ends(conv(), nn.MaxPool1d(3, 4, padding=1, dilation=2, ceil_mode=True), nn.ReLU()),
    length=59,
)
case(
    "pools one behind the other",
    ends(conv(padding=2), nn.MaxPool1d(3, 2, 1), nn.MaxPool1d(3, 2, 1), nn.AvgPool1d(2), conv(C, C, 3)),
    length=100,
)
case("leaky pool", ends(conv(padding=2), nn.LeakyReLU(-0.4), nn.MaxPool1d(2), conv(C, C, 3)))
case("softplus pool", ends(conv(padding=2), nn.Softplus(), nn.MaxPool1d(3, 2, 1), conv(C, C, 3)))
case("elu pool", ends(conv(padding=2), nn.ELU(0.7), nn.MaxPool1d(3, 2, 1), conv(C, C, 3)))
case("elu negative pool", ends(conv(padding=2), nn.ELU(-0.7), nn.MaxPool1d(3, 2, 1), conv(C, C, 3)))
case(
    "exp pool",
    lambda: Net(lambda s, x: s.head(s.p(torch.exp(s.c(x))).mean(2)), c=conv(), p=nn.MaxPool1d(3), head=nn.Linear(C, 3)),
)
case(
    "pool with indices",
    lambda: Net(
        lambda s, x: s.head(F.max_pool1d(F.relu(s.c(x)), 3, return_indices=True)[0].mean(2)),
        c=conv(),
        head=nn.Linear(C, 3),
    ),
    "works",
)
case(
    "activation used beside its pool",
    lambda: Net(
        lambda s, x: s.head(torch.cat([(a := F.relu(s.c(x))).mean(2), s.p(a).mean(2)], 1)),
        c=conv(),
        p=nn.MaxPool1d(3),
        head=nn.Linear(2 * C, 3),
    ),
)
case(
    "bn used beside its conv",
    lambda: Net(
        lambda s, x: s.head(torch.cat([F.relu(a := s.c(x)).mean(2), F.relu(s.b(a)).mean(2)], 1)),
        c=conv(),
        b=norm(),
        head=nn.Linear(2 * C, 3),
    ),
)

# Activations ---------------------------------------------------------------------------------------------------------

for word, act in {
    "prelu": nn.PReLU(C),
    "prelu one": nn.PReLU(),
    "gelu": nn.GELU(),
    "gelu tanh": nn.GELU("tanh"),
    "leaky": nn.LeakyReLU(-0.3),
    "silu": nn.SiLU(),
    "elu": nn.ELU(),
    "mish": nn.Mish(),
    "softplus": nn.Softplus(),
    "hardswish": nn.Hardswish(),
    "sigmoid": nn.Sigmoid(),
    "log_sigmoid": nn.LogSigmoid(),
    "threshold": nn.Threshold(0.1, -3.0),
    "hardtanh": nn.Hardtanh(-0.5, 0.2),
    "tanhshrink": nn.Tanhshrink(),
    "softsign": nn.Softsign(),
    "celu": nn.CELU(0.5),
    "selu": nn.SELU(),
    "relu6": nn.ReLU6(),
    "rrelu": nn.RReLU(),
}.items():
    case(
        f"activation {word}",
        lambda act=act: Net(
            lambda s, x: s.head(s.d(s.a(s.c(x))).mean(2)),
            c=conv(padding=2),
            a=act,
            d=conv(C, C, 3, padding=1),
            head=nn.Linear(C, 3),
        ),
        "works" if word in ("tanhshrink", "rrelu") else "local",
    )
for word, function, kind in [
    ("sin", torch.sin, "local"),
    ("square", torch.square, "local"),
    ("pow 3", lambda x: x**3, "local"),
    ("2 to the power", lambda x: 2**x, "any"),
    ("to the power of itself", lambda x: (x.abs() + 1) ** x, "any"),
    ("minus", lambda x: -x, "any"),
    ("one less", lambda x: (1 - x).relu(), "any"),
    ("log of abs", lambda x: (x.abs() + 0.1).log(), "local"),
    ("reciprocal", lambda x: 1 / (x.abs() + 0.1), "local"),
    ("rsqrt", lambda x: torch.rsqrt(x * x + 0.1), "local"),
    ("sqrt", lambda x: torch.sqrt(x * x + 0.1), "local"),
    ("quotient", lambda x: x / (x.abs() + 0.2), "local"),
    ("log of softplus", lambda x: F.softplus(x).log(), "local"),
    ("clamp", lambda x: x.clamp(-0.2, 0.5), "local"),
    ("clamp min", lambda x: x.clamp(min=-0.2), "local"),
    ("clamp by tensor", lambda x: torch.clamp(x, min=torch.tensor(-0.2)), "any"),
    ("where", lambda x: torch.where(x > 0, x, 0.3 * x), "any"),
    ("softmax", lambda x: x.softmax(1), "local"),
    ("log softmax", lambda x: x.log_softmax(1), "local"),
    ("softmax over positions", lambda x: x.softmax(2) * 20, "works"),
    ("glu", lambda x: F.glu(torch.cat([x, -0.5 * x + 1], 1), 1), "any"),
    ("gate", lambda x: x * torch.sigmoid(x), "local"),
    ("self product", lambda x: x * x, "local"),
    ("chunked gate", lambda x: torch.cat([(p := x.chunk(2, 1))[0] * p[1].sigmoid(), p[1].tanh() * p[0]], 1), "local"),
    ("uneven chunks", lambda x: torch.cat([p.relu() for p in x.chunk(3, 1)][::-1], 1), "local"),
    ("split", lambda x: torch.cat([(p := x.split([3, 5], 1))[1].tanh(), p[0].relu()], 1), "local"),
    ("split by size", lambda x: torch.cat([p.relu() for p in x.split(3, 1)][::-1], 1), "local"),
    ("channel slices", lambda x: torch.cat([x[:, ::2].relu(), x[:, 1::2].tanh()], 1), "local"),
    ("maximum of two", lambda x: torch.maximum(x, -0.3 * x + 0.1), "any"),
    ("minimum", lambda x: torch.minimum(x, 0.4 * x), "local"),
    ("maxout", lambda x: torch.cat([torch.maximum(*x.chunk(2, 1)), x[:, :4]], 1), "local"),
    ("sum with alpha", lambda x: torch.add(x.relu(), x, alpha=-0.7), "local"),
    ("difference", lambda x: (x.relu() - x.tanh()).relu(), "local"),
    ("constant less layer", lambda x: torch.sub(torch.ones(1), x, alpha=2).relu(), "local"),
    ("in-place relu", lambda x: x + 1 + torch.relu_(x.clone()), "local"),
    ("in-place sum", lambda x: x.relu().add_(x), "local"),
    ("in-place mul", lambda x: x.clone().mul_(2).sub_(1).clamp_(min=0), "local"),
    ("in-place slice", lambda x: _with_zeroed(x), "any"),
    ("float64 inside", lambda x: torch.tanh(x.double() * 2).float(), "any"),
    ("half inside", lambda x: x.relu().to(torch.float64).to(torch.float32), "any"),
    ("masked fill", lambda x: x.relu().masked_fill(torch.arange(x.shape[2]) % 3 == 0, -2.0), "local"),
    (
        "masked fill infinite, softmax-like",
        lambda x: x.masked_fill(torch.arange(x.shape[2]) % 3 == 0, -torch.inf).exp(),
        "local",
    ),
    ("masked fill by itself", lambda x: x.masked_fill(x > 0.3, -2.0), "any"),
    ("detach", lambda x: x.detach().relu(), "local"),
    ("cumsum", lambda x: x.cumsum(2) / 8, "works"),
    ("roll", lambda x: x.roll(3, 2).relu(), "works"),
    ("roll channels", lambda x: x.roll(3, 1).relu(), "works"),
    ("channel mean", lambda x: x - x.mean(1, keepdim=True), "works"),
    ("position mean", lambda x: x.relu() - x.mean(2, keepdim=True), "works"),
    ("outer sum of a length one layer", lambda x: x * x[:, :, 7:8], "works"),
    ("flip channels", lambda x: x.flip(1).relu() + x, "local"),
    ("flip positions", lambda x: x.flip(2).relu(), "local"),
    ("flip positions and add", lambda x: (x.flip(2) + x).relu(), "any"),
    ("einsum", lambda x: torch.einsum("ncl,cd->ndl", x, torch.eye(C) + 0.3), "works"),
    ("view in blocks", lambda x: x.reshape(x.shape[0], C // 2, 2, x.shape[2]).amax(2).repeat(1, 2, 1), "works"),
    ("stack", lambda x: torch.stack([x, x.relu()], 1).sum(1), "works"),
    ("no grad", lambda x: _without_gradient(x), "local"),
    ("gather by index", lambda x: x[:, :, torch.arange(0, x.shape[2], 2)].relu(), "works"),
    ("stepped", lambda x: x[:, :, ::2].relu(), "works"),
    ("crop", lambda x: x[:, :, 5:-7].relu(), "local"),
    ("crop linear", lambda x: x[:, :, 5:-7], "local"),
    ("crop front", lambda x: x[..., 9:], "local"),
    ("narrow", lambda x: x.narrow(2, 4, 40).relu(), "any"),
    ("pad with value", lambda x: F.pad(x, (3, 2), value=1.7).relu(), "local"),
    ("pad then tanh", lambda x: F.pad(x.tanh(), (0, 6), value=-2.0), "local"),
    ("pad negative", lambda x: F.pad(x, (-3, 4), value=0.3).relu(), "local"),
    ("pad channels", lambda x: F.pad(x, (0, 0, 1, 0), value=0.3)[:, 1:].relu(), "any"),
    ("circular", lambda x: F.pad(x, (3, 3), mode="circular").relu(), "works"),
    ("reflect", lambda x: F.pad(x, (3, 3), mode="reflect").relu(), "works"),
    ("replicate", lambda x: F.pad(x, (3, 3), mode="replicate").relu(), "works"),
    ("rolled by cat", lambda x: torch.cat([x[:, :, 10:], x[:, :, :10]], 2).relu(), "works"),
]:
    for last in ("mean", "amax"):
        case(
            f"{word}, {last}",
            lambda function=function, last=last: Net(
                lambda s, x: s.head(getattr(s.d(function(s.c(x))), last)(2)),
                f=nn.Identity(),
                c=conv(padding=3),
                d=conv(C, C, 3, padding=1),
                head=nn.Linear(C, 3),
            ),
            kind,
        )


def _with_zeroed(x: Tensor) -> Tensor:
    x = x.clone()
    x[:, :, 4:9] = 0.5
    return x


def _without_gradient(x: Tensor) -> Tensor:
    with torch.no_grad():
        return x.relu()


case("glu conv", ends(conv(4, 2 * C), nn.GLU(1), conv(C, 2 * C, 3), nn.GLU(1)))
case("autocast", lambda: Net(lambda s, x: _autocast(s, x), c=conv(), head=nn.Linear(C, 3)), "plain")


def _autocast(s: Any, x: Tensor) -> Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return s.head(F.relu(s.c(x)).mean(2)).float()


# Blocks --------------------------------------------------------------------------------------------------------------


class Residual(nn.Module):
    def __init__(self, style: str) -> None:
        super().__init__()
        self.a, self.b = conv(C, C, 3, padding=1), conv(C, C, 3, padding=1)
        self.n, self.m = norm(), norm()
        self.style = style

    def forward(self, x: Tensor) -> Tensor:
        if self.style == "in place":
            y = self.n(self.a(x)).relu_()
            y = self.m(self.b(y))
            y += x
            return y.relu_()
        if self.style == "before":
            return x + self.b(F.relu(self.m(self.a(F.relu(self.n(x))))))
        return F.relu(x + self.m(self.b(F.relu(self.n(self.a(x))))))


for style in ("in place", "before", "behind"):
    case(f"residual {style}", ends(conv(padding=2), Residual(style), Residual(style)))
    case(f"residual {style}, pools", ends(conv(padding=2), Residual(style), nn.MaxPool1d(2), Residual(style)))
case(
    "inception",
    lambda: Net(
        lambda s, x: s.head(F.relu(s.n(torch.cat([s.a(x), s.b(x), s.c(x), s.p(x)], 1))).amax(2)),
        a=conv(kernel=1),
        b=conv(kernel=3, padding=1),
        c=conv(kernel=7, padding=3),
        p=nn.MaxPool1d(3, 1, 1),
        n=norm(3 * C + 4),
        head=nn.Linear(3 * C + 4, 3),
    ),
)
case(
    "dense",
    lambda: Net(
        lambda s, x: s.head(torch.cat([(a := torch.cat([x, s.a(x).relu()], 1)), s.b(a).relu()], 1).mean(2)),
        a=conv(kernel=5, padding=2),
        b=conv(4 + C, C, 3, padding=1),
        head=nn.Linear(4 + 2 * C, 3),
    ),
)
case(
    "inception of strides",
    lambda: Net(
        lambda s, x: s.head(s.d(torch.cat([s.a(x), s.b(x).tanh()], 1)).mean(2)),
        a=conv(kernel=4, stride=2, padding=1),
        b=conv(kernel=8, stride=2, padding=3),
        d=conv(2 * C, C, 3),
        head=nn.Linear(C, 3),
    ),
)
case(
    "squeeze excite",
    lambda: Net(
        lambda s, x: s.head(F.relu(s.d((y := s.c(x).relu()) * s.f(y.mean(2)).sigmoid()[:, :, None])).mean(2)),
        c=conv(padding=2),
        f=nn.Linear(C, C),
        d=conv(C, C, 3),
        head=nn.Linear(C, 3),
    ),
    "works",
)
case(
    "mean and max",
    lambda: Net(
        lambda s, x: s.head(
            torch.cat(
                [(y := s.c(x).relu()).mean(2), y.amax(2), y.sum(-1), y.max(dim=2)[0], y.max(dim=-1).values, y.std(2)], 1
            )
        ),
        c=conv(padding=2),
        head=nn.Linear(6 * C, 3),
    ),
)
for word, reduce in {
    "amax": lambda y: y.amax(2),
    "amax keep": lambda y: y.amax(-1, keepdim=True).squeeze(2),
    "max dim": lambda y: y.max(dim=2)[0],
    "max dim keep": lambda y: y.max(2, keepdim=True).values[:, :, 0],
    "mean": lambda y: y.mean(-1),
    "sum": lambda y: y.sum(2),
    "adaptive max": lambda y: F.adaptive_max_pool1d(y, 1).flatten(1),
    "adaptive avg": lambda y: F.adaptive_avg_pool1d(y, 1).flatten(1),
    "max pool whole": lambda y: F.max_pool1d(y, y.shape[2]).squeeze(2),
    "avg pool whole": lambda y: F.avg_pool1d(y, y.shape[2]).squeeze(2),
}.items():
    for act in (nn.ReLU(), nn.Identity(), nn.LeakyReLU(-0.5)):
        case(
            f"global {word}, {type(act).__name__}",
            lambda reduce=reduce, act=act: Net(
                lambda s, x: s.head(reduce(s.a(s.c(x)))), c=conv(padding=4), a=act, head=nn.Linear(C, 3)
            ),
        )
for word, reduce, size in [
    ("adaptive max 4", lambda y: F.adaptive_max_pool1d(y, 4).flatten(1), 4 * C),
    ("adaptive avg 4", lambda y: F.adaptive_avg_pool1d(y, 4).flatten(1), 4 * C),
    ("logsumexp", lambda y: y.logsumexp(2), C),
    ("both axes", lambda y: y.mean((1, 2))[:, None], 1),
    ("amin", lambda y: y.amin(2), C),
    ("max with indices used", lambda y: (m := y.max(2))[0] + m[1] * 0.01, C),
    ("topk", lambda y: y.topk(3, 2)[0].mean(2), C),
    ("first column", lambda y: y[:, :, 0], C),
    ("middle column", lambda y: y[:, :, y.shape[2] // 2], C),
    ("mean of channels", lambda y: y.mean(1)[:, :5], 5),
    ("norm", lambda y: y.norm(dim=2), C),
    ("argmax", lambda y: y.argmax(2).float() / 10, C),
]:
    case(
        f"global {word}",
        lambda reduce=reduce, size=size: Net(
            lambda s, x: s.head(reduce(s.c(x).tanh())), c=conv(padding=2), head=nn.Linear(size, 3)
        ),
        "plain" if word in ("argmax", "max with indices used") else "works",
    )
for word, body in {
    "linear": lambda s, x: s.head(s.c(x).relu().flatten(1)),
    "view": lambda s, x: s.head((y := s.c(x).relu()).view(y.size(0), -1)),
    "reshape": lambda s, x: s.head(s.c(x).relu().reshape(len(x), -1)),
    "no activation": lambda s, x: s.head(s.c(x).flatten(1)),
    "transposed": lambda s, x: s.head(s.c(x).relu().transpose(1, 2).flatten(1)),
    "transposed reshape": lambda s, x: s.head(s.c(x).relu().permute(0, 2, 1).reshape(len(x), -1)),
    "relu behind": lambda s, x: s.head(s.c(x).flatten(1).relu()),
    "bn behind": lambda s, x: s.head(s.n(s.c(x).relu().flatten(1))),
    "dropout behind": lambda s, x: s.head(s.d(s.c(x).relu().flatten(1))),
    "cat behind": lambda s, x: s.head(torch.cat([(y := s.c(x).relu())[:, :4].flatten(1), y[:, 4:].flatten(1)], 1)),
}.items():
    case(
        f"flatten {word}",
        lambda body=body: Net(
            body, c=conv(padding=2), n=norm(C * LENGTH), d=nn.Dropout(), head=nn.Linear(C * LENGTH, 3)
        ),
        "local" if word in ("linear", "view", "reshape", "no activation", "transposed", "dropout behind") else "works",
    )
case(
    "flatten, two linear",
    lambda: Net(
        lambda s, x: s.b(s.a(s.c(x).relu().flatten(1)).relu()),
        c=conv(kernel=8, stride=4),
        a=nn.Linear(C * 14, 20),
        b=nn.Linear(20, 3),
    ),
)
case(
    "flatten after crop",
    lambda: Net(lambda s, x: s.a(s.c(x)[:, :, 3:-4].flatten(1)), c=conv(padding=3), a=nn.Linear(C * (LENGTH - 5), 3)),
)
case(
    "two flattens",
    lambda: Net(
        lambda s, x: s.a(s.c(x).relu().flatten(1)) + s.b(x.flatten(1)),
        c=conv(),
        a=nn.Linear(C * (LENGTH - 4), 3),
        b=nn.Linear(4 * LENGTH, 3),
    ),
)
case("linear model", lambda: Net(lambda s, x: s.a(x.flatten(1)), a=nn.Linear(4 * LENGTH, 3)), "any")
case(
    "linear model, transposed",
    lambda: Net(lambda s, x: s.a(x.transpose(1, 2).flatten(1)), a=nn.Linear(4 * LENGTH, 3)),
    "any",
)
case("mean of letters", lambda: Net(lambda s, x: s.a(s.i(x).mean(2)), i=nn.Identity(), a=nn.Linear(4, 3)), "any")
case("sum is the output", lambda: Net(lambda s, x: s.i(x).sum(2), i=nn.Identity()), "any")
case("conv sum is the output", lambda: Net(lambda s, x: s.c(x).tanh().sum(2), c=conv(4, 3)))
case(
    "mlp",
    lambda: Net(lambda s, x: s.b(s.a(x.flatten(1)).relu()), a=nn.Linear(4 * LENGTH, 16), b=nn.Linear(16, 3)),
    "any",
)
case(
    "per column",
    lambda: Net(
        lambda s, x: s.h(s.b(F.gelu(s.n(s.a(x.transpose(1, 2))))).mean(1)),
        a=nn.Linear(4, C),
        n=nn.LayerNorm(C),
        b=nn.Linear(C, C),
        h=nn.Linear(C, 3),
    ),
    "works",
)
case(
    "conv and layer norm",
    lambda: Net(
        lambda s, x: s.h(F.relu(s.d(s.n(s.c(x).transpose(1, 2)).transpose(1, 2))).mean(2)),
        c=conv(padding=2),
        n=nn.LayerNorm(C),
        d=conv(C, C, 3, padding=1),
        h=nn.Linear(C, 3),
    ),
)
case(
    "layer norm over all",
    lambda: Net(
        lambda s, x: s.h(s.n(s.c(x)).relu().mean(2)), c=conv(padding=2), n=nn.LayerNorm([C, LENGTH]), h=nn.Linear(C, 3)
    ),
    "works",
)
case(
    "layer norm over positions",
    lambda: Net(
        lambda s, x: s.h(s.n(s.c(x)).relu().mean(2)), c=conv(padding=2), n=nn.LayerNorm(LENGTH), h=nn.Linear(C, 3)
    ),
    "works",
)
case(
    "embedding product",
    lambda: Net(
        lambda s, x: s.h(F.relu(s.c((x.transpose(1, 2) @ s.w).transpose(1, 2))).amax(2)),
        w=torch.linspace(-1, 1, 24).view(4, 6),
        c=conv(6),
        h=nn.Linear(C, 3),
    ),
    "works",
)
case(
    "attention",
    lambda: Net(
        lambda s, x: s.h((y := s.c(x).transpose(1, 2)).add(s.t(y, y, y, need_weights=False)[0]).mean(1)),
        c=conv(padding=2),
        t=nn.MultiheadAttention(C, 2, batch_first=True),
        h=nn.Linear(C, 3),
    ),
    "works",
)
case(
    "transformer layer",
    lambda: Net(
        lambda s, x: s.h(s.t(s.c(x).transpose(1, 2)).mean(1)),
        c=conv(padding=2),
        t=nn.TransformerEncoderLayer(C, 2, 16, batch_first=True),
        h=nn.Linear(C, 3),
    ),
    "works",
    length=30,
)
case(
    "attention pool",
    lambda: Net(
        lambda s, x: s.h(((y := s.c(x).relu()) * s.q(y).softmax(2)).sum(2)),
        c=conv(),
        q=conv(C, 1, 1),
        h=nn.Linear(C, 3),
    ),
    "works",
)
for word, act in {
    "added": lambda s, x: x + s.p,
    "multiplied": lambda s, x: x * s.p,
    "divided": lambda s, x: x / (s.p.abs() + 0.3),
    "subtracted from": lambda s, x: s.p - x,
    "multiplied by row": lambda s, x: x * s.p[0],
    "added by channel": lambda s, x: x + s.p[:, :1],
    "multiplied by channel": lambda s, x: x * s.p[None, :, :1],
    "scalar": lambda s, x: x * 0.3 + 2,
    "expanded": lambda s, x: x * s.p.expand(len(x), -1, -1),
    "float64": lambda s, x: (x * s.p.double()).float(),
    "float64 sum": lambda s, x: (x + s.p.double()).float(),
    "in the transposed": lambda s, x: (x.transpose(1, 2) * s.p.t()).transpose(1, 2),
}.items():
    for where in ("linear", "relu"):
        case(
            f"position {word}, {where}",
            lambda act=act, where=where: Net(
                lambda s, x: s.h(s.d(act(s, s.c(x)) if where == "linear" else act(s, s.c(x).relu()).tanh()).mean(2)),
                c=conv(padding=2),
                d=conv(C, C, 3, padding=1),
                p=torch.randn(C, LENGTH, generator=torch.Generator().manual_seed(4)),
                h=nn.Linear(C, 3),
            ),
            "any" if "float64" in word else "local",
        )
case(
    "double module inside",
    lambda: Net(
        lambda s, x: s.h(s.c(x.double()).relu().mean(2)).float(), c=conv().double(), h=nn.Linear(C, 3).double()
    ),
    "any",
)
case(
    "float64 buffer at the end",
    lambda: Net(
        lambda s, x: s.h(s.c(x).relu().mean(2)) * s.b,
        c=conv(),
        b=torch.linspace(0.5, 1, 3, dtype=torch.float64),
        h=nn.Linear(C, 3),
    ),
    "any",
)
case(
    "float64 buffer in mean",
    lambda: Net(
        lambda s, x: (s.c(x).relu() * s.b).mean(2),
        c=conv(4, 3),
        b=torch.linspace(0.5, 1, LENGTH - 4, dtype=torch.float64),
    ),
    "any",
)

rc = {
    "max": lambda s, x: torch.maximum(s.h(s.b(x)), s.h(s.b(x.flip(1, 2)))),
    "mean": lambda s, x: (s.h(s.b(x)) + s.h(s.b(x.flip([1, 2])))) / 2,
    "flipped back": lambda s, x: s.h(torch.maximum(s.c(x), s.c(x.flip(1, 2)).flip(2)).relu().amax(2)),
    "cat": lambda s, x: s.g(torch.cat([s.c(x), s.c(x.flip(1, 2)).flip(1, 2)], 1).relu().mean(2)),
    "stacked": lambda s, x: (
        s.h(s.b(torch.cat([x, x.flip(1, 2)]))).chunk(2)[0] + s.h(s.b(torch.cat([x, x.flip(1, 2)]))).chunk(2)[1]
    ),
    "weights": lambda s, x: s.g(
        torch.cat([F.conv1d(x, s.c.weight), F.conv1d(x, s.c.weight.flip(1, 2))], 1).relu().amax(2)
    ),
}
for word, body in rc.items():
    case(
        f"reverse complement {word}",
        lambda body=body: Net(
            body,
            b=seq(conv_ := conv(padding=2), nn.ReLU(), nn.AdaptiveMaxPool1d(1), nn.Flatten()),
            c=conv_,
            h=nn.Linear(C, 3),
            g=nn.Linear(2 * C, 3),
        ),
        "works" if word in ("stacked", "flipped back") else "local",
    )
case(
    "u net",
    lambda: Net(
        lambda s, x: s.h(
            s.e(torch.cat([(a := s.a(x).relu()), F.interpolate(s.b(s.p(a)).relu(), scale_factor=2)], 1)).relu().mean(2)
        ),
        a=conv(padding=2),
        p=nn.MaxPool1d(2),
        b=conv(C, C, 3, padding=1),
        e=conv(2 * C, C, 3, padding=1),
        h=nn.Linear(C, 3),
    ),
    "works",
)
case(
    "u net, transposed conv",
    lambda: Net(
        lambda s, x: s.h(s.e(torch.cat([(a := s.a(x).relu()), s.u(s.b(s.p(a)).relu())], 1)).relu().mean(2)),
        a=conv(padding=2),
        p=nn.MaxPool1d(2),
        b=conv(C, C, 3, padding=1),
        u=nn.ConvTranspose1d(C, C, 2, 2),
        e=conv(2 * C, C, 3, padding=1),
        h=nn.Linear(C, 3),
    ),
    "works",
)
case(
    "conv2d",
    lambda: Net(
        lambda s, x: s.h(s.c(x[:, None])[:, :, 0].relu().mean(2)), c=nn.Conv2d(1, C, (4, 5)), h=nn.Linear(C, 3)
    ),
    "works",
)
case(
    "conv2d, squeeze",
    lambda: Net(
        lambda s, x: s.h(F.max_pool2d(s.c(x.unsqueeze(1)).relu(), (1, 3)).squeeze(2).flatten(1)),
        c=nn.Conv2d(1, C, (4, 5)),
        h=nn.LazyLinear(3),
    ),
    "works",
)
case(
    "conv2d, letters as channels",
    lambda: Net(
        lambda s, x: s.h(s.c(x[:, :, None])[:, :, 0].relu().mean(2)), c=nn.Conv2d(4, C, (1, 5)), h=nn.Linear(C, 3)
    ),
    "works",
)

# Recurrent -----------------------------------------------------------------------------------------------------------

for cell in (nn.GRU, nn.LSTM, nn.RNN):
    for layers in (1, 2):
        for both in (False, True):
            sides = 2 if both else 1
            for word, reduce, size in [
                ("last step", lambda o, h: o[:, -1], 6 * sides),
                ("first step", lambda o, h: o[:, 0], 6 * sides),
                ("flatten", lambda o, h: o.flatten(1), 6 * sides * 30),
                ("mean", lambda o, h: o.mean(1), 6 * sides),
                ("sum", lambda o, h: o.sum(1), 6 * sides),
                ("amax", lambda o, h: o.amax(1), 6 * sides),
                ("max", lambda o, h: o.max(1)[0], 6 * sides),
                ("h last", lambda o, h: h[-1], 6),
                ("h both", lambda o, h: torch.cat([h[-2], h[-1]], 1), 12),
                ("h all", lambda o, h: h.transpose(0, 1).reshape(h.shape[1], -1), 6 * layers * sides),
                ("h first", lambda o, h: h[0], 6),
                ("h mean", lambda o, h: h.mean(0), 6),
                ("transposed pool", lambda o, h: F.adaptive_max_pool1d(o.transpose(1, 2), 1)[:, :, 0], 6 * sides),
                ("mean and last", lambda o, h: torch.cat([o.mean(1), o.amax(1), h[-1]], 1), 12 * sides + 6),
            ]:
                if (word == "h both" and layers * sides < 2) or (cell is nn.RNN and word not in ("mean", "h all")):
                    continue

                def run(s: Any, x: Tensor, reduce: Any = reduce) -> Tensor:
                    o, h = s.r(x.transpose(1, 2))
                    return s.h(reduce(o, h[0] if isinstance(h, tuple) else h))

                case(
                    f"{cell.__name__} {layers} {'bi' if both else 'uni'} {word}",
                    lambda cell=cell, layers=layers, both=both, run=run, size=size: Net(
                        run, r=cell(4, 6, layers, batch_first=True, bidirectional=both), h=nn.Linear(size, 3)
                    ),
                    "works",
                    length=30,
                )
    case(
        f"{cell.__name__} no bias",
        lambda cell=cell: Net(
            lambda s, x: s.h(s.r(x.transpose(1, 2))[0].mean(1)),
            r=cell(4, 6, bias=False, batch_first=True, bidirectional=True),
            h=nn.Linear(12, 3),
        ),
        "works",
        length=30,
    )
    case(
        f"{cell.__name__} not batch first",
        lambda cell=cell: Net(
            lambda s, x: s.h(s.r(x.permute(2, 0, 1))[0][-1]), r=cell(4, 6, bidirectional=True), h=nn.Linear(12, 3)
        ),
        "works",
        length=30,
    )
    case(
        f"{cell.__name__} not batch first, mean",
        lambda cell=cell: Net(lambda s, x: s.h(s.r(x.permute(2, 0, 1))[0].mean(0)), r=cell(4, 6, 2), h=nn.Linear(6, 3)),
        "works",
        length=30,
    )
    case(
        f"{cell.__name__} behind convs",
        lambda cell=cell: Net(
            lambda s, x: s.h(s.r(s.c(x).transpose(1, 2))[0].amax(1)),
            c=seq(conv(padding=2), norm(), nn.ReLU(), nn.MaxPool1d(3), conv(C, C, 3, padding=1)),
            r=cell(C, 6, batch_first=True, bidirectional=True),
            h=nn.Linear(12, 3),
        ),
        "works",
    )
    case(
        f"{cell.__name__} behind convs, last",
        lambda cell=cell: Net(
            lambda s, x: s.h(s.r(s.c(x).transpose(1, 2))[0][:, -1]),
            c=seq(conv(padding=2), nn.GELU(), nn.MaxPool1d(3, 2, 1)),
            r=cell(C, 6, 2, batch_first=True),
            h=nn.Linear(6, 3),
        ),
        "works",
    )
    case(
        f"convs behind {cell.__name__}",
        lambda cell=cell: Net(
            lambda s, x: s.h(s.c(s.r(x.transpose(1, 2))[0].transpose(1, 2)).relu().mean(2)),
            r=cell(4, 6, batch_first=True, bidirectional=True),
            c=conv(12, C),
            h=nn.Linear(C, 3),
        ),
        "works",
        length=30,
    )
    case(
        f"two {cell.__name__}s, one backwards",
        lambda cell=cell: Net(
            lambda s, x: s.h(torch.cat([s.r(y := x.transpose(1, 2))[0], s.q(y.flip(1))[0].flip(1)], 2).mean(1)),
            r=cell(4, 6, batch_first=True),
            q=cell(4, 6, batch_first=True),
            h=nn.Linear(12, 3),
        ),
        "works",
        length=30,
    )
    case(
        f"{cell.__name__} backwards, flips kept",
        lambda cell=cell: Net(
            lambda s, x: s.h(s.r(x.transpose(1, 2).flip(1))[0].amax(1)),
            r=cell(4, 6, batch_first=True),
            h=nn.Linear(6, 3),
        ),
        "works",
        length=30,
    )
    case(
        f"{cell.__name__} over layers twice",
        lambda cell=cell: Net(
            lambda s, x: s.h(s.q(s.r(x.transpose(1, 2))[0])[0].mean(1)),
            r=cell(4, 6, batch_first=True),
            q=cell(6, 6, batch_first=True),
            h=nn.Linear(6, 3),
        ),
        "works",
        length=30,
    )
    case(
        f"{cell.__name__} same cell twice",
        lambda cell=cell: Net(
            lambda s, x: s.h(s.r(s.r(x.transpose(1, 2))[0][..., :4])[0].mean(1)),
            r=cell(4, 6, batch_first=True),
            h=nn.Linear(6, 3),
        ),
        "works",
        length=30,
    )
    case(
        f"{cell.__name__} flattened weights",
        lambda cell=cell: Net(
            lambda s, x: (s.r.flatten_parameters(), s.h(s.r(x.transpose(1, 2))[0].mean(1)))[1],
            r=cell(4, 6, batch_first=True),
            h=nn.Linear(6, 3),
        ),
        "works",
        length=30,
    )
case(
    "LSTM cell state",
    lambda: Net(
        lambda s, x: s.h(s.r(x.transpose(1, 2))[1][1][-1]), r=nn.LSTM(4, 6, batch_first=True), h=nn.Linear(6, 3)
    ),
    "works",
    length=30,
)
case(
    "LSTM hidden and cell state",
    lambda: Net(
        lambda s, x: s.h(torch.cat([(y := s.r(x.transpose(1, 2)))[1][1][-1], y[1][0][-1], y[0].mean(1)], 1)),
        r=nn.LSTM(4, 6, batch_first=True),
        h=nn.Linear(18, 3),
    ),
    "works",
    length=30,
)
case(
    "LSTM projected",
    lambda: Net(
        lambda s, x: s.h(s.r(x.transpose(1, 2))[0].mean(1)),
        r=nn.LSTM(4, 6, proj_size=3, batch_first=True),
        h=nn.Linear(3, 3),
    ),
    "works",
    length=30,
)
case(
    "GRU from a given state",
    lambda: Net(
        lambda s, x: s.h(s.r(x.transpose(1, 2), s.z.expand(1, len(x), 6).contiguous())[0].mean(1)),
        r=nn.GRU(4, 6, batch_first=True),
        z=torch.linspace(-1, 1, 6),
        h=nn.Linear(6, 3),
    ),
    "works",
    length=30,
)
case(
    "GRU from zeros",
    lambda: Net(
        lambda s, x: s.h(s.r(x.transpose(1, 2), torch.zeros(1, x.size(0), 6))[0].mean(1)),
        r=nn.GRU(4, 6, batch_first=True),
        h=nn.Linear(6, 3),
    ),
    "works",
    length=30,
)
case(
    "GRU from the input",
    lambda: Net(
        lambda s, x: s.h(s.r(x.transpose(1, 2), s.a(x.mean(2))[None])[0].mean(1)),
        r=nn.GRU(4, 6, batch_first=True),
        a=nn.Linear(4, 6),
        h=nn.Linear(6, 3),
    ),
    "works",
    length=30,
)
case(
    "GRU cell in a loop",
    lambda: Net(lambda s, x: s.h(_looped(s, x)), r=nn.GRUCell(4, 6), h=nn.Linear(6, 3)),
    "any",
    length=20,
)


def _looped(s: Any, x: Tensor) -> Tensor:
    state = x.new_zeros(len(x), 6)
    for step in x.unbind(2):
        state = s.r(step, state)
    return state


# What cannot be taken apart, and odd ends ----------------------------------------------------------------------------

case(
    "branch on a value",
    lambda: Net(
        lambda s, x: s.h(s.c(x).relu().mean(2)) if x.sum() > 3 else s.h(s.c(x).mean(2)), c=conv(), h=nn.Linear(C, 3)
    ),
    "plain",
)
case(
    "item inside",
    lambda: Net(lambda s, x: s.h(s.c(x).relu().mean(2)) + 0.0 * x.sum().item(), c=conv(), h=nn.Linear(C, 3)),
    "plain",
)
case(
    "numpy inside",
    lambda: Net(
        lambda s, x: s.h(torch.from_numpy(s.c(x).detach().numpy()).relu().mean(2)), c=conv(), h=nn.Linear(C, 3)
    ),
    "plain",
)
case(
    "batch size written out",
    lambda: Net(
        lambda s, x: s.h(
            s.a(x.transpose(1, 2).reshape(x.size(0) * x.size(2), x.size(1)))
            .relu()
            .view(x.size(0), x.size(2), -1)
            .mean(1)
        ),
        a=nn.Linear(4, C),
        h=nn.Linear(C, 3),
    ),
    "works",
)
case(
    "batch size behind convs",
    lambda: Net(
        lambda s, x: s.h(
            (y := s.c(x).relu()).view(y.size(0) * y.size(1), y.size(2)).view(y.size(0), y.size(1), -1).amax(2)
        ),
        c=conv(),
        h=nn.Linear(C, 3),
    ),
    "works",
)
case(
    "rows by arange",
    lambda: Net(lambda s, x: s.h(s.c(x).relu()[torch.arange(len(x)), :, 3]), c=conv(), h=nn.Linear(C, 3)),
    "any",
)
case(
    "loop over records",
    lambda: Net(lambda s, x: s.h(torch.cat([s.c(row[None]).relu().mean(2) for row in x])), c=conv(), h=nn.Linear(C, 3)),
    "plain",
)
case(
    "rows of ones",
    lambda: Net(
        lambda s, x: s.h(torch.cat([s.c(x).relu().mean(2), torch.ones(len(x), 1)], 1)), c=conv(), h=nn.Linear(C + 1, 3)
    ),
)
case(
    "position channel",
    lambda: Net(
        lambda s, x: s.h(
            s.c(torch.cat([x, torch.linspace(-1, 1, x.shape[2]).expand(len(x), 1, -1)], 1)).relu().mean(2)
        ),
        c=conv(5),
        h=nn.Linear(C, 3),
    ),
    "works",
)
case("takes lengths", TakesLengths)
case("needs lengths", NeedsLengths)
case(
    "dropouts",
    ends(
        nn.Dropout1d(), conv(), nn.Dropout(0.9), nn.ReLU(), nn.AlphaDropout(), conv(C, C, 3), nn.FeatureAlphaDropout()
    ),
)
case(
    "unused branch",
    lambda: Net(lambda s, x: (s.c(x).mean(), s.h(s.d(x).relu().mean(2)))[1], c=conv(), d=conv(), h=nn.Linear(C, 3)),
)
case(
    "input used late",
    lambda: Net(
        lambda s, x: s.h(torch.cat([s.c(x).relu().mean(2), x.mean(2), x[:, :, 0]], 1)), c=conv(), h=nn.Linear(C + 8, 3)
    ),
    "any",
)
case("output of one letter", lambda: Net(lambda s, x: x[:, :3, 4] * 1.0), "any")
case("one output", ends(conv(), nn.ReLU(), out=1), task="regression")
case(
    "no column of outputs",
    lambda: Net(lambda s, x: s.h(s.c(x).relu().mean(2))[:, 0], c=conv(), h=nn.Linear(C, 1)),
    task="regression",
)
case(
    "squeezed output",
    lambda: Net(lambda s, x: s.h(s.c(x).relu().mean(2)).squeeze(), c=conv(), h=nn.Linear(C, 1)),
    "any",
    task="regression",
)
case("pair of a binary model", ends(conv(), nn.ReLU(), out=2), task="binary")
case("short", ends(conv(padding=2), nn.ReLU(), conv(C, C, 3, padding=1)), "any", length=6)
case(
    "long",
    ends(conv(padding=2), nn.ReLU(), conv(C, C, 3, padding=1), nn.MaxPool1d(3, 2, 1), conv(C, C, 3, dilation=2)),
    length=120,
)
case(
    "one column left",
    lambda: Net(lambda s, x: s.h(s.d(s.c(x).relu()).flatten(1)), c=conv(stride=2), d=conv(C, C, 28), h=nn.Linear(C, 3)),
    "any",
)
case(
    "one column left, broadcast",
    lambda: Net(
        lambda s, x: s.h((s.d(s.c(x).relu()) * s.c(x)).mean(2)), c=conv(stride=2), d=conv(C, C, 28), h=nn.Linear(C, 3)
    ),
    "any",
)
case(
    "as many channels as columns",
    lambda: Net(
        lambda s, x: s.h((s.c(x) + s.c(x).transpose(1, 2)).relu().mean(2)), c=conv(out=28, stride=2), h=nn.Linear(28, 3)
    ),
    "works",
)
case(
    "jit",
    lambda: torch.jit.trace(
        ends(conv(padding=2), norm(), nn.ReLU(), nn.MaxPool1d(2))().eval(), torch.zeros(2, 4, LENGTH)
    ),
    "any",
)

# Candidates and what they should give --------------------------------------------------------------------------------


def predictor_for(
    module: nn.Module,
    task: Task = "classification",
    *,
    alphabet: Alphabet = DNA,
    outputs: int = 3,
    unknown: Unknown = "zeros",
    **more: Any,
) -> Predictor:
    """A predictor on the CPU, its outputs taken for logits."""
    labels = None if task == "classification" else ["0", "1"] if task == "binary" else ["value"]
    labels = labels or [str(i) for i in range(outputs)]
    return Predictor(
        module,
        alphabet=alphabet,
        task=task,
        labels=labels,
        unknown=unknown,
        device="cpu",
        scale=more.pop("scale", "logits"),
        **more,
    )


def bases(count: int, length: int, *, alphabet: Alphabet = DNA, seed: int = 0) -> Tensor:
    """Random records, one letter in twenty unknown."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randint(alphabet.size, (count, length), generator=generator)
    drawn[torch.rand(count, length, generator=generator) < 0.05] = alphabet.unknown
    return drawn.to(torch.uint8)


def edited(base: Tensor, record: Tensor, position: Tensor, letter: Tensor) -> Tensor:
    """Edit by edit, in Python."""
    rows = []
    for r, places, letters in zip(record.tolist(), position.tolist(), letter.tolist(), strict=True):
        row = base[r].tolist()
        for place, new in zip(places, letters, strict=True):
            if place >= 0:
                row[place] = new
        rows.append(row)
    return torch.tensor(rows, dtype=torch.uint8).view(len(rows), base.shape[1])


def truth(
    module: nn.Module,
    tokens: Tensor,
    task: Task = "classification",
    *,
    alphabet: Alphabet = DNA,
    unknown: Unknown = "zeros",
) -> Tensor:
    """The plain module on the letters."""
    with torch.no_grad():
        encoded = one_hot(tokens, alphabet, unknown)
        out = (module(encoded, lengths=None) if isinstance(module, NeedsLengths) else module(encoded)).float()
    out = out[:, None] if out.dim() == 1 else out
    return out[:, 1:] - out[:, :1] if task == "binary" and out.shape[1] == 2 else out
