"""An audit of membership: who is found out, what is warned of, how a stopped run goes on, and how it is shown."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, fields, replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from rich.console import Console
from scipy.special import expit
from sklearn.metrics import roc_auc_score  # type: ignore[import-untyped]

from seqrobust.alphabet import DNA, PROTEIN, Alphabet
from seqrobust.analysis.asked import Audit, Opening
from seqrobust.analysis.membership import train_shadows
from seqrobust.analysis.privacy import PRIVACY, WITH_SHADOWS, PrivacyFindings, PrivacySettings, prepare
from seqrobust.errors import ConfigError, DataError, InputError
from seqrobust.models import ModelCard, build_model, load_checkpoint, save_checkpoint
from seqrobust.models.source import ModelSource
from seqrobust.progress import Silent
from seqrobust.report.terminal import show
from seqrobust.run.answer import Answer, answer
from seqrobust.run.settings import RunSettings
from seqrobust.sequences import SequenceSet, Task, encode_targets
from seqrobust.sequences.data_config import DataConfig, load_data
from seqrobust.sequences.data_source import FileReading
from seqrobust.sequences.encoding import one_hot
from seqrobust.sequences.readers import Columns
from seqrobust.training import TrainingSettings
from seqrobust.training.data import Labelled

LENGTH = 20
SETTINGS: dict[str, Any] = {"epochs": 30, "batch_size": 16, "learning_rate": 8e-3, "schedule": "constant"}
HYPER: dict[str, Any] = {
    "channels": 12,
    "blocks": 1,
    "first_kernel": 5,
    "hidden": 24,
    "dropout": 0.0,
    "head": "flatten",
}
LABELS: dict[Task, tuple[str, ...]] = {
    "classification": ("EI", "IE", "N"),
    "binary": ("no", "yes"),
    "multilabel": ("up", "down"),
    "regression": ("activity",),
}


class Heard(Silent):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, text: str) -> None:
        """See the protocol."""
        self.said.append(text)


def write_records(
    folder: Path, *, task: Task = "classification", alphabet: Alphabet = DNA, count: int = 100, rich: float = 0.0
) -> None:
    """Members and non-members of random letters and random answers; ``rich`` non-members hold more of one letter."""
    rng = np.random.default_rng(0)
    letters = list(alphabet.letters)
    for name in ("members", "nonmembers"):
        weights = np.ones(len(letters))
        weights[0] += 4 * rich if name == "nonmembers" else 0
        texts = ["".join(row) for row in rng.choice(letters, (count, LENGTH), p=weights / weights.sum())]
        drawn = {
            "classification": rng.choice(["EI", "IE", "N"], count).tolist(),
            "binary": rng.choice(["no", "yes"], count).tolist(),
            "multilabel": rng.choice(["", "up", "down", "up;down"], count).tolist(),
            "regression": rng.normal(2, 3, count).round(3).tolist(),
        }[task]
        head = "activity" if task == "regression" else "label"
        rows = [
            f"{name[0]}{i}\t{value}\tg{i % 4}\t{text}" for i, (value, text) in enumerate(zip(drawn, texts, strict=True))
        ]
        (folder / f"{name}.tsv").write_text(f"id\t{head}\tgroup\tsequence\n" + "\n".join(rows) + "\n")


def write_model(
    folder: Path, *, task: Task = "classification", alphabet: Alphabet = DNA, trained: bool = True, recipe: bool = True
) -> None:
    """A small net that learnt the members by heart, or was never trained."""
    table = pd.read_csv(folder / "members.tsv", sep="\t", keep_default_na=False)
    column = table.columns[1]
    targets = encode_targets(table[[column]], task, LABELS[task])
    sequences = SequenceSet.from_texts(table["sequence"].tolist(), alphabet)
    outputs = targets.outputs

    def build() -> Any:
        return build_model("cnn", alphabet_size=alphabet.size, outputs=outputs, input_length=LENGTH, **HYPER)

    torch.manual_seed(3)
    model = build()
    if trained:
        # Trained as shadow models are, but on every member.
        inside = np.ones((1, len(sequences)), bool)
        pool = Labelled(sequences=sequences, targets=targets)
        model = train_shadows(build, pool, inside, settings=TrainingSettings(**SETTINGS), way="serial").models[0]
    training = {**SETTINGS, "adversarial": None}
    card = ModelCard(
        alphabet=alphabet,
        task=task,
        labels=LABELS[task],
        architecture="cnn",
        hyperparameters=model.hyperparameters,
        input_length=LENGTH,
        provenance={"training": training} if recipe else {},
    )
    save_checkpoint(folder / "model.ckpt", model, card)


@dataclass(frozen=True, kw_only=True)
class Call:
    """A question, how it is asked, and where its answer goes."""

    asked: Audit
    settings: PrivacySettings
    run: RunSettings


def call(folder: Path, *, target: str | None = "label", **more: Any) -> Call:
    """On that folder's files, written into ``out`` there."""
    usual: dict[str, Any] = {
        "model": ModelSource(model=str(folder / "model.ckpt")),
        "reading": FileReading(columns=Columns(targets=() if target is None else (target,))),
        "out": folder / "out",
        "device": "cpu",
        "shadows": 4,
    }
    if "data" not in more:
        usual |= {name: folder / f"{name}.tsv" for name in ("members", "nonmembers")}
    told = {**usual, **more}
    parts = []
    for kind in (Audit, PrivacySettings, RunSettings):
        named = {one.name for one in fields(kind)}  # type: ignore[arg-type]
        parts.append(kind(**{name: told.pop(name) for name in [*told] if name in named}))
    assert not told
    asked, settings, run = parts
    return Call(asked=asked, settings=settings, run=run)


