"""Folders of earlier attacks: every layout of their manifests, what is known of targets, and what is refused."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from seqrobust.analysis.earlier import AttackRun, files_of
from seqrobust.attacks.settings import AttackSettings
from seqrobust.errors import DataError
from seqrobust.run.folder import plain

SETTINGS = AttackSettings(budget="1,2", protect=("core", "tail"), allow="transitions", constraints=("gc:+-0.1",))


def written(folder: Path, *, config: Any = None, metrics: Any = None, **columns: Any) -> Path:
    folder.mkdir(exist_ok=True)
    table = {"id": ["a"], "budget": [1], "adversarial_sequence": ["ACGT"], "target": ["x"], **columns}
    pd.DataFrame(table).to_parquet(folder / "results.parquet")
    if config is not None:
        (folder / "manifest.json").write_text(json.dumps({"config": config}))
    if metrics is not None:
        (folder / "metrics.json").write_text(json.dumps(metrics))
    return folder


def own(settings: AttackSettings) -> dict[str, Any]:
    held: dict[str, Any] = plain(asdict(settings))
    return held


@pytest.mark.parametrize(
    "config",
    [
        {"model": {}, "attack": own(SETTINGS), "run": {"seed": 0}},
        {"model": {}, "settings": own(SETTINGS), "out": "somewhere"},
        {"attack": {"model": {}, "settings": own(SETTINGS)}, "ways": 16},
        {"model": {}, "evaluate": own(SETTINGS)},
        {"name": "splice", "attack": {**own(SETTINGS), "split": "test", "memory": None}, "training": {"budget": 9}},
    ],
    ids=["attack", "earlier attack", "earlier inspection", "evaluation", "run"],
)
def test_the_threat_is_found_in_every_layout(config: dict[str, Any], tmp_path: Path) -> None:
    found = AttackRun.read(written(tmp_path / "attack", config=config))
    mine = AttackSettings(budget=7, only=("mine",), attacks=("greedy",))
    threat = found.with_threat(mine)
    for name in ("protect", "only", "allow", "constraints", "moves"):
        assert getattr(threat, name) == getattr(SETTINGS, name), name
    assert (threat.budget, threat.attacks) == (7, ("greedy",))
    assert found.other_threat(SETTINGS) == []
    assert found.other_threat(AttackSettings(only=("mine",)))[:2] == [
        "protect core, tail there, none here", "only none there, mine here",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "config", [None, {}, [], "text", {"attack": None}, {"settings": {}}, {"attack": {"model": "x"}}]
)
def test_a_manifest_that_says_nothing_leaves_the_threat_as_it_is(config: Any, tmp_path: Path) -> None:
    found = AttackRun.read(written(tmp_path / "attack", config=config))
    assert found.with_threat(SETTINGS) == SETTINGS
    assert found.other_threat(SETTINGS) == []


def test_a_single_name_is_one_name(tmp_path: Path) -> None:
    found = AttackRun.read(written(tmp_path / "attack", config={"attack": {"protect": "core"}}))
    assert found.with_threat(AttackSettings()).protect == ("core",)


@pytest.mark.parametrize(
    ("metrics", "columns", "task", "labelled"),
    [
        ({"task": "binary", "clean_accuracy": 0.5}, {}, "binary", True),
        ({"task": "binary", "clean_accuracy": None}, {}, "binary", False),
        ({"attack": {"task": "multilabel", "clean_accuracy": None}}, {}, "multilabel", False),
        ({"task": "regression"}, {"target": [1.0]}, "regression", True),
        ({"task": "regression"}, {"target": [None]}, "regression", False),
        (None, {"random_score": [1.0], "target": [1.0]}, "regression", True),
        (None, {}, "classification", True),
        ([1], {}, "classification", True),
    ],
)
def test_task_and_targets(metrics: Any, columns: dict[str, Any], task: str, labelled: bool, tmp_path: Path) -> None:
    found = AttackRun.read(written(tmp_path / "attack", metrics=metrics, **columns))
    assert (found.task, found.labelled) == (task, labelled)


def test_what_is_read_is_named(tmp_path: Path) -> None:
    folder = written(tmp_path / "attack", config={}, metrics={})
    names = ("results.parquet", "manifest.json", "metrics.json")
    assert AttackRun.read(folder).files == tuple(folder / name for name in names)
    assert files_of(folder / "results.parquet") == files_of(folder)
    (folder / "metrics.json").unlink()
    assert files_of(folder) == tuple(folder / name for name in names[:2])


def test_what_is_no_attack_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="holds no attack"):
        AttackRun.read(tmp_path)
    with pytest.raises(DataError, match="holds no attack"):
        AttackRun.read(tmp_path / "nowhere")
    folder = written(tmp_path / "attack")
    with pytest.raises(DataError, match="no n_edits, success"):
        AttackRun.read(folder, ("id", "n_edits", "success"))
    (folder / "results.parquet").write_text("no table")
    with pytest.raises(DataError, match="cannot be read"):
        AttackRun.read(folder)
