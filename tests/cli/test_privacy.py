"""``seqrobust privacy`` as it is typed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import typer
from seqrobust_cli.analyses import commands
from typer.testing import CliRunner

from seqrobust.errors import InputError


def ask(*arguments: object) -> str:
    """What is printed, notices included; what is refused is raised."""
    app = typer.Typer()
    app.command()(commands()["privacy"])
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return " ".join(result.output.split())


def test_our_checkpoint_and_its_own_file(files: Path, checkpoint: Callable[[str], Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = ask(
        "--model", checkpoint("cnn"), "--data", files / "dna.tsv", "--shadows", "4", "--out", out, "--device", "cpu"
    )
    assert "90 members, 50 non-members; 4 shadow models" in said
    assert "lira online" in said
    assert "10 validation records are on neither side" in said
    assert "50 non-members cannot show a false-positive rate of 1 %: 100 or more are needed" in said
    assert "manifest.json, metrics.json, privacy.png, report.html, results.parquet" in said
    metrics = json.loads((out / "metrics.json").read_text())
    assert set(metrics["attacks"]["rmia"]) >= {"auc", "auc_ci", "tpr_at_fpr", "balanced_accuracy"}
    assert set(metrics["shift"]) >= {"auc", "auc_ci"}
    assert len(pd.read_parquet(out / "results.parquet")) == 140
    with pytest.raises(InputError, match="holds a run"):
        ask("--model", checkpoint("cnn"), "--data", files / "dna.tsv", "--shadows", "4", "--out", out)


def test_a_strangers_model_and_two_files(files: Path, tmp_path: Path) -> None:
    table = pd.read_csv(files / "protein.tsv", sep="\t")
    table[:30].to_csv(tmp_path / "in.tsv", sep="\t", index=False)
    table[30:].to_csv(tmp_path / "out.tsv", sep="\t", index=False)
    model = ["--model", f"{files / 'model.py'}:protein", "--task", "binary", "--alphabet", "PROTEIN"]
    both = ["--members", tmp_path / "in.tsv", "--nonmembers", tmp_path / "out.tsv", "--labels", "no,yes"]
    said = ask(*model, *both, "--label-only", "--no-picture", "--out", tmp_path / "out")
    assert "30 members, 30 non-members; no shadow models" in said
    assert "rmia, rmia_offline left out: how the model was trained is not known: give its config with --recipe" in said
    assert "label only" in said
    assert not (tmp_path / "out" / "privacy.png").exists()


def test_shadows_of_records_of_unlike_lengths(files: Path, tmp_path: Path) -> None:
    """A stranger's protein model, and a config that says how it may have been trained."""
    table = pd.read_csv(files / "protein.tsv", sep="\t")
    table.insert(1, "split", ["train", "test"] * 30)
    table.to_csv(tmp_path / "both.tsv", sep="\t", index=False)
    config = tmp_path / "recipe.yaml"
    config.write_text(
        "name: x\ntask: binary\ndata: {path: both.tsv}\nmodel: {architecture: gru, hidden: 4, readout_hidden: 0}\n"
        "training: {epochs: 1, batch_size: 16}\n"
    )
    model = ["--model", f"{files / 'model.py'}:protein", "--task", "binary", "--alphabet", "PROTEIN"]
    both = ["--labels", "no,yes", "--data", tmp_path / "both.tsv", "--target-column", "label", "--recipe", config]
    said = ask(*model, *both, "--shadows", "5", "--no-picture", "--out", tmp_path / "out")
    assert "30 members, 30 non-members; 5 shadow models" in said
    metrics = json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert (metrics["left_out"], "rmia" in metrics["attacks"]) == ({}, True)
    assert "records differ in length" in metrics["shadows"]["training"]


@pytest.mark.parametrize(
    ("more", "found"),
    [
        (["--members", "a.tsv"], "found: --members"),
        (["--data", "a.tsv", "--nonmembers", "b.tsv"], "found: --nonmembers, --data"),
        (["--data", "a.tsv", "--nonmember-split", "train"], "members and non-members are the same records"),
        (["--data", "a.tsv", "--attacks", "guess"], "expected: loss, confidence"),
    ],
)
def test_what_is_refused(more: list[str], found: str) -> None:
    with pytest.raises(InputError) as caught:
        ask("--model", "model.ckpt", *more)
    assert found in str(caught.value)
