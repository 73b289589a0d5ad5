"""``seqrobust sweep`` on the command line."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., int]


@pytest.fixture
def config(config_text: Callable[..., str], tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    section = "sweep:\n  training.learning_rate: {low: 1e-4, high: 1e-2, log: true}\n"
    path.write_text(config_text(task="regression").replace("epochs: 2", "epochs: 1") + section)
    return path


def test_sweep_prints_the_best_and_its_config_runs(
    config: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert run("sweep", config, "--trials", 1, "--out", out) == 0
    heard = capsys.readouterr()
    assert "training.learning_rate=" in heard.out
    assert "best-clean.yaml" in heard.out
    assert "test split" in heard.err
    assert run("sweep", config, "--trials", 2, "--out", out) == 2
    assert "--resume" in capsys.readouterr().err
    assert run("sweep", config, "--trials", 2, "--out", out, "--resume") == 0
    assert "2 finished" in capsys.readouterr().out
    assert run("run", out / "best-clean.yaml", "--dry-run") == 0


def test_dry_run_says_what_varies(config: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("sweep", config, "--out", tmp_path / "out", "--dry-run") == 0
    assert "varies: training.learning_rate: 0.0001 to 0.01 (log scale)" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "more", [["--sampler", "best"], ["--trials", 0], ["--set", "sweep=null"], ["--set", "sweep.seed=[1, 2]"]]
)
def test_refusals(more: list[object], config: Path, run: Run, tmp_path: Path) -> None:
    assert run("sweep", config, "--out", tmp_path / "out", *more) == 2
    assert not (tmp_path / "out").exists()


def test_without_optuna(
    config: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert run("sweep", config, "--out", tmp_path / "out") == 2
    assert "pip install 'seqrobust[sweep]'" in capsys.readouterr().err
