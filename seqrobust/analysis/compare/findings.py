"""What a comparison found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from seqrobust.analysis.compare.picture import transfer_picture
from seqrobust.analysis.shards import write_results
from seqrobust.files import replacing, write_json
from seqrobust.report.look import save_picture


@dataclass(frozen=True, kw_only=True, eq=False)
class CompareFindings:
    """What a comparison found.

    Attributes:
        results: a row per source, target, record and budget; see :func:`seqrobust.analysis.transfer.transferred`.
        attacks: table and metrics of the attack on each model, by its name.
        metrics: what ``metrics.json`` holds.
    """

    results: pd.DataFrame
    attacks: dict[str, tuple[pd.DataFrame, dict[str, Any]]]
    metrics: dict[str, Any]

    def plain(self) -> dict[str, Any]:
        """What ``metrics.json`` holds."""
        return self.metrics

    def write(self, folder: Path) -> None:
        """Leave ``results.parquet``, ``transfer.png``, and for each model a folder with the files of its attack."""
        for name, (table, metrics) in self.attacks.items():
            write_results(folder / name, table)
            write_json(folder / name / "metrics.json", metrics)
        with replacing(folder / "results.parquet") as temporary:
            self.results.to_parquet(temporary, index=False)
        save_picture(transfer_picture(self.metrics), folder / "transfer.png")
