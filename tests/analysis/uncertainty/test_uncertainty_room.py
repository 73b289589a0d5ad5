"""The folder of a study of uncertainty: its files, earlier attacks, other tasks, what it refuses, how it resumes."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from changes import put_back
from rich.console import Console

from seqrobust.analysis.asked import ModelOnData, Opening
from seqrobust.analysis.attack import ATTACK
from seqrobust.analysis.uncertainty import UNCERTAINTY, UncertaintySettings
from seqrobust.analysis.uncertainty.attacking import find
from seqrobust.analysis.uncertainty.ensemble import members_of
from seqrobust.attacks.settings import AttackSettings
from seqrobust.errors import ConfigError, DataError, InputError, ModelError
from seqrobust.models.source import ModelSource
from seqrobust.progress import Silent
from seqrobust.report.terminal import show
from seqrobust.run.answer import Answer, answer
from seqrobust.run.settings import RunSettings
from seqrobust.sequences import Task
from seqrobust.sequences.data_source import DataSource

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


class Shares(nn.Module):
    def forward(self, x):
        return sure()(x).softmax(1)


def shares():
    return Shares()
"""


def made(folder: Path, *, factory: str = "classes", task: Task = "classification", split: str = "test") -> ModelOnData:
    """A model on random records, some of them shorter, most of them without a target the model would give."""
    rng = np.random.default_rng(0)
    (folder / "model.py").write_text(MODEL)
    rows = ["id\tsequence\tsplit\tlabel"]
    for i in range(90):
        text = "".join(rng.choice(list("ACGT"), 16 if i % 4 else 13))
        label = f"{rng.normal():.4f}" if task == "regression" else "abc"[i % 3]
        rows.append(f"r{i}\t{text}\t{'train' if i % 2 else 'test'}\t{label}")
    (folder / "data.tsv").write_text("\n".join(rows) + "\n")
    labels = None if task == "regression" else ("a", "b", "c")
    model = ModelSource(model=f"{folder / 'model.py'}:{factory}", alphabet="DNA", task=task, labels=labels)
    return ModelOnData(model=model, data=DataSource(path=folder / "data.tsv", split=split))


def settings_of(**more: Any) -> UncertaintySettings:
    usual: dict[str, Any] = {
        "budget": "1,2",
        "attacks": ("one_step", "discrete_pgd_5"),
        "max_records": 12,
        "dropout_samples": 3,
        "order": 1,
        "draws": 3,
    }
    return UncertaintySettings(**{**usual, **more})


def studied(asked: ModelOnData, out: Path, *, run: dict[str, Any] | None = None, **more: Any) -> Answer[Any]:
    where = RunSettings(**{"out": out, "device": "cpu", "report": False, **(run or {})})
    return answer(UNCERTAINTY, asked, settings_of(**more), where, Silent())


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in ("metrics.json", "uncertainty.parquet", "uncertainty.png")}


def test_the_files_agree(tmp_path: Path) -> None:
    metrics = studied(made(tmp_path), tmp_path / "out").metrics
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
    manifest = json.loads((out / "manifest.json").read_text())
    assert manifest["status"] == "finished"
    assert "members are 3 draws of the model's dropout, each the same for all records" in manifest["notices"]
    with pytest.raises(ConfigError, match="holds a run already"):
        studied(made(tmp_path), out)
    again = studied(made(tmp_path), out, run={"overwrite": True}).metrics
    assert again == metrics


def test_an_earlier_attack_is_judged_anew(tmp_path: Path) -> None:
    asked = made(tmp_path)
    fresh = studied(asked, tmp_path / "out", parts=("selective",)).metrics
    table = pd.read_parquet(tmp_path / "out" / "uncertainty.parquet")
    records = pd.read_csv(tmp_path / "data.tsv", sep="\t").set_index("id")["sequence"]
    ids = sorted(set(table["id"]))
    rows = [(name, budget, records[name]) for name in ids for budget in (1, 2)]
    folder = tmp_path / "attack"
    folder.mkdir()
    # An attack that changed nothing.
    earlier = pd.DataFrame(rows, columns=["id", "budget", "adversarial_sequence"])
    earlier.to_parquet(folder / "results.parquet")
    more: dict[str, Any] = {"parts": ("selective",), "attack_folder": folder}
    metrics = studied(asked, tmp_path / "two", **more).metrics
    assert all(row["robust"] == metrics["clean_accuracy"] for row in metrics["budgets"])
    assert metrics["clean_accuracy"] == fresh["clean_accuracy"]
    curves = metrics["selective"]["curves"]
    assert curves["attacked, 2"]["area"] == curves["clean"]["area"]
    earlier[earlier["budget"] == 1].to_parquet(folder / "results.parquet")
    with pytest.raises(DataError, match="no such record and budget"):
        studied(asked, tmp_path / "three", **more)


