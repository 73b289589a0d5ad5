"""What certification found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from seqrobust.analysis.certify.settings import CertifySettings
from seqrobust.files import replacing
from seqrobust.sequences import SequenceSet


@dataclass(frozen=True, kw_only=True, eq=False)
class CertifyFindings:
    """What certification found.

    Attributes:
        name: of the model.
        labels: class or value names in output order.
        settings: what was asked for.
        results: a row per record; see :func:`seqrobust.analysis.certify.table.results_table`.
        sequences: the records.
        metrics: what ``metrics.json`` holds; see :func:`seqrobust.analysis.certify.metrics.certify_metrics`.
    """

    name: str
    labels: tuple[str, ...]
    settings: CertifySettings
    results: pd.DataFrame
    sequences: SequenceSet
    metrics: dict[str, Any]

    def plain(self) -> dict[str, Any]:
        """What ``metrics.json`` holds."""
        return self.metrics

    def write(self, folder: Path) -> None:
        """Leave ``results.parquet``."""
        with replacing(folder / "results.parquet") as temporary:
            self.results.to_parquet(temporary, index=False)
