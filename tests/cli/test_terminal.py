"""What reaches a terminal, whatever a file's ids hold and however a command ends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., int]
START = "from seqrobust_cli.main import main; main()"

ENDING = """
import os, signal, sys
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, end):
        super().__init__()
        self.layer, self.end, self.calls = nn.Linear(4, 3), end, 0

    def forward(self, x):
        self.calls += 1
        if self.calls == 3:
            self.end()
        return self.layer(x.mean(2))

def leaves(): return Net(sys.exit)
def leaves_well(): return Net(lambda: sys.exit(0))
def is_stopped(): return Net(lambda: os.kill(os.getpid(), signal.SIGTERM))
"""


def attack(model: object, data: Path, out: Path) -> list[object]:
    return [
        "attack", "--model", model, "--task", "classification", "--alphabet", "DNA", "--labels", "EI,IE,N",
        "--data", data, "--budget", 1, "--attack", "one_step", "--random-draws", 1, "--no-report", "--out", out,
    ]  # fmt: skip


@pytest.fixture
def ending(tmp_path: Path) -> Path:
    path = tmp_path / "ending.py"
    path.write_text(ENDING)
    return path


@pytest.mark.parametrize("name", ["leaves", "leaves_well"])
def test_a_model_that_ends_the_process_is_a_failure(
    name: str, ending: Path, files: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*attack(f"{ending}:{name}", files / "dna.tsv", tmp_path / "out")) == 1
    assert "the model ended the process" in capsys.readouterr().err
    assert not (tmp_path / "out" / "results.parquet").exists()


def test_help_and_version_end_well(run: Run) -> None:
    assert [run("--help"), run("--version"), run("attack", "--help"), run("nonsense")] == [0, 0, 0, 2]


def test_control_characters_are_written_out(
    files: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "ids.tsv"
    rows = [line.split("\t") for line in (files / "dna.tsv").read_text().splitlines()[:6]]
    place = rows[0].index("label")
    for row in rows[1:]:
        row[place] = "\x1b[2J\x1b]0;title\x07"
    data.write_text("\n".join("\t".join(row) for row in rows) + "\n")
    assert run(*attack(f"{files / 'model.py'}:build", data, tmp_path / "out")) == 2
    heard = capsys.readouterr()
    assert "\\x1b[2J" in heard.err
    assert not {"\x1b", "\x07"} & set(heard.err + heard.out)


def test_a_request_to_stop_is_heard(ending: Path, files: Path, tmp_path: Path) -> None:
    call = [str(part) for part in attack(f"{ending}:is_stopped", files / "dna.tsv", tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", START, *call], capture_output=True, text=True, check=False)
    assert done.returncode == 130
    assert "--resume" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_reader_that_leaves(tmp_path: Path) -> None:
    """As ``seqrobust --help | head -1`` does."""
    with subprocess.Popen(
        [sys.executable, "-c", f"import time; time.sleep(1); {START}", "--help"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        heard = process.stderr.read()
    assert process.returncode in (0, 1)
    assert not heard
