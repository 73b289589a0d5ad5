"""The implicit block against its equation, the way to its solution unrolled, and what theory promises."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from seqrobust.errors import ConfigError
from seqrobust.models.architectures.spectral import operator_norm, settle
from seqrobust.models.implicit import ImplicitBlock

CHANNELS, WIDTH = 3, 8
STEPS = (0.2, 1.0, 4.0)


def block(step: float, kernel: int = 3) -> ImplicitBlock:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        made = ImplicitBlock(CHANNELS, kernel, step).double().eval()
    with torch.no_grad():
        original = next(value for name, value in made.named_parameters() if "original" in name)
        original.mul_(5)
    settle(made)
    return made


def features(seed: int = 0) -> Tensor:
    return torch.randn(4, CHANNELS, WIDTH, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def unrolled(made: ImplicitBlock, given: Tensor, inside: Tensor) -> Tensor:
    """Many plain fixed-point steps z <- z - a (z - x + h A' relu(A z + b)), A' z by autograd's own hand."""
    weight, bias, step = made.convolution.weight, made.convolution.bias, made.step
    assert bias is not None
    z = given
    for _ in range(200):
        on = (functional.conv1d(z, weight, padding=weight.shape[2] // 2) + bias[:, None]).relu() * inside
        # The transpose as a convolution with the turned kernel.
        pull = functional.conv1d(on, weight.transpose(0, 1).flip(2), padding=weight.shape[2] // 2) * inside
        z = z - (z - given + step * pull) / (1 + step)
    return z


@pytest.mark.parametrize("step", STEPS)
def test_it_solves_its_equation(step: float) -> None:
    made, given = block(step), features().requires_grad_(True)
    solution = made(given, None)
    torch.testing.assert_close(solution, unrolled(made, given, torch.ones(1, 1, WIDTH).double()), rtol=0, atol=1e-12)
    with torch.no_grad():
        assert torch.equal(made(given, None), solution)
        assert (solution - given).abs().max() > 0.05


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("ragged", [False, True])
def test_its_gradient_is_that_of_the_way_to_the_solution(step: float, ragged: bool) -> None:
    made = block(step)
    lengths = torch.tensor([WIDTH, 5, 1, 3]) if ragged else torch.full((4,), WIDTH)
    valid = torch.arange(WIDTH) < lengths[:, None]
    inside = valid[:, None, :].double()
    given = (features() * inside).requires_grad_(True)
    weights = features(7)
    asked = [given, *made.parameters()]
    found = torch.autograd.grad((made(given * inside, valid if ragged else None) * weights).sum(), asked)
    expected = torch.autograd.grad((unrolled(made, given * inside, inside) * weights).sum(), asked)
    for one, other in zip(found, expected, strict=True):
        assert other.abs().max() > 1e-3
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-11)


def test_its_second_derivative_is_that_of_the_way_to_the_solution() -> None:
    """As a penalty on input gradients needs it."""
    made = block(1.0)
    inside = torch.ones(1, 1, WIDTH).double()
    weights = features(7)
    found = []
    for function in (lambda x: made(x, None), lambda x: unrolled(made, x, inside)):
        given = features().requires_grad_(True)
        (slope,) = torch.autograd.grad((function(given) * weights).sum(), given, create_graph=True)
        original = next(value for name, value in made.named_parameters() if "original" in name)
        found.append(torch.autograd.grad(slope.square().sum(), original)[0])
    assert found[1].abs().max() > 1e-2
    torch.testing.assert_close(*found, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("step", STEPS)
def test_two_inputs_come_no_further_apart(step: float) -> None:
    made = block(step, kernel=5)
    with torch.no_grad():
        for seed in range(20):
            one, other = features(seed), features(seed + 100)
            if seed % 2:
                other = one + 1e-3 * other
            apart = (made(one, None) - made(other, None)).flatten(1).norm(dim=1)
            assert (apart <= (one - other).flatten(1).norm(dim=1) * (1 + 1e-9)).all()


def test_its_convolution_is_held_at_norm_one() -> None:
    torch.testing.assert_close(operator_norm(block(1.0).convolution.weight).item(), 1.0)


def test_mixed_precision_is_left_outside() -> None:
    made = block(1.0).float()
    given = features().float().requires_grad_(True)
    with torch.autocast("cpu", torch.bfloat16):
        out = made(given, None)
    torch.testing.assert_close(out, made(given, None))
    out.sum().backward()
    assert given.grad is not None
    assert given.grad.isfinite().all()


def test_a_step_is_not_negative() -> None:
    with pytest.raises(ConfigError, match="implicit_step"):
        ImplicitBlock(3, 3, -1.0)
