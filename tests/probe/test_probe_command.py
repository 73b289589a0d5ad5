"""The folder of a probe: what is in it, that it keeps its promises, goes on where it was stopped, and refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import typer
from seqrobust_cli.probe import probe
from typer.testing import CliRunner

from seqrobust.errors import ConfigError, DataError, InputError, ThreatError
from seqrobust.models.source import ModelSource
from seqrobust.pipeline.attack_stage import AttackSettings
from seqrobust.pipeline.inputs import DataSource
from seqrobust.pipeline.probe_command import ProbeCommand, probe_command
from seqrobust.progress import Silent

MODEL = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, outputs):
        super().__init__()
        torch.manual_seed(1)
        self.layers = nn.Sequential(nn.Conv1d(4, 12, 5, padding=2), nn.ReLU())
        self.head = nn.Linear(12, outputs)
        self.head.weight.data.mul_(20)
        self.head.bias.data.zero_()

    def forward(self, x):
        out = self.head(self.layers(x).mean(2))
        return out - out.mean(1, keepdim=True) if out.shape[1] > 1 else out


def classes():
    return Net(3)


def value():
    return Net(1)
"""
JASPAR = ">MA1 one\nA [ 9 0 0 1 ]\nC [ 0 9 0 1 ]\nG [ 1 1 9 1 ]\nT [ 0 0 1 7 ]\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``model.py``, ``data.tsv`` with three regions, ``plain.tsv`` without, ``one.jaspar``."""
    folder = tmp_path_factory.mktemp("probe")
    rng = np.random.default_rng(0)
    rows, plain = [], []
    for number in range(24):
        text = "".join(rng.choice(list("ACGT"), 24 + number % 2))
        label = ("EI", "IE", "N")[number % 3]
        regions = "" if label == "N" else f"box:4-9;tail:18-20;whole:0-{len(text)}"
        rows.append(f"r{number}\t{label}\t{number / 10}\t{text}\t{regions}")
        plain.append(f"r{number}\t{label}\t{text}")
    (folder / "model.py").write_text(MODEL)
    (folder / "data.tsv").write_text("id\tlabel\tvalue\tsequence\tregions\n" + "\n".join(rows) + "\n")
    (folder / "plain.tsv").write_text("id\tlabel\tsequence\n" + "\n".join(plain) + "\n")
    (folder / "one.jaspar").write_text(JASPAR)
    return folder


def call(files: Path, out: Path, *, task: str = "classification", data: str = "data.tsv", **more: Any) -> ProbeCommand:
    """A call whose targets are the clean predictions' own affair: many records are wrong at first."""
    regression = task == "regression"
    settings = {"budget": "1..2", "attacks": ("quick",), "random_draws": 2} | more.pop("settings", {})
    source = DataSource(path=files / data)
    if regression:
        source = DataSource(path=files / data, columns=source.columns.__class__(targets=("value",)))
    usual: dict[str, Any] = {
        "model": ModelSource(
            model=f"{files / 'model.py'}:{'value' if regression else 'classes'}",
            alphabet="DNA",
            task=task,  # type: ignore[arg-type]
            labels=("value",) if regression else ("EI", "IE", "N"),
        ),
        "data": source,
        "settings": AttackSettings(**settings),
        "functional": ("box,tail",),
        "out": out,
        "device": "cpu",
    }
    return ProbeCommand(**{**usual, **more})


