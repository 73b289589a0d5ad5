"""Surrogates of an evaluation: trained on what the model says, averaged, kept, and heard by the verdict."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from seqrobust_cli.main import _exit_code

from seqrobust.alphabet import DNA
from seqrobust.errors import InputError
from seqrobust.models import load_checkpoint
from seqrobust.report.words import percent
from seqrobust.sequences import one_hot
from seqrobust.sequences.encoding import tokens_from_texts
from seqrobust.training import TrainingSettings

VICTIMS = '''\
import torch
from torch import nn


class Additive(nn.Module):
    """One weight per letter and position."""

    def __init__(self, outputs, steep=False):
        super().__init__()
        self.weight = nn.Parameter(0.3 * torch.randn(outputs, 4, 20, generator=torch.Generator().manual_seed(3)))
        self.steep = steep

    def forward(self, x):
        score = torch.einsum("nkl,okl->no", x, self.weight - self.weight.mean(1, keepdim=True))
        return 10 * torch.tanh(1000 * score) if self.steep else score


def honest():
    return Additive(3)


def masked():
    return Additive(1, steep=True)


def value():
    return Additive(1)
'''


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("surrogates")
    (made / "victims.py").write_text(VICTIMS)
    rng = np.random.default_rng(0)
    rows = [f"r{i}\t{'test' if i % 4 == 0 else 'train'}\t{''.join(rng.choice(list('ACGT'), 20))}" for i in range(480)]
    (made / "records.tsv").write_text("\n".join(["id\tsplit\tsequence", *rows]) + "\n")
    return made


def evaluate(folder: Path, victim: str, task: str, out: str, *more: str, methods: str = "one_step,greedy") -> int:
    return _exit_code(
        [
            "evaluate", "--model", f"{folder / 'victims.py'}:{victim}", "--task", task, "--alphabet", "DNA",
            "--data", str(folder / "records.tsv"), "--split", "test", "--budget", "1..2", "--max-records", "60",
            "--methods", methods, "--probe-records", "8", "--random-draws", "2", "--device", "cpu",
            "--out", str(folder / out), *more,
        ],
        debug=True,
    )  # fmt: skip


def metrics_of(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "metrics.json").read_text())
    return found


@pytest.fixture(scope="module")
def stolen(folder: Path) -> Path:
    assert evaluate(folder, "honest", "classification", "stolen", "--surrogates", "2") == 0
    return folder / "stolen"


def test_what_a_surrogate_says_is_what_the_model_says(stolen: Path, folder: Path) -> None:
    rows = {row["name"]: row for row in metrics_of(stolen)["surrogates"]}
    assert list(rows) == ["trained-1", "trained-2", "ensemble"]
    assert [row["kind"] for row in rows.values()] == ["trained", "trained", "ensemble"]
    assert rows["trained-1"]["taught"] == 360
    module, card = load_checkpoint(stolen / "surrogates" / "trained-1" / "model.ckpt")
    lines = [line.split("\t") for line in (folder / "records.tsv").read_text().splitlines()[1:]]
    texts = [text for _, split, text in lines if split == "test"]
    scope: dict[str, Any] = {}
    exec(VICTIMS, scope)
    encoded = one_hot(torch.tensor(tokens_from_texts(texts, DNA)), DNA)
    with torch.no_grad():
        theirs, mine = module(encoded), scope["honest"]()(encoded)
    # Logits, and not only classes, were learned; the evaluation drew 60 of these 120 records.
    assert np.corrcoef(theirs.flatten(), mine.flatten())[0, 1] > 0.7
    same = float((theirs.argmax(1) == mine.argmax(1)).float().mean())
    assert abs(same - rows["trained-1"]["agreement"]) < 0.1
    assert (card.task, card.labels) == ("classification", ("0", "1", "2"))
    first, second = (
        load_checkpoint(stolen / "surrogates" / f"trained-{number}" / "model.ckpt")[0].state_dict() for number in (1, 2)
    )
    assert any(not torch.equal(first[name], second[name]) for name in first)


def test_agreement_is_printed(folder: Path, stolen: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert evaluate(folder, "honest", "classification", "stolen", "--surrogates", "2", "--resume") == 0
    row = metrics_of(stolen)["surrogates"][0]
    shown = next(line for line in capsys.readouterr().out.splitlines() if line.strip().startswith("trained-1"))
    assert percent(row["agreement"]) in " ".join(shown.split())


def test_every_surrogate_is_a_method(stolen: Path) -> None:
    metrics = metrics_of(stolen)
    names = [row["method"] for row in metrics["contributions"]]
    assert names == ["one_step", "greedy", "transfer:trained-1", "transfer:trained-2", "transfer:ensemble"]
    # Sequences that fool a close copy of an additive model fool the model itself.
    share = {row["method"]: row["budgets"][-1]["alone"] for row in metrics["contributions"]}
    assert share["transfer:ensemble"] > 0.5 * share["greedy"] > 0
    page = (stolen / "report.html").read_text()
    assert "Sequences from other models" in page
    assert "trained on 360 answers" in page


def test_two_given_models_are_averaged_too(folder: Path) -> None:
    given = [f"--transfer-from={name}={folder / 'victims.py'}:honest" for name in ("a", "b")]
    assert evaluate(folder, "honest", "classification", "given", *given, methods="one_step") == 0
    rows = {row["method"]: row for row in metrics_of(folder / "given")["surrogates"]}
    assert list(rows) == ["transfer:a", "transfer:b", "transfer:ensemble"]
    # Two copies of the model itself, and so their mean, say what it says and find what it can be found by.
    assert [row["agreement"] for row in rows.values()] == [1, 1, 1]
    found = {row["method"]: row["budgets"] for row in metrics_of(folder / "given")["contributions"]}
    assert found["transfer:ensemble"] == found["transfer:a"]


def test_surrogates_are_not_trained_again(stolen: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = folder / "resumed"
    shutil.copytree(stolen, copy)
    (copy / "metrics.json").unlink()
    shutil.rmtree(copy / "parts")
    monkeypatch.setattr("seqrobust.analysis.evaluate.surrogates.fit", lambda *_, **__: pytest.fail("trained again"))
    assert evaluate(folder, "honest", "classification", "resumed", "--surrogates", "2", "--resume") == 0
    assert metrics_of(copy)["surrogates"] == metrics_of(stolen)["surrogates"]
    assert metrics_of(copy)["budgets"] == metrics_of(stolen)["budgets"]


def test_a_run_stopped_before_a_surrogate_was_kept_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short = TrainingSettings(epochs=3, batch_size=64)
    monkeypatch.setattr("seqrobust.analysis.evaluate.surrogates._SETTINGS", short)
    asked = ("honest", "classification")

    def full(*_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patched:
        patched.setattr("seqrobust.analysis.evaluate.surrogates.save_checkpoint", full)
        with pytest.raises(OSError, match="no space"):
            evaluate(folder, *asked, "stopped", "--surrogates", "1", methods="one_step")
    assert not (folder / "stopped" / "surrogates" / "trained-1" / "model.ckpt").exists()
    for name, more in (("stopped", ("--resume",)), ("unbroken", ())):
        assert evaluate(folder, *asked, name, "--surrogates", "1", *more, methods="one_step") == 0
    first, second = (
        load_checkpoint(folder / name / "surrogates" / "trained-1" / "model.ckpt")[0].state_dict()
        for name in ("stopped", "unbroken")
    )
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--surrogates", "1", "--surrogate-split", "nowhere"], "no record is in that split"),
        (["--surrogates", "1", "--where", "id=r0"], "too few records"),
        (["--surrogates", "1", "--transfer-from", "trained-1=VICTIMS:honest"], "one name"),
        (["--transfer-from", "ensemble=VICTIMS:honest"], "one name"),
    ],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(
    options: list[str], words: str, folder: Path, tmp_path: Path
) -> None:
    made = [option.replace("VICTIMS", str(folder / "victims.py")) for option in options]
    with pytest.raises(InputError, match=words):
        evaluate(folder, "honest", "classification", str(tmp_path / "out"), *made)
    assert not (tmp_path / "out").exists()


def test_surrogates_uncover_a_model_whose_gradients_are_masked(folder: Path) -> None:
    seeing = "one_step,discrete_pgd"
    assert evaluate(folder, "masked", "binary", "masked", "--surrogates", "1", methods=seeing) == 0
    metrics = metrics_of(folder / "masked")
    share = {row["method"]: row["budgets"][-1]["alone"] for row in metrics["contributions"]}
    assert share["transfer:trained-1"] > max(share["one_step"], share["discrete_pgd"]) + 0.2
    evidence = {item["check"]: item for item in metrics["masking"]["evidence"]}
    assert evidence["black_box_beats_white_box"]["verdict"] == "masked"
    assert evidence["black_box_beats_white_box"]["values"]["method"] == "transfer:trained-1"
    assert [row["name"] for row in metrics["surrogates"]] == ["trained-1"]


def test_a_regression_and_a_poor_surrogate(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hasty = TrainingSettings(epochs=1, batch_size=64, learning_rate=1e-6)
    monkeypatch.setattr("seqrobust.analysis.evaluate.surrogates._SETTINGS", hasty)
    assert evaluate(folder, "value", "regression", "value", "--surrogates", "1", "--delta", "0.5") == 0
    found = metrics_of(folder / "value")
    (row,) = found["surrogates"]
    assert row["low"]
    assert row["agreement_ci"] is None
    assert "trained-1 correlates with the model only" in capsys.readouterr().err
    assert "Little follows from trained-1" in (folder / "value" / "report.html").read_text()
