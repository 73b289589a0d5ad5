"""Every architecture and head: padding changes nothing, gradients arrive, wrong settings are told."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor, nn

from seqrobust.errors import ConfigError, ModelError
from seqrobust.models import ARCHITECTURES, SequenceModel, build_model, default_hyperparameters
from seqrobust.models.architectures.base import HyperParameter

WIDTH = 24
SMALL: dict[str, dict[str, HyperParameter]] = {
    "cnn": {"channels": 8, "first_kernel": 7, "hidden": 32},
    "gru": {"hidden": 5, "readout_hidden": 32, "layers": 2},
    "cnn_gru": {"channels": 8, "first_kernel": 7, "hidden": 5, "readout_hidden": 32, "blocks": 2},
}
VARIANTS: dict[str, tuple[str, dict[str, HyperParameter]]] = {
    **{name: (name, {}) for name in SMALL},
    "cnn_pool3": ("cnn", {"pool": 3}),
    "cnn_unpooled": ("cnn", {"pool": 1, "blocks": 2}),
    "cnn_dilated": ("cnn", {"dilation": 2, "pool": 1}),
    "cnn_residual": ("cnn", {"residual": True, "activation": "gelu"}),
    "cnn_bare": ("cnn", {"hidden": 0, "activation": "silu"}),
    "gru_single": ("gru", {"layers": 1, "readout_hidden": 0}),
    "hybrid_pool3": ("cnn_gru", {"pool": 3, "layers": 2}),
}
LENGTHS = {
    "full": [WIDTH] * 4,
    "ragged": [WIDTH, 17, 9, 2],
    "one letter": [1, 1, WIDTH, 1],
    "none full": [20, 19, 13, 3],
    "even": [12, 12, 12, 12],
}
CASES = list(itertools.product(VARIANTS, ("global", "flatten")))


def model(variant: str, head: str, *, outputs: int = 3, letters: int = 4) -> SequenceModel:
    """A small model whose batch norms have seen data, so that their shift turns zeros into something else."""
    name, hyperparameters = VARIANTS[variant]
    with torch.random.fork_rng():
        torch.manual_seed(5)
        made = build_model(
            name, alphabet_size=letters, outputs=outputs, input_length=WIDTH, head=head, **SMALL[name] | hyperparameters
        )
        for part in made.modules():
            if isinstance(part, nn.BatchNorm1d):
                assert part.running_mean is not None
                assert part.running_var is not None
                part.running_mean.normal_()
                part.running_var.uniform_(0.5, 2)
                nn.init.normal_(part.bias)
    return made


def batch(lengths: list[int], letters: int = 4, width: int = WIDTH) -> tuple[Tensor, Tensor]:
    """Random one-hot columns with zeros behind each record's end."""
    generator = torch.Generator().manual_seed(sum(lengths))
    drawn = torch.randint(letters, (len(lengths), width), generator=generator)
    sizes = torch.tensor(lengths)
    encoded = nn.functional.one_hot(drawn, letters).transpose(1, 2).float()
    return encoded * (torch.arange(width) < sizes[:, None])[:, None, :], sizes


@pytest.mark.parametrize(("variant", "head"), CASES)
@pytest.mark.parametrize("pattern", LENGTHS)
def test_padding_changes_nothing(variant: str, head: str, pattern: str) -> None:
    net = model(variant, head).eval()
    encoded, lengths = batch(LENGTHS[pattern])
    with torch.no_grad():
        together = net(encoded, lengths)
        alone = torch.cat([net(encoded[[row], :, : int(size)]) for row, size in enumerate(lengths)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("variant", "head"), [case for case in CASES if case[1] == "global"])
def test_wider_padding_changes_nothing(variant: str, head: str) -> None:
    net = model(variant, head).eval()
    encoded, lengths = batch(LENGTHS["none full"])
    with torch.no_grad():
        wider = net(nn.functional.pad(encoded, (0, 13)), lengths)
        torch.testing.assert_close(wider, net(encoded, lengths), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("variant", "head"), CASES)
def test_order_does_not_matter(variant: str, head: str) -> None:
    net = model(variant, head).eval()
    encoded, lengths = batch(LENGTHS["ragged"])
    order = torch.tensor([2, 0, 3, 1])
    with torch.no_grad():
        torch.testing.assert_close(net(encoded[order], lengths[order]), net(encoded, lengths)[order])


@pytest.mark.parametrize(("variant", "head"), CASES)
def test_training_does_not_see_the_width_of_the_padding(variant: str, head: str) -> None:
    """Outputs, running statistics and the weights' gradients, with dropout off."""
    encoded, lengths = batch(LENGTHS["none full"])
    width = WIDTH if head == "flatten" else WIDTH + 13
    seen = []
    for padded in (encoded[:, :, : int(lengths.max())], nn.functional.pad(encoded, (0, width - WIDTH))):
        net = model(variant, head).train()
        for part in net.modules():
            if isinstance(part, nn.Dropout):
                part.p = 0.0
        out = net(padded, lengths)
        out.square().sum().backward()
        seen.append([out, *net.buffers(), *(weight.grad for weight in net.parameters())])
    for one, other in zip(*seen, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("variant", "head"), CASES)
def test_lengths_of_full_records_need_not_be_said(variant: str, head: str) -> None:
    net = model(variant, head).eval()
    encoded, lengths = batch(LENGTHS["full"])
    with torch.no_grad():
        assert torch.equal(net(encoded), net(encoded, lengths))


@pytest.mark.parametrize(("variant", "head"), CASES)
def test_records_differ(variant: str, head: str) -> None:
    """The tests above would pass for a constant."""
    with torch.no_grad():
        out = model(variant, head).eval()(batch(LENGTHS["ragged"])[0], torch.tensor(LENGTHS["ragged"]))
    assert out.std(0).min() > 1e-4


@pytest.mark.parametrize(("variant", "head"), CASES)
@pytest.mark.parametrize("training", [False, True])
def test_gradient_reaches_the_letters_and_no_padding(variant: str, head: str, training: bool) -> None:
    net = model(variant, head).train(training)
    encoded, lengths = batch(LENGTHS["ragged"])
    encoded.requires_grad_(True)
    net(encoded, lengths).square().sum().backward()
    assert encoded.grad is not None
    assert encoded.grad.isfinite().all()
    assert (encoded.grad.abs().sum((1, 2)) > 0).all()
    if VARIANTS[variant][0] == "gru":
        # A convolution may look at the empty column behind the end; a recurrence has stopped by then.
        behind = torch.arange(WIDTH) >= lengths[:, None]
        assert encoded.grad.abs().sum(1)[behind].max() == 0
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in net.parameters())


