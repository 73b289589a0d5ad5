"""``seqrobust ism`` as it is typed."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

Run = Callable[..., int]


def ism(files: Path, out: Path, *more: object) -> list[object]:
    return [
        "ism", "--model", f"{files / 'model.py'}:build", "--task", "classification", "--alphabet", "DNA",
        "--labels", "EI,IE,N", "--data", files / "dna.tsv", "--split", "test", "--out", out, *more,
    ]  # fmt: skip


def test_a_checkpoint_and_all_files(
    files: Path, run: Run, checkpoint: Callable[[str], Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["ism", "--model", checkpoint("cnn"), "--data", files / "dna.tsv", "--split", "test", "--save", "both"]
    assert run(*call, "--memory", "500MB", "--picture", "r2,r5", "--out", tmp_path / "out") == 0
    heard = capsys.readouterr()
    assert "50 records, 1,500 positions, 4,500 substitutions" in heard.out
    assert "ism.npz, ism.parquet, ism.png, manifest.json, metrics.json, report.html" in heard.out.replace("\n", " ")
    with np.load(tmp_path / "out" / "ism.npz") as archive:
        assert archive["scores"].shape == (50, 4, 30, 3)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["status"], manifest["config"]["run"]["memory"]) == ("finished", 500_000_000)
    assert len(pd.read_parquet(tmp_path / "out" / "ism.parquet")) == 3 * 4500


def test_protein_of_mixed_lengths(files: Path, run: Run, tmp_path: Path) -> None:
    call = ["ism", "--model", f"{files / 'model.py'}:protein", "--task", "binary", "--alphabet", "PROTEIN"]
    call += ["--labels", "no,yes", "--data", files / "protein.tsv", "--only", "ACT_SITE", "--out", tmp_path / "out"]
    assert run(*call) == 0
    with np.load(tmp_path / "out" / "ism.npz") as archive:
        assert archive["outputs"].tolist() == ["yes"]
        scanned = np.isfinite(archive["scores"]).all((1, 3))
    assert scanned[:, 3].all()
    assert scanned.sum() == len(scanned)


def test_patterns_make_regions(files: Path, run: Run, tmp_path: Path) -> None:
    assert run(*ism(files, tmp_path / "out", "--pattern", "at=A-T", "--only", "at", "--no-picture")) == 0
    with np.load(tmp_path / "out" / "ism.npz") as archive:
        scanned = np.isfinite(archive["scores"]).all((1, 3))
        texts = ["".join(row.astype(str)) for row in archive["letters"]]
    assert scanned.sum() == sum(2 * text.count("AT") for text in texts)
    assert not (tmp_path / "out" / "ism.png").exists()


REFUSED: dict[str, tuple[list[str], list[str]]] = {
    "memory without unit": (["--memory", "2"], ["--memory", "2GB"]),
    "nonsense memory": (["--memory", "much"], ["'much'", "500MB"]),
    "another way to save": (["--save", "csv"], ["'csv'", "npz, parquet, both"]),
    "no such record": (["--picture", "r2,nobody"], ["'nobody'", "r2"]),
    "no such output": (["--output", "EE"], ["'EE'", "EI, IE, N"]),
    "a picture and none": (["--picture", "r2", "--no-picture"], ["exclude each other"]),
    "no such region": (["--only", "cor"], ["'cor'", "core"]),
    "only nothing": (["--only", ""], ["no region"]),
    "protect and only the same": (["--protect", "core,edge", "--only", "core"], ["core"]),
    "no such split": (["--split", "moon"], ["moon", "test"]),
    "no such data": (["--data", "nowhere.tsv"], ["nowhere.tsv"]),
    "a folder of the kernel": (["--out", "/proc/1"], ["cannot be written"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, files: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options, words = REFUSED[name]
    assert run(*ism(files, tmp_path / "out", *options)) == 2
    heard = capsys.readouterr().err
    assert "Traceback" not in heard
    for word in words:
        assert word in heard
    assert not (tmp_path / "out").exists()


def test_an_empty_file(files: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.fa").write_text("")
    assert run(*ism(files, tmp_path / "out", "--data", tmp_path / "a.fa")) == 2
    assert "a.fa" in capsys.readouterr().err


def test_files_that_may_not_grow(files: Path, tmp_path: Path) -> None:
    """The kernel's limit on a file's size stands in for a full disk."""
    done = subprocess.run(
        [sys.executable, "-m", "seqrobust_cli.main", *map(str, ism(files, tmp_path / "out"))],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000)),
    )
    assert done.returncode == 1, done.stderr
    assert "File too large: the map takes" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "ism.npz").exists()
