"""``seqrobust subgroups`` and ``seqrobust uncertainty`` as they are typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import typer
from seqrobust_cli.analyses import commands


def typed(command: Callable[..., None], *words: object) -> None:
    """The command with those words, its errors raised."""
    app = typer.Typer()
    app.command()(command)
    app([str(word) for word in words], standalone_mode=False)


def test_subgroups(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [
        {
            "id": f"r{i}",
            "target": "ab"[i % 2],
            "budget": budget,
            "clean_prediction": "ab"[i % 2],
            "adversarial_prediction": "c" if i < 20 else "ab"[i % 2],
            "success": i < 20,
            "n_edits": budget,
        }
        for i in range(60)
        for budget in (1, 2)
    ]
    table = pd.DataFrame(rows)
    table["success"] = table["success"].astype("boolean")
    table.to_parquet(tmp_path / "results.parquet")
    lines = [f"r{i}\tACGT\t{('fly', 'worm', 'worm')[i // 20]}\t[x]" for i in range(60)]
    (tmp_path / "data.tsv").write_text("\n".join(["id\tsequence\tspecies\tother", *lines]) + "\n")
    typed(
        commands()["subgroups"], tmp_path, "--data", tmp_path / "data.tsv", "--by", "species", "--within-class",
        "--draws", 499, "--out", tmp_path / "out",
    )  # fmt: skip
    said = capsys.readouterr().out
    assert "fly is less robust than worm within classes: over all budgets 0.0 % against 100.0 %" in said
    assert "class: no difference between groups survives correction" in said
    assert "report.html, subgroups.parquet, subgroups.png" in said
    config = json.loads((tmp_path / "out" / "manifest.json").read_text())["config"]
    assert config["subgroups"]["within_class"]
    assert config["subgroups"]["by"] == ["species"]
    assert config["results"] == [str(tmp_path)]


def test_uncertainty(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "model.py").write_text(
        "import torch\nfrom torch import nn\n\n\n"
        "def build():\n"
        "    torch.manual_seed(0)\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(48, 8), nn.ReLU(), nn.Dropout(0.4), nn.Linear(8, 2))\n"
    )
    rng = np.random.default_rng(0)
    lines = [f"r{i}\t{''.join(rng.choice(list('ACGT'), 12))}\t{'ab'[i % 2]}" for i in range(90)]
    (tmp_path / "data.tsv").write_text("\n".join(["id\tsequence\tlabel", *lines]) + "\n")
    typed(
        commands()["uncertainty"], "--model", f"{tmp_path / 'model.py'}:build", "--task", "classification",
        "--alphabet", "DNA", "--labels", "a,b", "--data", tmp_path / "data.tsv", "--dropout-samples", 3,
        "--budget", "1,2", "--attack", "one_step,discrete_pgd_5", "--order", 1, "--risk", 0.4, "--max-records", 16,
        "--draws", 2, "--out", tmp_path / "out",
    )  # fmt: skip
    said = capsys.readouterr().out
    assert "3 draws of dropout; goal: any wrong prediction" in said
    for name in ("mutual information", "background", "density", "coverage at 0.4", "denoise", "vote"):
        assert name in said
    assert "report.html, uncertainty.parquet, uncertainty.png" in said
    assert json.loads((tmp_path / "out" / "metrics.json").read_text())["n"] == 16
