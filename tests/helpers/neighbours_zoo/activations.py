"""Activations, and what else is done to columns one by one."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neighbours_zoo.nets import (
    C,
    Net,
    case,
    conv,
    ends,
)

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
