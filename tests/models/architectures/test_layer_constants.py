"""Constants of layers against the dense matrices that they are, certificates of random networks against all edits."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from seqrobust.errors import ModelError
from seqrobust.models import build_model, certified_substitutions
from seqrobust.models.architectures.base import HyperParameter
from seqrobust.models.architectures.layer_constants import layer_constant, product
from seqrobust.models.masking import MaskedBatchNorm
from seqrobust.sequences import Task

SLACK = 1 + 1e-12


def dense(layer: nn.Module, channels: int, length: int) -> float:
    """The norm of a linear (affine) layer, a unit input at a time."""
    layer = layer.double().eval()
    units = torch.eye(channels * length, dtype=torch.float64).view(-1, channels, length)
    with torch.no_grad():
        columns = layer(units) - layer(torch.zeros_like(units))
    return float(np.linalg.svd(columns.flatten(1).numpy(), compute_uv=False)[0])


def norms(layer: nn.Module, channels: int, lengths: range = range(1, 15)) -> list[float]:
    """At every length that torch lets the layer have."""
    found = []
    for length in lengths:
        try:
            found.append(dense(layer, channels, length))
        except RuntimeError:
            continue
    return found


CONVOLUTIONS: list[dict[str, Any]] = [
    {"padding_mode": mode, "kernel_size": kernel, "padding": padding, "stride": stride, "dilation": dilation, **more}
    for mode in ("zeros", "reflect", "circular", "replicate")
    for kernel, padding, stride, dilation, more in [
        (5, 2, 1, 1, {}),
        (5, "same", 1, 2, {}),
        (4, "same", 1, 2, {}),
        (3, 4, 1, 1, {}),
        (3, 4, 2, 1, {"groups": 2}),
        (2, 1, 3, 2, {}),
        (1, 3, 1, 1, {}),
        (7, "valid", 1, 1, {"groups": 4}),
    ]
]


@pytest.mark.parametrize("settings", CONVOLUTIONS, ids=lambda settings: "-".join(map(str, settings.values())))
def test_no_length_gives_a_convolution_a_larger_norm(settings: dict[str, Any]) -> None:
    for seed in range(3):
        torch.manual_seed(seed)
        layer = nn.Conv1d(4, 4, **settings)
        if seed == 2:
            nn.init.constant_(layer.weight, 0.4)  # taps of one sign: what is repeated adds up
        found = norms(layer, 4)
        assert found
        assert max(found) <= layer_constant(layer) * SLACK


def test_padding_by_zeros_or_one_round_costs_nothing() -> None:
    torch.manual_seed(0)
    for mode in ("zeros", "circular"):
        layer = nn.Conv1d(4, 4, 5, padding=2, padding_mode=mode)
        assert layer_constant(layer) <= 1.01 * max(norms(layer, 4, range(10, 60, 7)))


@pytest.mark.parametrize("settings", [{}, {"stride": 3}, {"padding": 2, "dilation": 2}, {"groups": 2, "stride": 2}])
def test_transposed_convolutions(settings: dict[str, int]) -> None:
    torch.manual_seed(1)
    layer = nn.ConvTranspose1d(4, 6, 4, output_padding=int("stride" in settings), **settings)
    assert max(norms(layer, 4)) <= layer_constant(layer) * SLACK


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3, 6])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("ceil", [False, True])
@pytest.mark.parametrize("counted", [False, True])
def test_means_of_windows(size: int, stride: int, padded: bool, ceil: bool, counted: bool) -> None:
    layer = nn.AvgPool1d(size, stride, size // 2 * padded, ceil_mode=ceil, count_include_pad=counted)
    assert max(norms(layer, 2)) <= layer_constant(layer) * SLACK


@pytest.mark.parametrize("size", [1, 2, 3, 5])
@pytest.mark.parametrize("stride", [1, 2, 3, 6])
@pytest.mark.parametrize("dilation", [1, 2, 3])
def test_maxima_of_windows(size: int, stride: int, dilation: int) -> None:
    """A single large position is in as many windows as one can be, which reaches the bound at some place."""
    layer = nn.MaxPool1d(size, stride, size // 2, dilation)
    units = torch.eye(31)[:, None]
    moved = (layer(units) - layer(torch.zeros_like(units))).flatten(1).norm(dim=1)
    assert float(moved.max()) == pytest.approx(layer_constant(layer))
    one, other = torch.randn(2, 500, 1, 31, generator=torch.Generator().manual_seed(0))
    assert bool(
        (
            (layer(one) - layer(other)).flatten(1).norm(dim=1)
            <= layer_constant(layer) * (one - other).flatten(1).norm(dim=1)
        ).all()
    )


@pytest.mark.parametrize("kind", [nn.BatchNorm1d, MaskedBatchNorm])
def test_batch_norm_in_evaluation(kind: type[nn.BatchNorm1d]) -> None:
    norm = kind(3).eval()
    assert norm.running_var is not None
    norm.running_var.copy_(torch.tensor([4.0, 0.01, 9.0]))
    nn.init.uniform_(norm.weight, -2, 2)
    assert dense(norm, 3, 4) == pytest.approx(layer_constant(norm))
    assert layer_constant(norm.train()) == math.inf


def test_batch_norm_without_weights_or_statistics() -> None:
    assert layer_constant(nn.BatchNorm1d(3, affine=False).eval()) == pytest.approx(1, rel=1e-4)
    assert layer_constant(nn.BatchNorm1d(3, track_running_stats=False).eval()) == math.inf


def test_activations_of_torch() -> None:
    points = torch.linspace(-8, 8, 400001, dtype=torch.float64).requires_grad_(True)
    for layer in (nn.GELU(), nn.GELU(approximate="tanh"), nn.SiLU()):
        (slope,) = torch.autograd.grad(layer(points).sum(), points)
        assert float(slope.abs().max()) <= layer_constant(layer) <= float(slope.abs().max()) * 1.001


class Doubled(nn.Linear):
    """A layer whose name says less than it does."""

    def forward(self, features: Tensor) -> Tensor:
        return 2 * super().forward(features)


class Shortcut(nn.Sequential):
    def forward(self, features: Tensor) -> Tensor:
        return features + super().forward(features)  # type: ignore[no-any-return]


def test_what_is_not_known_has_no_bound() -> None:
    zeros = nn.Linear(3, 3)
    nn.init.zeros_(zeros.weight)
    broken = nn.Linear(3, 3)
    nn.init.constant_(broken.weight, math.nan)
    for layer in (
        Doubled(3, 3),
        Shortcut(nn.Identity()),
        nn.Sequential(zeros, nn.Softplus()),
        broken,
        nn.Conv2d(1, 1, 1),
    ):
        assert layer_constant(layer) == math.inf
    assert layer_constant(nn.Sequential(zeros, nn.ReLU())) == 0
    assert layer_constant(nn.Dropout(0.5).train()) == math.inf
    assert product([0.0, math.inf]) == math.inf


def test_layers_that_share_weights_or_hold_them_by_a_rule_are_counted() -> None:
    twice = nn.Linear(3, 3)
    nn.init.eye_(twice.weight)
    with torch.no_grad():
        twice.weight.mul_(3)
    assert layer_constant(nn.Sequential(twice, twice)) == pytest.approx(9)
    assert layer_constant(parametrizations.weight_norm(twice)) == pytest.approx(3, rel=1e-5)


def test_a_bound_of_nothing_certifies_everything_but_a_tie() -> None:
    largest = torch.iinfo(torch.int64).max
    logits = torch.tensor([[3.0, 1.0], [2.0, 2.0]])
    assert certified_substitutions(logits, 0.0, "classification").tolist() == [largest, 0]
    assert certified_substitutions(logits, math.inf, "classification").tolist() == [0, 0]
    found = certified_substitutions(torch.tensor([[1e30]]), 1e-30, "binary")
    assert found.tolist() == [largest]


def test_a_lead_within_rounding_is_none() -> None:
    near = 1000 * (1 + torch.finfo(torch.float32).eps)
    assert certified_substitutions(torch.tensor([[1000.0, near]]), 1e-9, "classification").tolist() == [0]
    assert certified_substitutions(torch.tensor([[1000.0, near]]).double(), 1e-9, "classification").tolist() != [0]


@pytest.mark.parametrize(
    ("logits", "bound", "task", "said"),
    [
        ([[1.0, 2.0]], math.nan, "classification", "0 or more"),
        ([[1.0, 2.0]], -1.0, "classification", "found: -1.0"),
        ([[1.0, 2.0], [math.nan, 0.0]], 1.0, "classification", "record number 2"),
        ([[math.inf]], 1.0, "binary", "not finite"),
        ([[1.0]], 1.0, "classification", "2 or more"),
        ([[1.0, 2.0]], 1.0, "binary", r"\(N, 1\)"),
        ([1.0, 2.0], 1.0, "binary", r"\(2,\)"),
        ([[]], 1.0, "multilabel", "1 or more"),
    ],
)
def test_what_has_no_certificate_is_refused(logits: list[Any], bound: float, task: Task, said: str) -> None:
    with pytest.raises(ModelError) as caught:
        certified_substitutions(torch.tensor(logits, dtype=torch.float32), bound, task)
    assert said.replace("\\", "") in str(caught.value)


def test_weights_changed_behind_an_implicit_block_void_its_bound() -> None:
    made = build_model(
        "cnn", alphabet_size=4, outputs=2, input_length=None, channels=4, first_kernel=3, blocks=1, implicit=True
    ).eval()
    assert math.isfinite(made.lipschitz_bound)
    with torch.no_grad():
        made.blocks[0].implicit.convolution.parametrizations.weight.original.mul_(50)  # type: ignore[index, union-attr]
    assert made.lipschitz_bound == math.inf
    assert math.isfinite(made.train().eval().lipschitz_bound)


def test_one_layer_in_training_mode_voids_the_bound() -> None:
    made = build_model("cnn", alphabet_size=4, outputs=2, input_length=None, channels=4, first_kernel=3).eval()
    assert math.isfinite(made.lipschitz_bound)
    next(part for part in made.modules() if isinstance(part, nn.BatchNorm1d)).train()
    assert made.lipschitz_bound == math.inf


def test_a_negative_scale_of_outputs_is_a_scale() -> None:
    made = build_model("cnn", alphabet_size=4, outputs=2, input_length=None, channels=4, first_kernel=3).eval()
    before = made.lipschitz_bound
    made.set_output_scale(torch.zeros(2), torch.tensor([-2.0, 0.5]))
    assert made.lipschitz_bound == pytest.approx(2 * before)


LENGTH = 5
EVERY = torch.tensor(list(itertools.product(range(4), repeat=LENGTH)))
APART = (EVERY[:, None] != EVERY).sum(2)
NETS: list[tuple[dict[str, HyperParameter], Task, int]] = [
    ({"lipschitz": True}, "binary", 1),
    ({"lipschitz": True, "pool": 2, "residual": True, "blocks": 2}, "classification", 3),
    ({"lipschitz": True, "activation": "group_sort", "hidden": 4}, "multilabel", 2),
    ({"spectral_norm": 0.6, "activation": "silu", "hidden": 4}, "classification", 2),
    ({"spectral_norm": 0.5, "implicit": True, "activation": "gelu"}, "binary", 1),
    ({"hidden": 0, "dilation": 2}, "multilabel", 3),
]


def decisions(logits: Tensor, task: Task) -> Tensor:
    """(N, ...) what is decided of every sequence; a tie is a decision of its own."""
    if task != "classification":
        return logits.sign()
    return (logits == logits.amax(1, keepdim=True)).float()


def drawn(seed: int, outputs: int, settings: dict[str, HyperParameter]) -> nn.Module:
    """A random network that was taught for a few steps to tell AAAAA from CCCCC as far apart as it can."""
    torch.manual_seed(seed)
    net = build_model("cnn", alphabet_size=4, outputs=outputs, input_length=LENGTH, **settings).train()
    ends = nn.functional.one_hot(torch.tensor([[0] * LENGTH, [1] * LENGTH]), 4).transpose(1, 2).float()
    signs, optimiser = (
        torch.tensor([[1.0], [-1.0]]) * torch.linspace(1, -1, outputs),
        torch.optim.Adam(net.parameters(), 0.05),
    )
    for _ in range(25):
        optimiser.zero_grad()
        (-(net(ends) * signs).sum()).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return net.eval()


@pytest.mark.parametrize("head", ["global", "flatten"])
@pytest.mark.parametrize(("settings", "task", "outputs"), NETS)
def test_no_certificate_exceeds_the_fewest_edits(
    settings: dict[str, HyperParameter], task: Task, outputs: int, head: str
) -> None:
    """Of all sequences of five letters, for random networks with leads of all sizes."""
    encoded, above = nn.functional.one_hot(EVERY, 4).transpose(1, 2).float(), 0
    plain: dict[str, HyperParameter] = {"channels": 4, "blocks": 1, "first_kernel": 3, "kernel": 3, "pool": 1}
    plain |= {"hidden": 0, "dropout": 0.0, "head": head}
    for seed in range(3):
        net = drawn(seed, outputs, plain | settings)
        with torch.no_grad():
            logits = net(encoded)
            logits = logits - logits.double().quantile([0.5, 0.9, 0.995][seed % 3], dim=0).float()
        decided = decisions(logits, task)
        other = (decided[:, None] != decided).any(2)
        nearest = APART.masked_fill(~other, LENGTH + 1).amin(1)
        certified = certified_substitutions(logits, net.lipschitz_bound, task)
        assert bool((certified < nearest).all())
        above += int((certified > 0).sum())
    # With every norm at 1, every position read and one output, some leads are wide enough to certify.
    assert above or head == "global" or settings != {"lipschitz": True}
