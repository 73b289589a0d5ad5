"""Configs: every error names key and line; overrides and variables reach where they are meant to."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from seqrobust.errors import ConfigError, InputError
from seqrobust.run.config import RunConfig, find_config, read_config
from seqrobust.run.starting.starter import starter_config
from seqrobust.run.train import training_settings
from seqrobust.training import TrainingSettings
from seqrobust.yaml_file import load_config

TEXT = """\
name: mine
task: binary

data:
  path: a.tsv
  where:
    kind: [designed, 7]
training:
  epochs: 3
  adversarial:
    budget: 2
attack:
  budget: 1..3
"""


def load(text: str = TEXT, *overrides: str) -> RunConfig:
    return load_config(text, RunConfig, where="my.yaml", overrides=overrides)


def test_values_arrive() -> None:
    config = load()
    assert config.training.adversarial is not None
    assert (config.training.epochs, config.training.adversarial.budget) == (3, 2)
    assert config.attack is not None
    assert [str(budget) for budget in config.attack.budgets] == ["1", "2", "3"]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("epochs: 3", "epoch: 3", ["line 9", "training.epoch", "did you mean epochs?"]),
        ("budget: 2", "clean_shear: 0.2", ["line 11", "training.adversarial.clean_shear", "did you mean clean_share?"]),
        ("budget: 2", "steps: many", ["line 11", "key training.adversarial.steps", "valid integer"]),
        ("budget: 2", "bugdet: 2", ["line 11", "training.adversarial.bugdet", "did you mean budget?"]),
        ("budget: 1..3", "split: [a]", ["line 13", "attack.split"]),
        ("budget: 1..3", "budget: 1..3\n  attacks: greedy", ["attack.attacks", "a list, such as [first, second]"]),
        ("task: binary", "task: guess", ["line 2", "'guess'", "'regression'"]),
        ("name: mine\n", "", ["name", "nothing"]),
        ("name: mine", "name: a b", ["line 1", "name"]),
        ("path: a.tsv", "path: [1]", ["line 5", "data.path"]),
        ("epochs: 3", "epochs: 3\n  epochs: [", ["not valid YAML", "line"]),
        ("  path: a.tsv", "\tpath: a.tsv", ["not valid YAML", "line 5"]),
    ],
)
def test_errors_name_the_line(old: str, new: str, words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        load(TEXT.replace(old, new, 1))
    for word in ["my.yaml", *words]:
        assert word in str(caught.value)


def test_several_errors_are_counted() -> None:
    with pytest.raises(ConfigError, match=r"\(and 1 more\)"):
        load(TEXT.replace("epochs: 3", "epochs: x\n  batch_size: y"))


@pytest.mark.parametrize(
    ("text", "found"), [("", "nothing"), ("# only words\n", "nothing"), ("- a", "list"), ("a", "str")]
)
def test_what_is_no_mapping(text: str, found: str) -> None:
    with pytest.raises(ConfigError, match="a config is a mapping") as caught:
        load(text)
    assert caught.value.found == found


def test_overrides() -> None:
    config = load(
        TEXT, "training.epochs=9", "model.channels=5", "data.where={}", "attack.protect=[a, b]", "attack.budget=4"
    )
    assert (config.training.epochs, config.model.hyperparameters) == (9, {"channels": 5})
    assert not config.data.where
    assert config.attack is not None
    assert (config.attack.protect, config.attack.budget) == (("a", "b"), 4)
    assert load(TEXT, "attack=null").attack is None
    assert load(TEXT, "name=007").name == "7"


@pytest.mark.parametrize("item", ["epochs", "=3", "name.first=a", "training.epochs=[", "training.epochs=many"])
def test_overrides_that_cannot_be(item: str) -> None:
    with pytest.raises(InputError):
        load(TEXT, item)


def test_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HERE", "/somewhere")
    text = TEXT.replace("a.tsv", "$HERE/a.tsv")
    assert load(text).data.path == Path("/somewhere/a.tsv")
    assert load(text.replace("$HERE", "${HERE}")).data.path == Path("/somewhere/a.tsv")
    monkeypatch.delenv("HERE")
    with pytest.raises(ConfigError, match=r"\$HERE, which is not set"):
        load(text)


def test_only_paths_are_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands elsewhere goes into checkpoints and reports as it was written."""
    monkeypatch.setenv("SECRET", "hidden")
    with pytest.raises(ConfigError) as caught:
        load(TEXT, "name=$SECRET")
    assert "hidden" not in str(caught.value)
    config = load(TEXT, "data.where={kind: $SECRET}", "attack.protect=[$SECRET]")
    assert "hidden" not in repr(config)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TEXT + "\nname: other\n", "stands twice"),
        (TEXT.replace("epochs: 3", "epochs: 3\n  epochs: 4"), "stands twice"),
        ("a: &a [1]\nb: &b [*a, *a]\n" + "".join(f"x{n}: &x{n} [*b, *b]\n" for n in range(2)), "key name"),
        ("a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)), "nested"),
        ("a: &a {b: *a}", "nested"),
        ("a: " + 80 * "[" + 80 * "]", "nested"),
        ("a: " + 5000 * "[" + 5000 * "]", "nested"),
        ("a: 2026-13-45", "cannot be read"),
        ("? [a]\n: b", "unhashable key"),
        ("a: " + 1_000_001 * "b", "too large"),
        ("a: *b", "not valid YAML"),
        ("a: !!python/object/apply:os.system [ls]", "not valid YAML"),
    ],
)
def test_texts_that_no_config_has(text: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load(text)


def test_a_shipped_config_goes_by_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_config("quickstart").is_file()
    (tmp_path / "quickstart").write_text(TEXT)
    assert read_config(find_config("quickstart")).name == "mine"


@pytest.mark.parametrize(
    ("device", "expected"),
    [("auto", ("auto", None)), ("cpu", ("cpu", None)), ("cuda", ("gpu", None)), ("cuda:1", ("gpu", "1,"))],
)
def test_the_device_decides_where_training_is_done(device: str, expected: tuple[str, str | None]) -> None:
    settings, _ = training_settings(load(TEXT, f"device={device}"))
    accelerator, devices = expected
    assert settings.accelerator == accelerator
    assert settings.devices == (devices or TrainingSettings().devices)


KINDS = {
    "two classes": (["a", "b"] * 10, "binary"),
    "three classes": (["a", "b", "c"] * 7, "classification"),
    "few numbers": ([1, 2, 3] * 7, "classification"),
    "two numbers": ([0, 1] * 10, "binary"),
    "measurements": ([number / 7 for number in range(21)], "regression"),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["mine.tsv", "2024-01-05.tsv", "on.tsv", "1e5.tsv", "odd name {x} #1.tsv", "null.tsv"])
def test_a_starter_config_can_be_read(kind: str, name: str, tmp_path: Path) -> None:
    values, task = KINDS[kind]
    table = pd.DataFrame({"sequence": ["ACGTACGTAC"] * len(values), "label": values})
    table["regions"] = "core: #1:0-3"
    table.to_csv(tmp_path / name, sep="\t", index=False)
    config = load_config(starter_config(tmp_path / name, None), RunConfig, where=name)
    assert config.task == task
    assert config.data.path == tmp_path / name
    assert config.data.targets == ("label",)
    assert config.attack is not None
    assert config.attack.goal == ("up" if task == "regression" else "auto")


def test_a_starter_config_says_what_is_doubtful_about_the_target(tmp_path: Path) -> None:
    rows = "".join(f"r{i},ACGTACGT,{i % 9}\n" for i in range(90))
    (tmp_path / "x.csv").write_text("id,sequence,label\n" + rows)
    text = starter_config(tmp_path / "x.csv", None)
    assert "# mind: column 'label': whole numbers from 0 to 8, read as 9 classes" in text
    assert load_config(text, RunConfig, where="x").task == "classification"
    assert "# mind" not in starter_config(tmp_path / "x.csv", "regression")


def test_a_starter_config_needs_a_target(tmp_path: Path) -> None:
    (tmp_path / "a.fa").write_text(">a\nACGT\n")
    with pytest.raises(InputError, match="target"):
        starter_config(tmp_path / "a.fa", None)
