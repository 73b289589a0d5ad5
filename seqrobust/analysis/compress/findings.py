"""What a study of compression found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from seqrobust.analysis.compress.picture import draw_compression
from seqrobust.files import replacing
from seqrobust.models import ModelCard, SequenceModel, save_checkpoint


@dataclass(frozen=True, kw_only=True, eq=False)
class CompressFindings:
    """What a study of compression found.

    Attributes:
        name: of the model.
        results: a row per variant, record and budget.
        metrics: what ``metrics.json`` holds.
        copies: compressed models with ordinary weights, to be saved under these names in the folder.
        draw: whether to draw.
    """

    name: str
    results: pd.DataFrame
    metrics: dict[str, Any]
    copies: Mapping[str, tuple[SequenceModel, ModelCard]]
    draw: bool

    def plain(self) -> dict[str, Any]:
        """What ``metrics.json`` holds."""
        return self.metrics

    def write(self, folder: Path) -> None:
        """Leave ``compress.parquet``, ``compress.png`` and ``models/NAME/model.ckpt``."""
        with replacing(folder / "compress.parquet") as temporary:
            self.results.to_parquet(temporary, index=False)
        for name, (module, card) in self.copies.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            save_checkpoint(folder / name, module, card)
        if self.draw:
            draw_compression(folder / "compress.png", self.metrics)
