"""What became of explanations."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from seqrobust.analysis.results import COLUMNS
from seqrobust.analysis.stability.examples import Example
from seqrobust.analysis.stability.settings import StabilitySettings
from seqrobust.analysis.stability.tables import MORE_COLUMNS
from seqrobust.analysis.stability.verdict import Verdict, verdicts
from seqrobust.files import replacing


@dataclass(frozen=True, kw_only=True, eq=False)
class StabilityFindings:
    """What became of explanations.

    Attributes:
        name: of the model.
        settings: what was asked.
        alphabet: name of the records' alphabet.
        results: a row per method, goal, record and budget; see :func:`~seqrobust.analysis.stability.tables.measured`.
        metrics: what ``metrics.json`` holds.
        examples: the records drawn.
    """

    name: str
    settings: StabilitySettings
    alphabet: str
    results: pd.DataFrame
    metrics: dict[str, Any]
    examples: tuple[Example, ...]

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One per method."""
        metrics = self.metrics
        return verdicts(metrics["methods"], metrics["sanity"], metrics["between_records"])

    def plain(self) -> dict[str, Any]:
        """What ``metrics.json`` holds."""
        return self.metrics

    def write(self, folder: Path) -> None:
        """Leave ``results.parquet`` and ``stability.png``."""
        results = self.results
        known = [name for name in dict.fromkeys((*COLUMNS, *MORE_COLUMNS)) if name in results]
        ordered = results[[*known, *(name for name in results if name not in known)]]
        with replacing(folder / "results.parquet") as temporary:
            ordered.to_parquet(temporary, index=False)
        if self.settings.draw:
            from seqrobust.analysis.stability.picture import draw_stability

            draw_stability(folder / "stability.png", self)