def answered(question: Call, progress: Silent) -> Answer[PrivacyFindings]:
    """The whole answer."""
    return answer(PRIVACY, question.asked, question.settings, question.run, progress)


def audited(question: Call, progress: Silent) -> dict[str, Any]:
    """What ``metrics.json`` holds."""
    return answered(question, progress).metrics


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A memorising net and its records, audited with ten shadow models, two files of them."""
    made = tmp_path_factory.mktemp("privacy")
    write_records(made)
    write_model(made)
    audited(call(made, shadows=10, label_only=True), Silent())
    return made


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


def test_resume_trains_no_shadow_again(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    shutil.copytree(folder / "out", out)
    parts = sorted((out / "parts").glob("shadows-*"))
    assert [part.name for part in parts] == ["shadows-00000.npz", "shadows-00001.npz"]
    before = json.loads((out / "metrics.json").read_text())
    trained: list[int] = []

    def counted(build: Any, pool: Any, inside: Any, **more: Any) -> Any:
        trained.append(len(inside))
        return train_shadows(build, pool, inside, **more)

    monkeypatch.setattr("seqrobust.analysis.privacy.shadows.train_shadows", counted)
    usual: dict[str, Any] = {"out": out, "shadows": 10, "resume": True, "draw": False}
    again = audited(call(folder, label_only=True, **usual), Silent())
    assert trained == []
    assert again == before
    # A block that is missing is trained as it was the first time.
    parts[1].unlink()
    again = audited(call(folder, label_only=True, **usual), Silent())
    assert trained == [2]
    assert again == before
    # Another choice of attacks needs no other models; another seed does.
    fewer = audited(call(folder, attacks=("rmia",), prior=0.1, **usual), Silent())
    assert trained == [2]
    assert fewer["attacks"]["rmia"] == before["attacks"]["rmia"]
    with pytest.raises(ConfigError, match="other settings"):
        audited(call(folder, seed=5, **usual), Silent())


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


def test_without_a_recipe_shadow_attacks_are_left_out(tmp_path: Path) -> None:
    write_records(tmp_path)
    write_model(tmp_path, trained=False, recipe=False)
    heard = Heard()
    metrics = audited(call(tmp_path, shadows=None), heard)
    assert set(metrics["left_out"]) == set(WITH_SHADOWS)
    assert "--recipe" in metrics["left_out"]["rmia"]
    assert any("lira_online" in text and "--recipe" in text for text in heard.said)
    assert "were not tried" in metrics["verdict"]
    with pytest.raises(ConfigError, match="no attack is left"):
        audited(call(tmp_path, attacks=("rmia",), out=tmp_path / "other"), Silent())
    assert not (tmp_path / "other").exists()


def test_a_recipe_from_a_config(tmp_path: Path) -> None:
    write_records(tmp_path)
    write_model(tmp_path, trained=False, recipe=False)
    text = (
        "name: x\ntask: {}\ndata: {{path: members.tsv}}\nmodel: {{architecture: gru, hidden: 4, readout_hidden: 0}}\n"
    )
    text += "training: {{epochs: 1, batch_size: 32, adversarial: {{budget: '1', protect: [{}]}}}}\n"
    config = tmp_path / "recipe.yaml"
    config.write_text(text.format("classification", ""))
    heard = Heard()
    metrics = audited(call(tmp_path, recipe=config, draw=False), heard)
    assert (metrics["shadows"]["n"], metrics["left_out"]) == (4, {})
    assert "an adversary searches for each by itself" in metrics["shadows"]["training"]
    assert not any("ordinary way" in said for said in heard.said)
    # A region that these records do not have.
    config.write_text(text.format("classification", "TATA"))
    metrics = audited(call(tmp_path, recipe=config, draw=False, out=tmp_path / "without"), heard)
    assert "as asked" not in metrics["shadows"]["training"]
    assert "adversary" not in metrics["shadows"]["training"]
    assert any("shadow models are trained in the ordinary way" in said for said in metrics["notices"])
    assert any("'TATA'" in said for said in heard.said)
    config.write_text(text.format("regression", ""))
    with pytest.raises(ConfigError, match="another task"):
        audited(call(tmp_path, recipe=config, out=tmp_path / "other"), Silent())


def test_shadows_train_as_the_checkpoint_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against its adversary, whose region the records have, and up to the epoch that its weights are from."""
    write_records(tmp_path)
    write_model(tmp_path, trained=False)
    for name in ("members", "nonmembers"):
        table = pd.read_csv(tmp_path / f"{name}.tsv", sep="\t")
        table["regions"] = "TATA:3-9"
        table.to_csv(tmp_path / f"{name}.tsv", sep="\t", index=False)
    model, card = load_checkpoint(tmp_path / "model.ckpt")
    training = {**SETTINGS, "epochs": 5, "adversarial": {"budget": 2, "protect": ["TATA"], "steps": 2}}
    provenance = {"training": training, "metrics": {"best_epoch": 3, "epochs": 5}}
    save_checkpoint(tmp_path / "model.ckpt", model, replace(card, provenance=provenance))
    told: list[dict[str, Any]] = []
    protected: list[int] = []

    def heard(build: Any, pool: Any, inside: Any, **more: Any) -> Any:
        told.append(more)
        protected.append(int((~more["adversarial"].threat().editable(pool.sequences)).sum()))
        return train_shadows(build, pool, inside, **more)

    monkeypatch.setattr("seqrobust.analysis.privacy.shadows.train_shadows", heard)
    metrics = audited(call(tmp_path, draw=False, attacks=("rmia",)), Silent())
    assert (told[0]["last"], told[0]["settings"].epochs, told[0]["adversarial"].steps) == (3, 5, 2)
    assert protected == [200 * 6]
    assert not any("ordinary way" in said for said in metrics["notices"])


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


