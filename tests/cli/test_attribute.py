"""``seqrobust attribute`` as it is typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

Run = Callable[..., int]


def attribute(files: Path, out: Path, *more: object) -> list[object]:
    return [
        "attribute", "--model", f"{files / 'model.py'}:build", "--task", "classification", "--alphabet", "DNA",
        "--labels", "EI,IE,N", "--data", files / "dna.tsv", "--split", "test", "--regions", "core", "--out", out, *more,
    ]  # fmt: skip


@pytest.mark.parametrize("architecture", ["cnn", "gru"])
def test_a_checkpoint_and_all_files(
    architecture: str,
    files: Path,
    run: Run,
    checkpoint: Callable[[str], Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    call = ["attribute", "--model", checkpoint(architecture), "--data", files / "dna.tsv", "--split", "test"]
    call += ["--regions", "core", "--max-records", "20", "--save", "both", "--steps", "16", "--methods", "all"]
    assert run(*call, "--out", tmp_path / "out") == 0
    heard = capsys.readouterr()
    assert "20 records; explained: the class's logit less the mean of the others; baseline: uniform" in heard.out
    # The line begins with the folder, and is broken where that is long.
    files_named = "attribute.png, attributions.npz, attributions.parquet, manifest.json, metrics.json, report.html"
    assert files_named in " ".join(heard.out.split())
    assert ("deeplift is left out" in heard.err) == (architecture == "gru")
    with np.load(tmp_path / "out" / "attributions.npz") as archive:
        assert archive["integrated_gradients"].shape == (20, 4, 30)
        assert ("deeplift" in archive) == (architecture == "cnn")
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["status"], manifest["config"]["attribute"]["steps"]) == ("finished", 16)
    assert len(pd.read_parquet(tmp_path / "out" / "attributions.parquet")) == 20 * 30 * 4
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert metrics["methods"]["ism"]["region_auroc"] is not None
    assert set(metrics["methods"]["ism"]["per_class"]) == {"EI", "IE", "N"}


def test_protein_of_mixed_lengths(files: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["attribute", "--model", f"{files / 'model.py'}:protein", "--task", "binary", "--alphabet", "PROTEIN"]
    call += ["--labels", "no,yes", "--data", files / "protein.tsv", "--output", "no", "--baseline", "shuffled"]
    call += ["--shuffles", "2", "--methods", "ism,integrated_gradients", "--out", tmp_path / "out"]
    assert run(*call, "--picture", "p1,p2") == 0
    with np.load(tmp_path / "out" / "attributions.npz") as archive:
        assert set(archive["explained"].tolist()) == {"no"}
    assert "functional: ACT_SITE" in capsys.readouterr().out


def test_patterns_make_the_truth(files: Path, run: Run, tmp_path: Path) -> None:
    more = ["--pattern", "at=A-T", "--only", "at", "--no-picture", "--methods", "saliency"]
    assert run(*attribute(files, tmp_path / "out", *more)) == 0
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert set(metrics["methods"]["saliency"]["per_region"]) == {"core", "at"}
    assert not (tmp_path / "out" / "attribute.png").exists()


REFUSED: dict[str, tuple[list[str], list[str]]] = {
    "no such method": (["--methods", "shap"], ["'shap'", "deeplift"]),
    "no method": (["--methods", ","], ["no method is named"]),
    "no such baseline": (["--baseline", "mean"], ["'mean'", "uniform, zeros, shuffled"]),
    "another way to save": (["--save", "csv"], ["'csv'", "npz, parquet, both"]),
    "no such record": (["--picture", "r2,nobody"], ["'nobody'", "r2"]),
    "no such output": (["--output", "EE"], ["'EE'", "EI, IE, N"]),
    "a picture and none": (["--picture", "r2", "--no-picture"], ["exclude each other"]),
    "no such region": (["--regions", "cor"], ["'cor'", "core"]),
    "regions that are nothing": (["--regions", ""], ["no region"]),
    "functional and left out": (["--protect", "core"], ["core"]),
    "noise of no size": (["--noise", "nan"], ["noise"]),
    "no such split": (["--split", "moon"], ["moon", "test"]),
    "a folder of the kernel": (["--out", "/proc/1"], ["cannot be written"]),
    "a model that is not finite": (["--model", "nan"], ["not finite"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str, files: Path, run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options, words = REFUSED[name]
    if options[0] == "--model":
        options = ["--model", f"{files / 'model.py'}:{options[1]}"]
    assert run(*attribute(files, tmp_path / "out", *options)) == 2
    heard = capsys.readouterr().err
    assert "Traceback" not in heard
    for word in words:
        assert word in heard
    assert not (tmp_path / "out").exists()
