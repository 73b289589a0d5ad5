"""Recurrent layers of every kind, and what reads their states."""

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
    norm,
    seq,
)

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
