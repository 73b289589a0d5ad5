"""What a study of uncertainty found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from torch import Tensor

from seqrobust.analysis.uncertainty.attacking import Study
from seqrobust.analysis.uncertainty.materials import Materials
from seqrobust.analysis.uncertainty.scoring import measured
from seqrobust.analysis.uncertainty.selective import RiskCoverage
from seqrobust.files import replacing


@dataclass(frozen=True, kw_only=True, eq=False)
class UncertaintyFindings:
    """What a study of uncertainty found.

    Attributes:
        name: of the model.
        metrics: what ``metrics.json`` holds.
        table: a row per record, budget and kind of sequence; see :func:`record_table`.
        curves: risk against coverage by the kind of records.
    """

    name: str
    metrics: dict[str, Any]
    table: pd.DataFrame
    curves: Mapping[str, RiskCoverage]

    def plain(self) -> dict[str, Any]:
        """What ``metrics.json`` holds."""
        return self.metrics

    def write(self, folder: Path) -> None:
        """Leave ``uncertainty.parquet`` and ``uncertainty.png``."""
        from seqrobust.analysis.uncertainty.picture import draw_uncertainty

        with replacing(folder / "uncertainty.parquet") as temporary:
            self.table.to_parquet(temporary, index=False)
        draw_uncertainty(folder / "uncertainty.png", self.metrics, self.curves)


def record_table(study: Study, has: Materials, raised: Tensor | None) -> pd.DataFrame:
    """A row per record, budget and kind of sequence, with its uncertainties and scores."""
    parts = [_rows(study, has.clean, "natural", "0", None)]
    for level, budget in enumerate(study.budgets):
        text = str(budget)
        parts.append(_rows(study, has.control[:, level], "random edits", text, None))
        parts.append(_rows(study, has.attacked[:, level], "attacked", text, has.found.reached[:, level]))
        if raised is not None:
            parts.append(_rows(study, raised[:, level], "disagreement", text, None))
    table: pd.DataFrame = pd.concat(parts, ignore_index=True)
    return table


def _rows(study: Study, columns: Tensor, kind: str, budget: str, reached: Any) -> pd.DataFrame:
    values = {"id": list(study.sequences.ids), "kind": kind, "budget": budget, "loss": study.loss(columns)}
    table: pd.DataFrame = pd.DataFrame({**values, **measured(study.panel, columns)})
    table["success"] = pd.array(np.full(len(table), None) if reached is None else reached, dtype="boolean")
    return table
