"""DeepLIFT's sums through every operation of the table, and through torch's modules, composite ones above all.

Completeness is the test: contributions are compared with the difference of the outputs, which no rule knows of.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from operation_cases import CALLS, Call, drawn
from torch import Tensor, nn
from torch.nn import functional as F

from seqrobust.analysis.attribution.deeplift import Propagated, misses, propagated
from seqrobust.graph import OPERATORS, Kind, operation, record

LENGTH, RECORDS, CHANNELS = 24, 3, 8


FIRST = drawn(CHANNELS, 4, 5, seed=3)


def inputs(baseline: str) -> tuple[Tensor, Tensor]:
    """One-hot records, and a baseline of equal columns or of the records' own letters in another order."""
    generator = torch.Generator().manual_seed(1)
    letters = torch.randint(4, (RECORDS, LENGTH), generator=generator)
    x = F.one_hot(letters, 4).transpose(1, 2).float()
    return x, torch.full_like(x, 0.25) if baseline == "uniform" else x[
        :, :, torch.randperm(LENGTH, generator=generator)
    ]


def net(layer: Call) -> Callable[[Tensor], Tensor]:
    """A convolution, the layer on what it gives in (-1, 1), and a weighted sum of that."""

    def run(x: Tensor) -> Tensor:
        columns = layer(torch.tanh(F.conv1d(x, FIRST / 3, padding=2)))
        flat = torch.sigmoid(columns if columns.ndim > 1 else columns[:, None]).flatten(1)
        return flat @ torch.linspace(-1, 1, flat.shape[1]) / 3

    return run


NO_SUM = {
    Kind.PLACE: "places are no numbers",
    Kind.CONSTANT: "nothing varies",
    Kind.LOOKUP: "numbers of rows are places",
    Kind.RECURRENT: "refused",
}
"""Kinds without a sum to test."""
OTHERWISE = {"any", "all", "aminmax", "atleast_1d", "atleast_2d"}
"""Without an exact rule, or seldom dispatched."""


def add_up(found: Propagated, x: Tensor, base: Tensor, run: Callable[[Tensor], Tensor]) -> None:
    np.testing.assert_allclose(found.difference, run(x) - run(base), atol=1e-5)
    np.testing.assert_allclose((found.multipliers * (x - base)).sum((1, 2)), found.difference, atol=6e-5)
    assert not misses(found)


def test_every_operation_of_the_table_is_tried() -> None:
    rows = {name for name, row in OPERATORS.items() if row.kind not in NO_SUM}
    assert rows - CALLS.keys() <= OTHERWISE
    assert CALLS.keys() <= OPERATORS.keys()


@pytest.mark.filterwarnings("ignore")  # of torch, about names that it will give up
@pytest.mark.parametrize("name", CALLS)
def test_sums_come_out_through_every_operation(name: str) -> None:
    run = net(CALLS[name])
    x, base = inputs("letters" if len(name) % 2 else "uniform")
    add_up(propagated(run, x, base), x, base, run)
    seen = {operation(node) for node in record(run, x, leaving="anything").graph.nodes}
    assert name in seen or OPERATORS[name].kind is Kind.IDENTITY


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_sums_come_out_from_the_other_baseline(name: str) -> None:
    run = net(CALLS[name])
    x, base = inputs("uniform" if len(name) % 2 else "letters")
    add_up(propagated(run, x, base), x, base, run)


# Modules -------------------------------------------------------------------------------------------------------------


class Last(nn.Module):
    """A module that wants channels last."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(x.transpose(1, 2))
        return out


class Attention(nn.Module):
    """Attention of columns to columns, perhaps to earlier ones only."""

    def __init__(self, *, causal: bool = False, weights: bool = True, **more: Any) -> None:
        super().__init__()
        self.inner = nn.MultiheadAttention(CHANNELS, 2, batch_first=True, **more)
        self.mask = torch.ones(LENGTH, LENGTH, dtype=torch.bool).triu(1) if causal else None
        self.weights = weights

    def forward(self, x: Tensor) -> Tensor:
        y = x.transpose(1, 2)
        out: Tensor = self.inner(y, y, y, attn_mask=self.mask, need_weights=self.weights)[0]
        return out


class Pairs(nn.Module):
    """A module of two inputs, here the columns and the columns in reverse."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(x.transpose(1, 2), x.transpose(1, 2).flip(1))
        return out


class Rounded(torch.autograd.Function):
    """Straight through: its derivative says nothing of what it computes."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return (3 * x).round()

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> Tensor:
        return given[0]


class Logistic(torch.autograd.Function):
    """With a derivative of its own, here a wrong one."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.exp() / (1 + x.exp())

    @staticmethod
    def backward(ctx: Any, *given: Tensor) -> Tensor:
        return -given[0]


def without_gradient(x: Tensor) -> Tensor:
    with torch.no_grad():
        return x.relu()


def layer(**more: Any) -> nn.TransformerEncoderLayer:
    return nn.TransformerEncoderLayer(CHANNELS, 2, 16, batch_first=True, **more)


