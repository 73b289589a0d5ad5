"""Which column is the truth of which output: told by name, never by place where the outputs have names.

Columns in another order than a model's outputs, paired by place, give figures that look like a bad model's.
"""

from __future__ import annotations

from collections.abc import Sequence

from seqrobust.errors import DataError
from seqrobust.sequences.kinds import Task
from seqrobust.tasks import task_of


def paired_columns(columns: Sequence[str], labels: Sequence[str] | None, task: Task) -> list[str]:
    """The columns in the order of the outputs.

    Args:
        columns: names of the target columns.
        labels: names of the outputs; None where the columns name them.
        task: of several labels, or of values.

    A single column belongs to a single output whatever either is called, and outputs that nobody named (0, 1, ...) take
    as many columns in their order.

    >>> paired_columns(["a", "b", "c"], ["b", "a"], "multilabel")
    ['b', 'a']

    Raises DataError for columns that lack an output's name, spelled just so, and for more or fewer than unnamed ones.
    """
    if not labels:
        return list(columns)
    if set(labels) <= set(columns):
        return list(labels)
    if len(columns) == len(labels) and (len(labels) == 1 or unnamed(labels, task)):
        return list(columns)
    if unnamed(labels, task):
        raise DataError(
            "the number of target columns differs from the model's outputs",
            expected=f"{len(labels)} columns",
            found=f"{len(columns)}: {_listed(columns)}",
            fix="name them in the order of the outputs with --target-column NAME,NAME,..., or say --no-targets",
        )
    lacking = [name for name in labels if name not in columns]
    raise DataError(
        "target columns are told by the names of the model's outputs, and some are missing",
        expected=f"columns {_listed(labels)}",
        found=f"{_listed(columns)}, without {_listed(lacking)}{_nearly(lacking, columns)}",
        fix="write the columns' names in the file as the outputs are called, upper and lower case too; for a model of "
        "your own, --labels NAME,NAME,... may name its outputs as the columns; --no-targets does without",
    )


def unnamed(labels: Sequence[str], task: Task) -> bool:
    """Whether these are the numbers that stand for names where nobody gave any."""
    return tuple(labels) == task_of(task).default_labels(len(labels))


def nearly(name: str, columns: Sequence[str]) -> list[str]:
    """Columns that are called so but for upper and lower case and spaces around."""
    return [column for column in columns if column.strip().casefold() == name.strip().casefold() and column != name]


def _nearly(lacking: Sequence[str], columns: Sequence[str]) -> str:
    found = [f"{column!r} is not {name!r}" for name in lacking for column in nearly(name, columns)]
    return f" ({', '.join(found[:3])})" if found else ""


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (" ..." if len(names) > 8 else "")
