"""Which of several copies of the weights is meant reaches the model from the command line, and decides a run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from seqrobust.models import load_module

Run = Callable[..., int]


@pytest.fixture
def ism(run: Run, files: Path, tmp_path: Path) -> Callable[..., int]:
    module = load_module(f"{files / 'model.py'}:build")
    own = module.state_dict()
    copies = {"student.": own, "teacher.": {name: 2 * value for name, value in own.items()}}
    content = {prefix + name: value for prefix, values in copies.items() for name, value in values.items()}
    rows = (files / "dna.tsv").read_text().splitlines()[1:3]
    (tmp_path / "two.fa").write_text("".join(f">{row.split()[0]}\n{row.split(chr(9))[4]}\n" for row in rows))
    torch.save({"state_dict": content, "epoch": 1}, tmp_path / "two.ckpt")

    def mapped(*options: str) -> int:
        where = ["--data", str(tmp_path / "two.fa"), "--out", str(tmp_path / "out"), "--no-picture"]
        model = ["--model", f"{files / 'model.py'}:build", "--alphabet", "DNA", "--task", "classification"]
        return run("ism", *model, *where, *options)

    return mapped


def test_a_copy_is_chosen_by_its_prefix(
    ism: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    weights = ["--weights", str(tmp_path / "two.ckpt")]
    assert ism(*weights) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "'student.', 'teacher.'" in said
    assert ism(*weights, "--weights-prefix", "student.") == 0
    student = np.load(tmp_path / "out" / "ism.npz")["scores"]
    # A run with other weights is another run.
    assert ism(*weights, "--weights-prefix", "teacher", "--resume") == 2
    assert ism(*weights, "--weights-prefix", "teacher", "--overwrite") == 0
    assert not np.allclose(np.load(tmp_path / "out" / "ism.npz")["scores"], student)


def test_a_prefix_needs_weights(ism: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert ism("--weights-prefix", "ema.") == 2
    assert "--weights FILE beside it" in " ".join(capsys.readouterr().err.split())
