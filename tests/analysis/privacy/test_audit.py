"""An audit of membership: who is found out, what is warned of, and what is refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from audits import HYPER, LENGTH, Heard, audited, call, write_model, write_records
from scipy.special import expit
from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]

from seqrobust.alphabet import DNA, PROTEIN, Alphabet
from seqrobust.errors import ConfigError, DataError, InputError
from seqrobust.models import build_model, load_checkpoint, save_checkpoint
from seqrobust.progress import Silent
from seqrobust.sequences import SequenceSet, Task
from seqrobust.sequences.data_config import DataConfig, load_data
from seqrobust.sequences.encoding import one_hot


def test_a_net_that_learnt_by_heart_is_found_out(folder: Path) -> None:
    metrics = json.loads((folder / "out" / "metrics.json").read_text())
    assert set(metrics["attacks"]) == {
        "loss", "confidence", "margin", "entropy", "modified_entropy", "shadow_beta", "shadow_gaussian", "lira_online",
        "lira_offline", "rmia", "rmia_offline", "label_only", "label_only_edits",
    }  # fmt: skip
    for name in ("loss", "shadow_beta", "lira_online", "rmia", "rmia_offline", "label_only_edits"):
        assert metrics["attacks"][name]["auc_ci"][0] > 0.8, name
        assert metrics["attacks"][name]["balanced_accuracy"] > 0.7, name
    assert (metrics["n_members"], metrics["n_nonmembers"], metrics["left_out"]) == (100, 100, {})
    assert metrics["shift"]["warning"] is None
    assert "together this is more than chance" in metrics["verdict"]
    assert metrics["verdict"].startswith("an adversary who may be wrong once in a hundred finds ")
    assert metrics["attacks"]["loss"]["tpr_at_fpr"]["0.001"] is None
    assert "1,000 or more" in metrics["attacks"]["loss"]["tpr_at_fpr_refused"]["0.001"]
    assert {row["group"] for row in metrics["per_class"]} == {"EI", "IE", "N"}
    assert {row["group"] for row in metrics["per_group"]} == {"g0", "g1", "g2", "g3"}
    assert (folder / "out" / "privacy.png").stat().st_size > 10_000
    manifest = json.loads((folder / "out" / "manifest.json").read_text())
    assert manifest["status"] == "finished"


def test_the_table_holds_what_the_metrics_say(folder: Path) -> None:
    table = pd.read_parquet(folder / "out" / "results.parquet")
    metrics = json.loads((folder / "out" / "metrics.json").read_text())
    assert len(table) == 200
    assert (table["id"].str[0] == "m").tolist() == table["member"].tolist()
    for name, one in metrics["attacks"].items():
        assert roc_auc_score(table["member"], table[name]) == pytest.approx(one["auc"]), name
    best = table[metrics["best_attack"]]
    assert best.is_monotonic_decreasing
    first = table[table["member"]]["id"].iloc[0]
    assert metrics["exposed"][0]["id"] == first
    # A non-member is compared with the others, not with itself.
    aside = np.sort(table[~table["member"]]["rmia"].to_numpy())
    np.testing.assert_allclose(aside, np.linspace(0, 1, 100), atol=1e-12)
    # The posterior at prior 1/2 is the logistic function of the ratio.
    np.testing.assert_allclose(table["shadow_beta_posterior"], expit(table["shadow_beta"].to_numpy()), atol=1e-12)


def test_the_loss_is_the_models_own(folder: Path) -> None:
    """By a forward pass written out."""
    content = torch.load(folder / "model.ckpt")
    model = build_model("cnn", alphabet_size=4, outputs=3, input_length=LENGTH, **HYPER)
    model.load_state_dict(content["state_dict"])
    table = pd.read_csv(folder / "nonmembers.tsv", sep="\t")
    tokens = torch.tensor(SequenceSet.from_texts(table["sequence"].tolist(), DNA).tokens)
    with torch.no_grad():
        logs = model.eval()(one_hot(tokens, DNA, "zeros"), None).double().log_softmax(1).numpy()
    truth = table["label"].map({"EI": 0, "IE": 1, "N": 2}).to_numpy()
    found = pd.read_parquet(folder / "out" / "results.parquet").set_index("id").loc[table["id"], "loss"]
    np.testing.assert_allclose(found, logs[np.arange(100), truth], atol=1e-5)


def test_the_fewest_edits_are_those_of_going_through_all(folder: Path) -> None:
    """One edit and two, every one of them; what a search finds can only be more, and seldom is."""
    content = torch.load(folder / "model.ckpt")
    model = build_model("cnn", alphabet_size=4, outputs=3, input_length=LENGTH, **HYPER)
    model.load_state_dict(content["state_dict"])
    table = pd.read_csv(folder / "members.tsv", sep="\t").iloc[:30]
    texts, truth = table["sequence"].tolist(), table["label"].map({"EI": 0, "IE": 1, "N": 2}).tolist()

    def broken(versions: list[str], right: int) -> bool:
        tokens = torch.tensor(SequenceSet.from_texts(versions, DNA).tokens)
        with torch.no_grad():
            answers = model.eval()(one_hot(tokens, DNA, "zeros"), None).argmax(1)
        return bool((answers != right).any())

    def edited(versions: list[str]) -> list[str]:
        return [text[:i] + letter + text[i + 1 :] for text in versions for i in range(LENGTH) for letter in "ACGT"]

    exact = []
    for text, right in zip(texts, truth, strict=True):
        one = edited([text])
        least = 1 if broken(one, right) else 2 if broken(edited(one), right) else 3
        exact.append(0 if broken([text], right) else least)
    found = pd.read_parquet(folder / "out" / "results.parquet").set_index("id").loc[table["id"], "label_only_edits"]
    # The share of random versions that are still answered rightly breaks ties, by a half at most.
    edits = np.floor(found.to_numpy()).clip(max=3)
    assert {1, 2} <= set(exact)
    assert (edits >= exact).all()
    assert (edits == exact).mean() > 0.8


def test_other_versions_of_records_are_asked_about(folder: Path, tmp_path: Path) -> None:
    """Both strands and a moved version: shadow models answer three times, and LiRA weighs the answers together."""
    first = json.loads((folder / "out" / "metrics.json").read_text())["attacks"]
    asked = call(folder, shadows=10, other_strand=True, shifts=1, label_only=True, draw=False, out=tmp_path / "out")
    attacks = audited(asked, Silent())["attacks"]
    with np.load(tmp_path / "out" / "parts" / "shadows-00000.npz") as archive:
        logits = archive["logits"]
    with np.load(folder / "out" / "parts" / "shadows-00000.npz") as archive:
        np.testing.assert_array_equal(logits[:, :1], archive["logits"])
    assert logits.shape == (8, 3, 200, 3)
    assert not np.array_equal(logits[:, 0], logits[:, 1])
    assert attacks["rmia"] == first["rmia"]
    for name in ("lira_online", "lira_offline", "label_only"):
        assert attacks[name]["auc"] != first[name]["auc"], name


def test_rmia_compares_with_a_population(folder: Path, tmp_path: Path) -> None:
    """Fresh records beside some of those that are judged, which are left out."""
    rng = np.random.default_rng(5)
    rows = [f"p{i}\t{rng.choice(['EI', 'IE', 'N'])}\t{''.join(rng.choice(list('ACGT'), LENGTH))}" for i in range(300)]
    known = pd.read_csv(folder / "members.tsv", sep="\t").iloc[:7]
    rows += [f"{row.id}\t{row.label}\t{row.sequence}" for row in known.itertuples()]
    path = tmp_path / "population.tsv"
    path.write_text("id\tlabel\tsequence\n" + "\n".join(rows) + "\n")
    metrics = audited(call(folder, population=path, draw=False, out=tmp_path / "out"), Silent())
    assert any("7 population records are members or non-members" in said for said in metrics["notices"])
    table = pd.read_parquet(tmp_path / "out" / "results.parquet")
    for name in ("rmia", "rmia_offline"):
        steps = table[name].to_numpy() * 300
        np.testing.assert_allclose(steps, steps.round(), atol=1e-6)
        assert metrics["attacks"][name]["auc_ci"][0] > 0.7
    path.write_text("id\tlabel\tsequence\n" + rows[-1] + "\n")
    with pytest.raises(DataError, match="no population is left"):
        audited(call(folder, population=path, out=tmp_path / "other"), Silent())


def test_a_net_that_was_never_trained_leaks_nothing(tmp_path: Path) -> None:
    write_records(tmp_path)
    write_model(tmp_path, trained=False)
    metrics = audited(call(tmp_path, draw=False), Silent())
    for name, one in metrics["attacks"].items():
        assert one["auc_ci"][0] < 0.5 < one["auc_ci"][1], name
    assert "this cannot be told from chance" in metrics["verdict"]
    assert not (tmp_path / "out" / "privacy.png").exists()


def test_a_shift_is_warned_of(tmp_path: Path) -> None:
    write_records(tmp_path, rich=1.0)
    write_model(tmp_path, trained=False)
    heard = Heard()
    metrics = audited(call(tmp_path, shadows=0, draw=False), heard)
    assert metrics["shift"]["auc_ci"][0] > 0.7
    assert any("can be told apart without the model" in text for text in heard.said)
    assert "may be no leak of the model's" in metrics["verdict"]


@pytest.mark.parametrize(
    ("task", "alphabet", "missing"),
    [
        ("binary", PROTEIN, set()),
        ("multilabel", DNA, set()),
        ("regression", DNA, {"entropy", "modified_entropy", "shadow_beta", "label_only", "label_only_edits"}),
    ],
)
def test_every_task(task: Task, alphabet: Alphabet, missing: set[str], tmp_path: Path) -> None:
    write_records(tmp_path, task=task, alphabet=alphabet, count=60)
    write_model(tmp_path, task=task, alphabet=alphabet)
    target = "activity" if task == "regression" else "label"
    metrics = audited(call(tmp_path, target=target, label_only=True, draw=False), Silent())
    assert set(metrics["left_out"]) == missing
    assert metrics["attacks"]["lira_online"]["auc_ci"][0] > 0.6
    assert metrics["attacks"]["shadow_gaussian"]["auc_ci"][0] > 0.6
    assert len(pd.read_parquet(tmp_path / "out" / "results.parquet")) == 120


def test_validation_records_are_on_neither_side(tmp_path: Path) -> None:
    """As training drew them; a file that the checkpoint does not name is taken at its word."""
    write_records(tmp_path)
    write_model(tmp_path, trained=False)
    whole = pd.concat([pd.read_csv(tmp_path / f"{name}.tsv", sep="\t") for name in ("members", "nonmembers")])
    whole.insert(1, "split", np.repeat(["train", "test"], 100))
    for name in ("whole", "moved"):
        whole.to_csv(tmp_path / f"{name}.tsv", sep="\t", index=False)
    model, card = load_checkpoint(tmp_path / "model.ckpt")
    config = {"name": "x", "task": "classification", "seed": 4, "data": {"path": str(tmp_path / "whole.tsv")}}
    config |= {"later": {"section": 1}}
    kept = {**config["data"], "by_group": False, "target": "label"}  # type: ignore[dict-item]
    provenance = {**card.provenance, "config": {**config, "data": kept}}
    save_checkpoint(tmp_path / "model.ckpt", model, replace(card, provenance=provenance))
    trained = load_data(DataConfig.model_validate(kept), "classification", 4)
    expected = set(trained.in_split("train")[0].ids)
    assert len(expected) == 90
    for name, count in (("whole", 90), ("moved", 100)):
        heard = Heard()
        usual: dict[str, Any] = {"target": None, "shadows": 0, "draw": False, "out": tmp_path / name}
        metrics = audited(call(tmp_path, data=tmp_path / f"{name}.tsv", **usual), heard)
        assert (metrics["n_members"], metrics["n_nonmembers"]) == (count, 100)
        said = " ".join(heard.said)
        assert ("10 validation records are on neither side" in said) == (name == "whole")
        assert ("not the file that the checkpoint names" in said) == (name == "moved")
    table = pd.read_parquet(tmp_path / "whole" / "results.parquet")
    assert set(table[table["member"]]["id"]) == expected


def test_near_copies_are_told_and_left_out(tmp_path: Path) -> None:
    write_records(tmp_path)
    write_model(tmp_path)
    lines = (tmp_path / "members.tsv").read_text().splitlines()
    copies = [f"copy{i}\t" + line.split("\t", 1)[1] for i, line in enumerate(lines[1:21])]
    with (tmp_path / "nonmembers.tsv").open("a") as file:
        file.write("\n".join(copies) + "\n")
    metrics = audited(call(tmp_path, shadows=0, draw=False), Silent())
    assert (metrics["copies"]["exact"], metrics["copies"]["nonmembers_left"]) == (20, 100)
    one = metrics["attacks"]["loss"]
    table = pd.read_parquet(tmp_path / "out" / "results.parquet")
    kept = table[table["copy"] == "none"]
    assert one["without_copies"]["auc"] == pytest.approx(roc_auc_score(kept["member"], kept["loss"]))
    assert one["without_copies"]["auc"] > one["auc"] + 0.03


def test_bad_inputs(tmp_path: Path) -> None:
    write_records(tmp_path)
    write_model(tmp_path, trained=False)
    with pytest.raises(ConfigError, match="the same records"):
        call(tmp_path, nonmembers=tmp_path / "members.tsv")
    lines = (tmp_path / "members.tsv").read_text().splitlines()
    (tmp_path / "some.tsv").write_text("\n".join(lines[:9]) + "\n")
    refused: list[tuple[str, str, str]] = [("some.tsv", "overlap", "'m0' and 7 more")]
    (tmp_path / "empty.tsv").write_text(lines[0] + "\n")
    refused.append(("empty.tsv", "", ""))
    (tmp_path / "plain.fa").write_text(">a\nACGTACGTACGTACGTACGT\n")
    refused.append(("plain.fa", "no targets", "--target-column"))
    for name, problem, detail in refused:
        with pytest.raises(InputError) as caught:
            audited(call(tmp_path, nonmembers=tmp_path / name, target=None), Silent())
        assert problem in str(caught.value)
        assert detail in str(caught.value)
    assert not (tmp_path / "out").exists()
    for wrong, option in (
        ({"attacks": ("guess",)}, "--attacks"),
        ({"shadows": 2}, "--shadows"),
        ({"prior": 1.0}, "--prior"),
    ):
        with pytest.raises(ConfigError, match=option):
            call(tmp_path, **wrong)
    with pytest.raises(DataError, match="split"):
        audited(call(tmp_path, data=tmp_path / "members.tsv"), Silent())
