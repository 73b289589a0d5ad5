"""A study of explanations: what is left in the folder, how it agrees, how a stopped run goes on, its page."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import typer
from changes import put_back
from rich.console import Console
from seqrobust_cli.analyses import commands
from typer.testing import CliRunner

from seqrobust.alphabet import DNA
from seqrobust.analysis.asked import ModelOnData, Opening
from seqrobust.analysis.attribution import METHODS
from seqrobust.analysis.results import COLUMNS
from seqrobust.analysis.stability import STABILITY, StabilitySettings
from seqrobust.analysis.stability import study as study_module
from seqrobust.analysis.stability.tables import MORE_COLUMNS
from seqrobust.analysis.subject import Subject
from seqrobust.errors import ConfigError, InputError, ModelError
from seqrobust.models.predictor import Predictor
from seqrobust.models.source import ModelSource
from seqrobust.progress import Silent
from seqrobust.report.html import render
from seqrobust.report.terminal import show
from seqrobust.run.answer import Answer, answer
from seqrobust.run.settings import RunSettings
from seqrobust.sequences.data_source import Columns, DataSource

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
    (folder / "others").mkdir(exist_ok=True)
    (folder / "others" / "model.py").write_text(MODEL)
    rng = np.random.default_rng(0)
    rows = [f"r{i}\t{''.join(rng.choice(list('ACGT'), 14))}\tcore:3-6;tail:10-14" for i in range(20)]
    (folder / "data.tsv").write_text("id\tsequence\tregions\n" + "\n".join(rows) + "\n")
    return f"{folder / 'model.py'}:net", folder / "data.tsv"


def found_in(
    folder: Path,
    *,
    factory: str = "net",
    task: str = "classification",
    labels: tuple[str, ...] | None = None,
    out: str = "out",
    seed: int = 0,
    resume: bool = False,
    overwrite: bool = False,
    write: bool = True,
    **more: Any,
) -> Answer[Any]:
    """What is found with such files, written into ``out`` there."""
    if write:
        files(folder)
    model = ModelSource(
        model=f"{folder / 'model.py'}:{factory}",
        alphabet="DNA",
        task=task,  # type: ignore[arg-type]
        labels=labels,
    )
    asked = ModelOnData(model=model, data=DataSource(path=folder / "data.tsv"))
    usual: dict[str, Any] = {
        "budget": "1,2",
        "protect": ("tail",),
        "methods": ("input_x_gradient", "ism"),
        "random_draws": 2,
        "functional": ("core",),
        "attacks": ("greedy_all",),
        "sanity_records": 4,
    }
    run = RunSettings(out=folder / out, device="cpu", seed=seed, resume=resume, overwrite=overwrite)
    return answer(STABILITY, asked, StabilitySettings(**{**usual, **more}), run, Silent())


def shown(found: Answer[Any]) -> str:
    """What a terminal shows."""
    console = Console(file=io.StringIO(), width=240)
    show(found.page, console)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def test_the_files_agree(tmp_path: Path) -> None:
    metrics = found_in(tmp_path, other_models=(f"{tmp_path / 'model.py'}:other",)).metrics
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
    settings: dict[str, Any] = {"draw": False, "other_models": (f"{tmp_path / 'model.py'}:other",)}
    found_in(tmp_path, out="whole", **settings)
    real, taken = study_module.Study.rows, []

    def stops(study: Any, step: Any, *rest: Any) -> pd.DataFrame:
        taken.append(step.goal)
        if step.goal == "keep" and taken.count("keep") == 1:
            raise KeyboardInterrupt
        found: pd.DataFrame = real(study, step, *rest)
        return found

    def interrupts(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(study_module.Study, "rows", stops)
    with pytest.raises(KeyboardInterrupt):
        found_in(tmp_path, **settings)
    with monkeypatch.context() as patch:
        patch.setattr(study_module, "compare_models", interrupts)
        with pytest.raises(KeyboardInterrupt):
            found_in(tmp_path, resume=True, **settings)
    # Random weights were tried by then.
    monkeypatch.setattr(study_module.Study, "sanity", interrupts)
    found_in(tmp_path, resume=True, **settings)
    assert taken == ["random", "change", "keep", "keep"]
    _same(tmp_path)
    # All is there, so nothing is asked again but what a picture needs.
    monkeypatch.setattr(study_module, "compare_models", interrupts)
    found = found_in(tmp_path, resume=True, **{**settings, "draw": True})
    assert taken == ["random", "change", "keep", "keep"]
    assert (found.folder / "stability.png").exists()
    _same(tmp_path)
    with pytest.raises(ConfigError, match="seed = 1"):
        found_in(tmp_path, resume=True, seed=1, **settings)


def _same(folder: Path) -> None:
    for name in ("results.parquet", "metrics.json"):
        assert (folder / "whole" / name).read_bytes() == (folder / "out" / name).read_bytes()


CHANGED = {
    "model.py": "model, model.py",
    "data.tsv": "data.path",
    "others/model.py": "stability, model.py",
    "rule.tsv": "stability, rule.tsv",
    "motifs.jaspar": "stability, motifs.jaspar",
    "second/model.py": "stability, model.py (2)",
}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of a study that read every kind of file, and its settings."""
    tmp_path = tmp_path_factory.mktemp("finished")
    files(tmp_path)
    (tmp_path / "second").mkdir()
    (tmp_path / "second" / "model.py").write_text(MODEL)
    (tmp_path / "rule.tsv").write_text("\tA\tC\tG\tT\n" + "".join(f"{one}\t1\t1\t1\t1\n" for one in "ACGT"))
    counts = ">m1 box\nA [0 9 0 9 9 0]\nC [0 0 0 0 0 0]\nG [0 0 0 0 0 0]\nT [9 0 9 0 0 9]\n"
    (tmp_path / "motifs.jaspar").write_text(counts)
    settings: dict[str, Any] = {
        "allow": str(tmp_path / "rule.tsv"),
        "constraints": (f"no-gain:{tmp_path / 'motifs.jaspar'}@80%",),
        "other_models": (f"{tmp_path / 'others' / 'model.py'}:other", f"{tmp_path / 'second' / 'model.py'}:other"),
        "methods": ("saliency",),
        "goals": ("random",),
        "draw": False,
        "sanity_records": 0,
        "budget": "1",
        "write": False,
    }
    found_in(tmp_path, **settings)
    found_in(tmp_path, resume=True, **settings)
    return tmp_path, settings


