"""How shadow models are trained: by the checkpoint's recipe, by a config, or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from audits import RECIPE, SETTINGS, Heard, audited, call, write_model, write_records

from seqrobust.analysis.asked import Opening
from seqrobust.analysis.membership import train_shadows
from seqrobust.analysis.privacy import WITH_SHADOWS, prepare
from seqrobust.errors import ConfigError
from seqrobust.models import load_checkpoint, save_checkpoint
from seqrobust.progress import Silent
from seqrobust.sequences import Task


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
        with pytest.raises(ConfigError, match=refused) as caught:
            prepare(*ready)
        assert "recipe.yaml" in str(caught.value)
