"""What a saturation scan found."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrobust.analysis.ism.drawing import Drawing
from seqrobust.analysis.ism.picture import draw_map
from seqrobust.analysis.ism.settings import Save
from seqrobust.analysis.ism.storage import MapStore
from seqrobust.analysis.ism.table import write_parquet
from seqrobust.analysis.saturation import Block
from seqrobust.sequences import SequenceSet


@dataclass(frozen=True, kw_only=True, eq=False)
class IsmFindings:
    """What a saturation scan found.

    Attributes:
        name: of the model.
        sequences: the N records.
        outputs: names of the model's outputs.
        blocks: of the map, in order.
        save: the files that hold the map.
        drawing: what is drawn; None for nothing.
        store: the map, which stays on disk.
        metrics: what ``metrics.json`` holds; see :meth:`seqrobust.analysis.ism.SaturationSummary.metrics`.
    """

    name: str
    sequences: SequenceSet
    outputs: tuple[str, ...]
    blocks: tuple[Block, ...]
    save: Save
    drawing: Drawing | None
    store: MapStore
    metrics: dict[str, Any]

    def plain(self) -> dict[str, Any]:
        """What ``metrics.json`` holds."""
        return self.metrics

    def write(self, folder: Path) -> None:
        """Leave the map as ``ism.npz`` or ``ism.parquet``, or both, and its picture ``ism.png``."""
        if self.save != "parquet" or self.store.is_packed:
            self.store.pack(self._described())
        found = self.store.opened()
        if self.save != "npz":
            write_parquet(folder / "ism.parquet", found, self.blocks, self.sequences, self.outputs)
        if self.drawing is not None:
            draw_map(folder / "ism.png", self.drawing, found)

    def _described(self) -> dict[str, NDArray[Any]]:
        """What stands beside the map in ``ism.npz``, so that it can be read without the data file."""
        sequences = self.sequences
        return {
            "ids": np.array(sequences.ids),
            "lengths": sequences.lengths,
            "letters": sequences.letters.view("S1"),
            "alphabet": np.array(list(sequences.alphabet.letters)),
            "outputs": np.array(self.outputs),
        }
