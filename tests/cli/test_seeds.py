"""A config of several seeds on the command line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., int]


@pytest.fixture
def config(config_text: Callable[..., str], tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(config_text().replace("seed: 1\n", "seeds: [1, 2]\n"))
    return path


def test_run_prints_means_and_each_seed(
    config: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = ["--set", "attack.max_records=10", "--set", "training.epochs=1"]
    assert run("run", config, "--out", tmp_path / "out", *small) == 0
    heard = capsys.readouterr()
    for text in ("seed 1", "seed 2", "mean [95 %]", "robust accuracy, %", "training seconds, s", "summary.csv"):
        assert text in heard.out, text
    assert "seed 2 (2 of 2): attack ..." in heard.err
    assert run("run", config, "--out", tmp_path / "out", *small, "--resume") == 0
    assert "seed 2 (2 of 2) is finished already" in capsys.readouterr().err


def test_regression(
    config_text: Callable[..., str], run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.yaml").write_text(config_text(task="regression").replace("seed: 1\n", "seeds: [1, 2]\n"))
    small = ["--set", "attack.max_records=10", "--set", "training.epochs=1"]
    assert run("run", tmp_path / "config.yaml", "--out", tmp_path / "out", *small) == 0
    assert "mean shift" in capsys.readouterr().out
    assert "Mean shift of the prediction" in (tmp_path / "out" / "report.html").read_text()


def test_dry_run_says_the_seeds(config: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("run", config, "--out", tmp_path / "out", "--dry-run") == 0
    assert "seeds: 1, 2" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("command", "more"), [("run", "seed=3"), ("run", "seeds=[]"), ("train", "name=x")])
def test_refusals(command: str, more: str, config: Path, run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(command, config, "--set", more, "--dry-run") == 2
    (where,) = (line for line in capsys.readouterr().err.splitlines() if line.startswith("  where: "))
    assert where.endswith("seeds")
    assert command == "train" or str(config) in where
