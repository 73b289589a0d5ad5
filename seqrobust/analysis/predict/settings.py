"""Settings of predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from seqrobust.errors import ConfigError
from seqrobust.options import Option

VALIDATION = "validation"
"""The threshold that a checkpoint keeps from its validation records."""


@dataclass(frozen=True, kw_only=True)
class PredictSettings:
    """How records are answered.

    Attributes:
        threshold: probability from which on a record of two classes is called positive: a number, or ``validation``
            for the one that was best on the validation records of training; None for one half, as attacks have it.
    """

    threshold: Annotated[
        str | None,
        Option(
            help="Call positive from this probability on: a number, or validation (kept in the checkpoint); else 0.5.",
            metavar="P",
        ),
    ] = None

    def __post_init__(self) -> None:
        if self.threshold is None or self.threshold == VALIDATION:
            return
        try:
            value = float(self.threshold)
        except ValueError:
            value = -1.0
        if not 0 < value < 1:
            raise ConfigError(
                "a threshold is a probability",
                expected=f"a number between 0 and 1, or {VALIDATION}",
                found=repr(self.threshold),
                where="--threshold",
            )
