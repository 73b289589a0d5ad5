"""What tasks are called wherever people or files name them. Imports nothing: settings and the command line use it."""

from __future__ import annotations

from typing import Literal, get_args

Task = Literal["binary", "classification", "multilabel", "regression"]
TASKS: tuple[Task, ...] = get_args(Task)
