"""The folder of an inspection: its files, how they agree, and what is refused."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from changes import put_back
from rich.console import Console

from seqrobust.analysis.asked import ModelOnData
from seqrobust.analysis.attack import ATTACK, AttackFindings
from seqrobust.analysis.inspect import INSPECT, InspectSettings
from seqrobust.analysis.inspect import study as room_study
from seqrobust.attacks.settings import AttackSettings
from seqrobust.errors import ConfigError, DataError, ModelError
from seqrobust.models.source import ModelSource
from seqrobust.progress import Silent
from seqrobust.report.terminal import show
from seqrobust.run.answer import Answer, answer
from seqrobust.run.settings import RunSettings
from seqrobust.sequences.data_source import DataSource

MODELS = """
import torch
from torch import nn


class Recurrent(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer
        self.head = nn.Linear(12, 3)

    def forward(self, x):
        return self.head(3 * self.layer(x.transpose(1, 2))[0].mean(1))


@torch.no_grad()
def centred(model):
    letters = torch.randint(4, (50, 20))
    model.head.bias -= model(torch.eye(4)[letters].transpose(1, 2)).mean(0)
    return model


def gru():
    torch.manual_seed(0)
    return centred(Recurrent(nn.GRU(4, 6, num_layers=2, batch_first=True, bidirectional=True)))


def lstm():
    torch.manual_seed(0)
    return centred(Recurrent(nn.LSTM(4, 12, batch_first=True)))


class Pooled(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(nn.Conv1d(4, 8, 5, padding=2), nn.ReLU())
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(5 * self.layers(x).amax(2))


def cnn():
    torch.manual_seed(1)
    return centred(Pooled())


class Windows(nn.Module):
    # Its recurrent layer is given several windows a record.
    def __init__(self):
        super().__init__()
        self.layer = nn.GRU(4, 8, batch_first=True)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        states = self.layer(x.transpose(1, 2).reshape(-1, 2, 4))[0][:, -1]
        return self.head(9 * states.reshape(len(x), -1, 8).mean(1))


def windows():
    torch.manual_seed(0)
    return centred(Windows())


def noisy():
    class Noisy(Pooled):
        def forward(self, x):
            return super().forward(x) + torch.randn(1)

    return Noisy()
"""


class Heard(Silent):
    """Keeps the notices."""

    def __init__(self) -> None:
        self.notices: list[str] = []

    def say(self, text: str) -> None:
        """See the protocol."""
        self.notices.append(text)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A model and records of two lengths, and where results go."""

    asked: ModelOnData
    run: RunSettings
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def out(self) -> Path:
        assert self.run.out is not None
        return self.run.out

    def inspect(self, progress: Silent | None = None, **more: Any) -> Answer[Any]:
        run = replace(self.run, resume=more.pop("resume", False), report=more.pop("report", False))
        searches = {} if "folder" in more else {"attacks": ("quick",)}
        settings = InspectSettings(budget="1..6", protect=("core",), random_draws=3, **searches, **self.more, **more)
        return answer(INSPECT, self.asked, settings, run, progress or Silent())

    def attack(self) -> AttackFindings:
        settings = AttackSettings(budget="1..6", attacks=("quick",), protect=("core",), random_draws=3, **self.more)
        return answer(ATTACK, self.asked, settings, replace(self.run, report=False), Silent()).findings


def made(folder: Path, factory: str, out: str = "out", **more: Any) -> Case:
    """Records of two lengths."""
    (folder / "models.py").write_text(MODELS)
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGT"), 18 + 4 * (i % 2))) for i in range(14)]
    rows = [f"r{i}\t{text}\tcore:0-4" for i, text in enumerate(texts)]
    (folder / "data.tsv").write_text("id\tsequence\tregions\n" + "\n".join(rows) + "\n")
    model = ModelSource(
        model=f"{folder / 'models.py'}:{factory}", alphabet="DNA", task="classification", labels=("EI", "IE", "N")
    )
    asked = ModelOnData(model=model, data=DataSource(path=folder / "data.tsv"))
    return Case(asked=asked, run=RunSettings(out=folder / out, device="cpu"), more=more)


def contents(folder: Path) -> dict[str, bytes]:
    """Metrics, table and picture of a folder."""
    return {name: (folder / name).read_bytes() for name in ("metrics.json", "inspect.parquet", "inspect.png")}


@pytest.mark.parametrize("factory", ["gru", "lstm", "cnn"])
def test_the_files_agree(factory: str, tmp_path: Path) -> None:
    heard = Heard()
    metrics = made(tmp_path, factory).inspect(heard, ways=4).metrics
    out = tmp_path / "out"
    assert json.loads((out / "metrics.json").read_text()) == metrics
    assert json.loads((out / "manifest.json").read_text())["status"] == "finished"
    assert (out / "inspect.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    table = pd.read_parquet(out / "inspect.parquet")
    assert not table.duplicated(["id", "part", "layer", "edits", "measure"]).any()
    assert table["id"].nunique() == metrics["n"]
    assert metrics["flips"]["adversarial"] == 1
    layers = {row["name"]: row for row in metrics["layers"]}
    assert layers["input"]["adversarial_amplification"] == pytest.approx(1)
    # As many random edits as adversarial ones: the inputs differ by as much.
    one, other = (layers["input"][f"{kind}_relative_difference"] for kind in ("adversarial", "random"))
    assert one == pytest.approx(other)
    assert "head" in layers
    directions = {"gru": 4, "lstm": 1, "cnn": 0}[factory]
    assert len(metrics["recurrent"]) == directions
    linear = metrics["linearity"]["adversarial"]
    assert linear["n"] == 4
    assert linear["exact"] == (factory == "cnn")
    assert (linear["regions"] is not None) == (factory == "cnn")
    assert any("sampled" in text for text in heard.notices) == (factory != "cnn")


def test_a_layer_without_a_row_a_record_is_left_out(tmp_path: Path) -> None:
    heard = Heard()
    metrics = made(tmp_path, "windows").inspect(heard, ways=2).metrics
    assert metrics["recurrent"] == {}
    assert [row["name"] for row in metrics["layers"]] == ["input", "head"]
    assert any("not compared: layer" in text for text in heard.notices)


def test_sequences_of_an_earlier_attack_are_taken(tmp_path: Path) -> None:
    outcome = made(tmp_path, "cnn", "earlier").attack()
    metrics = made(tmp_path, "cnn").inspect(folder=tmp_path / "earlier", ways=2, draw=False).metrics
    assert metrics["n"] == outcome.results[outcome.results["success"].fillna(False)]["id"].nunique()
    now = made(tmp_path, "cnn", "now").inspect(ways=2, draw=False).metrics
    for key in ("n", "mean_edits", "layers", "linearity"):
        assert now[key] == metrics[key], key
    table = pd.read_parquet(tmp_path / "out" / "inspect.parquet")
    edits = table[table["measure"] == "count"].set_index("id")["value"]
    first = outcome.results[outcome.results["success"].fillna(False)].drop_duplicates("id").set_index("id")
    assert edits.to_dict() == first["n_edits"].astype(float).to_dict()


def test_random_edits_keep_to_the_threat_of_the_folder(tmp_path: Path) -> None:
    made(tmp_path, "cnn", "earlier").attack()
    found = made(tmp_path, "cnn").inspect(folder=tmp_path / "earlier", draw=False, ways=0, only=())
    assert json.loads((found.folder / "manifest.json").read_text())["config"]["inspect"]["protect"] == ["core"]


def test_nothing_followed_is_drawn_as_that(tmp_path: Path) -> None:
    metrics = made(tmp_path, "cnn").inspect(ways=0).metrics
    assert metrics["linearity"] is None
    assert (tmp_path / "out" / "inspect.png").exists()


def test_what_cannot_be_inspected_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="another path"):
        made(tmp_path, "noisy").inspect()
    case = made(tmp_path, "cnn")
    with pytest.raises(DataError, match="no attack"):
        case.inspect(folder=tmp_path)
    with pytest.raises(ConfigError, match="no record has that id"):
        case.inspect(picture=("nobody",))
    with pytest.raises(ConfigError, match="exclude each other"):
        InspectSettings(folder=tmp_path, attacks=("quick",))
    made(tmp_path, "cnn", "earlier").attack()
    lines = (tmp_path / "data.tsv").read_text().splitlines()
    other = "\n".join([lines[0], *(line.replace("A", "T").replace("C", "G") for line in lines[1:])]) + "\n"
    (tmp_path / "other.tsv").write_text(other)
    moved = replace(case, asked=replace(case.asked, data=DataSource(path=tmp_path / "other.tsv")))
    with pytest.raises(DataError, match="no edit of its record"):
        moved.inspect(folder=tmp_path / "earlier")
    pd.DataFrame({"id": ["a"]}).to_parquet(tmp_path / "earlier" / "results.parquet")
    with pytest.raises(DataError, match="no attack's results"):
        case.inspect(folder=tmp_path / "earlier")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("factory", ["gru", "cnn"])
def test_a_run_resumes_to_the_same_results(factory: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = made(tmp_path, factory)
    whole.inspect(ways=3)
    expected = contents(whole.out)
    with monkeypatch.context() as patch:
        for name in ("inspect_activations", "inspect_ways"):
            patch.setattr(room_module(), name, refused)
        whole.inspect(ways=3, resume=True)
    assert contents(whole.out) == expected
    broken = made(tmp_path, factory, "broken")
    with monkeypatch.context() as patch:
        patch.setattr(room_module(), "inspect_ways", refused)
        with pytest.raises(RuntimeError, match="stopped"):
            broken.inspect(ways=3)
    assert not (broken.out / "metrics.json").exists()
    with monkeypatch.context() as patch:
        patch.setattr(room_module(), "inspect_activations", refused)
        broken.inspect(ways=3, resume=True)
    assert contents(broken.out) == expected


def room_module() -> Any:
    """The module of the study: the package shows its function under the same name."""
    return sys.modules[room_study.__module__]


def refused(*_: Any, **__: Any) -> None:
    raise RuntimeError("stopped")


def changed(path: Path) -> None:
    """A file changed without changing what it means, a table in one of its columns."""
    if path.suffix == ".parquet":
        table = pd.read_parquet(path)
        table.assign(forwards=table["forwards"] + 1).to_parquet(path)
    else:
        path.write_text(path.read_text() + "\n")


def of_earlier(case: Case) -> dict[str, Any]:
    return {"folder": case.out.parent / "earlier", "ways": 0, "draw": False}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Case:
    """An inspection of an earlier attack that read every kind of file."""
    folder = tmp_path_factory.mktemp("finished")
    case = made(folder, "cnn")
    letters = folder / "letters.csv"
    letters.write_text(",A,C,G,T\n" + "".join(f"{letter},1,1,1,1\n" for letter in "ACGT"))
    made(folder, "cnn", "earlier", allow=str(letters)).attack()
    case.inspect(**of_earlier(case))
    case.inspect(**of_earlier(case), resume=True)
    return case


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("models.py", "models.py"),
        ("data.tsv", "contents of data"),
        ("earlier/results.parquet", "results.parquet"),
        ("earlier/manifest.json", "manifest.json"),
        ("earlier/metrics.json", "metrics.json"),
        ("letters.csv", "letters.csv"),
    ],
)
def test_a_changed_file_is_not_resumed(name: str, named: str, finished: Case) -> None:
    with put_back(finished.out.parent / name):
        changed(finished.out.parent / name)
        with pytest.raises(ConfigError, match="cannot be resumed") as refusal:
            finished.inspect(**of_earlier(finished), resume=True)
    assert named in str(refusal.value)


@pytest.mark.parametrize("factory", ["gru", "cnn"])
def test_the_page_is_for_terminals_and_browsers(factory: str, tmp_path: Path) -> None:
    found = made(tmp_path, factory).inspect(ways=2, report=True)
    console = Console(file=io.StringIO(), width=200)
    show(found.page, console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    html = (tmp_path / "out" / "report.html").read_text()
    first = found.metrics["layers"][-1]
    for text in ("they change 100.0 % of predictions", first["name"], f"{first['ratio']:.2f}", "linearity, random"):
        assert text in shown, text
        assert text in html, text
    assert ("half-life" in shown) == ("half-life" in html) == (factory == "gru")
    assert "<svg" in html
    assert "Single records" not in shown