@pytest.mark.parametrize(
    ("task", "wrong", "found"),
    [
        ("regression", {"attacks": ("entropy", "label_only")}, "no entropy; .*neither right nor wrong"),
        ("classification", {"attacks": ("rmia",), "shadows": 0, "recipe": True}, "--shadows 0"),
        ("classification", {"attacks": ("rmia", "lira_online"), "shadows": 0}, "--shadows 0"),
    ],
)
def test_where_no_attack_applies_nothing_is_written(
    task: Task, wrong: dict[str, Any], found: str, tmp_path: Path
) -> None:
    write_records(tmp_path, task=task, count=20)
    write_model(tmp_path, task=task, trained=False)
    if wrong.get("recipe"):
        wrong = {**wrong, "recipe": tmp_path / "recipe.yaml"}
        wrong["recipe"].write_text("task: classification\ndata: {path: members.tsv}\n")
    target = "activity" if task == "regression" else "label"
    with pytest.raises(ConfigError, match=f"(?s)no attack is left.*{found}"):
        audited(call(tmp_path, target=target, **wrong), Silent())
    assert not (tmp_path / "out").exists()


RECIPE = """
task: classification
data: {path: members.tsv}
model: {architecture: gru, hidden: 4, readout_hidden: 0}
"""


@pytest.mark.parametrize(
    ("more", "refused"),
    [
        ("certify: {budget: many}\nseeds: [1, 2]\nsweep: {a: 1}\nattack: {no: such}\n", None),
        ("trainig: {epochs: 1}\n", "did you mean training"),
        ("modle: {architecture: gru}\n", "did you mean model"),
        ("training: {epoch: 1}\n", "did you mean epochs"),
    ],
)
def test_of_a_recipe_only_what_makes_the_model_is_read(more: str, refused: str | None, tmp_path: Path) -> None:
    """Sections of a run that training does not see are passed over; a misspelt one would be another recipe."""
    write_records(tmp_path, count=20)
    write_model(tmp_path, trained=False, recipe=False)
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE + more)
    question = call(tmp_path, recipe=recipe, draw=False)
    ready = (question.asked.open(Opening(), action="audited"), question.settings, Opening())
    if refused is None:
        found = prepare(*ready).pool.recipe
        assert found is not None
        assert (found.architecture, found.hyperparameters["hidden"]) == ("gru", 4)
    else:
        with pytest.raises(ConfigError, match=refused):
            prepare(*ready)


