"""Words that settings use: what a model predicts, how unknown letters are encoded, on which scale outputs are."""

from __future__ import annotations

from typing import Literal, get_args

Task = Literal["binary", "classification", "multilabel", "regression"]
TASKS: tuple[Task, ...] = get_args(Task)

Unknown = Literal["zeros", "uniform"]
"""What an unknown letter's column of a one-hot matrix holds."""

OutputScale = Literal["logits", "probabilities"]
