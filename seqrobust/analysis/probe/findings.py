"""What a probe found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from seqrobust.analysis.probe.picture import draw_probe
from seqrobust.analysis.probe.verdicts import Verdict
from seqrobust.analysis.probe.writing import Written
from seqrobust.analysis.shards import write_results
from seqrobust.files import replacing
from seqrobust.sequences import SequenceSet


@dataclass(frozen=True, kw_only=True, eq=False)
class ProbeFindings:
    """What a probe found.

    Attributes:
        name: of the model.
        sequences: the probed records.
        results: table of each arm's attack.
        written: the sequences of each motif written.
        verdicts: what it comes to, the most important first.
        metrics: what was measured; see :func:`seqrobust.analysis.probe.summary.probe_metrics`.
    """

    name: str
    sequences: SequenceSet
    results: dict[str, pd.DataFrame]
    written: tuple[Written, ...]
    verdicts: tuple[Verdict, ...]
    metrics: dict[str, Any]

    @property
    def table(self) -> pd.DataFrame:
        """A row per record, budget and ``arm``, the positions that the attack was confined to."""
        both = [table.assign(arm=name) for name, table in self.results.items()]
        joined: pd.DataFrame = pd.concat(both, ignore_index=True)
        return joined

    def plain(self) -> dict[str, Any]:
        """What ``metrics.json`` holds; ``verdict`` are the texts of ``verdicts`` alone."""
        return {
            **self.metrics,
            "verdict": [one.text for one in self.verdicts],
            "verdicts": [asdict(one) for one in self.verdicts],
        }

    def write(self, folder: Path) -> None:
        """Leave ``results.parquet`` (a row per record, budget and ``arm``), ``adversarial.fa`` (flipped without a
        functional letter) and ``probe.png``.
        """
        write_results(folder, self.results["nonfunctional"])
        with replacing(folder / "results.parquet") as temporary:
            self.table.to_parquet(temporary, index=False)
        draw_probe(folder / "probe.png", self.metrics)