MODULES: dict[str, Callable[[], Call]] = {
    "MultiheadAttention": Attention,
    "MultiheadAttention without weights": lambda: Attention(weights=False),
    "MultiheadAttention, causal": lambda: Attention(causal=True, weights=False),
    "MultiheadAttention with added keys": lambda: Attention(add_bias_kv=True, add_zero_attn=True),
    "TransformerEncoderLayer": lambda: Last(layer()),
    "TransformerEncoderLayer, norm first": lambda: Last(layer(norm_first=True, activation="gelu")),
    "TransformerEncoder": lambda: Last(nn.TransformerEncoder(layer(), 2)),
    "TransformerDecoderLayer": lambda: Pairs(nn.TransformerDecoderLayer(CHANNELS, 2, 16, batch_first=True)),
    "LayerNorm": lambda: Last(nn.LayerNorm(CHANNELS)),
    "GroupNorm": lambda: nn.GroupNorm(2, CHANNELS),
    "InstanceNorm1d": lambda: nn.InstanceNorm1d(CHANNELS),
    "BatchNorm1d": lambda: nn.BatchNorm1d(CHANNELS),
    "LocalResponseNorm": lambda: nn.LocalResponseNorm(3),
    "LPPool1d": lambda: nn.LPPool1d(2, 3),
    "AdaptiveMaxPool1d": lambda: nn.AdaptiveMaxPool1d(3),
    "MaxPool1d": lambda: nn.MaxPool1d(3, 2, 1),
    "AvgPool1d": lambda: nn.AvgPool1d(3),
    "RReLU": nn.RReLU,
    "PReLU": lambda: nn.PReLU(CHANNELS),
    "GLU": lambda: nn.GLU(1),
    "Softmax": lambda: nn.Softmax(1),
    "Softmin": lambda: nn.Softmin(1),
    "Hardshrink": nn.Hardshrink,
    "Softsign": nn.Softsign,
    "Tanhshrink": nn.Tanhshrink,
    "Bilinear": lambda: Pairs(nn.Bilinear(CHANNELS, CHANNELS, 3)),
    "ConvTranspose1d": lambda: nn.ConvTranspose1d(CHANNELS, 4, 3, 2),
    "Upsample": lambda: nn.Upsample(scale_factor=2, mode="linear"),
    "CosineSimilarity": lambda: Pairs(nn.CosineSimilarity(2)),
    "AlphaDropout": nn.AlphaDropout,
    "Threshold": lambda: nn.Threshold(0.1, -3.0),
    "GELU by tanh": lambda: nn.GELU("tanh"),
    "a custom function that rounds": lambda: Rounded.apply,
    "a custom function": lambda: Logistic.apply,
    "no_grad inside": lambda: without_gradient,
    "data": lambda: lambda x: x.data.relu(),
    "a mask of itself": lambda: lambda x: x * (x > 0),
    "what is not taken is not a number": lambda: lambda x: torch.where(x > 0, x, torch.log(-x)),
    "winners": lambda: lambda x: x * (x >= x.amax(1, keepdim=True)),
    "counts": lambda: lambda x: (x > 0).sum(2) / (1 + (x > 0.3).sum(2).float()),
    "three factors": lambda: lambda x: torch.einsum("ncl,ncm,ndl->ndm", x, x, x),
    "TorchScript": lambda: torch.jit.script(nn.Sequential(nn.ReLU(), nn.Tanh())),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("baseline", ["uniform", "letters"])
@pytest.mark.parametrize("name", MODULES)
def test_sums_come_out_through_modules_and_composite_functions(name: str, baseline: str) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = MODULES[name]()
    run = net(module.eval() if isinstance(module, nn.Module) else module)
    x, base = inputs(baseline)
    with torch.no_grad():
        add_up(propagated(run, x, base), x, base, run)


def test_attention_is_attention_written_by_hand() -> None:
    """The module, and its formula in single operations, share a difference out alike."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = nn.MultiheadAttention(CHANNELS, 1, batch_first=True).eval()
    weight, bias = module.in_proj_weight.detach(), module.in_proj_bias.detach()

    def by_hand(x: Tensor) -> Tensor:
        q, k, v = (x.transpose(1, 2) @ w.T + b for w, b in zip(weight.chunk(3), bias.chunk(3), strict=True))
        scores = torch.softmax(q @ k.transpose(1, 2) / CHANNELS**0.5, -1)
        return scores @ v @ module.out_proj.weight.detach().T + module.out_proj.bias.detach()

    x, base = inputs("letters")
    of_module = propagated(net(lambda y: module(*[y.transpose(1, 2)] * 3)[0]), x, base)
    np.testing.assert_allclose(of_module.multipliers, propagated(net(by_hand), x, base).multipliers, atol=1e-5)


def test_a_product_and_a_condition_on_paper() -> None:
    """a b from (1, 2) to (3, 5): 2 * 3.5 and 3 * 2; relu by ``where`` is relu by its own rule."""
    x, base = torch.tensor([[[3.0], [5.0]]]), torch.tensor([[[1.0], [2.0]]])
    found = propagated(lambda p: p[:, 0, 0] * p[:, 1, 0], x, base)
    np.testing.assert_allclose((found.multipliers * (x - base))[0, :, 0], [7, 6], atol=1e-6)
    x, base = drawn(4, 3, 5), drawn(4, 3, 5, seed=2)
    one = propagated(lambda p: p.relu().sum((1, 2)), x, base).multipliers
    other = propagated(lambda p: torch.where(p > 0, p, 0).sum((1, 2)), x, base).multipliers
    np.testing.assert_allclose(one, other, atol=1e-5)


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (lambda x: F.one_hot(x.argmax(1), CHANNELS) * x.transpose(1, 2), "one_hot"),
        (lambda x: x.gather(2, x.argsort(2)), "gather"),
    ],
    ids=["one_hot", "gather"],
)
def test_an_operation_that_misses_its_sum_is_named(layer: Call, name: str) -> None:
    x, base = inputs("letters")
    assert misses(propagated(net(layer), x, base)) == [name]
