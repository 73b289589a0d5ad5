"""Training through torch.compile."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from training_toys import TINY_CNN, small, toy

from seqrobust.errors import ConfigError
from seqrobust.training import Trained, TrainingSettings, adversarial_settings, fit

DATA = toy("binary", n=40)


def run(out: Path, **settings: Any) -> Trained:
    return fit(
        small("cnn", DATA, **TINY_CNN),
        DATA,
        DATA,
        settings=TrainingSettings(epochs=2, batch_size=16, **settings),
        adversarial=adversarial_settings(budget=1),
        out=out,
    )


def test_it_is_the_same_training(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is made of the model is left to a backend that makes nothing new of it: a compiler takes a minute."""
    made, compile_ = [], torch.compile

    def eagerly(function: Any, **options: Any) -> Any:
        made.append(function)
        return compile_(function, backend="eager", **options)

    monkeypatch.setattr(torch, "compile", eagerly)
    plain, compiled = run(tmp_path / "plain"), run(tmp_path / "compiled", compile=True)
    assert len(made) == 1
    columns = ["train_loss", "valid_loss", "valid_robust_accuracy"]
    assert plain.history[columns].equals(compiled.history[columns])
    assert compiled.model._compiled_call_impl is None
    assert list(plain.model.state_dict()) == list(compiled.model.state_dict())


@pytest.mark.slow
def test_with_the_compiler_itself(tmp_path: Path) -> None:
    plain, compiled = run(tmp_path / "plain"), run(tmp_path / "compiled", compile=True)
    difference = plain.history["valid_loss"] - compiled.history["valid_loss"]
    assert difference.abs().max() < 1e-4


def test_the_penalty_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="penalty"):
        fit(
            small("cnn", DATA, **TINY_CNN),
            DATA,
            DATA,
            settings=TrainingSettings(compile=True),
            adversarial=adversarial_settings(objective="penalty"),
            out=tmp_path,
        )
