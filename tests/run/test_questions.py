"""Certificates, attributions, a probe, a study of explanations and an audit of membership as parts of a run."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from seqrobust.errors import InputError
from seqrobust.progress import Silent
from seqrobust.run.config import RunConfig, read_config
from seqrobust.run.pipeline import RunCommand, run_pipeline

TRAINED = """
name: tiny
task: classification
data: {simulate: {grammar: promoter, n: 100, length: 60}}
model: {channels: 4, blocks: 1, first_kernel: 5, hidden: 0}
training: {epochs: 1}
"""
ATTRIBUTE = "attribute: {regions: [minus35, minus10], methods: [saliency, ism], max_records: 10}\n"
PROBE = "probe: {functional: [minus35, minus10], budget: 1, attacks: [one_step], max_records: 10}\n"
CERTIFY = "certify: {budget: 1, max_records: 6, attacks: [one_step]}\n"
PRIVACY = "privacy: {shadows: 4, label_only: true}\n"
STABILITY = "stability: {budget: 1, methods: [saliency], max_records: 4, attacks: [one_step]}\n"


def config(folder: Path, text: str) -> RunConfig:
    path = folder / "config.yaml"
    path.write_text(text)
    return read_config(path)


def test_each_is_answered_in_a_folder_and_on_the_page(tmp_path: Path) -> None:
    call = RunCommand(out=tmp_path / "out")
    run_pipeline(config(tmp_path, TRAINED + CERTIFY + ATTRIBUTE + PROBE + STABILITY + PRIVACY), call, Silent())
    metrics = json.loads((call.out / "metrics.json").read_text())
    assert set(metrics["attribute"]["methods"]) == {"saliency", "ism"}
    assert metrics["attribute"]["methods"]["ism"]["region_auroc"] is not None
    assert metrics["probe"]["functional"] == ["minus35", "minus10"]
    assert [one["method"] for one in metrics["stability"]["verdicts"]] == ["saliency"]
    assert metrics["stability"]["attacks"] == ["one_step"]
    assert (call.out / "attribute" / "report.html").exists()
    assert (call.out / "stability" / "report.html").exists()
    page = (call.out / "report.html").read_text()
    for verdict in metrics["probe"]["verdicts"][1:]:
        assert verdict["topic"] in page
    for title in (
        "What is guaranteed",
        "Which letters predictions rest on",
        "Right for the right reason?",
        "Can the explanation be believed?",
        "Does the model betray what it was trained on?",
    ):
        assert title in page
    written = pd.read_csv(call.out / "records-test.tsv.gz", sep="\t")
    assert set(written["split"]) == {"test"}
    # Records set aside for validation are no members, and shadow models stop where the model's weights are from.
    counts = pd.read_csv(call.out / "records-train.tsv.gz", sep="\t")["split"].value_counts()
    assert (metrics["privacy"]["n_members"], metrics["privacy"]["n_nonmembers"]) == (counts["train"], len(written))
    assert metrics["data"]["splits"]["train"] == counts["train"]
    assert metrics["privacy"]["shadows"]["n"] == 4
    assert "an adversary who may be wrong once in a hundred" in page or "what an adversary finds" in page.lower()
    assert metrics["certify"]["exact_fraction"] == 1
    for name in ("certify", "attribute", "probe", "stability", "privacy"):
        assert json.loads((call.out / name / "manifest.json").read_text())["status"] == "finished"


def test_a_question_that_comes_later_is_answered_without_training_anew(tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_pipeline(config(tmp_path, TRAINED), RunCommand(out=out), Silent())
    trained = (out / "train" / "model.ckpt").stat().st_mtime_ns
    run_pipeline(config(tmp_path, TRAINED + ATTRIBUTE), RunCommand(out=out, resume=True), Silent())
    assert (out / "train" / "model.ckpt").stat().st_mtime_ns == trained
    assert "attribute" in json.loads((out / "metrics.json").read_text())
    # Another question of that name does not pass for the one that was answered.
    other = ATTRIBUTE.replace("saliency, ism", "saliency")
    with pytest.raises(InputError, match="methods"):
        run_pipeline(config(tmp_path, TRAINED + other), RunCommand(out=out, resume=True), Silent())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("attribute: {regions: [minus53]}", "minus53"),
        ("attribute: {methods: [guess]}", "guess"),
        ("attribute: {baseline: none}", "baseline"),
        ("probe: {functional: [minus35], budget: -1}", "-1"),
        ("probe: {function: [minus35]}", "function"),
        ("probe: {budget: 2%}", "count"),
        ("probe: {write: [GAC]}", "motif cannot be read"),
        ("probe: {moves: indels}", "about substitutions"),
        ("stability: {methods: [guess]}", "guess"),
        ("stability: {split: other}", "other"),
        ("stability: {goal: up}", "goal"),
        ("stability: {functional: [minus53]}", "minus53"),
        ("attribute: {save: csv}", "csv"),
        ("certify: {methods: [magic]}", "magic"),
        ("certify: {protect: [minus53]}", "minus53"),
        ("privacy: {split: other}", "other"),
        ("privacy: {split: train}", "the same records"),
        ("privacy: {shadows: 2}", "too few shadow models"),
        ("privacy: {members: train}", "members"),
    ],
)
def test_what_cannot_be_asked_is_refused_before_training(text: str, said: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match=said):
        run_pipeline(config(tmp_path, TRAINED + text + "\n"), RunCommand(out=out), Silent())
    assert not out.exists()
