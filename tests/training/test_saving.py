"""Checkpoints of an interrupted training: whole, wherever the system keeps temporary files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from seqrobust.errors import SeqRobustError
from seqrobust.training import saving
from seqrobust.training.resuming import resumable
from seqrobust.training.saving import WholeCheckpoints


def test_a_checkpoint_that_fails_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, writer = tmp_path / "inner" / "last.ckpt", WholeCheckpoints()
    writer.save_checkpoint({"epoch": 1}, str(file))
    written: list[Path] = []

    def half(content: Any, place: Path) -> None:
        written.append(Path(place))
        Path(place).write_bytes(b"half")
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(saving.torch, "save", half)
        with pytest.raises(OSError, match="No space"):
            writer.save_checkpoint({"epoch": 2}, str(file))
    assert written[0].parent == file.parent
    assert os.listdir(file.parent) == ["last.ckpt"]
    assert torch.load(file, weights_only=True) == {"epoch": 1}


@pytest.mark.parametrize("content", [b"", b"PK", b"\x80\x02", 100 * b"\0"])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "last.ckpt").write_bytes(content)
    with pytest.raises(SeqRobustError, match="cannot be read"):
        resumable(tmp_path / "last.ckpt", nn.Linear(1, 1))


def test_errors_without_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "last.ckpt").write_bytes(b"x")

    def fails(*_: Any, **__: Any) -> Any:
        raise EOFError

    monkeypatch.setattr(torch, "load", fails)
    with pytest.raises(SeqRobustError, match="EOFError"):
        resumable(tmp_path / "last.ckpt", nn.Linear(1, 1))
