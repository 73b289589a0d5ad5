"""Targets: raw columns of a file turned into the numbers of a task, with the class names kept.

===============  =================================================  ==========================
task             raw columns                                        numbers
===============  =================================================  ==========================
binary           one column of two values                           (N,) 0 or 1
classification   one column of class names                          (N,) class index
multilabel       0/1 columns, or one of names joined by ``;``       (N, T) 0 or 1
regression       one or more columns of numbers                     (N, T) float
===============  =================================================  ==========================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.errors import DataError
from seqrobust.sequences.kinds import TASKS as TASKS
from seqrobust.sequences.kinds import Task as Task


@dataclass(frozen=True, kw_only=True, eq=False)
class Targets:
    """Numbers of a task and the names behind them.

    Attributes:
        task: what kind of numbers.
        labels: class names in output order (binary: the negative, then the positive class; regression: value names).
        values: int64 (N,) for binary and classification, float32 (N, T) for multilabel and regression.
    """

    task: Task
    labels: tuple[str, ...]
    values: NDArray[np.int64] | NDArray[np.float32]

    @property
    def outputs(self) -> int:
        """How many outputs a model of this task has per record."""
        return 1 if self.task == "binary" else len(self.labels)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, records: NDArray[np.int64]) -> Targets:
        """Those records' targets."""
        return replace(self, values=self.values[records])


def encode_targets(raw: pd.DataFrame, task: Task, labels: Sequence[str] | None = None) -> Targets:
    """Targets of raw columns.

    Args:
        raw: N rows of target columns.
        task: how to read them.
        labels: class names in output order, from a checkpoint or the user. Without them, classes are sorted (numbers by
            value), and the last of two is the positive class.

    Raises DataError for a missing value, a class that is not among ``labels``, more or fewer than two binary classes,
    or a regression value that is not a finite number.
    """
    if task == "regression":
        return _regression(raw, labels)
    if task == "multilabel":
        return _multilabel(raw, labels)
    names = _class_names(raw.iloc[:, 0], where=f"column {raw.columns[0]!r}")
    known = tuple(labels) if labels else tuple(sorted(set(names), key=_numbers_first))
    if task == "binary" and len(known) != 2:
        raise DataError(
            "a binary target has two classes",
            expected="two values",
            found=f"{len(known)}: {', '.join(known[:8])}",
            where=f"column {raw.columns[0]!r}",
            fix="use --task classification for more than two classes; give both with labels: [negative, positive]",
        )
    index = {name: code for code, name in enumerate(known)}
    codes = pd.Series(names).map(index)
    if codes.isna().any():
        raise _unseen_label(names, codes, known, str(raw.columns[0]))
    return Targets(task=task, labels=known, values=codes.to_numpy(np.int64))


def _class_names(column: pd.Series, where: str) -> list[str]:
    """Values as text; 1.0 reads '1', for a column of integers with gaps becomes one of floats in pandas."""
    missing = column.isna() | (column.astype(str).str.strip() == "")
    if missing.any():
        raise DataError(
            "a record has no target",
            found=f"{int(missing.sum())} of {len(column)} empty, the first in record {int(missing.argmax()) + 1}",
            where=where,
            fix="fill it in, or keep only labelled records (data.where in a config)",
        )
    if pd.api.types.is_bool_dtype(column):
        column = column.astype(int)
    if pd.api.types.is_float_dtype(column) and (column == column.round()).all():
        column = column.astype(int)
    return [str(value).strip() for value in column]


def _numbers_first(name: str) -> tuple[int, float, str]:
    try:
        return (0, float(name), name)
    except ValueError:
        return (1, 0.0, name)


def _unseen_label(names: list[str], codes: pd.Series, known: tuple[str, ...], column: str) -> DataError:
    first = int(codes.isna().argmax())
    return DataError(
        "a label is not one of the classes the model was trained on",
        expected=", ".join(known),
        found=f"{names[first]!r} ({int(codes.isna().sum())} records carry an unknown label)",
        where=f"column {column!r}, record {first + 1}",
        fix="drop those records, or train with data that holds every class",
    )


def _regression(raw: pd.DataFrame, labels: Sequence[str] | None) -> Targets:
    columns = list(labels) if labels and set(labels) <= set(map(str, raw.columns)) else list(raw.columns)
    if labels and len(labels) != len(columns):
        raise DataError("the number of target columns differs from the model's outputs", expected=", ".join(labels))
    numbers = raw[columns].apply(pd.to_numeric, errors="coerce").to_numpy(np.float32)
    bad = ~np.isfinite(numbers)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            "a regression target is not a finite number",
            found=f"{raw[columns].iloc[row, column]!r} ({int(bad.any(1).sum())} records)",
            where=f"column {columns[column]!r}, record {row + 1}",
        )
    return Targets(task="regression", labels=tuple(labels or map(str, columns)), values=numbers)


def _multilabel(raw: pd.DataFrame, labels: Sequence[str] | None) -> Targets:
    if raw.shape[1] == 1 and not pd.api.types.is_numeric_dtype(raw.iloc[:, 0]):
        sets = [[name.strip() for name in str(v).split(";") if name.strip()] for v in raw.iloc[:, 0].fillna("")]
        known = tuple(labels) if labels else tuple(sorted({name for names in sets for name in names}))
        if unseen := {name for names in sets for name in names} - set(known):
            raise DataError("unknown labels", expected=", ".join(known), found=", ".join(sorted(unseen)[:8]))
        values = np.array([[name in names for name in known] for names in sets], np.float32)
        return Targets(task="multilabel", labels=known, values=values.reshape(len(sets), len(known)))
    columns = list(labels) if labels and set(labels) <= set(map(str, raw.columns)) else list(raw.columns)
    values = raw[columns].apply(pd.to_numeric, errors="coerce").to_numpy(np.float32)
    if not np.isin(values, (0, 1)).all():
        raise DataError("a multilabel column holds 0 or 1", found=f"other values in {', '.join(map(str, columns))}")
    return Targets(task="multilabel", labels=tuple(labels or map(str, columns)), values=values)
