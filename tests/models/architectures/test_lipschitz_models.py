"""Lipschitz bounds against pairs of inputs and singular values of the Jacobian; certificates against all edits."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor, nn

from seqrobust.errors import ConfigError, ModelError
from seqrobust.models import SequenceModel, build_model, certified_substitutions
from seqrobust.models.architectures.activations import ACTIVATIONS, STEEPEST
from seqrobust.models.architectures.base import HyperParameter
from seqrobust.models.architectures.layer_constants import layer_constant

LENGTH = 13
SMALL: dict[str, HyperParameter] = {"channels": 6, "first_kernel": 7, "hidden": 8, "blocks": 2}
VARIANTS: dict[str, dict[str, HyperParameter]] = {
    "plain": {},
    "residual, dilated, silu": {"residual": True, "dilation": 2, "activation": "silu"},
    "exponential": {"first_activation": "exponential"},
    "lipschitz": {"lipschitz": True, "lipschitz_scale": 3.0},
    "lipschitz, sorted": {"lipschitz": True, "activation": "group_sort", "pool": 1},
    "lipschitz, residual": {"lipschitz": True, "residual": True, "dilation": 2, "pool": 3},
    "lipschitz, implicit": {"lipschitz": True, "implicit": True, "implicit_step": 3.0},
    "limited": {"spectral_norm": 1.5},
    "limited, implicit": {"spectral_norm": 0.8, "implicit": True, "residual": True, "activation": "gelu"},
}
CASES = list(itertools.product(VARIANTS, ("global", "flatten")))


def model(variant: str, head: str, *, outputs: int = 3) -> SequenceModel:
    """Weights far from where they start, batch norms that have seen data, outputs in units of their own."""
    with torch.random.fork_rng():
        torch.manual_seed(2)
        settings: dict[str, HyperParameter] = {**SMALL, **VARIANTS[variant], "head": head}
        made = build_model("cnn", alphabet_size=4, outputs=outputs, input_length=LENGTH, **settings)
        for weight in made.parameters():
            weight.data.add_(0.3 * torch.randn_like(weight))
        for part in made.modules():
            if isinstance(part, nn.BatchNorm1d):
                assert part.running_var is not None
                part.running_var.uniform_(0.2, 2)
        made.set_output_scale(torch.zeros(outputs), torch.linspace(0.5, 1.0, outputs))
    return made.eval()


def records(count: int, length: int = LENGTH, seed: int = 0) -> Tensor:
    letters = torch.randint(4, (count, length), generator=torch.Generator().manual_seed(seed))
    return nn.functional.one_hot(letters, 4).transpose(1, 2).float()


def jacobian(net: SequenceModel, record: Tensor) -> Tensor:
    """(outputs, K * L) at a record (K, L), an output at a time."""
    given = record.clone().requires_grad_(True)
    rows = [torch.autograd.grad(value, given, retain_graph=True)[0] for value in net(given[None])[0]]
    return torch.stack(rows).flatten(1)


@pytest.mark.parametrize(("variant", "head"), CASES)
def test_no_pair_of_inputs_moves_the_outputs_further(variant: str, head: str) -> None:
    net = model(variant, head)
    bound, worst = net.lipschitz_bound, 0.0
    lengths = torch.tensor([LENGTH, 9, 4, 1] * 8)
    inside = (torch.arange(LENGTH) < lengths[:, None])[:, None, :].float()
    generator = torch.Generator().manual_seed(4)
    for size in (1e-2, 1.0, None):
        one = records(32) * inside
        other = records(32, seed=1) if size is None else one + size * torch.randn(one.shape, generator=generator)
        other = other * inside
        with torch.no_grad():
            moved = (net(one, lengths) - net(other, lengths)).norm(dim=1)
        apart = (one - other).flatten(1).norm(dim=1)
        some = apart > 0
        worst = max(worst, float((moved[some] / apart[some]).max()))
    assert 0 < worst <= bound * 1.0001


@pytest.mark.parametrize(("variant", "head"), CASES)
def test_no_jacobian_has_a_larger_singular_value(variant: str, head: str) -> None:
    net = model(variant, head)
    for record in records(6, seed=3):
        assert torch.linalg.matrix_norm(jacobian(net, record), 2) <= net.lipschitz_bound * 1.0001


@pytest.mark.parametrize("head", ["global", "flatten"])
@pytest.mark.parametrize("variant", [name for name in VARIANTS if name.startswith("lipschitz")])
def test_a_lipschitz_model_has_the_bound_it_was_given(variant: str, head: str) -> None:
    net = model(variant, head)
    scale = VARIANTS[variant].get("lipschitz_scale", 4.0)
    assert net.lipschitz_bound == pytest.approx(scale, rel=1e-4)
    assert not any(isinstance(part, nn.BatchNorm1d) for part in net.modules())


def test_a_linear_model_has_exactly_its_bound() -> None:
    """Letters handed on as they are, ReLUs that are on: nothing is lost between the bound and the truth."""
    net = build_model(
        "cnn", alphabet_size=4, outputs=2, input_length=3, head="flatten", hidden=0, blocks=1, channels=4,
        first_kernel=1, pool=1, lipschitz=True, lipschitz_scale=2.0, dropout=0.0,
    ).eval()  # fmt: skip
    with torch.no_grad():
        convolution = next(part for part in net.modules() if isinstance(part, nn.Conv1d))
        assert convolution.bias is not None
        convolution.bias.fill_(50.0)
        convolution.weight = 3 * torch.eye(4)[:, :, None]
        net.train().eval()
    truth = float(torch.linalg.matrix_norm(jacobian(net, records(1, 3)[0]), 2))
    assert truth == pytest.approx(2, rel=1e-5)
    assert net.lipschitz_bound == pytest.approx(2, rel=1e-5)


def test_the_bound_is_of_the_weights_as_they_are() -> None:
    """Not of a promise about them that an edit can break."""
    net = model("lipschitz", "flatten")
    before = net.lipschitz_bound
    with torch.no_grad():
        net.readout[1].parametrizations.weight.original.mul_(3)  # type: ignore[index, union-attr]
    assert net.lipschitz_bound == pytest.approx(3 * before, rel=1e-4)
    assert net.train().eval().lipschitz_bound == pytest.approx(before, rel=1e-4)


def test_a_bound_needs_evaluation_mode_and_a_known_architecture() -> None:
    with pytest.raises(ModelError, match="evaluation"):
        model("lipschitz", "global").train().lipschitz_bound  # noqa: B018
    assert build_model("gru", alphabet_size=4, outputs=2).eval().lipschitz_bound == math.inf
    assert layer_constant(nn.Tanh()) == math.inf


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_are_no_steeper_than_said(name: str) -> None:
    layer = ACTIVATIONS[name]()
    points = torch.linspace(-8, 8, 40000, dtype=torch.float64).view(2, -1).T.requires_grad_(True)
    (slope,) = torch.autograd.grad(layer(points).sum(), points)
    steepest = float(slope.abs().max())
    assert steepest <= STEEPEST[type(layer)] * (1 + 1e-12)
    assert steepest == pytest.approx(STEEPEST[type(layer)], rel=1e-3)


@pytest.mark.parametrize(
    ("logits", "bound", "task", "expected"),
    [
        # sqrt(2) * 1 * sqrt(2 k) = 2 sqrt(k) below the margin.
        ([[4.1, 0.0, -9.0]], 1.0, "classification", 4),
        ([[4.0, 0.0, -9.0]], 1.0, "classification", 3),
        ([[1.9, 0.0, -9.0]], 1.0, "classification", 0),
        ([[5.0, 5.0, -9.0]], 1.0, "classification", 0),
        ([[4.1, 0.0, -9.0]], 2.0, "classification", 1),
        # sqrt(2 k) below the logit.
        ([[-2.1]], 1.0, "binary", 2),
        ([[2.0]], 1.0, "binary", 1),
        ([[9.0, -2.1, 3.0]], 1.0, "multilabel", 2),
        ([[4.1, 0.0]], math.inf, "classification", 0),
    ],
)
def test_certificates_by_hand(logits: list[list[float]], bound: float, task: str, expected: int) -> None:
    assert certified_substitutions(torch.tensor(logits), bound, task).tolist() == [expected]  # type: ignore[arg-type]


def test_no_value_has_a_certificate() -> None:
    with pytest.raises(ConfigError, match="regression"):
        certified_substitutions(torch.zeros(1, 1), 1.0, "regression")


@pytest.mark.parametrize("head", ["global", "flatten"])
def test_no_edit_within_a_certificate_changes_the_class(head: str) -> None:
    """All sequences of five letters, so all substitutions; some certificates are above zero."""
    length = 5
    net = build_model(
        "cnn", alphabet_size=4, outputs=2, input_length=length, head=head, channels=4, blocks=1, first_kernel=3,
        hidden=0, pool=1, lipschitz=True, lipschitz_scale=1.0,
    ).eval()  # fmt: skip
    every = torch.tensor(list(itertools.product(range(4), repeat=length)))
    encoded = nn.functional.one_hot(every, 4).transpose(1, 2).float()
    with torch.no_grad():
        # Biases that favour one class far, so that there is something to certify.
        net.readout[1].bias.copy_(torch.tensor([2.0, -1.0]))  # type: ignore[index, union-attr]
        logits = net(encoded)
        # And centred scores, so that there are classes to change between.
        net.readout[1].bias.add_(torch.tensor([-0.5, 0.5]) * (logits[:, 0] - logits[:, 1]).quantile(0.3))  # type: ignore[index, union-attr]
        logits = net(encoded)
    classes = logits.argmax(1)
    certified = certified_substitutions(logits, net.lipschitz_bound, "classification")
    apart = (every[:, None] != every).sum(2)
    nearest = apart.masked_fill(classes[:, None] == classes, length + 1).amin(1)
    assert (certified < nearest).all()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"lipschitz": True, "activation": "gelu"}, "relu, group_sort"),
        ({"lipschitz": True, "first_activation": "exponential"}, "relu, group_sort"),
        ({"lipschitz": True, "spectral_norm": 1.0}, "set one of them"),
        ({"lipschitz_scale": 0.0}, "more than nothing"),
        ({"lipschitz_scale": float("nan")}, "more than nothing"),
        ({"spectral_norm": -1.0}, "model.spectral_norm"),
        ({"implicit_step": 0.0}, "model.implicit_step"),
        ({"implicit_step": -1.0}, "model.implicit_step"),
        ({"activation": "group_sort", "channels": 7}, "even number"),
        ({"activation": "group_sort", "hidden": 7}, "even number"),
        ({"first_activation": "tanh"}, "exponential, group_sort"),
    ],
)
def test_options_that_do_not_go_together_are_told(wrong: dict[str, HyperParameter], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_model("cnn", alphabet_size=4, outputs=2, input_length=None, **wrong)
    assert said in str(caught.value)
