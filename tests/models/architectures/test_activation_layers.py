"""Activations against their formulas."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seqrobust.errors import ConfigError
from seqrobust.models.architectures.activations import Exponential, GroupSort, activation_named


def test_exponential_is_exp_up_to_six_and_its_tangent_behind() -> None:
    points = torch.linspace(-9, 6, 500, dtype=torch.float64)
    torch.testing.assert_close(Exponential()(points), points.exp())
    beyond = torch.linspace(6, 90, 500, dtype=torch.float64)
    tangent = torch.tensor(6.0, dtype=torch.float64).exp() * (beyond - 5)
    torch.testing.assert_close(Exponential()(beyond), tangent)


def test_exponential_neither_overflows_nor_hides_its_gradient() -> None:
    points = torch.tensor([-200.0, 89.0, 1e4], requires_grad=True)
    out = Exponential()(points)
    out.sum().backward()
    assert out.isfinite().all()
    assert points.grad is not None
    assert points.grad.isfinite().all()
    assert (points.grad[1:] > 400).all()
    half = Exponential()(torch.tensor([10.0], dtype=torch.bfloat16))
    assert half.isfinite().all()


def test_its_derivative_is_right_on_both_sides_of_the_bend() -> None:
    points = torch.tensor([-1.0, 5.999, 6.0, 6.001, 8.0], dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(Exponential()(points).sum(), points)
    torch.testing.assert_close(slope, points.detach().clamp(max=6).exp())


@pytest.mark.parametrize("shape", [(2, 6), (2, 6, 5)])
def test_group_sort_sorts_pairs(shape: tuple[int, ...]) -> None:
    features = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    pairs = features.reshape(shape[0], 2, 3, *shape[2:]).sort(dim=1, descending=True).values
    assert torch.equal(GroupSort()(features), pairs.flatten(1, 2))


def test_group_sort_keeps_the_norm_of_gradients() -> None:
    features = torch.randn(4, 6, 5, generator=torch.Generator().manual_seed(0)).requires_grad_(True)
    arriving = torch.randn(4, 6, 5, generator=torch.Generator().manual_seed(1))
    (slope,) = torch.autograd.grad((GroupSort()(features) * arriving).sum(), features)
    torch.testing.assert_close(slope.norm(), arriving.norm())


def test_group_sort_needs_pairs() -> None:
    with pytest.raises(ConfigError, match="even"):
        GroupSort()(torch.zeros(1, 3, 2))


def test_activations_have_names() -> None:
    assert isinstance(activation_named("silu"), nn.SiLU)
    with pytest.raises(ConfigError, match="relu, gelu, silu, exponential, group_sort"):
        activation_named("tanh")
