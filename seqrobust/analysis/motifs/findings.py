"""What motifs do where they are put, and what is lost without regions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seqrobust.sequences import SequenceSet, Task
from seqrobust.statistics import mean_interval, mean_of


@dataclass(frozen=True, kw_only=True, eq=False)
class MotifsFindings:
    """What came of the edits.

    Attributes:
        name: of the model.
        sequences: the N records.
        task: of the model.
        outputs: names of the model's outputs.
        shuffled: whether motifs were put into shuffles.
        table: a row per record, edit and output: logits before and after, the change, and that of the control, each
            the mean over draws; the share of draws that left the sequence as it was.
    """

    name: str
    sequences: SequenceSet
    task: Task
    outputs: tuple[str, ...]
    shuffled: bool
    table: pd.DataFrame

    def plain(self) -> dict[str, Any]:
        """What ``metrics.json`` holds: for each edit and output the mean changes over records, with intervals."""
        return {
            "task": self.task,
            "alphabet": self.sequences.alphabet.name,
            "n": len(self.sequences),
            "backgrounds": "shuffled" if self.shuffled else "records",
            "insertions": self._of("insertion"),
            "ablations": self._of("ablation"),
        }

    def _of(self, kind: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        rows = {name: number for number, name in enumerate(self.sequences.ids)}
        chosen = self.table[self.table.edit == kind]
        for (name, output), part in chosen.groupby(["name", "output"], sort=False):
            measures = {
                "change": part.change,
                "control_change": part.control_change,
                "beyond_control": part.change - part.control_change,
            }
            units = None if self.sequences.units is None else np.asarray(self.sequences.units)[part.id.map(rows)]
            entry: dict[str, Any] = {"records": len(part)}
            for key, values in measures.items():
                entry |= {key: mean_of(values), f"{key}_ci": mean_interval(values, units)}
            found.setdefault(str(name), {})[str(output)] = entry
        return found

    def write(self, folder: Path) -> None:
        """Leave ``results.parquet``."""
        self.table.to_parquet(folder / "results.parquet", index=False)
