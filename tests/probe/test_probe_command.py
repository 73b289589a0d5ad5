"""The folder of a probe: what is in it, that it keeps its promises, goes on where it was stopped, and refuses."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from changes import put_back
from rich.console import Console
from seqrobust_cli.main import _exit_code

from seqrobust.analysis.asked import ModelOnData
from seqrobust.analysis.probe import PROBE, ProbeFindings, ProbeSettings
from seqrobust.errors import ConfigError, DataError, InputError, ThreatError
from seqrobust.models.source import ModelSource
from seqrobust.progress import Progress, Silent
from seqrobust.report.terminal import show
from seqrobust.run.answer import Answer, answer
from seqrobust.run.settings import RunSettings
from seqrobust.sequences.data_source import Columns, DataSource

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


def ask(
    files: Path,
    out: Path,
    progress: Progress | None = None,
    *,
    task: str = "classification",
    data: str = "data.tsv",
    run: dict[str, Any] | None = None,
    **settings: Any,
) -> Answer[ProbeFindings]:
    """A probe of a model that many records are wrongly classified by."""
    regression = task == "regression"
    model = ModelSource(
        model=f"{files / 'model.py'}:{'value' if regression else 'classes'}",
        alphabet="DNA",
        task=task,  # type: ignore[arg-type]
        labels=("value",) if regression else ("EI", "IE", "N"),
    )
    columns = Columns(targets=("value",)) if regression else Columns()
    usual = {"budget": "1..2", "attacks": ("quick",), "random_draws": 2, "functional": ("box,tail",)}
    return answer(
        PROBE,
        ModelOnData(model=model, data=DataSource(path=files / data, columns=columns)),
        ProbeSettings(**{**usual, **settings}),
        RunSettings(out=out, device="cpu", **(run or {})),
        progress or Silent(),
    )


def test_a_probe_of_classes(files: Path, tmp_path: Path) -> None:
    found = ask(files, tmp_path / "out", motifs=(files / "one.jaspar",), write=("w=GAC", "w=GAC@tail")).metrics
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
    found = ask(files, tmp_path / "out", task="regression").metrics
    # Every third record has no region, and a value is attacked whatever it is.
    assert found["without_functional"] == {"n": 8, "by_class": {}}
    assert found["verdict"][0].startswith("8 of 24 attacked records have no functional position")
    last = {arm: rows[-1] for arm, rows in found["budgets"].items()}
    assert last["nonfunctional"]["mean_shift"] > last["nonfunctional"]["random_mean_shift"]
    assert found["reliance"]["score"] is not None
    assert found["exchange"]["kept_same"] is None
    assert found["classes"] == {}
    assert (tmp_path / "out" / "probe.html").exists()


def test_a_stopped_probe_goes_on(files: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = ask(files, out).metrics
    parts = sorted(part for part in (out / "parts").iterdir() if part.name != "sums.jsonl")
    arms = ("functional", "nonfunctional", "matched")
    assert {part.name for part in parts} == {*(f"{arm}-00000.parquet" for arm in arms), "effects.npz"}
    kept = {part.name: part.stat().st_mtime_ns for part in parts}
    (out / "parts" / "functional-00000.parquet").unlink()
    (out / "metrics.json").unlink()
    again = ask(files, out, run={"resume": True}).metrics
    assert again == first
    for name in ("nonfunctional-00000.parquet", "effects.npz"):
        assert (out / "parts" / name).stat().st_mtime_ns == kept[name]
    with pytest.raises(ConfigError, match="other settings"):
        ask(files, out, run={"resume": True}, functional=("box",))
    with pytest.raises(ConfigError, match="holds a run already"):
        ask(files, out)


def test_without_a_name_all_regions_are_functional_and_that_is_said(files: Path, tmp_path: Path) -> None:
    heard: list[str] = []

    class Heard(Silent):
        def say(self, text: str) -> None:
            heard.append(text)

    with pytest.raises(ThreatError, match="nothing to compare with") as caught:
        ask(files, tmp_path / "out", Heard(), functional=(), only=("whole",))
    assert "whole" in str(caught.value)
    assert any("functional are all regions" in text for text in heard)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"data": "plain.tsv", "functional": ()}, DataError, "no regions"),
        ({"functional": ("bx",)}, ThreatError, "no region has that name"),
        ({"functional": ("whole",), "only": ("whole",)}, ThreatError, "every editable position"),
        ({"functional": ("tail",), "only": ("box",)}, ThreatError, "no editable position"),
        ({"budget": "10%"}, ConfigError, "count"),
        ({"moves": "indels"}, ConfigError, "substitutions"),
        ({"write": ("GAC",)}, ConfigError, "motif cannot be read"),
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
        ask(files, tmp_path / "out", **changes)
    assert not (tmp_path / "out").exists()


def test_the_command_line(files: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    call = ["probe", "--model", f"{files / 'model.py'}:classes", "--data", str(files / "data.tsv")]
    call += ["--task", "classification", "--labels", "EI,IE,N", "--alphabet", "DNA", "--functional", "box,tail"]
    call += ["--budget", "1", "--attack", "quick", "--out", str(tmp_path / "out")]
    assert _exit_code([*call, "--no-report"], debug=False) == 0
    assert (tmp_path / "out" / "metrics.json").exists()
    assert not (tmp_path / "out" / "probe.html").exists()
    assert "without touching a functional position" in " ".join(capsys.readouterr().out.split())


def test_the_page_on_a_terminal_and_as_html(files: Path, tmp_path: Path) -> None:
    found = ask(files, tmp_path / "out", write=("w=GAC",))
    console = Console(record=True, width=200, file=io.StringIO())
    show(found.page, console)
    text, html = " ".join(console.export_text().split()), (tmp_path / "out" / "probe.html").read_text()
    for verdict in found.findings.verdicts:
        assert " ".join(verdict.text.split()) in text
    assert "The answer" in html
    for verdict in found.findings.verdicts[1:]:
        assert verdict.topic in html
    for said in ("outside, as many; 2", "placed elsewhere", "Predictions that become"):
        assert said in text
        assert said in html
    assert "svg" not in text
    assert html.count("<svg") >= 3


def test_verdicts_are_values_with_a_topic(files: Path, tmp_path: Path) -> None:
    found = ask(files, tmp_path / "out", write=("w=GAC", "x=GAC@tail")).metrics
    assert [one["text"] for one in found["verdicts"]] == found["verdict"]
    topics = [one["topic"] for one in found["verdicts"]]
    assert topics[0] == "Answer"
    assert topics[-2:] == ["Writing w", "Writing x"]
    assert {"Reliance", "Backgrounds"} <= set(topics)


@pytest.mark.parametrize("broken_at", ["shard", "effects", "exchange"])
def test_a_probe_stopped_anywhere_ends_as_if_it_had_not_been(
    broken_at: str, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = ask(files, tmp_path / "whole", write=("w=GAC",)).metrics

    def stops(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    target = {
        "shard": "seqrobust.analysis.shards.run_shard",
        "effects": "seqrobust.analysis.probe.arms.position_effects",
        "exchange": "seqrobust.analysis.probe.arms.exchanged",
    }[broken_at]
    with monkeypatch.context() as patch:
        patch.setattr(target, stops)
        with pytest.raises(KeyboardInterrupt):
            ask(files, tmp_path / "out", write=("w=GAC",))
    assert not (tmp_path / "out" / "metrics.json").exists()
    assert ask(files, tmp_path / "out", write=("w=GAC",), run={"resume": True}).metrics == whole
    for name in ("results.parquet", "adversarial.fa", "probe.png"):
        assert (tmp_path / "out" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


@pytest.fixture(scope="module")
def finished(files: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of a probe that read every kind of file, and its settings."""
    tmp_path = tmp_path_factory.mktemp("finished")
    for file in files.iterdir():
        if file.is_file():
            (tmp_path / file.name).write_text(file.read_text())
    rows = ("\tA\tC\tG\tT", "A\t0\t1\t1\t1", "C\t1\t0\t1\t1", "G\t1\t1\t0\t1", "T\t1\t1\t1\t0")
    (tmp_path / "rule.tsv").write_text("\n".join(rows) + "\n")
    (tmp_path / "gained.jaspar").write_text(JASPAR)
    settings: dict[str, Any] = {
        "motifs": (tmp_path / "one.jaspar",),
        "allow": str(tmp_path / "rule.tsv"),
        "constraints": (f"no-gain:{tmp_path / 'gained.jaspar'}@80%",),
        "attacks": ("one_step",),
        "budget": 1,
    }
    ask(tmp_path, tmp_path / "out", **settings)
    return tmp_path, settings


@pytest.mark.parametrize("name", ["model.py", "data.tsv", "one.jaspar", "rule.tsv", "gained.jaspar"])
def test_resume_names_the_file_that_changed(name: str, finished: tuple[Path, dict[str, Any]]) -> None:
    folder, settings = finished
    old = (folder / name).read_text()
    changes = {
        "rule.tsv": ("A\t0\t1\t1\t1", "A\t0\t1\t1\t0"),
        "data.tsv": ("\tEI\t", "\tIE\t"),
        "model.py": ("20", "21"),
    }
    changed = old.replace(*changes.get(name, ("9 ", "8 ")))
    assert changed != old
    with put_back(folder / name):
        (folder / name).write_text(changed)
        with pytest.raises(ConfigError, match="cannot be resumed") as caught:
            ask(folder, folder / "out", **settings, run={"resume": True})
    assert {"data.tsv": "data.path", "one.jaspar": "probe.motifs 1"}.get(name, name) in str(caught.value)
