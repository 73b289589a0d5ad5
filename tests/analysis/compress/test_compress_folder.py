"""The folder of a compression study: its files, saved models, and going on after a stop."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from seqrobust.alphabet import DNA
from seqrobust.analysis.asked import ModelOnData
from seqrobust.analysis.compress import COMPRESS, CompressSettings, layers_of, rounded
from seqrobust.analysis.compress import runs as compress_runs
from seqrobust.errors import ConfigError, ModelError
from seqrobust.files import sha256
from seqrobust.models import ModelCard, build_model, load_checkpoint, save_checkpoint
from seqrobust.models.source import ModelSource
from seqrobust.progress import Silent
from seqrobust.run.answer import answer
from seqrobust.run.settings import RunSettings
from seqrobust.sequences.data_source import DataSource

METHODS = ("int8-static", "int8-dynamic", "weights-3", "prune-50")


@dataclass(frozen=True, kw_only=True)
class Call:
    """A study: what is asked, what it is told, and where it goes."""

    asked: ModelOnData
    settings: CompressSettings
    run: RunSettings


def compressed_(study: Call) -> dict[str, Any]:
    return answer(COMPRESS, study.asked, study.settings, study.run, Silent()).metrics


def call(folder: Path, *, task: str = "classification", **more: Any) -> Call:
    """A study of a small network of ours."""
    labels = ("EI", "IE", "N") if task == "classification" else ("activity",)
    torch.manual_seed(0)
    model = build_model(
        "cnn", alphabet_size=4, outputs=len(labels), channels=6, blocks=1, first_kernel=5, hidden=0, pool=2
    )
    for weight in model.parameters():
        weight.data *= 3
    card = ModelCard(
        alphabet=DNA,
        task=task,  # type: ignore[arg-type]
        labels=labels,
        architecture="cnn",
        hyperparameters=model.hyperparameters,
        input_length=None,
    )
    save_checkpoint(folder / "model.ckpt", model.eval(), card)
    rng = np.random.default_rng(0)
    texts = ["".join(rng.choice(list("ACGT"), 20)) for _ in range(24)]
    targets = [labels[i % 3] if task == "classification" else f"{rng.normal():.3f}" for i in range(24)]
    rows = [f"r{i}\t{text}\t{target}" for i, (text, target) in enumerate(zip(texts, targets, strict=True))]
    (folder / "data.tsv").write_text("id\tsequence\tlabel\n" + "\n".join(rows) + "\n")
    return Call(
        asked=ModelOnData(
            model=ModelSource(model=str(folder / "model.ckpt")), data=DataSource(path=folder / "data.tsv")
        ),
        settings=CompressSettings(
            budget="1..2", random_draws=1, **{"methods": METHODS, "by_layer": ("weights-3",), **more}
        ),
        run=RunSettings(out=folder / "out", device="cpu"),
    )


def test_the_files_agree(tmp_path: Path) -> None:
    study = call(tmp_path)
    before = sha256(tmp_path / "model.ckpt")
    metrics = compressed_(study)
    out = tmp_path / "out"
    assert sha256(tmp_path / "model.ckpt") == before
    assert json.loads((out / "metrics.json").read_text()) == metrics
    assert (out / "compress.png").read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    table = pd.read_parquet(out / "compress.parquet")
    names = ["original", *(one["name"] for one in metrics["variants"])]
    layers = [one["name"] for one in metrics["layers"]]
    assert names == ["original", *METHODS, *(f"weights-3 @ {name}" for name in layers)]
    assert table.groupby("variant").size().to_dict() == dict.fromkeys(names, 48)
    for one in metrics["variants"]:
        rows = table[table["variant"] == one["name"]]
        for level in one["budgets"]:
            part = rows[rows["budget"] == level["budget"]]
            assert level["attack_success_rate"] == pytest.approx(part["success"].dropna().astype(float).mean())
            found = table[(table["variant"] == "original") & (table["budget"] == level["budget"])]["success"]
            worked = part["original_still_works"].to_numpy()
            both = [bool(w) for f, w in zip(found, worked, strict=True) if w is not pd.NA and f is not pd.NA and f]
            fooled = [part[name].fillna(False).to_numpy(bool) for name in ("success", "original_still_works")]
            stands = (part["clean_prediction"] == part["target"]).to_numpy() & ~fooled[0] & ~fooled[1]
            assert level["standing"] == pytest.approx(stands.mean())
            assert level["standing"] <= level["robust_accuracy"]
            assert level["transfer_to"]["n"] == len(both)
            assert level["transfer_to"]["rate"] == (pytest.approx(np.mean(both)) if both else None)


def test_saved_models_hold_the_compressed_weights(tmp_path: Path) -> None:
    metrics = compressed_(call(tmp_path, by_layer=()))
    saved = {one["name"]: one["checkpoint"] for one in metrics["variants"]}
    assert saved == {
        "int8-static": None,
        "int8-dynamic": None,
        "weights-3": "models/weights-3/model.ckpt",
        "prune-50": "models/prune-50/model.ckpt",
    }
    original, _ = load_checkpoint(tmp_path / "model.ckpt")
    small, card = load_checkpoint(tmp_path / "out" / str(saved["weights-3"]))
    for name, weights in layers_of(original).weights.items():
        for key, weight in weights.items():
            assert torch.equal(layers_of(small).weights[name][key], rounded(weight, 3))
    assert card.provenance["compression"]["method"] == "weights-3"
    assert torch.equal(small.output_std, original.output_std)


def test_a_stopped_study_goes_on_to_the_same_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = call(tmp_path, methods=("weights-3", "prune-50"), by_layer=())
    whole = compressed_(replace(study, run=replace(study.run, out=tmp_path / "whole")))
    real = compress_runs.transferred

    def stops(rivals: Any) -> Any:
        if rivals[1].name == "prune-50":
            raise KeyboardInterrupt
        return real(rivals)

    with monkeypatch.context() as patch:
        patch.setattr(compress_runs, "transferred", stops)
        with pytest.raises(KeyboardInterrupt):
            compressed_(study)
    again = compressed_(replace(study, run=replace(study.run, resume=True)))
    assert again == whole
    first, second = (pd.read_parquet(tmp_path / name / "compress.parquet") for name in ("whole", "out"))
    pd.testing.assert_frame_equal(first, second)


def test_regressions_are_measured_by_what_was_shifted(tmp_path: Path) -> None:
    metrics = compressed_(call(tmp_path, task="regression", methods=("weights-2",)))
    assert metrics["original"]["clean_r2"] is not None
    assert metrics["variants"][0]["agreement"] < 1
    assert (tmp_path / "out" / "compress.png").exists()


def test_records_without_targets_are_compared_by_agreement(tmp_path: Path) -> None:
    study = call(tmp_path, methods=("weights-2",), by_layer=())
    rows = [line.rsplit("\t", 1)[0] for line in (tmp_path / "data.tsv").read_text().splitlines()]
    (tmp_path / "data.tsv").write_text("\n".join(rows) + "\n")
    metrics = compressed_(study)
    assert metrics["original"]["clean_accuracy"] is None
    assert 0 < metrics["variants"][0]["agreement"] <= 1
    assert (tmp_path / "out" / "compress.png").exists()


def test_a_student_stands_beside_the_copies(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    call(tmp_path / "small")
    study = call(tmp_path, methods=("weights-8",), by_layer=(), students=(tmp_path / "small" / "model.ckpt",))
    metrics = compressed_(study)
    student = metrics["variants"][1]
    # It is the teacher's very twin: whatever fools the one fools the other.
    assert (student["name"], student["bits_per_weight"], student["agreement"]) == ("student small", 32, 1)
    for mine, theirs in zip(student["budgets"], metrics["original"]["budgets"], strict=True):
        assert mine["robust_accuracy"] == theirs["robust_accuracy"] == mine["standing"]
        assert mine["transfer_to"]["rate"] in (1, None)


def test_a_student_of_another_question_is_refused(tmp_path: Path) -> None:
    (tmp_path / "small").mkdir()
    call(tmp_path / "small", task="regression")
    study = call(tmp_path, methods=(), by_layer=(), students=(tmp_path / "small" / "model.ckpt",))
    with pytest.raises(ModelError, match="teacher's question"):
        compressed_(study)
    assert not (tmp_path / "out").exists()


def test_unknown_methods_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown way"):
        call(tmp_path, methods=("smaller",))


def test_a_constant_copy_is_a_row_and_a_correlation_is_called_one(tmp_path: Path) -> None:
    study = call(tmp_path, task="regression", methods=("prune-50",), by_layer=())
    model, card = load_checkpoint(tmp_path / "model.ckpt")
    for weight in model.parameters():
        weight.data.zero_()
    save_checkpoint(tmp_path / "still.ckpt", model, card)
    settings = replace(study.settings, students=(tmp_path / "still.ckpt",))
    known = compressed_(replace(study, settings=settings))
    truth = pd.read_csv(tmp_path / "data.tsv", sep="\t")["label"].to_numpy()
    table = pd.read_parquet(tmp_path / "out" / "compress.parquet").drop_duplicates(["variant", "id"])
    for one in [known["original"], *known["variants"]]:
        said = table[table["variant"] == one["name"]]["clean_prediction"].to_numpy(float)
        assert one["clean_r2"] == pytest.approx(1 - ((truth - said) ** 2).sum() / ((truth - truth.mean()) ** 2).sum())
    page = (tmp_path / "out" / "report.html").read_text()
    assert "r with original" in page
    assert "sd of the targets of these 24 records" in page

    (tmp_path / "data.tsv").write_text(
        "".join(line.rpartition("\t")[0] + "\n" for line in (tmp_path / "data.tsv").read_text().splitlines())
    )
    unknown = compressed_(replace(study, settings=settings, run=replace(study.run, out=tmp_path / "unknown")))
    still = unknown["variants"][-1]
    assert not any(level["attack_success_rate"] for level in still["budgets"])
    assert still["agreement"] == 0
    moved = pd.read_parquet(tmp_path / "unknown" / "compress.parquet")
    first = moved[moved["variant"] == "original"].drop_duplicates("id")["clean_prediction"].to_numpy(float)
    assert unknown["delta"] == pytest.approx(first.std())
    shift = moved["adversarial_score"] - moved["clean_score"]
    reached = (shift >= unknown["delta"]).groupby(moved["variant"]).sum()
    assert reached.to_dict() == moved["success"].astype(bool).groupby(moved["variant"]).sum().to_dict()
    page = (tmp_path / "unknown" / "report.html").read_text()
    assert "correlation with the original" in page
    assert "R²: of the variance" not in page.partition("Before and after")[0]
