"""The folder of a study of explanations: its files, how they agree, and how a stopped run goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
from seqrobust_cli.stability import stability
from typer.testing import CliRunner

from seqrobust.analysis.results import COLUMNS
from seqrobust.analysis.stability import StabilitySettings
from seqrobust.analysis.stability.tables import MORE_COLUMNS
from seqrobust.errors import ConfigError, InputError, ModelError
from seqrobust.models.source import ModelSource
from seqrobust.pipeline import stability_command as command_module
from seqrobust.pipeline.attack_stage import AttackSettings
from seqrobust.pipeline.inputs import DataSource
from seqrobust.pipeline.stability_command import StabilityCommand, stability_command
from seqrobust.progress import Silent

MODEL = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, seed):
        super().__init__()
        torch.manual_seed(seed)
        self.layers = nn.Sequential(nn.Conv1d(4, 8, 5, padding=2), nn.ReLU())
        self.head = nn.Linear(8, 3)
        self.head.weight.data *= 5

    def forward(self, x):
        return self.head(self.layers(x).mean(2))


def net():
    return Net(0)


def other():
    return Net(1)


def blind():
    class Blind(nn.Module):
        def forward(self, x):
            return x.argmax(1).float()[:, :3]
    return Blind()
"""


def files(folder: Path) -> tuple[str, Path]:
    """A model and a data file."""
    (folder / "model.py").write_text(MODEL)
    rng = np.random.default_rng(0)
    rows = [f"r{i}\t{''.join(rng.choice(list('ACGT'), 14))}\tcore:3-6;tail:10-14" for i in range(20)]
    (folder / "data.tsv").write_text("id\tsequence\tregions\n" + "\n".join(rows) + "\n")
    return f"{folder / 'model.py'}:net", folder / "data.tsv"


def call(folder: Path, *, factory: str = "net", threat: dict[str, Any] | None = None, **more: Any) -> StabilityCommand:
    """A call on such files, written into ``out`` there."""
    _, data = files(folder)
    usual: dict[str, Any] = {
        "model": ModelSource(model=f"{folder / 'model.py'}:{factory}", alphabet="DNA", task="classification"),
        "data": DataSource(path=data),
        "threat": AttackSettings(**{"budget": "1,2", "protect": ("tail",), **(threat or {})}),
        "settings": StabilitySettings(
            methods=("input_x_gradient", "ism"), draws=2, functional=("core",), attacks=("greedy_all",)
        ),
        "sanity_records": 4,
        "out": folder / "out",
        "device": "cpu",
    }
    return StabilityCommand(**{**usual, **more})


def test_the_files_agree(tmp_path: Path) -> None:
    others = (ModelSource(model=f"{tmp_path / 'model.py'}:other", alphabet="DNA", task="classification"),)
    metrics = stability_command(call(tmp_path, others=others), Silent())
    out = tmp_path / "out"
    assert json.loads((out / "metrics.json").read_text()) == json.loads(json.dumps(metrics))
    assert json.loads((out / "manifest.json").read_text())["status"] == "finished"
    assert (out / "stability.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    rows = pd.read_parquet(out / "results.parquet")
    assert list(rows.columns[: len(COLUMNS) + len(MORE_COLUMNS)]) == [*COLUMNS, *MORE_COLUMNS]
    assert len(rows) == metrics["rows"]
    assert not any(int(edit[1:-1]) > 10 for edits in rows["edits"] for edit in edits.split(";") if edit)
    assert metrics["thresholds"]["changed_below"] == 0.5
    assert set(metrics["seeds"]) == set(metrics["methods"]) == set(metrics["sanity"]) == {"input_x_gradient", "ism"}
    pair = metrics["seeds"]["ism"]["pairs"][0]
    assert pair["other"].endswith(":other")


def test_a_stopped_run_goes_on_to_the_same_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stability_command(call(tmp_path, out=tmp_path / "whole", draw=False), Silent())
    real, taken = command_module.Study.rows, []

    def stops(study: Any, step: Any, *rest: Any) -> pd.DataFrame:
        taken.append(step.goal)
        if step.goal == "keep" and taken.count("keep") == 1:
            raise KeyboardInterrupt
        found: pd.DataFrame = real(study, step, *rest)
        return found

    monkeypatch.setattr(command_module.Study, "rows", stops)
    with pytest.raises(KeyboardInterrupt):
        stability_command(call(tmp_path, draw=False), Silent())
    stability_command(call(tmp_path, draw=False, resume=True), Silent())
    assert taken == ["random", "change", "keep", "keep"]
    for name in ("results.parquet", "metrics.json"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()
    with pytest.raises(ConfigError):
        stability_command(call(tmp_path, draw=False, resume=True, seed=1), Silent())


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"threat": {"moves": "indels"}}, ConfigError),
        ({"threat": {"protect": ("nowhere",)}}, InputError),
        ({"settings": StabilitySettings(functional=("nowhere",))}, InputError),
        ({"factory": "blind"}, ModelError),
        ({"sanity_records": -1}, ConfigError),
    ],
)
def test_what_cannot_be_done_is_told_before_anything_is_written(
    more: dict[str, Any], error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error):
        stability_command(call(tmp_path, **more), Silent())
    assert not (tmp_path / "out").exists()


def test_the_command_line(tmp_path: Path) -> None:
    model, data = files(tmp_path)
    app = typer.Typer()
    app.command()(stability)
    out = tmp_path / "out"
    asked = ["--model", model, "--data", str(data), "--alphabet", "DNA", "--task", "classification", "--budget", "15%"]
    asked += ["--methods", "saliency", "--goals", "random,change", "--random-draws", "2", "--sanity-records", "0"]
    result = CliRunner().invoke(app, [*asked, "--device", "cpu", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert "saliency" in result.output
    metrics = json.loads((out / "metrics.json").read_text())
    assert list(metrics["methods"]["saliency"]) == ["random", "change"]
    (level,) = metrics["methods"]["saliency"]["change"]["budgets"]
    assert level["budget"] == "15%"
    assert (out / "stability.png").exists()
