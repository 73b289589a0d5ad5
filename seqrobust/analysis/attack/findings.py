"""What an attack found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from seqrobust.analysis.shards import write_results
from seqrobust.attacks.settings import AttackSettings
from seqrobust.sequences import SequenceSet


@dataclass(frozen=True, kw_only=True, eq=False)
class AttackFindings:
    """What an attack found.

    Attributes:
        name: of the model.
        labels: class or value names in output order.
        settings: what the attack was told.
        results: a row per record and budget; see :mod:`seqrobust.analysis.results`.
        sequences: the records attacked.
        metrics: what ``metrics.json`` holds; see :func:`seqrobust.analysis.robustness.attack_metrics`.
    """

    name: str
    labels: tuple[str, ...]
    settings: AttackSettings
    results: pd.DataFrame
    sequences: SequenceSet
    metrics: dict[str, Any]

    def plain(self) -> dict[str, Any]:
        """What ``metrics.json`` holds."""
        return self.metrics

    def write(self, folder: Path) -> None:
        """Leave ``results.parquet`` and ``adversarial.fa``."""
        write_results(folder, self.results)
