"""A stopped run goes on where it stood, wherever its folder is by then, and never from another run's weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from training_toys import TINY_CNN, small, toy

from seqrobust.training import Trained, TrainingSettings, fit

DATA = toy("binary", n=64)
# With steps this small the first epoch stays the best.
STANDING = TrainingSettings(epochs=12, batch_size=16, learning_rate=1e-9, schedule="constant", patience=3)


class StoppedError(Exception):
    """Stands for whatever ends a process."""


def run(out: Path, settings: TrainingSettings = STANDING, *, stop: float = 99, resume: bool = False) -> Trained:
    def progress(done: float, row: Mapping[str, float]) -> None:
        if done > stop:
            raise StoppedError

    model = small("cnn", DATA, **TINY_CNN)
    return fit(model, DATA, DATA, settings=settings, out=out, resume=resume, progress=progress)


def test_a_folder_may_move_while_the_run_is_stopped(tmp_path: Path) -> None:
    whole = run(tmp_path / "whole")
    with pytest.raises(StoppedError):
        run(tmp_path / "before", stop=2.4)
    (tmp_path / "before").rename(tmp_path / "after")
    again = run(tmp_path / "after", resume=True)
    assert again.best_epoch == whole.best_epoch == 1
    assert len(again.history) == len(whole.history)
    assert not (tmp_path / "before").exists()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name


def test_a_run_whose_patience_ended_does_not_go_on(tmp_path: Path) -> None:
    first = run(tmp_path)
    assert len(first.history) == 4
    assert run(tmp_path, resume=True).history.equals(first.history)


def test_a_finished_run_is_read_back(tmp_path: Path) -> None:
    settings = TrainingSettings(epochs=3, batch_size=16, learning_rate=0.02)
    first, again = run(tmp_path, settings), run(tmp_path, settings, resume=True)
    assert again.history.equals(first.history)
    assert again.best_epoch == first.best_epoch
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, again.model.state_dict()[name]), name


def test_a_new_run_forgets_the_folders_last_one(tmp_path: Path) -> None:
    run(tmp_path / "used", TrainingSettings(epochs=3, batch_size=16, learning_rate=0.1))
    settings = TrainingSettings(epochs=3, batch_size=16, learning_rate=0.01)
    with pytest.raises(StoppedError):
        run(tmp_path / "used", settings, stop=0.4)
    again, fresh = run(tmp_path / "used", settings, resume=True), run(tmp_path / "fresh", settings)
    assert again.history.drop(columns="seconds").equals(fresh.history.drop(columns="seconds"))
