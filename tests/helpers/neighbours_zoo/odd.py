"""What cannot be taken apart, and odd ends."""

from __future__ import annotations

import torch
from torch import nn

from neighbours_zoo.nets import (
    LENGTH,
    C,
    NeedsLengths,
    Net,
    TakesLengths,
    case,
    conv,
    ends,
    norm,
)

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