def test_a_probe_of_classes(files: Path, tmp_path: Path) -> None:
    found = probe_command(
        call(files, tmp_path / "out", motifs=(files / "one.jaspar",), write=("word=GAC", "word=GAC@tail")), Silent()
    ).metrics
    assert found == json.loads((tmp_path / "out" / "metrics.json").read_text())
    assert {"score", "ci", "p_value"} <= set(found["reliance"])
    assert {"functional", "nonfunctional", "random"} <= set(found["flip_rates"])
    assert found["functional"] == ["box", "tail"]
    assert found["scan"]["motifs_tested"] == 1
    assert len(found["writing"]) == 2
    assert found["writing"][1]["region"] == "tail"
    assert all(isinstance(sentence, str) and sentence for sentence in found["verdict"])
    table = pd.read_parquet(tmp_path / "out" / "results.parquet")
    assert set(table["arm"]) == {"functional", "nonfunctional", "matched"}
    _edits_stay_in_place(table, files)
    page = (tmp_path / "out" / "probe.html").read_text()
    assert "right for the right reason" in page
    assert "http" not in page.replace("http://www.w3.org", "").replace("http-equiv", "")
    assert (tmp_path / "out" / "probe.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["status"] == "finished"


def _edits_stay_in_place(table: pd.DataFrame, files: Path) -> None:
    texts = pd.read_csv(files / "data.tsv", sep="\t").set_index("id")["sequence"]
    functional = {*range(4, 9), 18, 19}
    for row in table.itertuples():
        changed = {at for at, (a, b) in enumerate(zip(texts[row.id], row.adversarial_sequence, strict=True)) if a != b}
        assert len(changed) == row.n_edits <= row.budget
        assert changed <= functional if row.arm == "functional" else not changed & functional


def test_a_probe_of_values(files: Path, tmp_path: Path) -> None:
    found = probe_command(call(files, tmp_path / "out", task="regression"), Silent()).metrics
    last = {arm: rows[-1] for arm, rows in found["budgets"].items()}
    assert last["nonfunctional"]["mean_shift"] > last["nonfunctional"]["random_mean_shift"]
    assert found["reliance"]["score"] is not None
    assert found["exchange"]["kept_same"] is None
    assert found["classes"] == {}
    assert (tmp_path / "out" / "probe.html").exists()


def test_a_stopped_probe_goes_on(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = probe_command(call(files, out), Silent()).metrics
    parts = sorted((out / "parts").iterdir())
    arms = ("functional", "nonfunctional", "matched")
    assert {part.name for part in parts} == {*(f"{arm}-00000.parquet" for arm in arms), "effects.npz"}
    kept = {part.name: part.stat().st_mtime_ns for part in parts}
    (out / "parts" / "functional-00000.parquet").unlink()
    (out / "metrics.json").unlink()
    again = probe_command(call(files, out, resume=True), Silent()).metrics
    assert again == first
    for name in ("nonfunctional-00000.parquet", "effects.npz"):
        assert (out / "parts" / name).stat().st_mtime_ns == kept[name]
    with pytest.raises(ConfigError, match="other settings"):
        probe_command(call(files, out, resume=True, functional=("box",)), Silent())
    with pytest.raises(ConfigError, match="holds a run already"):
        probe_command(call(files, out), Silent())


def test_without_a_name_all_regions_are_functional_and_that_is_said(files: Path, tmp_path: Path) -> None:
    heard: list[str] = []

    class Heard(Silent):
        def say(self, text: str) -> None:
            heard.append(text)

    with pytest.raises(ThreatError, match="nothing to compare with") as caught:
        probe_command(call(files, tmp_path / "out", functional=(), settings={"only": ("whole",)}), Heard())
    assert "whole" in str(caught.value)
    assert any("functional are all regions" in text for text in heard)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"data": "plain.tsv", "functional": ()}, DataError, "no regions"),
        ({"functional": ("bx",)}, ThreatError, "no region has that name"),
        ({"functional": ("whole",), "settings": {"only": ("whole",)}}, ThreatError, "every editable position"),
        ({"functional": ("tail",), "settings": {"only": ("box",)}}, ThreatError, "no editable position"),
        ({"settings": {"budget": "10%"}}, ConfigError, "count"),
        ({"settings": {"moves": "indels"}}, ConfigError, "substitutions"),
        ({"write": ("GAC",)}, ConfigError, "word cannot be read"),
        ({"write": ("w=G-?",)}, ConfigError, "pattern cannot be read"),
        ({"write": ("w=GAC@nowhere",)}, ThreatError, "no region has that name"),
        ({"task": "regression", "write": ("w=GAC",)}, ConfigError, "change a class"),
        ({"motifs": (Path("missing.jaspar"),)}, InputError, "cannot be read"),
    ],
)
def test_what_cannot_be_probed(
    files: Path, tmp_path: Path, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        probe_command(call(files, tmp_path / "out", **changes), Silent())
    assert not (tmp_path / "out").exists()


def test_the_command_line(files: Path, tmp_path: Path) -> None:
    app = typer.Typer()
    app.command()(probe)
    arguments = ["--model", f"{files / 'model.py'}:classes", "--data", str(files / "data.tsv")]
    arguments += ["--task", "classification", "--labels", "EI,IE,N", "--alphabet", "DNA", "--functional", "box,tail"]
    arguments += ["--budget", "1", "--attack", "quick", "--out", str(tmp_path / "out"), "--no-report"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert (tmp_path / "out" / "metrics.json").exists()
    assert not (tmp_path / "out" / "probe.html").exists()
