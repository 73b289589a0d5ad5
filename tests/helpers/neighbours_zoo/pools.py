"""Maxima and means over windows, and what stands before and behind them."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from neighbours_zoo.nets import (
    LENGTH,
    C,
    Net,
    case,
    conv,
    ends,
    norm,
)

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
