"""Settings of an attack with what its edited sequences are held against. Loads nothing heavy."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from seqrobust.attacks.settings import AttackSettings
from seqrobust.options import GOAL, Option


@dataclass(frozen=True, kw_only=True)
class MeasuredAttackSettings(AttackSettings):
    """What an adversary may do, wants and tries.

    Attributes:
        measured: a file of sequences with measured values, to hold edited sequences against; of models of values.
    """

    measured: Annotated[
        Path | None,
        Option(help="Measured values of edited sequences: was the model moved away from them?", panel=GOAL),
    ] = None

    @property
    def files(self) -> list[Path]:
        """Files that the threat names, and the measured sequences."""
        return [*super().files, *([] if self.measured is None else [self.measured])]