@pytest.mark.parametrize("which", CHANGED)
def test_a_run_is_not_resumed_on_changed_files(which: str, finished: tuple[Path, dict[str, Any]]) -> None:
    folder, settings = finished
    text = (folder / which).read_text()
    edits = {"data.tsv": text.replace("core:3-6", "core:3-7", 1), "rule.tsv": text.replace("T\t1", "T\t2")}
    with put_back(folder / which):
        (folder / which).write_text(edits.get(which, text + "\n"))
        assert (folder / which).read_text() != text
        with pytest.raises(ConfigError, match="cannot be resumed") as error:
            found_in(folder, resume=True, **settings)
    assert f"contents of {CHANGED[which]} = " in str(error.value)


@pytest.mark.parametrize(
    ("more", "error"),
    [
        ({"moves": "indels"}, ConfigError),
        ({"protect": ("nowhere",)}, InputError),
        ({"functional": ("nowhere",)}, InputError),
        ({"factory": "blind"}, ModelError),
        ({"sanity_records": -1}, ConfigError),
        ({"output": "nobody"}, InputError),
        ({"max_records": 0}, ConfigError),
        ({"kept_lead": 1.0}, ConfigError),
        ({"goals": ("flip",)}, ConfigError),
        ({"other_models": ("nowhere.py:net",)}, ModelError),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_written(
    more: dict[str, Any], error: type[Exception], tmp_path: Path
) -> None:
    with pytest.raises(error):
        found_in(tmp_path, **more)
    assert not (tmp_path / "out").exists()


def test_all_methods_by_one_word() -> None:
    assert StabilitySettings(methods=("all",)).methods == tuple(METHODS)


def _with_labels(predictor: Predictor) -> Predictor:
    labels = ("x", "y", "z")
    return Predictor(predictor.module, alphabet=DNA, task="classification", labels=labels, device="cpu")


def test_models_in_memory_are_compared(tmp_path: Path) -> None:
    _, data = files(tmp_path)
    subjects = [
        ModelOnData(
            model=ModelSource(model=f"{tmp_path / 'model.py'}:{name}", alphabet="DNA", task="classification"),
            data=DataSource(path=data),
        ).open(Opening(device="cpu"), action="attacked")
        for name in ("net", "other")
    ]
    settings = StabilitySettings(methods=("saliency",), goals=("random",), sanity_records=0, budget=1, random_draws=1)
    mine: Subject = replace(subjects[0], another=None, others={"second": subjects[1]})
    ready = STABILITY.prepare(mine, settings, Opening(device="cpu"))
    assert list(ready.others) == ["second"]
    unlike = replace(subjects[1], predictor=_with_labels(subjects[1].predictor))
    with pytest.raises(ModelError, match="differ in labels"):
        STABILITY.prepare(replace(mine, others={"second": unlike}), settings, Opening(device="cpu"))
    with pytest.raises(ConfigError, match="in memory"):
        STABILITY.prepare(mine, replace(settings, other_models=("x.py:net",)), Opening(device="cpu"))


def test_the_value_explained_is_the_one_in_the_table(tmp_path: Path) -> None:
    files(tmp_path)
    rng = np.random.default_rng(0)
    head = "id\tup\tflat\tdown\tsequence\tregions\n"
    rows = [f"r{i}\t{i}\t1\t{-i}\t{''.join(rng.choice(list('ACGT'), 14))}\tcore:3-6;tail:10-14" for i in range(6)]
    (tmp_path / "data.tsv").write_text(head + "\n".join(rows) + "\n")
    model = ModelSource(
        model=f"{tmp_path / 'model.py'}:net", alphabet="DNA", task="regression", labels=("up", "flat", "down")
    )
    asked = ModelOnData(
        model=model, data=DataSource(path=tmp_path / "data.tsv", columns=Columns(targets=("up", "flat", "down")))
    )
    settings = StabilitySettings(
        methods=("saliency",), goals=("random",), sanity_records=0, budget=1, random_draws=1, output="down", draw=False
    )
    found = answer(STABILITY, asked, settings, RunSettings(out=tmp_path / "out", device="cpu"), Silent())
    opened = asked.open(Opening(device="cpu"), action="attacked")
    with opened.predictor.attached():
        logits = opened.predictor.logits(torch.tensor(opened.sequences.tokens)).cpu().numpy()
    scores = found.findings.results["clean_score"].to_numpy(float)
    np.testing.assert_allclose(scores, logits[:, 2], rtol=1e-5)
    assert opened.sequences.alphabet is DNA


def test_the_page(tmp_path: Path) -> None:
    found = found_in(tmp_path, other_models=(f"{tmp_path / 'model.py'}:other",))
    text, page = shown(found), (found.folder / "report.html").read_text()
    assert page == render(found.page, json.loads((found.folder / "manifest.json").read_text()))
    change = found.metrics["methods"]["input_x_gradient"]["change"]
    between = found.metrics["between_records"]["ism"]["correlation"]
    for verdict in found.findings.verdicts:
        assert verdict.sentence.split(":")[0] in text
    for part in (
        "random edits, prediction kept",
        f"{change['correlation']:.2f}",
        "rank correlation",
        "Pairs of models",
    ):
        assert part in text
        assert part in page
    # Two records before and after, and all of them, on the page alone; so are the checks beside.
    assert page.count("<svg") == 3
    assert f"{between:.2f}" in page
    assert "Random weights" in page
    assert "Random weights" not in text
    assert "take this as rough" not in text


def test_few_records_make_a_rough_verdict(tmp_path: Path) -> None:
    found = found_in(tmp_path, max_records=3, draw=False, sanity_records=0)
    assert found.page.sections[0].answer[0] == "Only 3 records could be attacked: take this as rough."
    assert "<svg" not in (found.folder / "report.html").read_text()


def test_nothing_attacked_is_nothing_judged(tmp_path: Path) -> None:
    files(tmp_path)
    # The opposite of what is predicted is called the truth.
    opened = ModelOnData(
        model=ModelSource(model=f"{tmp_path / 'model.py'}:net", alphabet="DNA", task="classification"),
        data=DataSource(path=tmp_path / "data.tsv"),
    ).open(Opening(device="cpu"), action="attacked")
    with opened.predictor.attached():
        best = opened.predictor.logits(torch.tensor(opened.sequences.tokens)).argmin(1).tolist()
    rows = zip((tmp_path / "data.tsv").read_text().splitlines(), ["label", *map(str, best)], strict=True)
    (tmp_path / "data.tsv").write_text("".join(f"{row}\t{label}\n" for row, label in rows))
    found = found_in(tmp_path, write=False, sanity_records=0, methods=("saliency",))
    assert found.metrics["clean_accuracy"] == 0
    assert found.page.sections[0].answer[0].startswith("No record could be attacked")
    assert [verdict.word for verdict in found.findings.verdicts] == ["untold"]


def test_the_command_line(tmp_path: Path) -> None:
    model, data = files(tmp_path)
    app = typer.Typer()
    app.command()(commands()["stability"])
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
