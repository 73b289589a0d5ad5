"""Norms of layers against the singular values of the matrices that they are."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrize

from seqrobust.models.architectures.spectral import (
    CappedBatchNorm,
    SpectralBound,
    bound_layers,
    circular_norm,
    operator_norm,
    settle,
)

SHAPES = [(3, 4, 1), (5, 2, 3), (4, 4, 5), (6, 4, 11), (1, 1, 3), (2, 5, 7), (3, 3, 4)]


def kernel(shape: tuple[int, ...], seed: int = 0) -> Tensor:
    return torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def largest_singular_value(weight: Tensor, length: int, dilation: int, mode: str) -> Tensor:
    """Of the convolution as a dense matrix, a unit input at a time."""
    inputs = torch.eye(weight.shape[1] * length, dtype=weight.dtype).view(-1, weight.shape[1], length)
    reach = (weight.shape[2] - 1) * dilation
    sides = (reach // 2, reach - reach // 2)
    if mode == "circular":
        # Unrolled by hand, for torch pads by no more than one round.
        columns = (torch.arange(-sides[0], length + sides[1]) % length).tolist()
        padded = inputs[:, :, columns]
    else:
        padded = functional.pad(inputs, sides)
    norm: Tensor = torch.linalg.matrix_norm(functional.conv1d(padded, weight, dilation=dilation).flatten(1), 2)
    return norm


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize(("length", "dilation"), [(12, 1), (9, 2), (3, 1), (1, 1), (5, 3)])
def test_wrapped_convolution_by_fourier_transform(shape: tuple[int, ...], length: int, dilation: int) -> None:
    weight = kernel(shape)
    expected = largest_singular_value(weight, length, dilation, "circular")
    torch.testing.assert_close(circular_norm(weight, length, dilation), expected)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dilation", [1, 2])
def test_one_norm_bounds_all_lengths_and_paddings_closely(shape: tuple[int, ...], dilation: int) -> None:
    for seed in range(4):
        weight = kernel(shape, seed)
        bound = operator_norm(weight) * (1 + 1e-12)
        for length in (1, 2, 5, 16, 29):
            assert largest_singular_value(weight, length, dilation, "zeros") <= bound
            assert circular_norm(weight, length, dilation) <= bound
        finest = circular_norm(weight, 20011)
        assert finest <= bound <= finest * 1.005


def test_zeros_at_the_ends_only_take_away() -> None:
    """At a length with room for the kernel the wrapped convolution has the larger norm."""
    weight = kernel((4, 4, 5))
    for length in (3, 10, 24):
        assert largest_singular_value(weight, length, 1, "zeros") <= circular_norm(weight, length + 4)


def test_the_norm_of_a_matrix_is_that_of_its_largest_singular_value() -> None:
    weight = kernel((5, 9))
    torch.testing.assert_close(operator_norm(weight), torch.linalg.svdvals(weight)[0])


@pytest.mark.parametrize("layer", [nn.Conv1d(4, 6, 7, padding=3), nn.Conv1d(3, 2, 1), nn.Linear(12, 5)])
@pytest.mark.parametrize("limit", [1.0, 0.3])
def test_weights_are_held_at_the_limit(layer: nn.Conv1d | nn.Linear, limit: float) -> None:
    for factor in (10.0, 0.01):
        held = copy.deepcopy(layer)
        with torch.no_grad():
            held.weight.mul_(factor)
        before = held.weight.detach().clone()
        capped = copy.deepcopy(held)
        bound_layers(held, limit=limit, at_most=False)
        bound_layers(capped, limit=limit, at_most=True)
        torch.testing.assert_close(operator_norm(held.eval().weight).item(), limit, rtol=1e-5, atol=0)
        if operator_norm(before) < limit:
            assert torch.equal(capped.eval().weight, before)
        else:
            torch.testing.assert_close(capped.eval().weight, held.weight)


@pytest.mark.parametrize("shape", [(6, 4, 7), (5, 12)])
def test_power_iteration_comes_to_the_norm_and_its_slope(shape: tuple[int, ...]) -> None:
    weight = kernel(shape).requires_grad_(True)
    bound = SpectralBound(weight, limit=1.0, at_most=False).train()
    for _ in range(300):
        estimate = bound(weight)
    exact = weight / operator_norm(weight)
    torch.testing.assert_close(estimate, exact, rtol=1e-6, atol=1e-9)
    direction = kernel(shape, 1)
    (slope,) = torch.autograd.grad((estimate * direction).sum(), weight)
    (expected,) = torch.autograd.grad((exact * direction).sum(), weight)
    torch.testing.assert_close(slope, expected, rtol=1e-4, atol=1e-5)


def test_the_estimate_follows_a_weight_that_moves() -> None:
    layer = nn.Conv1d(4, 8, 5)
    bound_layers(layer, limit=1.0, at_most=False)
    original = next(value for name, value in layer.named_parameters() if "original" in name)
    generator = torch.Generator().manual_seed(3)
    for _ in range(60):
        layer.train()(torch.zeros(1, 4, 9))
        with torch.no_grad():
            original.add_(0.02 * torch.randn(original.shape, generator=generator))
    assert 0.9 < operator_norm(layer.weight) < 1.1


def test_settling_finds_the_norm_of_the_weight_as_it_is() -> None:
    layer = nn.Conv1d(4, 8, 5)
    bound_layers(layer, limit=2.0, at_most=False)
    layer.eval()
    with torch.no_grad():
        next(value for name, value in layer.named_parameters() if "original" in name).mul_(7)
    assert operator_norm(layer.weight) > 13
    settle(layer)
    torch.testing.assert_close(operator_norm(layer.weight).item(), 2.0, rtol=1e-5, atol=0)


def test_a_weight_of_zeros_stays_and_comes_back() -> None:
    layer = nn.Conv1d(4, 8, 5)
    bound_layers(layer, limit=9.0, at_most=False)
    original = next(value for name, value in layer.named_parameters() if "original" in name)
    kept = original.detach().clone()
    with torch.no_grad():
        original.zero_()
        for _ in range(3):
            assert not layer.train().weight.any()
        assert not layer.eval().weight.any()
        original.copy_(kept)
    for _ in range(200):
        layer.train()(torch.zeros(1, 4, 9))
    torch.testing.assert_close(operator_norm(layer.weight).item(), 9.0, rtol=1e-3, atol=0)


def test_half_precision_has_a_norm() -> None:
    weight = kernel((4, 4, 5))
    for kind in (torch.bfloat16, torch.float16):
        torch.testing.assert_close(operator_norm(weight.to(kind)).double(), operator_norm(weight), rtol=0.01, atol=0)


def test_layers_are_bound_once() -> None:
    layer = nn.Linear(3, 3)
    bound_layers(layer, limit=1.0, at_most=False)
    bound_layers(layer, limit=9.0, at_most=False)
    assert parametrize.is_parametrized(layer)
    torch.testing.assert_close(operator_norm(layer.eval().weight).item(), 1.0, rtol=1e-5, atol=0)


def test_batch_norm_widens_by_no_more_than_its_limit() -> None:
    norm, plain = CappedBatchNorm(3, 0.5).eval(), nn.BatchNorm1d(3).eval()
    for each in (norm, plain):
        assert each.running_var is not None
        each.running_var.copy_(torch.tensor([4.0, 1.0, 0.01]))
        nn.init.constant_(each.weight, -0.8)
        nn.init.constant_(each.bias, 0.3)
    one, other = torch.randn(2, 2, 3, 5, generator=torch.Generator().manual_seed(0))
    change, free = norm(one) - norm(other), plain(one) - plain(other)
    # Gains 0.4, 0.8 and 8: the first stands, the others come down to the limit.
    torch.testing.assert_close(change[:, 0], free[:, 0])
    torch.testing.assert_close(change[:, 1:], -0.5 * (one - other)[:, 1:], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(norm(torch.zeros(1, 3, 1)), torch.full((1, 3, 1), 0.3), rtol=0, atol=1e-6)