CHANGED = ("model.ckpt", "members.tsv", "nonmembers.tsv", "population.tsv", "recipe.yaml", "letters.tsv", "where.gff3")


@pytest.fixture(scope="module")
def filed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An audit that reads every kind of file."""
    made = tmp_path_factory.mktemp("filed")
    write_records(made, count=20)
    write_model(made, trained=False)
    text = (made / "nonmembers.tsv").read_text().replace("\nn", "\np")
    lines = text.splitlines()
    # The last letter moves to the front: other records than those on either side.
    turned = [line[:-20] + line[-1] + line[-20:-1] for line in lines[1:]]
    (made / "population.tsv").write_text("\n".join([lines[0], *turned]) + "\n")
    (made / "letters.tsv").write_text("\tA\tC\tG\tT\n" + "".join(f"{row}\t1\t1\t1\t1\n" for row in "ACGT"))
    (made / "where.gff3").write_text(
        "##gff-version 3\n" + "".join(f"{one}0\tx\tTATA_box\t3\t8\t.\t+\t.\tID={one}\n" for one in "mnp")
    )
    against = f"adversarial: {{budget: 1, allow: {made / 'letters.tsv'}}}"
    (made / "recipe.yaml").write_text(f"{RECIPE}training: {{epochs: 1, batch_size: 32, {against}}}\n")
    audited(filed_call(made), Silent())
    return made


def filed_call(folder: Path, **more: Any) -> Call:
    """An audit that reads every kind of file."""
    reading = FileReading(columns=Columns(targets=("label",)), annotation=folder / "where.gff3")
    named = {"reading": reading, "recipe": folder / "recipe.yaml", "population": folder / "population.tsv"}
    return call(folder, **named, draw=False, **more)


@pytest.mark.parametrize("name", CHANGED)
def test_resume_names_the_file_that_changed(name: str, filed: Path) -> None:
    place = filed / name
    before, held = place.read_bytes(), (filed / "out" / "metrics.json").read_bytes()
    if name == "model.ckpt":
        write_model(filed)
    else:
        # Another line end, or one more record: the same to a reader or not, the bytes decide.
        place.write_bytes(before + b"\n")
    try:
        with pytest.raises(ConfigError, match="cannot be resumed") as caught:
            audited(filed_call(filed, resume=True), Silent())
    finally:
        place.write_bytes(before)
    assert name in str(caught.value)
    assert (filed / "out" / "metrics.json").read_bytes() == held


def test_a_finished_run_is_resumed_to_the_same_bytes(filed: Path, tmp_path: Path) -> None:
    shutil.copytree(filed / "out", tmp_path / "out")
    audited(filed_call(filed, resume=True, out=tmp_path / "out"), Silent())
    for name in ("metrics.json", "results.parquet"):
        assert (tmp_path / "out" / name).read_bytes() == (filed / "out" / name).read_bytes()


def test_an_interrupted_run_ends_as_one_that_was_not(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped between the two attacks by labels: what was found by then is not asked for again."""
    out = tmp_path / "out"
    stopped = call(folder, shadows=10, label_only=True, draw=False, out=out)

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("seqrobust.analysis.privacy.label_only.fewest_edits", stop)
        with pytest.raises(KeyboardInterrupt):
            audited(stopped, Silent())
    assert json.loads((out / "manifest.json").read_text())["status"] == "running"
    assert not (out / "metrics.json").exists()
    for kept in ("label_only.survival", "shadows.train_shadows"):
        monkeypatch.setattr(f"seqrobust.analysis.privacy.{kept}", stop)
    audited(replace(stopped, run=replace(stopped.run, resume=True)), Silent())
    for name in ("metrics.json", "results.parquet"):
        assert (out / name).read_bytes() == (folder / "out" / name).read_bytes()
    # One that starts anew takes nothing of an earlier one for its own.
    with pytest.raises(KeyboardInterrupt):
        audited(replace(stopped, run=replace(stopped.run, overwrite=True)), Silent())
    assert not list((out / "parts").iterdir())


