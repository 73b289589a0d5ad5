"""Options that would be passed over in silence are refused: whoever gave them believes they did something."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., int]

CHECKPOINT: dict[str, tuple[list[str], str]] = {
    "weights": (["--weights", "other.pt"], "its own weights"),
    "probabilities": (["--outputs", "probabilities"], "outputs"),
    "another task": (["--task", "regression"], "task"),
    "another alphabet": (["--alphabet", "PROTEIN"], "alphabet"),
    "other labels": (["--labels", "N,IE,EI"], "labels"),
    "another input length": (["--input-length", "99"], "input_length"),
    "other unknown letters": (["--unknown", "uniform"], "unknown"),
}

GOAL: dict[str, tuple[list[str], str]] = {
    "a shift of a class": (["--delta", "0.5"], "delta"),
    "a value of a class": (["--output", "EI"], "output"),
    "a target without aim": (["--goal", "untargeted", "--target-label", "EI"], "target_label"),
    "an aim without target": (["--goal", "targeted"], "names a class"),
    "protect in a list what alone may change": (["--protect", "core,edge", "--only", "core"], "core"),
    "only nothing": (["--only", ""], "no region"),
    "protect a comma": (["--protect", ","], "no region"),
}


def refused(run: Run, call: list[object], out: Path, capsys: pytest.CaptureFixture[str]) -> str:
    capsys.readouterr()
    code = run(*call, "--out", out)
    heard = capsys.readouterr().err
    assert code == 2, heard
    assert "Traceback" not in heard
    assert not out.exists()
    return heard


@pytest.mark.parametrize("name", CHECKPOINT)
def test_a_checkpoint_knows_better(
    name: str,
    files: Path,
    run: Run,
    checkpoint: Callable[[str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    options, word = CHECKPOINT[name]
    call = ["attack", "--model", checkpoint("cnn"), "--data", files / "dna.tsv", *options]
    assert word in refused(run, call, tmp_path / "out", capsys)


def test_what_the_checkpoint_says_may_be_repeated(
    files: Path, run: Run, checkpoint: Callable[[str], Path], tmp_path: Path
) -> None:
    call = ["attack", "--model", checkpoint("cnn"), "--data", files / "dna.tsv", "--budget", 1, "--out", tmp_path / "o"]
    same = ["--task", "classification", "--alphabet", "dna", "--labels", "EI,IE,N", "--outputs", "logits"]
    assert run(*call, *same, "--unknown", "zeros", "--no-report") == 0


@pytest.mark.parametrize("name", GOAL)
def test_every_setting_belongs_to_the_goal(
    name: str, files: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options, word = GOAL[name]
    call = ["attack", "--model", f"{files / 'model.py'}:build", "--task", "classification", "--alphabet", "DNA"]
    call += ["--labels", "EI,IE,N", "--data", files / "dna.tsv", *options]
    assert word in refused(run, call, tmp_path / "out", capsys)


def test_a_config_is_held_to_the_same(
    config_text: Callable[..., str], run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(config_text())
    for override in ("attack.only=[core]", "attack.delta=1", "attack.target_label=nobody"):
        refused(run, ["run", path, "--set", override], tmp_path / "out", capsys)