def test_another_threat_of_an_earlier_attack_is_noticed(tmp_path: Path) -> None:
    asked = made(tmp_path)
    earlier = AttackSettings(budget="1,2", attacks=("one_step",), allow="transitions")
    run = RunSettings(out=tmp_path / "attack", device="cpu", report=False)
    answer(ATTACK, asked, earlier, run, Silent())
    more: dict[str, Any] = {"parts": ("selective",), "attack_folder": tmp_path / "attack"}
    studied(asked, tmp_path / "other", **more)
    studied(asked, tmp_path / "same", **more, allow="transitions")
    notices = {
        name: [
            text for text in json.loads((tmp_path / name / "manifest.json").read_text())["notices"] if "threat" in text
        ]
        for name in ("other", "same")
    }
    assert notices["same"] == []
    assert len(notices["other"]) == 1
    assert "allow transitions there, any here" in notices["other"][0]


def test_a_regression_has_variance_instead(tmp_path: Path) -> None:
    asked = made(tmp_path, factory="values", task="regression")
    metrics = studied(asked, tmp_path / "out", budget="2", max_records=8, delta=0.05).metrics
    assert metrics["epistemic"]["quantity"] == "variance"
    assert set(metrics["detection"]["detectors"]) == {"variance", "background", "density"}
    assert metrics["selective"]["curves"]["clean"]["coverage_at_risk"] is None


def test_one_member_has_no_epistemic_part(tmp_path: Path) -> None:
    asked = made(tmp_path, factory="sure")
    metrics = studied(asked, tmp_path / "out", dropout_samples=None, parts=("epistemic",)).metrics
    assert "epistemic" not in metrics
    assert metrics["members"] == 1


def test_members_are_asked_each_in_its_own_way(tmp_path: Path) -> None:
    """A network that gives probabilities is, among ones that give logits, the same network."""
    asked = made(tmp_path, factory="sure")
    settings = settings_of(dropout_samples=None, members=(f"{tmp_path / 'model.py'}:shares",))
    subject = asked.open(Opening(device="cpu"), action="used")
    (logits, shares), notices = members_of(subject, settings, 0)
    encoded = torch.eye(4)[torch.randint(4, (5, 16))].transpose(1, 2)
    with torch.no_grad():
        one, other = logits(encoded, None).log_softmax(1), shares(encoded, None).log_softmax(1)
    assert torch.allclose(one, other, atol=1e-5)
    assert not notices
    with pytest.raises(ModelError, match="differ in input_length"):
        members_of(replace(subject, predictor=asked_at(asked, 16)), settings, 0)


def asked_at(asked: ModelOnData, length: int) -> Any:
    model = replace(asked.model, input_length=length)
    return replace(asked, model=model).open(Opening(device="cpu"), action="used").predictor


