"""What an inspection found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from seqrobust.analysis.inspect.drawn import Drawn
from seqrobust.files import replacing


@dataclass(frozen=True, kw_only=True, eq=False)
class InspectFindings:
    """What an inspection found.

    Attributes:
        name: of the model.
        metrics: what ``metrics.json`` holds; see :func:`~seqrobust.analysis.inspect.summary.inspect_metrics`.
        table: a row per record and measure; see :class:`~seqrobust.analysis.inspect.inspecting.Found`.
        drawn: records of the picture; None where nothing is drawn.
    """

    name: str
    metrics: dict[str, Any]
    table: pd.DataFrame
    drawn: tuple[Drawn, ...] | None

    def plain(self) -> dict[str, Any]:
        """What ``metrics.json`` holds."""
        return self.metrics

    def write(self, folder: Path) -> None:
        """Leave ``inspect.parquet`` and, where records are drawn, ``inspect.png``."""
        with replacing(folder / "inspect.parquet") as temporary:
            self.table.to_parquet(temporary, index=False)
        picture = folder / "inspect.png"
        if self.drawn is None:
            picture.unlink(missing_ok=True)
            return
        from seqrobust.analysis.inspect.picture import draw_inspection

        draw_inspection(picture, self.drawn, self.table, self.metrics)
