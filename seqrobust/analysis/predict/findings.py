"""What a model says of records, and how good it is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from seqrobust.sequences import SequenceSet


@dataclass(frozen=True, kw_only=True, eq=False)
class PredictFindings:
    """Answers.

    Attributes:
        name: of the model.
        table: a row per record: ``id, split, target, prediction, probability_NAME, output_NAME``, those there are.
        metrics: those of :func:`~seqrobust.training.prediction_metrics` where the truth is known; task, number of
            records and threshold in any case.
        sequences: the records.
    """

    name: str
    table: pd.DataFrame
    metrics: dict[str, Any]
    sequences: SequenceSet

    def plain(self) -> dict[str, Any]:
        """What ``metrics.json`` holds."""
        return self.metrics

    def write(self, folder: Path) -> None:
        """Leave ``results.parquet`` and, to be read by anything, ``predictions.tsv``."""
        self.table.to_parquet(folder / "results.parquet", index=False)
        self.table.to_csv(folder / "predictions.tsv", sep="\t", index=False)
