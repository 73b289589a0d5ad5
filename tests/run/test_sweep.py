"""Sweeps: the section that says what varies, the front by brute force, and studies that are killed and gone on with."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from seqrobust.errors import ConfigError, SeqRobustError
from seqrobust.progress import Silent
from seqrobust.run.config import RunConfig, read_config
from seqrobust.run.sweep import sweep as module
from seqrobust.run.sweep.results import best_of, front_of, non_dominated
from seqrobust.run.sweep.space import Choice, Range, as_overrides, parse_space
from seqrobust.run.sweep.study import Trial
from seqrobust.run.sweep.sweep import SweepCommand, SweepOutcome, make_plan, run_sweep
from seqrobust.yaml_file import load_config

SPACE = {
    "training.learning_rate": {"low": "1e-4", "high": 1e-1, "log": True},
    "model.channels": [4, 8],
    "training.adversarial.budget": {"low": 1, "high": 3},
}


def data_file(folder: Path, test_labels: int = 0) -> Path:
    """90 records of two classes told apart by a word; ``test_labels`` shuffles those of the test split."""
    rng = np.random.default_rng(5)
    rows = []
    for number in range(90):
        text = rng.choice(list("ACGT"), 24)
        if number % 2:
            text[8:12] = list("TATA")
        split = ("train", "train", "valid", "test")[number // 2 % 4]
        label = number % 2 if split != "test" or not test_labels else (number // test_labels) % 2
        rows.append(f"r{number}\t{'yes' if label else 'no'}\t{split}\t{''.join(text)}")
    path = folder / f"data{test_labels}.tsv"
    path.write_text("id\tlabel\tsplit\tsequence\n" + "\n".join(rows) + "\n")
    return path


def text_of(folder: Path, **more: Any) -> str:
    content: dict[str, Any] = {
        "name": "tiny",
        "task": "binary",
        "seed": 4,
        "data": {"path": str(data_file(folder))},
        "model": {"architecture": "cnn", "channels": 8, "blocks": 1, "first_kernel": 5},
        "training": {"epochs": 2, "batch_size": 8, "adversarial": {"budget": 2}},
        "attack": {"budget": 1, "random_draws": 1},
        "sweep": SPACE,
    }
    return yaml.safe_dump({**content, **more}, sort_keys=False)


def call(folder: Path, trials: int, *, out: str = "out", config: Mapping[str, Any] | None = None, **more: Any) -> Any:
    text = text_of(folder, **(config or {}))
    return SweepCommand(text=text, where="tiny.yaml", out=folder / out, trials=trials, **more)


def closed_form(_: Any, __: Any, ___: Any, values: Mapping[str, Any], place: Path, ____: Any) -> dict[str, float]:
    """A score whose best value is known: clean at a rate of 0.01, robust at a larger budget."""
    clean = -((math.log10(values["training.learning_rate"]) + 2) ** 2) - 0.1 * values["training.adversarial.budget"]
    return {"clean": clean, "robust": clean + 0.5 * values["training.adversarial.budget"]}


@pytest.fixture
def pretended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is trained; scores are a formula."""
    monkeypatch.setattr(module, "run_trial", closed_form)


@pytest.fixture(scope="module")
def swept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SweepOutcome]:
    """Two trials, really trained."""
    folder = tmp_path_factory.mktemp("sweep")
    return folder, run_sweep(call(folder, 2), Silent())


