"""Training that begins with steps of another norm, off the sequences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from training_toys import TINY_CNN, LinearModel, small, toy

from seqrobust.errors import ConfigError
from seqrobust.training import TrainingSettings, adversarial_settings, fit
from seqrobust.training.data import RecordDataset
from seqrobust.training.objectives import Robust, make_objective, worst_case
from seqrobust.training.objectives.relaxed import Norm, relaxed_case, steepest

NORMS: tuple[Norm, ...] = ("l2", "linf")
DATA = toy("binary", n=40)


def objective(**options: Any) -> Robust:
    made = make_objective(DATA, "zeros", TrainingSettings(), adversarial_settings(**options))
    assert isinstance(made, Robust)
    return made


def batch_of(made: Robust) -> Any:
    return RecordDataset(DATA, made.settings.threat()).__getitems__(range(40))


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("options", [{}, {"allow": "transitions"}])
def test_a_linear_score_rises_as_under_the_best_edits(norm: Norm, options: dict[str, str]) -> None:
    """The climbed loss of a binary record is monotone in its logit, so that the logit itself is compared."""
    model, made = LinearModel(DATA.sequences.width), objective(budget=3, **options)
    batch = batch_of(made)
    weight = model.weight.detach()
    threat = made.bound(batch)
    moved = steepest(threat, weight.expand(40, -1, -1), norm)
    gain = (moved * weight).sum((1, 2))
    best = made.encoded(threat.best_response(weight.expand(40, -1, -1)).tokens) - made.encoded(batch.tokens)
    torch.testing.assert_close(gain, (best * weight).sum((1, 2)), rtol=1e-4, atol=1e-4)
    assert not moved[~threat.permitted].any()


def test_steps_have_their_norms_shape() -> None:
    """Along the gradient for l2; all entries of a record as large for linf."""
    made = objective(budget=2)
    threat = made.bound(batch_of(made))
    gradient = torch.randn(threat.permitted.shape, generator=torch.Generator().manual_seed(1))
    along, signs = steepest(threat, gradient, "l2"), steepest(threat, gradient, "linf")
    ratio = (along / gradient).flatten(1)
    np.testing.assert_allclose(ratio, ratio[:, :1].expand_as(ratio), rtol=1e-3)
    sizes = signs.abs().flatten(1)
    np.testing.assert_allclose(sizes, sizes[:, :1].expand_as(sizes), rtol=1e-5)


@pytest.mark.parametrize("norm", NORMS)
def test_what_may_not_change_does_not(norm: Norm) -> None:
    made = objective(budget=3)
    batch = batch_of(made)
    editable = batch.editable.clone()
    editable[:, ::2] = False
    batch = batch._replace(editable=editable, budget=batch.budget.clone().index_fill_(0, torch.tensor([0]), 0))
    model = small("cnn", DATA, **TINY_CNN)
    moved = relaxed_case(made, model, batch, norm) - made.encoded(batch.tokens)
    assert not moved[:, :, ::2].any()
    assert not moved[0].any()
    assert moved[1:, :, 1::2].any()
    assert all(weight.grad is None for weight in model.parameters())


@pytest.mark.parametrize("norm", NORMS)
def test_the_loss_of_a_network_rises(norm: Norm) -> None:
    made, model = objective(budget=3), small("cnn", DATA, **TINY_CNN).eval()
    batch = batch_of(made)
    found = relaxed_case(made, model, batch, norm)
    with torch.no_grad():
        clean = made.loss(model(made.encoded(batch.tokens), batch.lengths), batch.targets)
        moved = made.loss(model(found, batch.lengths), batch.targets)
    assert moved.mean() > clean.mean()


def test_edits_follow_once_the_first_epochs_are_over() -> None:
    """The loss of an epoch, before and after, by hand."""
    made = objective(budget=2, clean_share=0, first_norm="l2", first_epochs=2)
    model, batch = small("cnn", DATA, **TINY_CNN).eval(), batch_of(made)
    encoded = relaxed_case(made, model, batch, "l2")
    edited = made.encoded(worst_case(made, model, batch, steps=1))
    for epoch, inputs in ((0, encoded), (1, encoded), (2, edited)):
        expected = made.loss(model(inputs, batch.lengths), batch.targets)
        torch.testing.assert_close(made.losses(model, batch, epoch), expected)
    assert not torch.equal(encoded, edited)


@pytest.mark.parametrize(
    "options",
    [
        {"first_norm": "l2"},
        {"first_epochs": 2},
        {"first_norm": "l1", "first_epochs": 2},
        {"first_norm": "l2", "first_epochs": -1},
        {"objective": "trades", "first_norm": "l2", "first_epochs": 2},
    ],
)
def test_what_does_not_fit_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        adversarial_settings(**options)


def test_it_trains(tmp_path: Path) -> None:
    adversary = adversarial_settings(budget=1, first_norm="linf", first_epochs=2)
    settings = TrainingSettings(epochs=8, batch_size=16, learning_rate=0.02)
    data = toy("classification")
    trained = fit(small("cnn", data, **TINY_CNN), data, data, settings=settings, adversarial=adversary, out=tmp_path)
    assert trained.history["valid_accuracy"].iloc[-1] > 0.7