@pytest.mark.parametrize("name", ARCHITECTURES)
@pytest.mark.parametrize(("letters", "outputs"), [(4, 1), (20, 1), (20, 7)])
def test_shapes(name: str, letters: int, outputs: int) -> None:
    net = model(name, "global", outputs=outputs, letters=letters)
    assert net(batch(LENGTHS["ragged"], letters)[0]).shape == (4, outputs)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_outputs_speak_in_the_units_of_the_targets(name: str) -> None:
    net = model(name, "global", outputs=2).eval()
    encoded, lengths = batch(LENGTHS["ragged"])
    mean, std = torch.tensor([5.0, -1.0]), torch.tensor([2.0, 0.1])
    with torch.no_grad():
        before = net(encoded, lengths)
        net.set_output_scale(mean, std)
        torch.testing.assert_close(net(encoded, lengths), before * std + mean)
    assert "output_mean" in net.state_dict()


@pytest.mark.parametrize("change", [{"residual": True}, {"dilation": 2}, {"activation": "gelu"}, {"pool": 1}])
def test_settings_change_what_is_computed(change: dict[str, HyperParameter]) -> None:
    """With the same weights."""
    sizes: dict[str, HyperParameter] = {**SMALL["cnn"], "pool": 2, "dilation": 1}
    one = build_model("cnn", alphabet_size=4, outputs=3, **sizes).eval()
    other = build_model("cnn", alphabet_size=4, outputs=3, **sizes | change).eval()
    other.load_state_dict(one.state_dict())
    encoded, lengths = batch(LENGTHS["ragged"])
    with torch.no_grad():
        assert (one(encoded, lengths) - other(encoded, lengths)).abs().max() > 1e-4


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_dropout_is_off_in_evaluation_only(name: str) -> None:
    net = model(name, "global")
    encoded, _ = batch(LENGTHS["full"])
    assert not torch.equal(net.train()(encoded), net(encoded))
    net.eval()
    assert torch.equal(net(encoded), net(encoded))


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_mixed_precision_trains_on_padded_batches(name: str) -> None:
    net = model(name, "global").train()
    encoded, lengths = batch(LENGTHS["ragged"])
    with torch.autocast("cpu", torch.bfloat16):
        assert net(encoded, lengths).isfinite().all()


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_flattened_head_says_how_long_it_is(name: str) -> None:
    with pytest.raises(ModelError, match=f"at most {WIDTH}"):
        model(name, "flatten")(batch([WIDTH + 1], width=WIDTH + 1)[0])


def test_hyperparameters_are_kept_with_defaults() -> None:
    for name in ARCHITECTURES:
        made = build_model(name, alphabet_size=4, outputs=1, dropout=0.125)
        assert made.architecture == name
        assert made.hyperparameters == default_hyperparameters(name) | {"dropout": 0.125}


@pytest.mark.parametrize(
    ("name", "wrong", "said"),
    [
        ("transformer", {}, "cnn, gru, cnn_gru"),
        ("cnn", {"chanels": 3}, "did you mean channels"),
        ("gru", {"kernel": 3}, "hidden, layers, head"),
        ("cnn", {"channels": 0}, "model.channels"),
        ("cnn", {"channels": True}, "expected: int"),
        ("cnn", {"channels": 2.0}, "expected: int"),
        ("cnn", {"residual": 1}, "expected: bool"),
        ("cnn", {"blocks": 0}, "model.blocks"),
        ("cnn", {"pool": 0}, "model.pool"),
        ("cnn", {"dilation": 0}, "model.dilation"),
        ("cnn", {"kernel": 4}, "odd"),
        ("cnn", {"first_kernel": 4}, "odd"),
        ("cnn", {"activation": "tanh"}, "relu, gelu, silu"),
        ("cnn", {"head": "middle"}, "global, flatten"),
        ("cnn", {"head": "flatten"}, "fixed input length"),
        ("cnn", {"hidden": -1}, "model.hidden"),
        ("gru", {"hidden": 0}, "model.hidden"),
        ("gru", {"layers": 0}, "model.layers"),
        ("gru", {"readout_hidden": -1}, "0 or more"),
        *[(name, {"dropout": share}, "model.dropout") for name in SMALL for share in (-0.1, 1, 1.5, float("nan"))],
    ],
)
def test_wrong_hyperparameters_are_told(name: str, wrong: dict[str, HyperParameter], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_model(name, alphabet_size=4, outputs=2, **wrong)
    assert said in str(caught.value)


@pytest.mark.parametrize("sizes", [{"outputs": 0, "input_length": 5}, {"outputs": 1, "input_length": 0}])
def test_a_model_has_an_input_and_an_output(sizes: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="too small"):
        build_model("cnn", alphabet_size=4, head="flatten", **sizes)
