"""What an evaluation found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from seqrobust.analysis.evaluate.settings import EvaluateSettings
from seqrobust.analysis.shards import write_results
from seqrobust.files import replacing
from seqrobust.sequences import SequenceSet


@dataclass(frozen=True, kw_only=True, eq=False)
class EvaluateFindings:
    """What an evaluation found.

    Attributes:
        name: of the model.
        labels: class or value names in output order.
        settings: what it was told.
        results: the worst case of every record and budget.
        methods: the same by method.
        metrics: what ``metrics.json`` holds.
        sequences: the records.
    """

    name: str
    labels: tuple[str, ...]
    settings: EvaluateSettings
    results: pd.DataFrame
    methods: pd.DataFrame
    metrics: dict[str, Any]
    sequences: SequenceSet

    def plain(self) -> dict[str, Any]:
        """What ``metrics.json`` holds."""
        return self.metrics

    def write(self, folder: Path) -> None:
        """Leave ``results.parquet``, ``methods.parquet`` and ``adversarial.fa``."""
        write_results(folder, self.results)
        with replacing(folder / "methods.parquet") as temporary:
            self.methods.to_parquet(temporary, index=False)
