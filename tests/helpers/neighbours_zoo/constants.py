"""Constants that differ from position to position, and double precision on the way."""

from __future__ import annotations

import torch
from torch import nn

from neighbours_zoo.nets import (
    LENGTH,
    C,
    Net,
    case,
    conv,
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
