"""Convolutions and norms of every setting."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from neighbours_zoo.nets import (
    C,
    Net,
    case,
    conv,
    ends,
    norm,
)

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