@pytest.mark.parametrize(
    ("factory", "split", "more", "said"),
    [
        ("sure", "test", {}, "no dropout"),
        ("classes", "test", {"order": 9}, "out of reach"),
        ("classes", "elsewhere", {}, "no record is in that split"),
        ("classes", "test", {"fit_split": "test"}, "fitted to other records"),
        ("classes", "test", {"attack_folder": Path("nowhere")}, "holds no attack"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    tmp_path: Path, factory: str, split: str, more: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        studied(made(tmp_path, factory=factory, split=split), tmp_path / "out", **more)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"parts": ("magic",)}, "unknown value"),
        ({"purify": ("soap",)}, "unknown value"),
        ({"flagged": 1.5}, "between 0 and 1"),
        ({"draws": 0}, "over draws"),
        ({"members": ("other.ckpt",)}, "members are checkpoints or draws"),
        ({"moves": "indels"}, "under substitutions"),
        ({"budget": "2%", "attack_folder": Path("earlier")}, "numbers of edits"),
    ],
)
def test_settings_are_checked(more: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        settings_of(**more)


def test_a_run_resumes_to_the_same_results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, module = made(tmp_path), sys.modules[find.__module__]
    studied(asked, tmp_path / "out")
    expected = contents(tmp_path / "out")
    stops = [1]
    real, calls = module.run_shard, []  # type: ignore[attr-defined]

    def counted(*arguments: Any, **more: Any) -> Any:
        calls.append(1)
        if len(calls) == stops[-1]:
            raise RuntimeError("stopped")
        return real(*arguments, **more)

    monkeypatch.setattr(module, "run_shard", counted)
    studied(asked, tmp_path / "out", run={"resume": True})
    assert not calls
    assert contents(tmp_path / "out") == expected
    # In the attack itself, in that on disagreement, among the detectors, and at the last purification.
    attacks = len(list((tmp_path / "out" / "parts").glob("found-*.npz")))
    for number, stop in enumerate((2, 4, attacks)):
        stops.append(stop)
        place = tmp_path / f"broken-{number}"
        calls.clear()
        with pytest.raises(RuntimeError, match="stopped"):
            studied(asked, place)
        assert not (place / "metrics.json").exists()
        studied(asked, place, run={"resume": True})
        assert len(calls) == attacks + 1
        assert contents(place) == expected


def rewritten(name: str) -> Callable[[Path], None]:
    """What changes a file without changing what it means."""

    def change(folder: Path) -> None:
        path = folder / name
        if path.suffix == ".parquet":
            pd.read_parquet(path).assign(more=1).to_parquet(path)
        else:
            path.write_text(path.read_text() + "\n")

    return change


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A study that reads every kind of file, finished."""

    folder: Path
    asked: ModelOnData
    more: dict[str, Any]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("finished")
    asked = made(folder, factory="sure")
    (folder / "other.py").write_text((folder / "model.py").read_text())
    letters = folder / "letters.csv"
    letters.write_text(",A,C,G,T\n" + "".join(f"{letter},1,1,1,1\n" for letter in "ACGT"))
    earlier = AttackSettings(budget="1,2", attacks=("one_step",), allow=str(letters))
    run = RunSettings(out=folder / "attack", device="cpu", report=False)
    answer(ATTACK, asked, earlier, run, Silent())
    more: dict[str, Any] = {
        "parts": ("selective",),
        "attack_folder": folder / "attack",
        "allow": str(letters),
        "dropout_samples": None,
        "members": (f"{folder / 'other.py'}:sure",),
    }
    studied(asked, folder / "out", **more)
    studied(asked, folder / "out", run={"resume": True}, **more)
    return Finished(folder=folder, asked=asked, more=more)


@pytest.mark.parametrize(
    ("name", "named"),
    [
        ("model.py", "model.py"),
        ("other.py", "other.py"),
        ("data.tsv", "contents of data"),
        ("letters.csv", "letters.csv"),
        ("attack/results.parquet", "results.parquet"),
        ("attack/manifest.json", "manifest.json"),
    ],
)
def test_a_changed_file_is_not_resumed(name: str, named: str, finished: Finished) -> None:
    with put_back(finished.folder / name):
        rewritten(name)(finished.folder)
        with pytest.raises(ConfigError, match="cannot be resumed") as refusal:
            studied(finished.asked, finished.folder / "out", run={"resume": True}, **finished.more)
    assert named in str(refusal.value)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_the_page_is_for_terminals_and_browsers(task: Task, tmp_path: Path) -> None:
    regression = task == "regression"
    asked = made(tmp_path, factory="values" if regression else "classes", task=task)
    more: dict[str, Any] = {"delta": 0.05} if regression else {"risk": 0.4}
    found = studied(asked, tmp_path / "out", run={"report": True}, **more)
    console = Console(file=io.StringIO(), width=200)
    show(found.page, console)
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    html = (tmp_path / "out" / "report.html").read_text()
    for text in ("3 draws of dropout", "12 records attacked", "AUROC, natural", "background", "adaptive", "denoise"):
        assert text in shown, text
        assert text in html, text
    assert ("coverage at 0.4" in shown) == ("coverage at 0.4" in html) == (not regression)
    assert "<svg" in html
    for one in (*found.metrics["detection"]["detectors"].values(), *found.metrics["purification"].values()):
        assert one["verdict"].partition(": ")[2][:40] in shown
