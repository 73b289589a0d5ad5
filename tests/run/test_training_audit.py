"""A training audits itself: what is right passes, a spoiled table, checkpoint or model is caught."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from seqrobust.analysis.asked import ModelOnData, Opening
from seqrobust.analysis.audit.outcome import AuditError
from seqrobust.models import load_checkpoint, save_checkpoint
from seqrobust.models.source import ModelSource
from seqrobust.progress import Silent
from seqrobust.run.config import RunConfig, read_config
from seqrobust.run.pipeline import RunCommand, prepared_data, run_pipeline, train_only
from seqrobust.run.train import TrainOutcome
from seqrobust.run.training_audit import training_audit
from seqrobust.sequences.data_config import Data
from seqrobust.sequences.data_source import DataSource

TEXT = """\
name: tiny
task: {task}
seed: 1
data: {{path: {data}, target: {target}}}
model: {{architecture: cnn, channels: 6, blocks: 1, first_kernel: 5}}
training: {{epochs: 1, batch_size: 16}}
"""
ATTACK = 'attack: {budget: "1", max_records: 12, attacks: [quick], random_draws: 2}\n'


def config(folder: Path, task: str = "classification", more: str = "") -> RunConfig:
    rng = np.random.default_rng(0)
    rows = []
    for number in range(60):
        text = "".join(rng.choice(list("ACGT"), 20))
        split = ("train", "valid", "test")[number % 3]
        rows.append(f"r{number}\t{split}\t{'xyz'[text.count('A') % 3]}\t{text.count('A')}.5\t{text}")
    (folder / "data.tsv").write_text("id\tsplit\tkind\tactivity\tsequence\n" + "\n".join(rows) + "\n")
    target = "activity" if task == "regression" else "kind"
    (folder / "tiny.yaml").write_text(TEXT.format(task=task, data=folder / "data.tsv", target=target) + more)
    return read_config(folder / "tiny.yaml", ())


Trained = tuple[TrainOutcome, Data, Path]


@pytest.fixture(scope="module", params=["classification", "regression"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained")
    made = config(folder, request.param)
    outcome = train_only(made, RunCommand(out=folder / "out"), Silent())
    return outcome, prepared_data(made, Silent()), folder / "out" / "model.ckpt"


def verdicts(outcome: TrainOutcome, data: Data, checkpoint: Path) -> dict[str, str]:
    audit = training_audit(outcome, data, checkpoint, "cpu")
    assert audit.forwards <= 12
    return {one.name: one.verdict for one in audit.outcomes}


def test_what_is_right_passes_and_is_listed(trained: Trained) -> None:
    found = verdicts(*trained)
    assert {
        found[name] for name in ("records in and out", "metrics against the table", "the checkpoint read back")
    } == {"holds"}
    manifest = json.loads((trained[2].parent / "manifest.json").read_text())
    assert {one["name"]: one["verdict"] for one in manifest["audit"]["invariants"]} == found
    assert "Checked at the end of the run" in (trained[2].parent / "report.html").read_text()


def _other_prediction(table: pd.DataFrame) -> pd.DataFrame:
    numbers = pd.api.types.is_numeric_dtype(table["target"])
    right = table["target"] + 1 if numbers else table["target"]
    return table.assign(prediction=right.to_numpy())


SPOILED: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "records in and out": lambda table: table.iloc[1:],
    "metrics against the table": _other_prediction,
}


@pytest.mark.parametrize("name", SPOILED)
def test_a_spoiled_table_is_caught(name: str, trained: Trained) -> None:
    outcome, data, checkpoint = trained
    assert (
        verdicts(replace(outcome, predictions=SPOILED[name](outcome.predictions)), data, checkpoint)[name] == "broken"
    )


def test_a_checkpoint_of_other_weights_is_caught(trained: Trained, tmp_path: Path) -> None:
    outcome, data, checkpoint = trained
    model, card = load_checkpoint(checkpoint)
    with torch.no_grad():
        list(model.parameters())[-1].add_(torch.arange(1.0, 1.0 + list(model.parameters())[-1].numel()))
    save_checkpoint(tmp_path / "other.ckpt", model, card)
    found = verdicts(outcome, data, tmp_path / "other.ckpt")
    assert found["the checkpoint read back"] == "broken"


def test_one_answer_for_all_is_in_doubt(trained: Trained) -> None:
    outcome, data, checkpoint = trained
    table = outcome.predictions.assign(prediction=outcome.predictions["prediction"].iloc[0])
    assert verdicts(replace(outcome, predictions=table), data, checkpoint)["answers differ"] == "doubtful"


def test_a_run_lists_every_stage(tmp_path: Path) -> None:
    run_pipeline(config(tmp_path, more=ATTACK), RunCommand(out=tmp_path / "out"), Silent())
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    names = [one["name"] for one in manifest["audit"]["invariants"]]
    assert "train: the checkpoint read back" in names
    assert "attack: protected letters in place" in names
    found = next(one for one in manifest["audit"]["invariants"] if one["name"] == "attack: records in and out")
    assert found["more"]["read"] == 20
    assert found["more"]["records"] == 12


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_accuracy_as_recorded_is_held_against_the_checkpoint(task: str, tmp_path: Path) -> None:
    run_pipeline(config(tmp_path, task, more=ATTACK.replace("12", "20")), RunCommand(out=tmp_path / "out"), Silent())
    manifest = json.loads((tmp_path / "out" / "attack" / "manifest.json").read_text())
    verdict = {one["name"]: one["verdict"] for one in manifest["audit"]["invariants"]}
    assert verdict["clean accuracy as recorded"] == "holds"
    assert verdict["the table read back"] == "holds"
    assert verdict["sequences read back"] == "holds"


def test_a_training_that_breaks_an_invariant_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import seqrobust.run.train as module

    genuine: Any = module.prediction_metrics

    def boasts(*given: Any) -> dict[str, Any]:
        return genuine(*given) | {"accuracy": 0.987}

    monkeypatch.setattr(module, "prediction_metrics", boasts)
    with pytest.raises(AuditError, match="metrics against the table"):
        run_pipeline(config(tmp_path, more=ATTACK), RunCommand(out=tmp_path / "out"), Silent())
    for place in (tmp_path / "out", tmp_path / "out" / "train"):
        assert json.loads((place / "manifest.json").read_text())["status"] == "failed"
    assert not (tmp_path / "out" / "attack").exists()
    assert not (tmp_path / "out" / "metrics.json").exists()


def test_records_that_a_run_wrote_are_read_without_naming_their_target(tmp_path: Path) -> None:
    run_pipeline(config(tmp_path, more=ATTACK), RunCommand(out=tmp_path / "out"), Silent())
    asked = ModelOnData(
        model=ModelSource(model=str(tmp_path / "out" / "model.ckpt")),
        data=DataSource(path=tmp_path / "out" / "records-test.tsv.gz"),
    )
    subject = asked.open(Opening(device="cpu"), action="attacked")
    assert subject.sequences.targets is not None
    assert list(subject.sequences.targets.columns) == ["kind"]
    assert subject.targets is not None


def test_several_values_are_trained_attacked_and_drawn(tmp_path: Path) -> None:
    made = config(tmp_path, "regression", ATTACK)
    table = pd.read_csv(tmp_path / "data.tsv", sep="\t")
    table["growth"] = -3 * table["activity"] + np.arange(60) % 5
    table.to_csv(tmp_path / "data.tsv", sep="\t", index=False)
    text = (tmp_path / "tiny.yaml").read_text().replace("target: activity", "target: [growth, activity]")
    (tmp_path / "tiny.yaml").write_text(text)
    made = read_config(tmp_path / "tiny.yaml", ())
    run_pipeline(made, RunCommand(out=tmp_path / "out"), Silent())
    _, card = load_checkpoint(tmp_path / "out" / "model.ckpt")
    train = table[table["split"] == "train"]
    expected = {name: train[name].to_numpy().std() for name in ("growth", "activity")}
    assert card.target_spread == pytest.approx(expected)
    metrics = json.loads((tmp_path / "out" / "attack" / "metrics.json").read_text())
    assert metrics["delta"] == pytest.approx(expected["growth"])
    assert metrics["delta_unit"] == "1 sd of the training targets"
