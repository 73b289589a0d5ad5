"""From columns to outputs: reductions, flattening, attention, several heads."""

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
    norm,
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
