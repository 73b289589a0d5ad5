"""Rounding and pruning against what they promise and against torch's own; the original is never touched."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.analysis.compress import DEFAULT_METHODS, compressed, layers_of, method_named, rounded
from seqrobust.analysis.compress.activations import Rounded, on_levels
from seqrobust.analysis.compress.weights import steps
from seqrobust.errors import ConfigError, ModelError
from seqrobust.models import build_model
from seqrobust.models.predictor import Predictor

LABELS = ["EI", "IE", "N"]


def tokens(count: int = 20, length: int = 24) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 4, (count, length)).astype(np.uint8))


def predictor(module: nn.Module) -> Predictor:
    found = Predictor(module.eval(), alphabet=DNA, task="classification", labels=LABELS, device="cpu", scale="logits")
    found.check(tokens())
    return found


def ours(architecture: str = "cnn") -> nn.Module:
    torch.manual_seed(0)
    sizes = {"channels": 6, "blocks": 2} if architecture != "gru" else {}
    return build_model(architecture, alphabet_size=4, outputs=3, hidden=8, **sizes)


def logits(model: Predictor) -> Tensor:
    with model.attached():
        return model.logits(tokens())


@pytest.mark.parametrize("bits", [2, 3, 4, 6, 8])
@pytest.mark.parametrize("shape", [(5, 40), (6, 4, 9)])
def test_rounding_keeps_its_promises(bits: int, shape: tuple[int, ...]) -> None:
    weight = torch.from_numpy(np.random.default_rng(bits).normal(size=shape))
    weight[1] = 0
    weight[2, 3] = 0
    found, step = rounded(weight, bits), steps(weight, bits)
    assert ((found - weight).abs() <= step / 2 * (1 + 1e-12)).all()
    assert all(len(channel.unique()) <= 2**bits for channel in found)
    assert (found[weight == 0] == 0).all()
    torch.testing.assert_close(rounded(found, bits), found)
    assert found.abs().amax() == weight.abs().amax()


def test_rounding_to_one_bit_is_refused() -> None:
    with pytest.raises(ConfigError, match="two bits"):
        rounded(torch.ones(1, 1), 1)


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_int8_weights_are_those_of_torch() -> None:
    weight = torch.from_numpy(np.random.default_rng(3).normal(size=(7, 30))).float()
    scale = (weight.abs().amax(1) / 127).double()
    theirs = torch.quantize_per_channel(weight, scale, torch.zeros(7, dtype=torch.int64), 0, torch.qint8).dequantize()
    torch.testing.assert_close(rounded(weight, 8), theirs)


def test_levels_of_activations_are_those_of_torch() -> None:
    values = torch.from_numpy(np.random.default_rng(4).normal(size=(6, 50))).float() * 3
    low, high = torch.tensor(-2.5), torch.tensor(4.0)
    step = float((high - low) / 255)
    theirs = torch.fake_quantize_per_tensor_affine(values, step, round(2.5 / step), 0, 255)
    mine = on_levels(values, low, high)
    # A value in the middle between two levels may go either way.
    assert ((mine - theirs).abs() < 1e-5).float().mean() > 0.99
    assert (mine - theirs).abs().max() <= step * 1.01
    assert len(mine.unique()) <= 256
    assert (on_levels(torch.zeros(3), low, high) == 0).all()


def test_gradients_pass_straight_through_inside_the_range() -> None:
    values = torch.tensor([-9.0, -1.0, 0.3, 9.0], requires_grad=True)
    on_levels(values, torch.tensor(-2.0), torch.tensor(2.0)).sum().backward()
    assert values.grad is not None
    assert values.grad.tolist() == [0, 1, 1, 0]


def test_dynamic_layers_answer_as_torch_s_own() -> None:
    torch.manual_seed(0)
    model, inputs = nn.Sequential(nn.Linear(16, 12)), torch.randn(1, 16)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantisation = getattr(torch.ao, "quantization", None)
        if quantisation is None or not hasattr(quantisation, "quantize_dynamic"):
            pytest.skip("this torch has no dynamic quantisation")
        theirs = quantisation.quantize_dynamic(copy.deepcopy(model), {nn.Linear}, dtype=torch.qint8)(inputs)
    layer = nn.Linear(16, 12)
    layer.load_state_dict(model[0].state_dict())
    with torch.no_grad():
        layer.weight.copy_(rounded(layer.weight, 8))
        mine, exact = Rounded(layer)(inputs), model(inputs)
    # Torch has one step for all channels and, on some processors, seven bits of activations.
    assert (mine - exact).abs().max() < 0.02
    assert (theirs - exact).abs().max() < 0.06
    assert (mine - theirs).abs().max() < 0.06


def test_a_record_s_own_range_does_not_depend_on_its_neighbours() -> None:
    layer = Rounded(nn.GRU(4, 3))
    steps_first = torch.randn(5, 2, 4)
    alone = torch.cat([layer(steps_first[:, :1])[0], layer(steps_first[:, 1:])[0]], 1)
    torch.testing.assert_close(layer(steps_first)[0], alone)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9])
def test_pruning_takes_exactly_its_share_and_the_smallest(share: float) -> None:
    model = predictor(ours())
    whole = compressed(model, method_named(f"prune-{100 * share:g}"))
    count = layers_of(model.module).count
    assert whole.zeros == round(share * count) / count
    kept = torch.cat(
        [p.flatten() for layer in layers_of(whole.predictor.module).weights.values() for p in layer.values()]
    )
    before = torch.cat([p.flatten() for layer in layers_of(model.module).weights.values() for p in layer.values()])
    assert before[kept == 0].abs().max() <= before[kept != 0].abs().min()
    assert torch.equal(kept[kept != 0], before[kept != 0])
    single = compressed(model, method_named(f"prune-layer-{100 * share:g}"))
    for layer in layers_of(single.predictor.module).weights.values():
        flat = torch.cat([weight.flatten() for weight in layer.values()])
        assert int((flat == 0).sum()) == round(share * len(flat))


def test_equal_weights_are_pruned_to_the_share_too() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Linear(96, 3))
    nn.init.ones_(module[1].weight)
    assert compressed(predictor(module), method_named("prune-50")).zeros == 0.5


@pytest.mark.parametrize("architecture", ["cnn", "gru", "cnn_gru"])
def test_the_original_stays_as_it_was(architecture: str) -> None:
    model = predictor(ours(architecture))
    before, said = copy.deepcopy(model.module.state_dict()), logits(model)
    kinds = [type(part) for part in model.module.modules()]
    for name in DEFAULT_METHODS:
        copy_of = compressed(model, method_named(name), calibration=tokens())
        assert copy_of.predictor.module is not model.module
        assert logits(copy_of.predictor).isfinite().all()
        assert not torch.equal(logits(copy_of.predictor), said)
    assert all(torch.equal(value, before[name]) for name, value in model.module.state_dict().items())
    assert torch.equal(logits(model), said)
    assert [type(part) for part in model.module.modules()] == kinds
    assert not any(part._forward_pre_hooks for part in model.module.modules())


@pytest.mark.parametrize("name", ["int8-dynamic", "int8-static"])
@pytest.mark.parametrize("architecture", ["cnn", "gru"])
def test_eight_bits_change_little_and_leave_a_gradient(name: str, architecture: str) -> None:
    model = predictor(ours(architecture))
    small = compressed(model, method_named(name), calibration=tokens()).predictor
    assert (logits(small) - logits(model)).abs().max() < 0.1 * logits(model).std()
    with small.attached():
        found = small.gradient(small.encode(tokens()), small.lengths(tokens()), lambda z, _: z[:, 0] - z[:, 1])
    assert (found.gradient.abs().amax((1, 2)) > 0).all()


def test_fewer_bits_move_the_answers_further() -> None:
    model = predictor(ours())
    moved = [
        float((logits(compressed(model, method_named(f"weights-{bits}")).predictor) - logits(model)).abs().mean())
        for bits in (8, 6, 4, 2)
    ]
    assert moved == sorted(moved)


def test_one_layer_alone() -> None:
    model = predictor(ours())
    name = "blocks.1.convolution"
    found = compressed(model, method_named("prune-layer-50"), layer=name)
    for layer, weights in layers_of(found.predictor.module).weights.items():
        for key, weight in weights.items():
            same = torch.equal(weight, layers_of(model.module).weights[layer][key])
            assert same == (layer != name)
    only = compressed(model, method_named("int8-static"), layer=name, calibration=tokens()).predictor.module
    assert [path for path, part in only.named_modules() if isinstance(part, Rounded)] == [name]
    with pytest.raises(ConfigError, match="no layer"):
        compressed(model, method_named("weights-4"), layer="blocks.9")


class Odd(nn.Module):
    """Holds a matrix of its own, and a layer that is used by its weight alone."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Parameter(torch.randn(4, 6))
        self.hidden = nn.Linear(6, 6)
        self.out = nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        pooled = torch.relu(x.transpose(1, 2) @ self.mix).mean(1)
        found: Tensor = self.out(nn.functional.linear(pooled, self.hidden.weight))
        return found


