"""Checkpoints written before a model had its newer options load as they are, and say what they said then.

Names of weights and outputs were taken from the code as it was before; weights follow a formula, so that no generator
of random numbers needs to agree.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from seqrobust.models import build_model, load_checkpoint
from seqrobust.models.architectures.base import HyperParameter

SCALE = ["output_mean", "output_std"]
LAST = ["readout.1.weight", "readout.1.bias", "readout.4.weight", "readout.4.bias"]
NORM = ["weight", "bias", "running_mean", "running_var", "num_batches_tracked"]
RECURRENT = ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"]
TRUNK = [f"trunk.layers.0.{way}.{name}" for way in ("onward", "backward_") for name in RECURRENT]


def blocks(count: int) -> list[str]:
    return [
        f"blocks.{block}.{name}"
        for block in range(count)
        for name in ["convolution.weight", *(f"norm.{part}" for part in NORM)]
    ]


WIDE: dict[str, HyperParameter] = {"channels": 6, "hidden": 6}
CASES: dict[str, tuple[str, dict[str, HyperParameter], list[str], list[list[float]]]] = {
    "cnn": (
        "cnn",
        WIDE,
        [*SCALE, *blocks(3), *LAST],
        [[26.622905731201172, 35.9468879699707], [13.833117485046387, 18.962738037109375]],
    ),
    "cnn residual": (
        "cnn",
        {**WIDE, "residual": True, "dilation": 2, "activation": "gelu", "pool": 3},
        [*SCALE, *blocks(3), *LAST],
        [[6.672544956207275, 9.134350776672363], [5.007400989532471, 6.882108688354492]],
    ),
    "gru": (
        "gru",
        {"hidden": 4, "readout_hidden": 5},
        [*SCALE, *TRUNK, *LAST],
        [[14.592693328857422, 16.45545768737793], [8.189107894897461, 9.325834274291992]],
    ),
    "cnn_gru": (
        "cnn_gru",
        {**WIDE, "blocks": 2},
        [*SCALE, *blocks(2), *TRUNK, *LAST],
        [[2.4985122680664062, 2.513453960418701], [3.4987778663635254, 3.529162883758545]],
    ),
}


def by_formula(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of mixed size, the same for the same names and shapes."""
    made = {}
    for number, (name, value) in enumerate(weights.items()):
        if not value.is_floating_point():
            made[name] = value
            continue
        steps = torch.arange(value.numel(), dtype=torch.float64)
        wave = torch.sin(steps * 0.7 + number).view(value.shape).abs().float() * 0.4
        made[name] = wave + 0.1 * (1 if "var" in name else torch.cos(steps).view(value.shape).float())
    return made


@pytest.mark.parametrize("case", CASES)
def test_an_earlier_checkpoint_says_what_it_said(case: str, tmp_path: Path) -> None:
    architecture, hyperparameters, names, said = CASES[case]
    hyperparameters = {**hyperparameters, "head": "flatten"}
    new = build_model(architecture, alphabet_size=4, outputs=2, input_length=20, **hyperparameters)
    assert list(new.state_dict()) == names
    content = {
        "format": "seqrobust-checkpoint",
        "version": 1,
        "alphabet": "DNA",
        "task": "classification",
        "labels": ["a", "b"],
        "architecture": architecture,
        "hyperparameters": hyperparameters,
        "input_length": 20,
        "unknown": "zeros",
        "provenance": {},
        "state_dict": by_formula(new.state_dict()),
    }
    torch.save(content, tmp_path / "model.ckpt")
    model, card = load_checkpoint(tmp_path / "model.ckpt")
    assert card.hyperparameters == hyperparameters
    letters = (torch.arange(40).view(2, 20) ** 2 // 3) % 4
    encoded = torch.nn.functional.one_hot(letters, 4).transpose(1, 2).float()
    encoded[1, :, 13:] = 0
    with torch.no_grad():
        torch.testing.assert_close(model(encoded, torch.tensor([20, 13])), torch.tensor(said), rtol=1e-5, atol=1e-5)
