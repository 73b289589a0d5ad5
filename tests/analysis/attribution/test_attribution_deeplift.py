"""DeepLIFT: contributions that add up through every kind of layer, and captum's own where captum is right."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from captum.attr import DeepLift
from torch import Tensor, nn
from torch.nn import functional

from seqrobust.analysis.attribution import multipliers
from seqrobust.errors import ModelError
from seqrobust.models import build_model

LENGTH, RECORDS = 24, 6
Layer = Callable[[Tensor], Tensor]


def inputs(baseline: str = "uniform", *, same_ends: bool = False) -> tuple[Tensor, Tensor]:
    """One-hot records and a baseline; with ``same_ends`` the baseline keeps a stretch, which therefore says nothing."""
    generator = torch.Generator().manual_seed(1)
    letters = torch.randint(4, (RECORDS, LENGTH), generator=generator)
    x = functional.one_hot(letters, 4).transpose(1, 2).float()
    base = {
        "uniform": torch.full_like(x, 0.25),
        "zeros": torch.zeros_like(x),
        "letters": x[:, :, torch.randperm(LENGTH, generator=generator)],
    }[baseline]
    if same_ends:
        base[:, :, LENGTH // 3 :] = x[:, :, LENGTH // 3 :]
    return x, base


class Net(nn.Module):
    """A convolution, some layers, and a read-out of what they leave."""

    def __init__(self, *layers: Layer, channels: int = 8) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(2)
            self.convolution = nn.Conv1d(4, channels, 5, padding=2)
            self.layers = layers
            self.parts = nn.ModuleList(layer for layer in layers if isinstance(layer, nn.Module))
            with torch.no_grad():
                width = self.body(torch.zeros(1, 4, LENGTH)).flatten(1).shape[1]
            self.head = nn.Linear(width, 1)
        self.eval().requires_grad_(False)

    def body(self, x: Tensor) -> Tensor:
        x = 2 * self.convolution(x)
        for layer in self.layers:
            x = layer(x)
        return x

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.head(self.body(x).flatten(1))[:, 0]
        return out


def twice(layer: nn.Module) -> nn.Module:
    """A module that is used two times."""

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(1 - self.layer(x))

    return Twice()


def attend(x: Tensor) -> Tensor:
    return torch.softmax(x.transpose(1, 2) @ x / 3, 2) @ x.transpose(1, 2)


def in_place(x: Tensor) -> Tensor:
    y = x * 1
    functional.relu_(y)
    return y + x


def sequence_first(x: Tensor) -> Tensor:
    """Batches need not come first: one of (L, N, C) is as good."""
    return torch.tanh(x.permute(2, 0, 1)).amax(0)


LAYERS: dict[str, Layer] = {
    "ReLU": nn.ReLU(),
    "ReLU in place": nn.ReLU(inplace=True),
    "relu_": in_place,
    "functional relu": functional.relu,
    "leaky": lambda x: functional.leaky_relu(x, 0.1, True),
    "ELU": nn.ELU(),
    "LeakyReLU": nn.LeakyReLU(0.2),
    "Softplus": nn.Softplus(),
    "Tanh": nn.Tanh(),
    "sigmoid": torch.sigmoid,
    "sigmoid module": nn.Sigmoid(),
    "tanh": Tensor.tanh,
    "GELU": nn.GELU(),
    "clamp": lambda x: x.clamp(min=-0.2, max=0.4),
    "power": lambda x: x**2,
    "inverse": lambda x: 1 / (2 + x.tanh()),
    "used twice": twice(nn.ReLU()),
    "MaxPool1d": nn.MaxPool1d(3),
    "MaxPool1d that overlaps": nn.MaxPool1d(4, stride=2, padding=1, dilation=2),
    "MaxPool1d cut short": nn.MaxPool1d(5, ceil_mode=True),
    "functional max_pool1d": lambda x: functional.max_pool1d(x, 2),
    "torch.max_pool1d": lambda x: torch.max_pool1d(x, 4, 2),
    "MaxPool2d": lambda x: functional.max_pool2d(x[:, None], (2, 3)),
    "AdaptiveMaxPool1d": nn.AdaptiveMaxPool1d(2),
    "amax": lambda x: x.amax(2),
    "amax kept": lambda x: x.amax((2,), keepdim=True),
    "max": lambda x: x.max(dim=2).values,
    "max of channels": lambda x: torch.max(x, 1)[0],
    "maximum": lambda x: torch.maximum(x[:, :4], x[:, 4:]),
    "minimum": lambda x: torch.minimum(x, x.flip(2)),
    "maximum of a constant": lambda x: torch.maximum(x, torch.tensor(0.1)),
    "product": lambda x: x * x.flip(2).sigmoid(),
    "squeeze and excite": lambda x: x * x.mean(2, keepdim=True).sigmoid(),
    "quotient": lambda x: x / (1 + x.abs()),
    "attention": attend,
    "einsum": lambda x: torch.einsum("ncl,ndl->ncd", x, x.relu()),
    "softmax": nn.Softmax(1),
    "log_softmax": lambda x: x.log_softmax(1),
    "LayerNorm": lambda x: functional.layer_norm(x.transpose(1, 2), (8,)),
    "BatchNorm": nn.BatchNorm1d(8),
    "sequence first": sequence_first,
}


@pytest.mark.parametrize("baseline", ["uniform", "zeros", "letters"])
@pytest.mark.parametrize("name", LAYERS)
def test_contributions_add_up(name: str, baseline: str) -> None:
    net = Net(nn.Tanh(), LAYERS[name], torch.sigmoid)
    x, base = inputs(baseline)
    found, difference = multipliers(net, x, base)
    np.testing.assert_allclose(difference, net(x) - net(base), atol=1e-6)
    # Paths through a softmax or a norm are integrated, not summed.
    np.testing.assert_allclose((found * (x - base)).sum((1, 2)), difference, atol=2e-5)


@pytest.mark.parametrize("baseline", ["uniform", "letters"])
@pytest.mark.parametrize(
    "name", ["ReLU", "ELU", "LeakyReLU", "Softplus", "Tanh", "sigmoid module", "MaxPool1d", "MaxPool1d cut short"]
)
def test_it_is_captums_where_captum_is_right(name: str, baseline: str) -> None:
    """Every operation a module used once, a linear layer between any two of them (where one follows the other at once,
    as pooling follows an activation, captum's sums are off), windows that do not overlap, and no input of a pooling
    layer equal to the baseline's.
    """
    net = Net(nn.Tanh(), nn.Conv1d(8, 8, 3, padding=1), LAYERS[name])

    class Column(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Tensor) -> Tensor:
            return self.net(x)[:, None]

    x, base = inputs(baseline)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = DeepLift(Column()).attribute(x, base, target=0).detach()
    found, _ = multipliers(net, x, base)
    np.testing.assert_allclose(found * (x - base), theirs, atol=1e-6)


def test_pooling_what_is_the_same_depends_on_no_other_record() -> None:
    """captum takes the gradient of the batch's first record where pooled inputs equal the baseline's."""
    net = Net(nn.MaxPool1d(2), nn.ReLU(), nn.MaxPool1d(3))
    x, base = inputs("letters", same_ends=True)
    together, _ = multipliers(net, x, base)
    for row in range(RECORDS):
        alone, _ = multipliers(net, x[[row]], base[[row]])
        np.testing.assert_allclose(together[[row]], alone, atol=1e-6)


def test_where_nothing_differs_it_is_the_gradient() -> None:
    x, _ = inputs()
    net = Net(nn.Tanh(), nn.MaxPool1d(3), torch.sigmoid, lambda x: x * x.flip(2), nn.Softmax(1))
    point = x.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(net(point).sum(), point)
    found, difference = multipliers(net, x, x)
    np.testing.assert_allclose(found, gradient, atol=1e-6)
    assert not difference.any()


def test_the_rescale_rule_by_hand() -> None:
    """One unit: f = relu(2 a + 3 b - 1) from f0 = relu(-1): multipliers are (f - f0) / (change of the sum) x weight."""
    x, base = torch.tensor([[[1.0], [1.0]]]), torch.zeros(1, 2, 1)
    found, difference = multipliers(lambda p: (2 * p[:, 0, 0] + 3 * p[:, 1, 0] - 1).relu(), x, base)
    np.testing.assert_allclose(found[0, :, 0], [2 * 4 / 5, 3 * 4 / 5], atol=1e-6)
    assert difference.tolist() == [4]


def test_the_rule_for_maxima_by_hand() -> None:
    """max(3, 2) = 3 from max(1, 4) = 4: the record lacks 1, which goes to where the baseline had its maximum."""
    x, base = torch.tensor([[[3.0, 2.0]]]), torch.tensor([[[1.0, 4.0]]])
    found, _ = multipliers(lambda p: p.amax(2)[:, 0], x, base)
    np.testing.assert_allclose((found * (x - base))[0, 0], [0, -1], atol=1e-6)


ARCHITECTURES: dict[str, dict[str, object]] = {
    "usual": {},
    "residual, dilated": {"residual": True, "dilation": 2},
    "exponential": {"first_activation": "exponential", "activation": "gelu"},
    "sorted": {"activation": "group_sort", "lipschitz": True},
    "flattened": {"head": "flatten"},
    "silu": {"activation": "silu", "spectral_norm": 3.0},
}


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_our_own_networks_add_up(name: str) -> None:
    torch.manual_seed(3)
    hyper: dict[str, Any] = {"channels": 8, "blocks": 2, "first_kernel": 5, "hidden": 8, **ARCHITECTURES[name]}
    model = build_model("cnn", alphabet_size=4, outputs=3, input_length=LENGTH, **hyper).eval().requires_grad_(False)
    x, base = inputs()
    found, difference = multipliers(lambda p: model(p)[:, 1], x, base)
    share = ((found * (x - base)).sum((1, 2)) - difference).abs().mean() / difference.abs().mean()
    assert share < 1e-4


@pytest.mark.parametrize("layer", [nn.GRU, nn.LSTM, nn.RNN])
def test_recurrent_layers_are_refused(layer: type[nn.RNNBase]) -> None:
    part = layer(8, 4, batch_first=True)
    x, base = inputs()
    with pytest.raises(ModelError, match="no rule for a recurrent layer"):
        multipliers(Net(lambda x: part(x.transpose(1, 2))[0]), x, base)


def test_a_recurrence_written_out_adds_up() -> None:
    weight = torch.randn(8, 8, generator=torch.Generator().manual_seed(4))

    def recur(x: Tensor) -> Tensor:
        state = torch.zeros(len(x), 8)
        for step in x.unbind(2):
            gate = (step + state).sigmoid()
            state = gate * state + (1 - gate) * torch.tanh(state @ weight + step)
        return state

    x, base = inputs()
    found, difference = multipliers(Net(recur), x, base)
    np.testing.assert_allclose((found * (x - base)).sum((1, 2)), difference, atol=2e-5)


def test_a_model_that_takes_another_way_for_its_baseline_is_refused() -> None:
    def is_record(x: Tensor) -> bool:
        return float(x.detach().max()) == 1

    x, base = inputs()
    for record, baseline in ((Tensor.relu, Tensor.tanh), (Tensor.neg, Tensor.tanh), (Tensor.relu, Tensor.neg)):
        with pytest.raises(ModelError, match="does not compute its baseline the way"):
            multipliers(lambda x, one=record, other=baseline: (one if is_record(x) else other)(x).sum((1, 2)), x, base)
