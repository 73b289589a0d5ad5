"""What attributions amount to, and what a method's agreement with annotation is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from seqrobust.analysis.attribute.layout import Drawn
from seqrobust.analysis.attribute.parts import Packed, Parts
from seqrobust.analysis.attribute.picture import draw_attributions
from seqrobust.analysis.attribute.settings import AttributeSettings
from seqrobust.analysis.attribute.table import write_table
from seqrobust.files import replacing
from seqrobust.sequences import SequenceSet

OUTPUTS = ("attributions.npz", "attributions.parquet", "results.parquet", "attribute.png")
"""Files that may be left in the folder."""

FEWEST_RECORDS = 10
"""Compared records below which an interval of their mean says too little to be held against chance."""

LEVEL = 0.05
"""Largest p-value of a difference from chance."""

AgainstChance = Literal[
    "above chance", "consistent with chance", "below chance", "cannot be told", "too few records", "not compared"
]


@dataclass(frozen=True, kw_only=True, eq=False)
class AttributeFindings:
    """What attributions amount to.

    Attributes:
        name: of the model.
        settings: what was asked.
        sequences: the N records.
        explained: name of the output explained of each.
        values: (N,) the number explained.
        methods: names of the methods that apply.
        kept: where the attributions are.
        metrics: what ``metrics.json`` holds.
        table: a row per record and method; see :meth:`~seqrobust.analysis.attribution.AttributionSummary.table`.
        drawn: the records drawn.
    """

    name: str
    settings: AttributeSettings
    sequences: SequenceSet
    explained: tuple[str, ...]
    values: NDArray[np.float32]
    methods: tuple[str, ...]
    kept: Parts | Packed
    metrics: dict[str, Any]
    table: pd.DataFrame
    drawn: tuple[Drawn, ...]

    @property
    def verdicts(self) -> dict[str, AgainstChance]:
        """By method, whether it ranks annotated positions above the others."""
        return {name: against_chance(found) for name, found in self.metrics["methods"].items()}

    def plain(self) -> dict[str, Any]:
        """What ``metrics.json`` holds."""
        return self.metrics

    def write(self, folder: Path) -> None:
        """Leave the files of :data:`OUTPUTS` that were asked for.

        ``attributions.npz`` comes last: where it stands, a run that goes on takes everything else for finished.
        """
        with replacing(folder / "results.parquet") as temporary:
            self.table.to_parquet(temporary, index=False)
        if self.settings.save != "npz":
            write_table(folder / "attributions.parquet", self.kept.each(self.methods), self.sequences, self.methods)
        if self.drawn:
            draw_attributions(folder / "attribute.png", self.drawn)
        if self.settings.save != "parquet" and isinstance(self.kept, Parts):
            shape = (len(self.sequences), self.sequences.alphabet.size, self.sequences.width)
            self.kept.pack(folder / "attributions.npz", shape, self.methods, self._described())
            self.kept.remove()

    def _described(self) -> dict[str, NDArray[Any]]:
        """What stands beside the attributions, so that they can be read without the data file."""
        sequences = self.sequences
        return {
            "ids": np.array(sequences.ids),
            "lengths": sequences.lengths,
            "letters": sequences.letters.view("S1"),
            "alphabet": np.array(list(sequences.alphabet.letters)),
            "explained": np.array(self.explained),
            "explained_value": self.values,
        }


def against_chance(method: Mapping[str, Any]) -> AgainstChance:
    """Whether a method's AUROC leaves out those of the same regions placed elsewhere.

    Args:
        method: its numbers; see :class:`~seqrobust.analysis.attribution.AttributionSummary`.

    >>> null = {"mean": 0.6, "least": 0.02}
    >>> found = {"records": 40, "region_auroc": 0.7, "region_auroc_ci": [0.65, 0.75]}
    >>> [against_chance(found | {"region_auroc_null": null | {"p_value": p_value}}) for p_value in (0.02, 0.2)]
    ['above chance', 'consistent with chance']
    """
    if not method.get("records"):
        return "not compared"
    interval = method.get("region_auroc_ci")
    if interval is None or method["records"] < FEWEST_RECORDS:
        return "too few records"
    null = method["region_auroc_null"]
    if null["least"] > LEVEL:
        return "cannot be told"
    if null["p_value"] > LEVEL:
        return "consistent with chance"
    return "above chance" if method["region_auroc"] > null["mean"] else "below chance"
