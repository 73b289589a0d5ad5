"""What ``init`` makes of a file of any kind can be run as it stands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

Run = Callable[..., int]

SMALL = ["--set", "training.epochs=1", "--set", "model.channels=4", "--set", "attack.budget=1"]


def records(count: int, letters: str, low: int, high: int) -> list[str]:
    rng = np.random.default_rng(1)
    return ["".join(rng.choice(list(letters), int(rng.integers(low, high)))) for _ in range(count)]


def fasta(folder: Path) -> Path:
    lines = [f">s{i} label={'ab'[i % 2]}\n{text}\n" for i, text in enumerate(records(60, "ACGT", 20, 30))]
    (folder / "some.fa").write_text("".join(lines))
    return folder / "some.fa"


def measured(folder: Path) -> Path:
    texts = records(60, "ACDEFGHIKLMNPQRSTVWY", 12, 20)
    table = pd.DataFrame({"sequence": texts, "target": [text.count("A") + len(text) / 7 for text in texts]})
    table.to_csv(folder / "2024-06-01 fitness.csv", index=False)
    return folder / "2024-06-01 fitness.csv"


def without_test(folder: Path) -> Path:
    table = pd.DataFrame({"sequence": records(60, "ACGU", 20, 21), "label": ["x", "y", "z"] * 20})
    table["split"] = ["train", "train", "valid"] * 20
    table.to_parquet(folder / "rna.parquet")
    return folder / "rna.parquet"


@pytest.mark.parametrize("make", [fasta, measured, without_test])
def test_a_made_config_runs_as_it_stands(
    make: Callable[[Path], Path], run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config, out = tmp_path / "made.yaml", tmp_path / "out"
    assert run("init", config, "--data", make(tmp_path)) == 0
    assert run("run", config, "--dry-run", "--out", out) == 0
    assert not out.exists()
    assert run("run", config, "--out", out, *SMALL) == 0, capsys.readouterr().err
    assert len(pd.read_parquet(out / "results.parquet"))
    model = ["attack", "--model", out / "model.ckpt", "--data", tmp_path / make(tmp_path).name]
    assert run(*model, "--budget", 1, "--no-report", "--out", tmp_path / "again") == 0
