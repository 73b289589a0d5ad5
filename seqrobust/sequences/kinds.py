"""Words that settings use: what a model predicts, how unknown letters are encoded, on which scale outputs are."""

from __future__ import annotations

from typing import Literal

from seqrobust.tasks.names import TASKS as TASKS
from seqrobust.tasks.names import Task as Task

Unknown = Literal["zeros", "uniform"]
"""What an unknown letter's column of a one-hot matrix holds."""

OutputScale = Literal["logits", "probabilities"]
