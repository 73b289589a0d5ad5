"""``seqrobust inspect`` and ``seqrobust compress`` as they are typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from seqrobust_cli.analyses import commands
from typer.testing import CliRunner, Result

from seqrobust.errors import ConfigError

Call = Callable[..., Result]


@pytest.fixture
def call(files: Path) -> Call:
    """Either command on a stranger's model."""
    app = typer.Typer()
    for name in ("inspect", "compress"):
        app.command(name)(commands()[name])

    def called(command: str, *more: object) -> Result:
        arguments = [
            command, "--model", f"{files / 'model.py'}:build", "--task", "classification", "--alphabet", "DNA",
            "--labels", "EI,IE,N", "--data", files / "dna.tsv", "--split", "test", "--max-records", 12, *more,
        ]  # fmt: skip
        return CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})

    return called


def test_inspect_says_what_it_found(call: Call, tmp_path: Path) -> None:
    found = call("inspect", "--search", "quick", "--budget", "1..6", "--ways", 2, "--out", tmp_path / "out")
    assert found.exception is None
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert [row["name"] for row in metrics["layers"]] == ["input", "layers.0", "layers.1", "head"]
    assert metrics["linearity"]["adversarial"]["exact"] == 1
    assert {path.name for path in (tmp_path / "out").iterdir()} >= {"inspect.parquet", "inspect.png", "manifest.json"}


def test_an_attack_of_another_folder_excludes_a_search(call: Call, tmp_path: Path) -> None:
    found = call("inspect", "--attack", tmp_path, "--search", "quick")
    assert isinstance(found.exception, ConfigError)
    assert "exclude each other" in str(found.exception)


def test_compress_writes_a_table(call: Call, tmp_path: Path) -> None:
    names = "int8-static,weights-2,prune-50"
    found = call(
        "compress", "--method", names, "--by-layer", "none", "--budget", 1, "--out", tmp_path / "out", "--no-picture"
    )
    assert found.exception is None
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert [one["name"] for one in metrics["variants"]] == names.split(",")
    # A stranger's model is no checkpoint of ours, and is not saved as one.
    assert not (tmp_path / "out" / "models").exists()
    assert not (tmp_path / "out" / "compress.png").exists()


def test_an_unknown_method_is_named(call: Call, tmp_path: Path) -> None:
    found = call("compress", "--method", "weights-1", "--out", tmp_path / "out")
    assert isinstance(found.exception, ConfigError)
    assert not (tmp_path / "out").exists()
