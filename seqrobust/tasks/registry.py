"""The value behind a task's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seqrobust.tasks.base import TaskValue
from seqrobust.tasks.classes import Binary, Classification
from seqrobust.tasks.labels import Multilabel
from seqrobust.tasks.names import Task
from seqrobust.tasks.values import Regression

_VALUES: dict[str, TaskValue] = {one.name: one for one in (Binary(), Classification(), Multilabel(), Regression())}


def task_of(name: Task | str) -> TaskValue:
    """The task of that name. Raises KeyError for another name, which the edge should have refused.

    >>> task_of("binary").outputs(2), task_of("regression").score
    (1, 'r2')
    """
    return _VALUES[name]


def task_in(metrics: Mapping[str, Any]) -> TaskValue:
    """The task that a ``metrics.json`` is of; classification where it names none.

    >>> task_in({"task": "regression"}).measured, task_in({}).measured
    (True, False)
    """
    return _VALUES[metrics.get("task") or "classification"]
