"""Networks that read both strands, go down and up again, or have two dimensions."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from neighbours_zoo.nets import (
    C,
    Net,
    case,
    conv,
    seq,
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