def test_the_page_says_what_was_found(folder: Path, tmp_path: Path) -> None:
    """On a terminal and as a file: attacks beside chance, shift, verdict; who is exposed; the curves."""
    asked = call(folder, shadows=10, label_only=True, out=tmp_path / "out")
    shutil.copytree(folder / "out", tmp_path / "out")
    found = answered(replace(asked, run=replace(asked.run, resume=True)), Silent())
    metrics = found.metrics
    console = Console(record=True, width=150, file=StringIO())
    show(found.page, console)
    said = console.export_text()
    html = (tmp_path / "out" / "report.html").read_text()
    auc = metrics["attacks"]["lira_online"]["auc"]
    low, high = metrics["attacks"]["lira_online"]["auc_ci"]
    share = 100 * metrics["attacks"]["lira_online"]["tpr_at_fpr"]["0.01"]
    for text in (said, html):
        assert "100 members, 100 non-members; 10 shadow models" in text
        assert f"{auc:.3f} [{low:.3f}, {high:.3f}]" in text
        assert f"{share:.1f} [" in text
        assert "by chance" in text
        assert "no difference found" in text
        assert "1,000 or more are needed" in text
    assert " ".join(metrics["verdict"].split())[1:] in " ".join(said.split())
    first = next(line for line in said.splitlines() if line.strip().startswith(metrics["per_class"][0]["group"]))
    assert f"{100 * metrics['per_class'][0]['found']:.1f}" in first
    heads = [line.strip().split("  ")[0] for line in said.splitlines()]
    ordered = sorted(metrics["attacks"].items(), key=lambda item: -item[1]["auc"])
    places = [heads.index(name.replace("_", " ")) for name, _ in ordered]
    assert places == sorted(places)
    assert metrics["exposed"][0]["id"] in html
    assert "<svg" in html
    assert PRIVACY.figure is not None
    assert len(PRIVACY.figure(found.findings).axes) == 2


def test_the_page_of_a_shift_and_of_copies(tmp_path: Path) -> None:
    write_records(tmp_path, rich=1.0)
    write_model(tmp_path, trained=False)
    lines = (tmp_path / "members.tsv").read_text().splitlines()
    with (tmp_path / "nonmembers.tsv").open("a") as file:
        file.write("\n".join(f"copy{i}\t" + line.split("\t", 1)[1] for i, line in enumerate(lines[1:4])) + "\n")
    found = answered(call(tmp_path, shadows=0, draw=False), Silent())
    console = Console(record=True, width=200, file=StringIO())
    show(found.page, console)
    said = " ".join(console.export_text().split())
    assert "they DIFFER, see the warning" in said
    assert found.metrics["shift"]["warning"] in said
    assert "without copies" in said
    assert "3 exact, 0 other strand, 0 near; 100 others" in said
    assert "no shadow models were wanted (--shadows 0)" in said
