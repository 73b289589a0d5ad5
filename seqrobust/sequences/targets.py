"""Targets: raw columns of a file turned into the numbers of a task, with the class names kept.

===============  =================================================  ==========================
task             raw columns                                        numbers
===============  =================================================  ==========================
binary           one column of two values                           (N,) 0 or 1
classification   one column of class names                          (N,) class index
multilabel       0/1 columns, or one of several labels a field      (N, T) 0 or 1
regression       one or more columns of numbers                     (N, T) float
===============  =================================================  ==========================
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.errors import DataError, LabelError
from seqrobust.sequences.kinds import TASKS as TASKS
from seqrobust.sequences.kinds import Task as Task
from seqrobust.sequences.paired_columns import paired_columns
from seqrobust.sequences.several_labels import label_matrix
from seqrobust.tasks import task_of

MISSING_WORDS = frozenset({"na", "n/a", "#n/a", "<na>", "nan", "null", "missing", "?"})
"""What stands in tables for a missing value, in lower case."""
NAME_THE_OUTPUTS = (
    "name what the model's outputs mean, in their order: --labels NAME,NAME,...; records with a label that is none of "
    "them (a missing value, say) have to be dropped"
)
"""What to do about labels that a model without names of its own does not know."""
LEAVE_OUT = "fill it in, or drop these rows (--drop-missing; in a config data.drop_missing: true)"
"""What to do about missing targets."""
NUMBER_WITH_COMMAS = re.compile(r"[+-]?\d[\d.]*,[\d.,]*\d(?:[eE][+-]?\d+)?")
"""A decimal comma, or commas between thousands."""
_TRUTHS = {"true": "1", "false": "0"}
_BELOW_DETECTION = re.compile(r"[<>]=?\s*\S+|(?:b|a)?(?:lod|loq|bdl|bql)", re.IGNORECASE)


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
        return task_of(self.task).outputs(len(self.labels))

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
    value = task_of(task)
    if value.measured:
        return _regression(raw, labels)
    if value.independent:
        return _multilabel(raw, labels)
    names = _class_names(raw.iloc[:, 0], where=f"column {raw.columns[0]!r}")
    known = tuple(labels) if labels else tuple(sorted(set(names), key=_numbers_first))
    if not labels:
        _check_spelling(known, str(raw.columns[0]))
    if value.two_sided and len(known) != 2:
        raise DataError(
            "a binary target has two classes",
            expected="two values",
            found=f"{len(known)}: {', '.join(known[:8])}",
            where=f"column {raw.columns[0]!r}",
            fix=_two_classes(known),
        )
    codes = pd.Series(names).map(_codes(known, names))
    if codes.isna().any():
        raise _unseen_label(names, codes, known, str(raw.columns[0]))
    return Targets(task=task, labels=known, values=codes.to_numpy(np.int64))


def same_number(text: str) -> float | None:
    """The number that a class name spells, None where it spells none; ``1`` and ``1.0`` spell the same.

    >>> same_number("1.0"), same_number("pos")
    (1.0, None)
    """
    try:
        value = float(text)
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def _check_spelling(known: Sequence[str], column: str) -> None:
    """``1`` and ``1.0`` are one class in two spellings; ``1.1`` and ``1.10`` may be two sections."""
    whole: dict[float, str] = {}
    for name in known:
        if (number := _whole(name)) is not None:
            if number in whole:
                raise DataError(
                    "one class is spelled in two ways",
                    found=f"{whole[number]!r} and {name!r}",
                    where=f"column {column!r}",
                    fix="write the number in one way",
                )
            whole[number] = name


def _codes(known: Sequence[str], names: Sequence[str]) -> dict[str, int]:
    """Class name to its index; a whole number may be spelled otherwise than the class is, ``1.0`` for ``1``."""
    index = {name: code for code, name in enumerate(known)}
    whole = {number: code for name, code in index.items() if (number := _whole(name)) is not None}
    others = {name: whole.get(number) for name in set(names) - set(known) if (number := _whole(name)) is not None}
    return {**index, **{name: code for name, code in others.items() if code is not None}}


def _whole(name: str) -> float | None:
    """The number behind ``1``, ``1.`` or ``1.0``; None for other names, also ``007`` and ``1.10``."""
    return float(name) if re.fullmatch(r"[+-]?(?:0|[1-9]\d*)(?:\.0*)?", name) else None


def _two_classes(known: Sequence[str]) -> str:
    """What to do about more or fewer than two classes."""
    missing = [name for name in known if name.lower() in MISSING_WORDS]
    if missing and len(known) - len(missing) == 2:
        rest = [name for name in known if name not in missing]
        return f"{missing[0]} looks like a missing value: keep the others with --where COLUMN={rest[0]} and ={rest[1]}"
    if len({name.casefold() for name in known}) == 2 < len(known):
        return "some differ in case only: write each class in one way"
    if len(known) < 2:
        return "choose another target column, or records of both classes"
    return "use --task classification for more than two classes; give both with labels: [negative, positive]"


def _class_names(column: pd.Series, where: str) -> list[str]:
    """Values as text; 1.0 reads '1', for a column of integers with gaps becomes one of floats in pandas."""
    missing = column.isna() | (column.astype(str).str.strip() == "")
    if missing.any():
        raise DataError(
            "a record has no target",
            found=f"{int(missing.sum())} of {len(column)} empty, the first in record {int(missing.argmax()) + 1}",
            where=where,
            fix=LEAVE_OUT,
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


def _unseen_label(names: list[str], codes: pd.Series, known: tuple[str, ...], column: str) -> LabelError:
    first = int(codes.isna().argmax())
    return LabelError(
        "a label is not one of the classes the model was trained on",
        expected=", ".join(known),
        found=f"{names[first]!r} ({int(codes.isna().sum())} records carry an unknown label)",
        where=f"column {column!r}, record {first + 1}",
        fix="drop those records, or train with data that holds every class",
    )


def _regression(raw: pd.DataFrame, labels: Sequence[str] | None) -> Targets:
    columns = _in_order(raw, labels, "regression")
    numbers = raw[columns].apply(pd.to_numeric, errors="coerce").to_numpy(np.float32)
    bad = ~np.isfinite(numbers)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        value = raw[columns].iloc[row, column]
        missing = pd.isna(value) or not str(value).strip()
        raise DataError(
            "a regression target is missing" if missing else "a regression target is not a finite number",
            expected="a number in every record, such as -1.5 or 2e-3",
            found=f"{'an empty field' if missing else repr(value)} ({int(bad.any(1).sum())} records)",
            where=f"column {columns[column]!r}, record {row + 1}",
            fix=_number_instead(str(value).strip(), missing=missing),
        )
    return Targets(task="regression", labels=tuple(labels or map(str, columns)), values=numbers)


def _in_order(raw: pd.DataFrame, labels: Sequence[str] | None, task: Task) -> list[Any]:
    """The columns that belong to the outputs, in their order."""
    by_name = {str(column): column for column in raw.columns}
    return [by_name[name] for name in paired_columns(list(by_name), labels, task)]


def _number_instead(text: str, *, missing: bool) -> str:
    """What to do about a field that is no number."""
    if missing or text.lower() in MISSING_WORDS:
        return LEAVE_OUT
    if NUMBER_WITH_COMMAS.fullmatch(text):
        return "write numbers with a decimal point and without commas between thousands"
    if _BELOW_DETECTION.fullmatch(text):
        return "put a number for values beyond a limit (the limit, or half of it), or drop these rows"
    return "put a number there, or drop these rows; for names use --task classification"


def _multilabel(raw: pd.DataFrame, labels: Sequence[str] | None) -> Targets:
    if raw.shape[1] == 1 and not pd.api.types.is_numeric_dtype(raw.iloc[:, 0]):
        texts = [str(value) for value in raw.iloc[:, 0].fillna("")]
        known, values = label_matrix(texts, labels, f"column {raw.columns[0]!r}")
        return Targets(task="multilabel", labels=known, values=values)
    columns = _in_order(raw, labels, "multilabel")
    values = raw[columns].apply(_zeros_and_ones).to_numpy(np.float32)
    if (bad := ~np.isin(values, (0, 1))).any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        given = str(raw[columns].iloc[row, column]).strip()
        empty = pd.isna(raw[columns].iloc[row, column]) or not given
        raise DataError(
            "a record lacks a label's 0 or 1" if empty else "a multilabel column holds 0 or 1",
            expected="0 or 1 in every field",
            found=f"{'an empty field' if empty else repr(given)} ({int(bad.any(1).sum())} of {len(raw)} records)",
            where=f"column {columns[column]!r}, record {row + 1}",
            fix="fill it in, drop these rows, or leave the column out with --target-column",
        )
    return Targets(task="multilabel", labels=tuple(labels or map(str, columns)), values=values)


def _zeros_and_ones(column: pd.Series) -> pd.Series:
    """Numbers, NaN for other text; true and false count as 1 and 0."""
    if pd.api.types.is_numeric_dtype(column):
        return column.astype(np.float32)
    return pd.to_numeric(column.astype(str).str.strip().str.lower().replace(_TRUTHS), errors="coerce")
