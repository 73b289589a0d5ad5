"""What ``init`` guesses from a file: right, said, and never at the cost of the records that a model was trained on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from seqrobust.errors import ConfigError, InputError
from seqrobust.run.config import RunConfig
from seqrobust.run.estimate import Cost
from seqrobust.run.starting import cap
from seqrobust.run.starting.asked import StarterAsked
from seqrobust.run.starting.cap import capped
from seqrobust.run.starting.starter import Starter, starter
from seqrobust.sequences import Task
from seqrobust.sequences.data_config import Data, load_data
from seqrobust.sequences.data_source import Columns
from seqrobust.sequences.dividing.split_roles import split_roles
from seqrobust.yaml_file import load_config

RANDOM = np.random.default_rng(5)
TEXTS = ["".join(RANDOM.choice(list("ACGT"), 24)) for _ in range(120)]


def made(tmp_path: Path, targets: Columns | None = None, task: Task | None = None, **columns: object) -> Starter:
    pd.DataFrame({"id": [f"r{i}" for i in range(120)], "sequence": TEXTS, **columns}).to_csv(tmp_path / "a.csv")
    return starter(StarterAsked(data=tmp_path / "a.csv", columns=targets or Columns(), task=task))


def config_of(made: Starter) -> RunConfig:
    return load_config(made.text, RunConfig, where="made")


def data_of(made: Starter) -> Data:
    config = config_of(made)
    return load_data(config.data, config.task, config.seed)


def counts_of(data: Data) -> dict[str, int]:
    assert data.sequences.splits is not None
    return pd.Series(data.sequences.splits).value_counts().to_dict()


SPLITS = ["train"] * 80 + ["val"] * 20 + ["benchmark"] * 20
LABELS = ["no", "yes"] * 60


def test_splits_of_other_names_are_mapped_and_said(tmp_path: Path) -> None:
    found = made(tmp_path, label=LABELS, partition=SPLITS)
    assert counts_of(data_of(found)) == {"train": 80, "valid": 20, "test": 20}
    attack = config_of(found).attack
    assert attack is not None
    assert attack.split == "test"
    said = " ".join(found.notices)
    assert "column 'partition' looks as if it said who trains" in said
    assert "test: ['benchmark']), guessed from their names" in said


def test_records_whose_split_nobody_can_read_are_left_out(tmp_path: Path) -> None:
    found = made(tmp_path, label=LABELS, split=["train"] * 80 + ["test"] * 30 + ["x7"] * 6 + [""] * 4)
    # A tenth of what trains is set aside for validation.
    assert counts_of(data_of(found)) == {"train": 72, "valid": 8, "test": 30}
    assert "10 records with split = '(empty)', 'x7' left out" in " ".join(found.notices)


def test_splits_that_mean_nothing_are_asked_for(tmp_path: Path) -> None:
    found = made(tmp_path, label=LABELS, split=["A", "B"] * 60)
    assert "nothing tells which values of the column 'split' are for training ('A', 'B')" in " ".join(found.notices)
    with pytest.raises(InputError, match=r"no value '\?'"):
        data_of(found)


def test_what_may_be_for_testing_is_asked_for(tmp_path: Path) -> None:
    found = made(tmp_path, label=LABELS, split=["train"] * 80 + ["B"] * 40)
    assert "which values of the column 'split' are for testing ('train', 'B')" in " ".join(found.notices)
    with pytest.raises(InputError, match=r"no value '\?'"):
        data_of(found)


def test_numbers_of_folds_are_folds(tmp_path: Path) -> None:
    found = made(tmp_path, Columns(split="fold"), label=LABELS, fold=["0", "1", "2", "3", "4", "5"] * 20)
    assert counts_of(data_of(found)) == {"train": 80, "valid": 20, "test": 20}
    assert "numbers of folds, the last is tested" in " ".join(found.notices)


@pytest.mark.parametrize("name", ["train", "training"])
def test_training_records_alone_are_split_anew(name: str, tmp_path: Path) -> None:
    found = made(tmp_path, label=LABELS, split=[name] * 120)
    assert counts_of(data_of(found)) == {"train": 96, "valid": 12, "test": 12}


@pytest.mark.parametrize(
    ("values", "roles"),
    [
        (["Train", "Dev", "Test"], {"train": ("Train",), "valid": ("Dev",), "test": ("Test",)}),
        (["training_set", "held-out"], {"train": ("training_set",), "test": ("held-out",)}),
        (["fold 2", "fold10", "fold1"], {"train": ("fold1",), "valid": ("fold 2",), "test": ("fold10",)}),
        (["0", "1"], {}),
        (["test", "valid"], {}),
        (["train", "training"], {"train": ("train", "training")}),
    ],
)
def test_roles(values: list[str], roles: dict[str, tuple[str, ...]]) -> None:
    assert split_roles(values).folds == roles


def test_a_target_of_any_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="target") as refused:
        made(tmp_path, expression=RANDOM.normal(size=120), batch=["a", "b"] * 60)
    assert "expression" in str(refused.value)
    assert "--target-column" in str(refused.value)
    found = made(tmp_path, Columns(targets=("expression",)), expression=RANDOM.normal(size=120))
    assert config_of(found).task == "regression"
    assert data_of(found).targets.labels == ("expression",)


@pytest.mark.parametrize(
    ("values", "labels", "why"),
    [
        (["yes", "no"] * 60, ("no", "yes"), "no is read as its absence"),
        (["binder", "nonbinder"] * 60, ("nonbinder", "binder"), "absence"),
        (["alpha"] * 13 + ["beta"] * 107, ("beta", "alpha"), "the rarer of the two, 13 of 120"),
        ([1] * 13 + [0] * 107, ("0", "1"), "absence"),
        (["a", "b"] * 60, ("a", "b"), "both are as common"),
    ],
)
def test_the_positive_class_is_last_and_said(
    values: list[object], labels: tuple[str, ...], why: str, tmp_path: Path
) -> None:
    found = made(tmp_path, label=values)
    assert data_of(found).targets.labels == labels
    assert why in " ".join(found.notices)


def test_uneven_classes_are_balanced(tmp_path: Path) -> None:
    found = made(tmp_path, label=["yes"] * 12 + ["no"] * 108)
    assert config_of(found).training.class_weights == "balanced"
    assert "(no 108, yes 12)" in " ".join(found.notices)
    assert config_of(made(tmp_path, label=LABELS)).training.class_weights == "none"


def test_what_covers_a_record_is_not_functional(tmp_path: Path) -> None:
    regions = ["signal:0-6;mature:6-24"] * 40 + [""] * 80
    found = made(tmp_path, label=LABELS, regions=regions)
    assert "# probe: {functional: ['signal'], max_records: 100}" in found.text
    assert "mature covers most of the records that have it" in " ".join(found.notices)


@pytest.mark.parametrize(("seconds", "most"), [(6.0, 50), (100.0, 30), (1.0, None)])
def test_the_attack_is_limited_to_what_takes_a_few_minutes(
    seconds: float, most: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cap, "attack_cost", lambda *_: Cost(seconds=seconds, records=60))
    found = capped(made(tmp_path, label=LABELS, split=["train"] * 60 + ["test"] * 60))
    attack = config_of(found).attack
    assert attack is not None
    assert attack.max_records == most
    limited = f"the attack is of {most} of 60 records (attack.max_records), at most about"
    assert (limited if most else "the attack takes at most about 60 seconds for 60") in found.notices[-1]


def test_a_config_that_cannot_run_is_left_as_it_is(tmp_path: Path) -> None:
    unread = made(tmp_path, label=LABELS, split=["A", "B"] * 60)
    assert capped(unread) == unread


def test_columns_of_no_file_are_refused() -> None:
    with pytest.raises(ConfigError, match="columns of no file"):
        StarterAsked(columns=Columns(targets=("y",)))