def test_what_is_not_known_is_said() -> None:
    torch.manual_seed(0)
    model = predictor(Odd())
    static = compressed(model, method_named("int8-static"), calibration=tokens())
    said = " | ".join(static.notices)
    assert "unknown classes" in said
    assert "Odd" in said
    assert "does not call stay in float: hidden" in said
    assert logits(compressed(model, method_named("int8-dynamic")).predictor).isfinite().all()


def test_parametrised_layers_are_left_alone_and_named() -> None:
    module = nn.Sequential(nn.Flatten(), torch.nn.utils.parametrizations.weight_norm(nn.Linear(96, 5)), nn.Linear(5, 3))
    found = compressed(predictor(module), method_named("weights-2"))
    assert any("computed from others" in notice and "1" in notice for notice in found.notices)
    bare = nn.Sequential(nn.Flatten(), torch.nn.utils.parametrizations.weight_norm(nn.Linear(96, 3)))
    with pytest.raises(ModelError, match="no weights that can be compressed"):
        compressed(predictor(bare), method_named("weights-2"))


def test_sizes_are_counted() -> None:
    model = predictor(ours())
    assert compressed(model, method_named("weights-4")).bits == 4
    assert compressed(model, method_named("prune-50")).bits == pytest.approx(16, abs=0.1)
    layers = layers_of(model.module)
    share = sum(w.numel() for w in layers.weights["blocks.1.convolution"].values()) / layers.count
    part = compressed(model, method_named("weights-4"), layer="blocks.1.convolution")
    assert part.bits == pytest.approx(32 - 28 * share)


@pytest.mark.parametrize("name", ["weights-1", "prune-0", "prune-100", "int4", "weights-"])
def test_unknown_names_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="unknown way"):
        method_named(name)
