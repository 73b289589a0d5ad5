"""Targets: raw columns of a file as the numbers of each task."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from seqrobust.errors import DataError
from seqrobust.sequences import Task, encode_targets


def frame(**columns: list[object]) -> pd.DataFrame:
    return pd.DataFrame(columns)


@pytest.mark.parametrize(
    ("raw", "task", "labels", "values"),
    [
        (frame(y=["EI", "N", "EI"]), "classification", ("EI", "N"), [0, 1, 0]),
        (frame(y=[10, 9, 10]), "classification", ("9", "10"), [1, 0, 1]),
        (frame(y=["10", "9", "x"]), "classification", ("9", "10", "x"), [1, 0, 2]),
        (frame(y=[1.0, 0.0, 1.0]), "binary", ("0", "1"), [1, 0, 1]),
        (frame(y=[True, False, True]), "binary", ("0", "1"), [1, 0, 1]),
        (frame(y=["pos", "neg"]), "binary", ("neg", "pos"), [1, 0]),
        (frame(y=["a;b", "", "b"]), "multilabel", ("a", "b"), [[1, 1], [0, 0], [0, 1]]),
        (frame(u=[1, 0], v=[0, 1]), "multilabel", ("u", "v"), [[1, 0], [0, 1]]),
        (frame(u=["0.5", "-1e3"], v=[1, 2]), "regression", ("u", "v"), [[0.5, 1], [-1000, 2]]),
        (frame(y=["NA", "N"]), "binary", ("N", "NA"), [1, 0]),
    ],
)
def test_columns_become_numbers(raw: pd.DataFrame, task: Task, labels: tuple[str, ...], values: list[object]) -> None:
    targets = encode_targets(raw, task)
    assert targets.labels == labels
    np.testing.assert_allclose(targets.values, values)


def test_given_labels_set_the_order() -> None:
    targets = encode_targets(frame(y=["a", "b"]), "binary", ["b", "a"])
    assert targets.values.tolist() == [1, 0]
    assert targets.outputs == 1


SEVERAL: list[Task] = ["multilabel", "regression"]


@pytest.mark.parametrize("task", SEVERAL)
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_columns_belong_to_the_outputs_of_their_names(task: Task, order: tuple[int, ...]) -> None:
    names, truth = ["nucleus", "membrane", "golgi"], np.random.default_rng(0).integers(0, 2, (9, 3))
    raw = pd.DataFrame({names[column]: truth[:, column] for column in order} | {"other": 7})
    targets = encode_targets(raw, task, names)
    assert targets.labels == tuple(names)
    for column in range(3):
        assert targets.values[:, column].tolist() == truth[:, column].tolist()


@pytest.mark.parametrize("task", SEVERAL)
@pytest.mark.parametrize(
    ("columns", "labels", "words"),
    [
        (["b", "A"], ["a", "b"], ["names of the model's outputs", "without a", "'A' is not 'a'"]),
        (["b", "a "], ["a", "b"], ["without a", "'a ' is not 'a'"]),
        (["y", "z"], ["a", "b"], ["without a, b"]),
        (["a"], ["a", "b", "c", "d"], ["without b, c, d"]),
        (["y"], ["a", "b", "c", "d"], ["without a, b, c, d"]),
        (["y"], ["0", "1", "2", "3"], ["number of target columns", "4 columns", "1: y"]),
        (["y", "z"], ["a"], ["without a"]),
    ],
)
def test_columns_never_stand_for_outputs_by_their_place(
    task: Task, columns: list[str], labels: list[str], words: list[str]
) -> None:
    with pytest.raises(DataError) as caught:
        encode_targets(pd.DataFrame({name: [0, 1] for name in columns}), task, labels)
    for word in [*words, "--no-targets"]:
        assert word in str(caught.value)


@pytest.mark.parametrize("task", SEVERAL)
def test_outputs_without_names_and_single_ones_take_what_there_is(task: Task) -> None:
    two = encode_targets(pd.DataFrame({"y": [0, 1], "z": [1, 1]}), task, ["0", "1"])
    assert two.values.tolist() == [[0, 1], [1, 1]]
    one = encode_targets(pd.DataFrame({"measured": [0, 1]}), task, ["activity"])
    assert one.values.tolist() == [[0], [1]]


@pytest.mark.parametrize(
    ("raw", "task", "labels", "words"),
    [
        (frame(y=["a", "b", "c"]), "binary", None, ["two classes", "3: a, b, c"]),
        (frame(y=["a", "a"]), "binary", None, ["two classes", "1: a"]),
        (frame(y=["a", ""]), "classification", None, ["no target", "record 2"]),
        (frame(y=["a", None]), "classification", None, ["no target", "record 2"]),
        (frame(y=["a", "z"]), "classification", ["a", "b"], ["'z'", "record 2"]),
        (frame(y=["1", "x"]), "regression", None, ["finite", "'x'", "record 2"]),
        (frame(y=[1.0, float("inf")]), "regression", None, ["finite", "record 2"]),
        (frame(u=[1, 2], v=[0, 1]), "multilabel", None, ["0 or 1", "1 of 2 records", "column 'u', record 2"]),
        (frame(u=[1, None], v=[0, 1]), "multilabel", None, ["lacks a label", "an empty field (1 of 2 records)"]),
        (frame(y=["a;q", "b"]), "multilabel", ["a", "b"], ["unknown labels", "q"]),
        (frame(y=["", ""]), "multilabel", None, ["no record has a label"]),
    ],
)
def test_what_suits_no_task_is_refused(
    raw: pd.DataFrame, task: Task, labels: list[str] | None, words: list[str]
) -> None:
    with pytest.raises(DataError) as caught:
        encode_targets(raw, task, labels)
    for word in words:
        assert word in str(caught.value)
