"""``seqrobust uncertainty`` as a whole: its files, earlier attacks, other tasks, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from seqrobust.errors import ConfigError, DataError, InputError
from seqrobust.models.source import ModelSource
from seqrobust.pipeline.attack_stage import AttackSettings
from seqrobust.pipeline.inputs import DataSource
from seqrobust.pipeline.uncertainty_command import UncertaintyCommand, uncertainty_command
from seqrobust.progress import Silent
from seqrobust.sequences import Task

MODEL = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, outputs, dropout):
        super().__init__()
        torch.manual_seed(0)
        self.layers = nn.Sequential(nn.Conv1d(4, 12, 5, padding=2), nn.ReLU())
        self.head = nn.Sequential(nn.Linear(12, 8), nn.ReLU(), nn.Dropout(dropout), nn.Linear(8, outputs))

    def forward(self, x):
        return self.head(self.layers(x).amax(2))


def classes():
    return Net(3, 0.3)


def values():
    return Net(1, 0.3)


def sure():
    return Net(3, 0.0)
"""


def call(folder: Path, *, factory: str = "classes", task: Task = "classification", **more: Any) -> UncertaintyCommand:
    """A call on random records, some of them shorter, most of them without a target the model would give."""
    rng = np.random.default_rng(0)
    (folder / "model.py").write_text(MODEL)
    rows = ["id\tsequence\tsplit\tlabel"]
    for i in range(90):
        text = "".join(rng.choice(list("ACGT"), 16 if i % 4 else 13))
        label = f"{rng.normal():.4f}" if task == "regression" else "abc"[i % 3]
        rows.append(f"r{i}\t{text}\t{'train' if i % 2 else 'test'}\t{label}")
    (folder / "data.tsv").write_text("\n".join(rows) + "\n")
    labels = None if task == "regression" else ("a", "b", "c")
    usual: dict[str, Any] = {
        "model": ModelSource(model=f"{folder / 'model.py'}:{factory}", alphabet="DNA", task=task, labels=labels),
        "data": DataSource(path=folder / "data.tsv", split="test"),
        "settings": AttackSettings(budget="1,2", attacks=("one_step", "discrete_pgd_5"), max_records=12),
        "out": folder / "out",
        "dropout": 3,
        "order": 1,
        "draws": 3,
        "device": "cpu",
    }
    return UncertaintyCommand(**{**usual, **more})


def test_the_command_writes_its_files(tmp_path: Path) -> None:
    metrics = uncertainty_command(call(tmp_path), Silent())
    out = tmp_path / "out"
    assert json.loads((out / "metrics.json").read_text()) == metrics
    assert (out / "uncertainty.png").stat().st_size > 20_000
    table = pd.read_parquet(out / "uncertainty.parquet")
    assert set(table["kind"]) == {"natural", "random edits", "attacked", "disagreement"}
    assert len(table) == 12 * (1 + 2 * 3)
    assert table["mutual_information"].ge(0).all()
    raised = metrics["epistemic"]["budgets"]
    assert raised[0]["mean"] <= raised[1]["mean"] + 1e-9
    assert metrics["epistemic"]["clean_mean"] <= raised[0]["mean"]
    names = {"max probability", "entropy", "mutual information", "background", "density"}
    assert set(metrics["detection"]["detectors"]) == names
    for one in metrics["detection"]["detectors"].values():
        for row in one["budgets"]:
            if row["adaptive"]["n"]:
                assert row["adaptive"]["stopped"] <= row["adaptive"]["stopped_ignorant"]
    for one in metrics["purification"].values():
        assert all(row["robust_adaptive"] <= row["robust_non_adaptive"] for row in one["budgets"])
    assert json.loads((out / "manifest.json").read_text())["status"] == "finished"
    with pytest.raises(ConfigError, match="holds a run already"):
        uncertainty_command(call(tmp_path), Silent())
    again = uncertainty_command(call(tmp_path, overwrite=True), Silent())
    assert again == metrics


def test_an_earlier_attack_is_judged_anew(tmp_path: Path) -> None:
    fresh = uncertainty_command(call(tmp_path, parts=("selective",)), Silent())
    table = pd.read_parquet(tmp_path / "out" / "uncertainty.parquet")
    records = pd.read_csv(tmp_path / "data.tsv", sep="\t").set_index("id")["sequence"]
    ids = sorted(set(table["id"]))
    rows = [(name, budget, records[name]) for name in ids for budget in (1, 2)]
    folder = tmp_path / "attack"
    folder.mkdir()
    # An attack that changed nothing.
    earlier = pd.DataFrame(rows, columns=["id", "budget", "adversarial_sequence"])
    earlier.to_parquet(folder / "results.parquet")
    settings = AttackSettings(budget="1,2", max_records=12)
    more: dict[str, Any] = {"parts": ("selective",), "attack": folder, "settings": settings}
    metrics = uncertainty_command(call(tmp_path, out=tmp_path / "two", **more), Silent())
    assert all(row["robust"] == metrics["clean_accuracy"] for row in metrics["budgets"])
    assert metrics["clean_accuracy"] == fresh["clean_accuracy"]
    curves = metrics["selective"]["curves"]
    assert curves["attacked, 2"]["area"] == curves["clean"]["area"]
    earlier[earlier["budget"] == 1].to_parquet(folder / "results.parquet")
    with pytest.raises(DataError, match="no such record and budget"):
        uncertainty_command(call(tmp_path, out=tmp_path / "three", **more), Silent())


def test_a_regression_has_variance_instead(tmp_path: Path) -> None:
    settings = AttackSettings(budget="2", attacks=("one_step", "discrete_pgd_5"), max_records=8, delta=0.05)
    metrics = uncertainty_command(
        call(tmp_path, factory="values", task="regression", settings=settings, risk=None), Silent()
    )
    assert metrics["epistemic"]["quantity"] == "variance"
    assert set(metrics["detection"]["detectors"]) == {"variance", "background", "density"}
    assert metrics["selective"]["curves"]["clean"]["coverage_at_risk"] is None


def test_one_member_has_no_epistemic_part(tmp_path: Path) -> None:
    metrics = uncertainty_command(call(tmp_path, factory="sure", dropout=None, parts=("epistemic",)), Silent())
    assert "epistemic" not in metrics
    assert metrics["members"] == 1


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"factory": "sure"}, "no dropout"),
        ({"members": (Path("other.ckpt"),)}, "members are checkpoints or draws"),
        ({"settings": AttackSettings(budget=1, moves="indels")}, "under substitutions"),
        ({"order": 9}, "out of reach"),
        ({"data": DataSource(path=Path("data.tsv"), split="elsewhere")}, "no record is in that split"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: dict[str, Any], said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=said):
        uncertainty_command(call(tmp_path, **more), Silent())
    assert not (tmp_path / "out").exists()


def test_unknown_parts_and_shares_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown value"):
        call(tmp_path, parts=("magic",))
    with pytest.raises(ConfigError, match="between 0 and 1"):
        call(tmp_path, flagged=1.5)