def test_section_is_read() -> None:
    space = parse_space({"training": {"learning_rate": {"low": "1e-4", "high": 1}}, **SPACE, "model.head": ["global"]})
    assert space["training.learning_rate"] == Range(low=1e-4, high=0.1, log=True)
    assert space["training.adversarial.budget"] == Range(low=1, high=3)
    assert Range(low=1, high=3).is_whole
    assert not Range(low=1.0, high=3).is_whole
    assert space["model.head"] == Choice(values=("global",))
    assert Choice(values=(["a"], None, 2)).labels == ['["a"]', None, 2]


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (None, "does not say"),
        ({}, "does not say"),
        ({"data.max_length": [10, 20]}, "varies the model"),
        ({"seed": [1, 2]}, "varies the model"),
        ({"attack.budget": [1]}, "varies the model"),
        ({"model.channels": []}, "empty"),
        ({"model.channels": [8, 8]}, "named twice"),
        ({"model.channels": 8}, "a range or a list"),
        ({"model.dropout": {"low": 0.5, "high": 0.5}}, "above its start"),
        ({"model.dropout": {"low": 0, "high": 0.5, "log": True}}, "log scale"),
        ({"model.dropout": {"low": 0, "high": 0.5, "step": 0.2}}, "whole number of steps"),
        ({"model.dropout": {"low": "few", "high": 0.5}}, "is a number"),
        ({"model.dropout": {"low": 0, "hihg": 0.5}}, "unknown key"),
    ],
)
def test_sections_that_are_refused(section: Any, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_space(section)


@pytest.mark.parametrize("value", [1e-05, 3, "balanced", "1..3", None, True, [1, 2], ["CORE"], "yes: no", "07"])
def test_values_read_back_as_they_were(value: Any) -> None:
    (item,) = as_overrides({"model.x": value})
    assert yaml.safe_load(item.partition("=")[2]) == value


def test_front_is_what_brute_force_finds() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        scores = rng.integers(0, 5, (12, 2)).astype(float)
        kept = [
            not any(all(other >= one) and any(other > one) for other in scores)  # type: ignore[call-overload]
            for one in scores
        ]
        assert non_dominated(scores).tolist() == kept


def test_best_trials_and_their_ties() -> None:
    pairs = [(0.9, 0.1), (0.7, 0.6), (0.5, 0.7), (0.9, 0.2), (0.5, 0.7)]
    trials = [
        Trial(number=number, state="finished", values={}, scores={"clean": clean, "robust": robust})
        for number, (clean, robust) in enumerate(pairs)
    ]
    trials.append(Trial(number=5, state="failed", values={}))
    assert {which: trial.number for which, trial in best_of(trials).items()} == {"clean": 3, "both": 1, "robust": 2}
    assert [trial.number for trial in front_of(trials)] == [3, 1, 2, 4]


def test_a_sweep_leaves_what_it_promises(swept: tuple[Path, SweepOutcome]) -> None:
    folder, outcome = swept
    out = folder / "out"
    table = pd.read_csv(out / "trials.csv")
    assert table["state"].tolist() == ["finished", "finished"]
    assert set(SPACE) | {"clean", "robust", "front", "seconds", "reason"} <= set(table.columns)
    for row in table.itertuples():
        metrics = json.loads((out / row.folder / "metrics.json").read_text())
        attacked = pd.read_parquet(out / row.folder / "attack" / "results.parquet")
        right = (attacked["clean_prediction"] == attacked["target"]) & ~attacked["success"].fillna(False).astype(bool)
        assert row.clean == pytest.approx(metrics["valid"]["accuracy"])
        # One budget for every trial, that of the config, whatever the trial trained against.
        assert set(attacked["budget"]) == {2}
        assert row.robust == pytest.approx(right.mean())
    page = (out / "report.html").read_text()
    for text in ("<svg", "test split", "training.learning_rate", "Not beaten by any other"):
        assert text in page
    assert json.loads((out / "manifest.json").read_text())["status"] == "finished"
    assert set(outcome.best) == {"clean", "both", "robust"}


def test_best_configs_are_ready_to_run(swept: tuple[Path, SweepOutcome]) -> None:
    folder, outcome = swept
    for which, trial in outcome.best.items():
        config = read_config(folder / "out" / f"best-{which}.yaml")
        assert config.name == f"tiny-best-{which}"
        assert config.model.hyperparameters["channels"] == trial.values["model.channels"]
        assert config.training.learning_rate == trial.values["training.learning_rate"]
        assert config.training.adversarial is not None
        assert int(config.training.adversarial.budget) == trial.values["training.adversarial.budget"]
        assert config.attack is not None
        assert config.sweep is None


def test_the_test_split_is_never_touched(swept: tuple[Path, SweepOutcome], tmp_path: Path) -> None:
    """Other labels of the test records change nothing; no file of a trial speaks of them."""
    folder, outcome = swept
    other = str(data_file(tmp_path, test_labels=3))
    again = run_sweep(call(tmp_path, 1, config={"data": {"path": other}}), Silent())
    assert again.trials[0].scores == outcome.trials[0].scores
    for place in (folder / "out").glob("trial-*"):
        assert "test" not in json.loads((place / "metrics.json").read_text())
        for table in (place / "results.parquet", place / "attack" / "results.parquet"):
            names = pd.read_parquet(table)["id"]
            assert {int(name[1:]) // 2 % 4 for name in names} == {2}


@pytest.mark.usefixtures("pretended")
@pytest.mark.parametrize(("sampler", "trials"), [("tpe", 13), ("nsga2", 5)])
def test_a_killed_sweep_goes_on_as_if_it_had_not_been(
    sampler: Any, trials: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also behind the ten random trials that a search by TPE begins with."""
    whole = run_sweep(call(tmp_path, trials, out="whole", sampler=sampler), Silent())
    deaths = (2, trials - 1)
    runs = []

    def killed(*arguments: Any) -> dict[str, float]:
        runs.append(1)
        if len(runs) in deaths:
            raise KeyboardInterrupt
        return closed_form(*arguments)

    monkeypatch.setattr(module, "run_trial", killed)
    with pytest.raises(KeyboardInterrupt):
        run_sweep(call(tmp_path, trials, sampler=sampler), Silent())
    with pytest.raises(KeyboardInterrupt):
        run_sweep(call(tmp_path, trials, sampler=sampler, resume=True), Silent())
    resumed = run_sweep(call(tmp_path, trials, sampler=sampler, resume=True), Silent())
    states = [trial.state for trial in resumed.trials]
    assert [number for number, state in enumerate(states) if state == "interrupted"] == [death - 1 for death in deaths]
    finished = [trial for trial in resumed.trials if trial.state == "finished"]
    assert [trial.values for trial in finished] == [trial.values for trial in whole.trials]
    # Tried again with the same values.
    assert resumed.trials[1].values == resumed.trials[2].values
    assert len({json.dumps(trial.values) for trial in finished}) == trials


@pytest.mark.usefixtures("pretended")
def test_more_trials_go_on_and_other_settings_are_refused(tmp_path: Path) -> None:
    first = run_sweep(call(tmp_path, 3), Silent())
    with pytest.raises(ConfigError, match="holds a run already"):
        run_sweep(call(tmp_path, 5), Silent())
    more = run_sweep(call(tmp_path, 5, resume=True), Silent())
    assert more.trials[:3] == first.trials
    assert len(more.trials) == 5
    for changed in ({"config": {"seed": 5}}, {"config": {"sweep": {"model.channels": [4, 16]}}}, {"sampler": "nsga2"}):
        with pytest.raises(ConfigError, match="other settings"):
            run_sweep(call(tmp_path, 5, resume=True, **changed), Silent())
    (tmp_path / "out" / "trial-0004").mkdir()
    (tmp_path / "out" / "trial-0004" / "manifest.json").touch()
    anew = run_sweep(call(tmp_path, 2, overwrite=True), Silent())
    assert len(anew.trials) == 2
    assert not (tmp_path / "out" / "trial-0004").exists()


@pytest.mark.usefixtures("pretended")
def test_the_search_learns(tmp_path: Path) -> None:
    """Later trials lie nearer to the best learning rate than the random ones that a search begins with."""
    space = {key: SPACE[key] for key in ("training.learning_rate", "training.adversarial.budget")}
    outcome = run_sweep(call(tmp_path, 30, config={"sweep": space}), Silent())
    away = np.abs([math.log10(trial.values["training.learning_rate"]) + 2 for trial in outcome.trials])
    assert away[20:].mean() < 0.6 * away[:10].mean()
    assert away[outcome.best["clean"].number] < 0.1


def test_failed_trials_are_noted_and_not_fatal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[int] = []

    def sometimes(*arguments: Any) -> dict[str, float]:
        runs.append(1)
        if len(runs) == 1:
            raise SeqRobustError("the training loss was not finite in epoch 1\n  what to do: ...")
        if len(runs) == 2:
            raise RuntimeError("CUDA out of memory")
        return closed_form(*arguments)

    monkeypatch.setattr(module, "run_trial", sometimes)
    outcome = run_sweep(call(tmp_path, 4), Silent())
    table = pd.read_csv(tmp_path / "out" / "trials.csv")
    assert table["state"].tolist() == ["failed", "failed", "finished", "finished"]
    assert "not finite" in table["reason"][0]
    assert table["reason"][1] == "RuntimeError: CUDA out of memory"
    assert {trial.number for trial in outcome.best.values()} <= {2, 3}
    assert "CUDA out of memory" in (tmp_path / "out" / "report.html").read_text()


def test_values_that_no_config_takes_are_a_failed_trial(tmp_path: Path) -> None:
    """Half the space is impossible: patience has nothing to watch where the last weights are kept."""
    space = {"training.select": ["last", "clean"], "training.patience": [1]}
    config = {"sweep": space, "training": {"epochs": 1, "batch_size": 8}}
    outcome = run_sweep(call(tmp_path, 4, config=config), Silent())
    states = {trial.values["training.select"]: trial.state for trial in outcome.trials}
    assert states == {"last": "failed", "clean": "finished"}
    assert set(outcome.best) == {"clean"}
    assert not (tmp_path / "out" / "best-both.yaml").exists()
    assert "robust" not in pd.read_csv(tmp_path / "out" / "trials.csv").columns


def test_a_full_disk_stops_the_sweep_and_a_sweep_without_success_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> dict[str, float]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "run_trial", fails)
    with pytest.raises(OSError, match="No space"):
        run_sweep(call(tmp_path, 2), Silent())

    def never(*_: Any) -> dict[str, float]:
        raise SeqRobustError("nothing works")

    monkeypatch.setattr(module, "run_trial", never)
    with pytest.raises(SeqRobustError, match="nothing works"):
        run_sweep(call(tmp_path, 2, resume=True), Silent())


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"sweep": {"training.learning_rat": {"low": 1e-3, "high": 1}}}, "unknown key"),
        ({"sweep": {"model.chanels": [3, 4]}}, "chanels"),
        ({"training": {"epochs": 1}}, "does not train against"),
        ({"training": {"devices": 2, "accelerator": "cpu"}, "sweep": {"model.channels": [3, 4]}}, "one process"),
    ],
)
def test_sweeps_that_are_refused_before_anything_is_written(config: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(SeqRobustError) as error:
        run_sweep(call(tmp_path, 2, config=config), Silent())
    assert said in str(error.value)
    assert not (tmp_path / "out").exists()


def test_without_optuna_the_user_is_told_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(ConfigError) as error:
        run_sweep(call(tmp_path, 2), Silent())
    assert "pip install" in str(error.value)


def test_several_seeds_are_swept_with_the_first(tmp_path: Path) -> None:
    content = yaml.safe_load(text_of(tmp_path))
    del content["seed"]
    text = yaml.safe_dump({**content, "seeds": [7, 8]})
    plan = make_plan(SweepCommand(text=text, where="x", out=tmp_path, trials=1))
    assert (plan.config.seed, plan.config.seeds) == (7, None)
    assert load_config(text, RunConfig, where="x").seeds == (7, 8)


@pytest.mark.parametrize(("rare", "score"), [(2, "accuracy"), (20, "balanced_accuracy")])
def test_trials_of_uneven_classes_are_scored_by_balanced_accuracy(rare: int, score: str, tmp_path: Path) -> None:
    plan = make_plan(SweepCommand(text=text_of(tmp_path), where="c.yaml", out=tmp_path / "out", trials=1))
    data = module.without_test(module.prepared_data(plan.config, Silent()))
    values = (np.arange(len(data.targets)) % rare == 0).astype(np.int64)
    uneven = replace(data, targets=replace(data.targets, values=values))
    balanced = replace(plan, balanced=module._is_balanced(plan, uneven))
    assert balanced.score == score
    assert score.replace("_", " ") in balanced.measured()
