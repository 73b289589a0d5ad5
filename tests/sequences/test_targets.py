"""Targets: raw columns of a file as the numbers of each task."""

from __future__ import annotations

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
        (frame(u=[1, 2], v=[0, 1]), "multilabel", None, ["0 or 1"]),
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
