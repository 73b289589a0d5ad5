"""Every option of the convolutions: padding changes nothing, neighbours are scored right, checkpoints return."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from seqrobust.alphabet import DNA
from seqrobust.models import (
    ModelCard,
    Predictor,
    SequenceModel,
    build_model,
    default_hyperparameters,
    load_checkpoint,
    save_checkpoint,
)
from seqrobust.models.architectures.base import HyperParameter
from seqrobust.neighbours import Edits, NeighbourScores, apply_edits

WIDTH = 24
LENGTHS = torch.tensor([WIDTH, 17, 9, 2])
SMALL: dict[str, HyperParameter] = {"channels": 8, "first_kernel": 5, "kernel": 3, "hidden": 6, "blocks": 2}
VARIANTS: dict[str, tuple[str, dict[str, HyperParameter], bool]] = {
    # Architecture, options, and whether neighbours are scored from caches.
    "exponential": ("cnn", {"first_activation": "exponential"}, True),
    "sorted": ("cnn", {"activation": "group_sort", "residual": True}, True),
    "lipschitz": ("cnn", {"lipschitz": True}, True),
    "lipschitz, sorted": ("cnn", {"lipschitz": True, "activation": "group_sort"}, True),
    "lipschitz, residual": ("cnn", {"lipschitz": True, "residual": True, "dilation": 2, "pool": 1}, True),
    "limited": ("cnn", {"spectral_norm": 0.7}, True),
    "implicit": ("cnn", {"implicit": True}, False),
    "implicit, lipschitz": ("cnn", {"implicit": True, "implicit_step": 0.5, "lipschitz": True}, False),
    "hybrid, exponential": ("cnn_gru", {"first_activation": "exponential", "residual": True}, True),
    "hybrid, sorted": ("cnn_gru", {"activation": "group_sort"}, True),
}


def model(variant: str, head: str = "global") -> SequenceModel:
    """Batch norms and biases that turn zeros into something else."""
    name, options, _ = VARIANTS[variant]
    with torch.random.fork_rng():
        torch.manual_seed(5)
        made = build_model(name, alphabet_size=4, outputs=3, input_length=WIDTH, **{**SMALL, "head": head, **options})
        for part in made.modules():
            if isinstance(part, nn.BatchNorm1d):
                assert part.running_mean is not None
                assert part.running_var is not None
                part.running_mean.normal_()
                part.running_var.uniform_(0.5, 2)
            if getattr(part, "bias", None) is not None and not isinstance(part, nn.GRU):
                nn.init.normal_(part.bias)  # type: ignore[arg-type]
    return made


def batch() -> Tensor:
    letters = torch.randint(4, (len(LENGTHS), WIDTH), generator=torch.Generator().manual_seed(0))
    inside = (torch.arange(WIDTH) < LENGTHS[:, None])[:, None, :]
    return nn.functional.one_hot(letters, 4).transpose(1, 2).float() * inside


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("head", ["global", "flatten"])
def test_padding_changes_nothing(variant: str, head: str) -> None:
    net, encoded = model(variant, head).eval(), batch()
    with torch.no_grad():
        together = net(encoded, LENGTHS)
        alone = torch.cat([net(encoded[[row], :, : int(size)]) for row, size in enumerate(LENGTHS)])
        if head == "global":
            wider = net(nn.functional.pad(encoded, (0, 9)), LENGTHS)
            torch.testing.assert_close(wider, together, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)
    assert together.std(0).min() > 1e-4


@pytest.mark.parametrize("variant", VARIANTS)
def test_training_does_not_see_the_width_of_the_padding(variant: str) -> None:
    seen = []
    for extra in (0, 11):
        net = model(variant).train()
        for part in net.modules():
            if isinstance(part, nn.Dropout):
                part.p = 0.0
        out = net(nn.functional.pad(batch()[1:, :, :17], (0, extra)), LENGTHS[1:])
        out.square().sum().backward()
        slopes = [weight.grad for weight in net.parameters()]
        assert all(slope is not None and slope.isfinite().all() for slope in slopes)
        seen.append([out, *net.buffers(), *slopes])
    for one, other in zip(*seen, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("variant", VARIANTS)
def test_neighbours_are_scored_as_by_the_plain_model(variant: str) -> None:
    net = model(variant).eval()
    generator = torch.Generator().manual_seed(1)
    tokens = torch.randint(4, (3, WIDTH), generator=generator).to(torch.uint8)
    edits = Edits(
        torch.randint(3, (90,), generator=generator),
        torch.randint(WIDTH, (90, 2), generator=generator),
        torch.randint(4, (90, 2), generator=generator),
    )
    predictor = Predictor(net, alphabet=DNA, task="classification", device="cpu", scale="logits")
    with predictor.attached():
        predictor.check(tokens)
        expected = predictor.logits(apply_edits(tokens, edits))
        scores = NeighbourScores(predictor, way="incremental")
        found = scores.logits(tokens, edits)
        cost = scores.cost(WIDTH)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=2e-5)
    # Untrained, they may well say the same of everything; that is noticed, and no fault.
    assert all("is predicted" in notice for notice in predictor.notices)
    if VARIANTS[variant][2]:
        assert not scores.notices
        assert scores.counts["incremental"] > 0
    if VARIANTS[variant][2] and VARIANTS[variant][0] == "cnn":
        assert cost is not None
        assert cost.incremental_macs < cost.plain_macs


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("training", [False, True])
def test_a_checkpoint_returns_the_model(variant: str, training: bool, tmp_path: Path) -> None:
    """Also from the midst of training, when norms are estimates: what counts is what the model is in evaluation."""
    net = model(variant).train(training)
    net(batch(), LENGTHS)
    card = ModelCard(
        alphabet=DNA,
        task="classification",
        labels=("a", "b", "c"),
        architecture=net.architecture,
        hyperparameters=net.hyperparameters,
        input_length=WIDTH,
    )
    save_checkpoint(tmp_path / "model.ckpt", net, card)
    again, _ = load_checkpoint(tmp_path / "model.ckpt")
    net.eval()
    with torch.no_grad():
        assert torch.equal(again(batch(), LENGTHS), net(batch(), LENGTHS))


@pytest.mark.parametrize("variant", VARIANTS)
def test_mixed_precision_trains_on_padded_batches(variant: str) -> None:
    net = model(variant).train()
    with torch.autocast("cpu", torch.bfloat16):
        out = net(batch(), LENGTHS)
    loss: Tensor = out.float().square().sum()
    loss.backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in net.parameters())


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_few_steps_of_training_lower_the_loss(variant: str) -> None:
    net, encoded, targets = model(variant).train(), batch(), torch.tensor([0, 1, 2, 1])
    optimiser = torch.optim.AdamW(net.parameters(), lr=0.01)
    losses = []
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for _ in range(40):
            loss = nn.functional.cross_entropy(net(encoded, LENGTHS), targets)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            losses.append(float(loss.detach()))
    assert sum(losses[-5:]) < 0.9 * sum(losses[:5])


def test_options_are_off_unless_asked_for() -> None:
    options = default_hyperparameters("cnn")
    assert {options[name] for name in ("lipschitz", "implicit", "residual")} == {False}
    assert (options["spectral_norm"], options["first_activation"]) == (0.0, "same")
    torch.manual_seed(0)
    plain = build_model("cnn", alphabet_size=4, outputs=3, input_length=None, **SMALL)
    torch.manual_seed(0)
    exponential = build_model(
        "cnn", alphabet_size=4, outputs=3, input_length=None, **SMALL, first_activation="exponential"
    )
    exponential.load_state_dict(plain.state_dict())
    with torch.no_grad():
        difference = plain.eval()(batch(), LENGTHS) - exponential.eval()(batch(), LENGTHS)
    assert difference.abs().max() > 1e-3
