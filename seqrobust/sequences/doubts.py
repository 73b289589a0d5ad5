"""What makes a target column look like something other than it is read as.

A column is classes or measurements by what stands in it, so one ``<LOD`` among six hundred numbers makes six hundred
classes of it, ``1`` and ``1.0`` are two classes, and ``NA`` is a third one beside 0 and 1. Each doubt here is such a
thing, said when the file is read, and a warning of ``seqrobust data check``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.sequences.labels import class_names, numbers
from seqrobust.sequences.several_labels import LabelFields, label_fields
from seqrobust.sequences.targets import MISSING_WORDS, NUMBER_WITH_COMMAS, Task, same_number
from seqrobust.sequences.wording import counted
from seqrobust.tasks import task_of

MANY = 20
"""Classes below which nobody takes them for measurements."""
FEWEST = 10
"""Records below which one value ruling the spread says little."""
RULING = 0.5
"""Share of the sum of squares around the median that one value may make up."""
_LARGE = 1000
"""Whole numbers up to here may be class numbers."""


@dataclass(frozen=True, kw_only=True)
class Doubt:
    """What looks odd in a column, and what to do where it is not meant.

    ``grave`` where a model trained on it would learn classes that nobody means.
    """

    text: str
    fix: str
    grave: bool = False


def doubts(column: pd.Series, task: Task | None = None) -> list[Doubt]:
    """The doubts about a target column, read for a task or, with None, as what it looks like.

    >>> [doubt.text for doubt in doubts(pd.Series(["Pos", "pos", "neg"], name="y"))]
    ["column 'y': 'Pos' and 'pos' differ in case only, and are two classes"]
    """
    values, classes = numbers(column), class_names(column)
    found: list[Doubt] = []
    measured = task is not None and task_of(task).measured
    if values is not None and (measured or classes is None or np.nanmax(np.abs(values)) > _LARGE):
        found += _infinite(column, values)
        found += _ruling(column, np.where(np.isfinite(values), values, np.nan))
    if classes is None or not (task is None or task_of(task).exclusive):
        return found
    present = [str(name) for name in classes if name != ""]
    texts = sorted({text for text in column.dropna().astype(str).str.strip() if text})
    if (fields := label_fields(texts)) is not None:
        return [*found, *_several_labels(str(column.name), fields, texts)]
    for search in _SEARCHES:
        found += search(str(column.name), texts, present)
    if task is None and values is not None:
        found += _whole_numbers(str(column.name), values)
    return found


def _infinite(column: pd.Series, values: NDArray[np.float64]) -> Iterator[Doubt]:
    if rows := np.flatnonzero(np.isinf(values)).tolist():
        yield Doubt(
            text=f"column {str(column.name)!r}: {counted(len(rows), 'infinite value')}, "
            f"the first in record {rows[0] + 1}",
            fix="put a finite number there, or drop these rows",
        )


def _ruling(column: pd.Series, values: NDArray[np.float64]) -> Iterator[Doubt]:
    present = values[~np.isnan(values)]
    squares = (present - np.median(present)) ** 2
    if len(present) < FEWEST or not squares.any() or squares.max() <= RULING * squares.sum():
        return
    row = int(np.nanargmax(np.where(np.isnan(values), np.nan, (values - np.median(present)) ** 2)))
    share = squares.max() / squares.sum()
    yield Doubt(
        text=f"column {str(column.name)!r}: one value, {values[row]:g} in record {row + 1}, makes up {share:.0%} of "
        f"the spread of {counted(len(present), 'record')}",
        fix="check it; one such value rules every squared error (a logarithm of the values may be meant)",
    )


def _several_labels(column: str, fields: LabelFields, texts: list[str]) -> Iterator[Doubt]:
    labels = fields.places or len({part for text in texts for part in fields.parts(text)})
    yield Doubt(
        text=f"column {column!r}: several labels at once ({fields.words}): {counted(labels, 'label')} in "
        f"{counted(len(texts), 'combination')}, each a class of its own unless the task is multilabel",
        fix="say --task multilabel (in a config task: multilabel)",
        grave=True,
    )


def _nearly_numbers(column: str, texts: list[str], present: list[str]) -> Iterator[Doubt]:
    parsed = pd.to_numeric(pd.Series(texts, dtype=object), errors="coerce").notna().to_numpy()
    commas = [text for text in texts if NUMBER_WITH_COMMAS.fullmatch(text)]
    others = [text for text, number in zip(texts, parsed, strict=True) if not number]
    if not others or parsed.sum() + len(commas) < max(len(texts) / 2, 3) or parsed.sum() + len(commas) == 0:
        return
    if not commas and parsed.sum() <= FEWEST:
        return
    without = set(others)
    records = sum(name in without for name in present)
    yield Doubt(
        text=f"column {column!r}: {records} of {counted(len(present), 'value')} are no numbers ({_some(others)}), "
        f"so that all are {counted(len(texts), 'class name')} and no measurements",
        fix="write numbers with a decimal point and without thousands marks, and drop records without one",
        grave=True,
    )


def _many_classes(column: str, texts: list[str], present: list[str]) -> Iterator[Doubt]:
    if len(texts) >= MANY and 2 * len(texts) > len(present):
        yield Doubt(
            text=f"column {column!r}: {len(texts)} different values in {counted(len(present), 'record')}, each a class "
            "unless the task is regression",
            fix="choose another target column, or --task regression for measurements",
            grave=True,
        )


def _one_number_twice(column: str, texts: list[str], present: list[str]) -> Iterator[Doubt]:
    if len(texts) < MANY:
        for group in _groups(texts, same_number):
            yield Doubt(
                text=f"column {column!r}: {_joined(group)} are one number, spelled in {len(group)} ways",
                fix="write it in one way",
            )


def _case_only(column: str, texts: list[str], present: list[str]) -> Iterator[Doubt]:
    for group in _groups(texts, str.casefold)[:5]:
        yield Doubt(
            text=f"column {column!r}: {_joined(group)} differ in case only, and {_as_classes(group)}",
            fix="write each class in one way",
            grave=True,
        )


def _missing_words(column: str, texts: list[str], present: list[str]) -> Iterator[Doubt]:
    words = [text for text in texts if text.lower() in MISSING_WORDS]
    if words and len(texts) > len(words):
        records = sum(name in words for name in present)
        yield Doubt(
            text=f"column {column!r}: {_joined(words)} ({counted(records, 'record')}) looks like a missing value, "
            "and is a class like others",
            fix="keep the other classes with --where, or drop these records",
            grave=True,
        )


def _whole_numbers(column: str, values: NDArray[np.float64]) -> Iterator[Doubt]:
    present = np.unique(values[~np.isnan(values)])
    if len(present) > 2:
        yield Doubt(
            text=f"column {column!r}: whole numbers from {present[0]:g} to {present[-1]:g}, read as "
            f"{len(present)} classes",
            fix="say --task classification, or --task regression where they measure something",
        )


_SEARCHES: tuple[Callable[[str, list[str], list[str]], Iterable[Doubt]], ...] = (
    _nearly_numbers,
    _many_classes,
    _one_number_twice,
    _case_only,
    _missing_words,
)


def _groups(texts: Sequence[str], key: Callable[[str], object]) -> list[list[str]]:
    """Texts that a key makes equal, two or more in each group; a text whose key is None is in none."""
    groups: dict[object, list[str]] = defaultdict(list)
    for text in texts:
        if (made := key(text)) is not None:
            groups[made].append(text)
    return [group for group in groups.values() if len(group) > 1]


def _as_classes(group: Sequence[str]) -> str:
    return f"are {'two' if len(group) == 2 else len(group)} classes"


def _joined(names: Sequence[str]) -> str:
    return " and ".join(map(repr, names))


def _some(names: Sequence[str], most: int = 4) -> str:
    return ", ".join(map(repr, names[:most])) + (" ..." if len(names) > most else "")
