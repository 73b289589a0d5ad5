"""What a run goes on from is checked: the checkpoint is whole, safe, of the same model, and knows the best epoch."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest
import torch
from training_toys import TINY_CNN, small, toy

from seqrobust.errors import ConfigError, SeqRobustError
from seqrobust.training import Trained, TrainingSettings, fit

DATA, VALID = toy("binary", n=64), toy("binary", n=40, seed=2)


class KilledError(Exception):
    """Stands for whatever ends a process."""


def run(out: Path, *, stop: float = 99, resume: bool = False, channels: int = 8, **options: object) -> Trained:
    """Train, and be killed after so many epochs."""

    def progress(done: float, row: Mapping[str, float]) -> None:
        if done > stop:
            raise KilledError

    settings = TrainingSettings(**{"epochs": 4, "batch_size": 16, "learning_rate": 0.02, **options})  # type: ignore[arg-type]
    model = small("cnn", DATA, **{**TINY_CNN, "channels": channels})
    return fit(model, DATA, VALID, settings=settings, out=out, resume=resume, progress=progress)


def killed(out: Path, *, after: float, **options: object) -> None:
    with pytest.raises(KilledError):
        run(out, stop=after, **options)  # type: ignore[arg-type]


def assert_same(first: Trained, second: Trained) -> None:
    assert first.best_epoch == second.best_epoch
    pd.testing.assert_frame_equal(first.history.drop(columns="seconds"), second.history.drop(columns="seconds"))
    for name, weight in first.model.state_dict().items():
        assert torch.equal(weight, second.model.state_dict()[name]), name


def test_in_a_folder_that_was_moved(tmp_path: Path) -> None:
    """The best epoch lies before the kill, so that its score and its file must both be found again."""
    options = {"select": "loss", "learning_rate": 0.2, "epochs": 6}
    whole = run(tmp_path / "whole", **options)
    # A name that begins like the new one, which a careless replacement of paths would trip over.
    killed(tmp_path / "run", after=whole.best_epoch + 0.4, **options)
    (tmp_path / "run").rename(tmp_path / "run_moved")
    assert whole.best_epoch < 6
    assert_same(whole, run(tmp_path / "run_moved", resume=True, **options))


def test_before_an_epoch_was_finished(tmp_path: Path) -> None:
    killed(tmp_path / "a", after=0.4)
    assert_same(run(tmp_path / "b"), run(tmp_path / "a", resume=True))


def test_from_a_damaged_checkpoint(tmp_path: Path) -> None:
    run(tmp_path)
    last = tmp_path / "checkpoints" / "last.ckpt"
    last.write_bytes(last.read_bytes()[:1000])
    with pytest.raises(SeqRobustError, match="cannot be read"):
        run(tmp_path, resume=True)


def test_with_another_model(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(ConfigError, match="trained another model"):
        run(tmp_path, resume=True, channels=4)


def test_code_in_a_checkpoint_is_not_run(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (Path.touch, (Path(tmp_path / "ran"),))  # type: ignore[return-value]

    run(tmp_path)
    last = tmp_path / "checkpoints" / "last.ckpt"
    torch.save({**torch.load(last, weights_only=True), "payload": Payload()}, last)
    with pytest.raises(SeqRobustError, match="cannot be read"):
        run(tmp_path, resume=True)
    assert not (tmp_path / "ran").exists()


def test_nothing_is_written_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    run(tmp_path / "out", epochs=1)
    assert not list((tmp_path / "elsewhere").iterdir())
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"history.csv", "checkpoints", "tensorboard"}
    shutil.rmtree(tmp_path / "out")
