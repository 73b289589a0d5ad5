"""Residual, dense and branching blocks."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from neighbours_zoo.nets import (
    C,
    Net,
    case,
    conv,
    ends,
    norm,
)


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
