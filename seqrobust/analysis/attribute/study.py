"""Every method is asked about every batch of records, each kept as it is finished; then they are measured."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from seqrobust.analysis.attribute.findings import AttributeFindings
from seqrobust.analysis.attribute.layout import Drawn
from seqrobust.analysis.attribute.measures import measured
from seqrobust.analysis.attribute.parts import Costs, Packed, Parts, cut_records
from seqrobust.analysis.attribute.ready import AttributeReady
from seqrobust.analysis.attribution import Method, attribute
from seqrobust.analysis.pieces import whole
from seqrobust.analysis.room import Work
from seqrobust.neighbours import NeighbourScores


def study(ready: AttributeReady, work: Work) -> AttributeFindings:
    """Attribute what has not been attributed by an earlier run in the folder, and measure it."""
    packed = Packed(path=work.folder / "attributions.npz", batches=cut_records(ready.sequences))
    parts = Parts(folder=work.folder, batches=packed.batches)
    if packed.path.exists():
        # Attributions are packed only after everything else is written.
        parts.remove()
        metrics, table = _kept(work.folder)
        return _findings(ready, packed, metrics, table)
    _attribute(ready, parts, work)
    metrics, table = measured(ready, parts, work.notice)
    return _findings(ready, parts, metrics, table)


def _kept(folder: Path) -> tuple[dict[str, Any], pd.DataFrame]:
    """Metrics and table of a finished run."""
    metrics: dict[str, Any] = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return metrics, pd.read_parquet(folder / "results.parquet")


def _attribute(ready: AttributeReady, parts: Parts, work: Work) -> None:
    """Ask what has not been asked yet."""
    done = 0
    work.progress.start("attribute", len(ready.methods) * len(ready.sequences))
    with ready.predictor.attached():
        service = NeighbourScores(ready.predictor, memory=work.memory)
        for method in ready.methods:
            for batch, rows in enumerate(parts.batches):
                if not whole(parts.path(method.name, batch), work.progress.say):
                    _one(ready, method, rows, batch, parts, service)
                done += rows.stop - rows.start
                work.progress.advance(done, method.name)
                for notice in service.notices:
                    work.notice(notice)


def _one(
    ready: AttributeReady, method: Method, rows: slice, batch: int, parts: Parts, service: NeighbourScores
) -> None:
    predictor, which = ready.predictor, np.arange(rows.start, rows.stop)
    explained = replace(
        ready.explained, weights=ready.explained.weights[rows], names=ready.explained.names[rows.start : rows.stop]
    )
    started, forwards, gradients = time.monotonic(), predictor.forwards, predictor.gradients
    found = attribute(predictor, ready.sequences.take(which), explained, method, ready.attribution, service)
    costs = Costs(
        seconds=time.monotonic() - started,
        forwards=predictor.forwards - forwards,
        gradients=predictor.gradients - gradients,
    )
    parts.write(method.name, batch, found, costs)


def _findings(
    ready: AttributeReady, kept: Parts | Packed, metrics: dict[str, Any], table: pd.DataFrame
) -> AttributeFindings:
    return AttributeFindings(
        name=ready.name,
        settings=ready.settings,
        sequences=ready.sequences,
        explained=ready.explained.names,
        values=ready.values,
        methods=ready.names,
        kept=kept,
        metrics=metrics,
        table=table,
        drawn=_drawn(ready, kept),
    )


def _drawn(ready: AttributeReady, kept: Parts | Packed) -> tuple[Drawn, ...]:
    sequences, records = ready.sequences, ready.drawn
    if not records:
        return ()
    wanted = {name for pattern in ready.regions for name in sequences.regions.named(pattern)}
    values = {method: kept.records(method.name, records) for method in ready.methods}
    drawn = []
    for number, record in enumerate(records):
        length = int(sequences.lengths[record])
        rows = [
            (method.name, method.importance == "present", each[number][:, :length]) for method, each in values.items()
        ]
        drawn.append(
            Drawn(
                title=sequences.ids[record],
                name=ready.explained.names[record],
                quantity=ready.explained.quantity,
                value=float(ready.values[record]),
                tokens=sequences.tokens[record, :length],
                alphabet=sequences.alphabet,
                rows=tuple(rows),
                regions=tuple(region for region in sequences.regions.of(record) if region.name in wanted),
            )
        )
    return tuple(drawn)
