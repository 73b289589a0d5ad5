"""``seqrobust attribute`` without its command line: model and data in, attributions and what they are worth out."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrobust.analysis.attribution import Method, attribute
from seqrobust.neighbours import NeighbourScores
from seqrobust.pipeline.attribute_files import PARTS, Costs, Packed, Parts, cut_records, write_table
from seqrobust.pipeline.attribute_layout import Drawn
from seqrobust.pipeline.attribute_metrics import metrics_of
from seqrobust.pipeline.attribute_picture import draw_attributions
from seqrobust.pipeline.attribute_work import AttributeCommand, Work, drawn_rows, fingerprint, open_work
from seqrobust.progress import Progress
from seqrobust.run.folder import RunFolder

__all__ = ["AttributeCommand", "attribute_command"]

_OUTPUTS = ("attributions.npz", "attributions.parquet", "results.parquet", "attribute.png", "metrics.json")


def attribute_command(call: AttributeCommand, progress: Progress) -> dict[str, Any]:
    """Attribute, and leave ``attributions.npz`` or ``.parquet``, ``results.parquet``, ``metrics.json``,
    ``manifest.json`` and ``attribute.png`` in the folder. Gives what ``metrics.json`` holds.

    Raises InputError for a model, file, region or picture that cannot be had, before anything is written.
    """
    call, work = open_work(call, progress)
    drawn = drawn_rows(call, work.sequences) if call.draw else ()
    folder = RunFolder(
        call.out,
        command=call.command,
        config=asdict(call),
        inputs=[*call.model.files, *call.data.files],
        fingerprint=fingerprint(call),
        resume=call.resume,
        overwrite=call.overwrite,
        leftovers=(PARTS, *_OUTPUTS),
    )
    found, metrics, notices = _attributed(call, work, folder, progress)
    if call.save != "npz":
        write_table(folder.path / "attributions.parquet", found.each(work.names), work.sequences, work.names)
    if drawn:
        progress.start("picture", 1)
        draw_attributions(folder.path / "attribute.png", _drawn(work, found, drawn))
        progress.advance(1)
    folder.finish(
        device=str(work.predictor.device),
        policies={"unknown": work.predictor.unknown, "padding": "zeros", "outputs": work.predictor.scale},
        notices=[*work.predictor.notices, *notices],
    )
    return metrics


def _attributed(
    call: AttributeCommand, work: Work, folder: RunFolder, progress: Progress
) -> tuple[Parts | Packed, dict[str, Any], list[str]]:
    """Attributions of this run or an earlier one, ``metrics.json``, and what should be noted."""
    packed = Packed(path=folder.path / "attributions.npz", batches=cut_records(work.sequences))
    if packed.path.exists():
        # It is packed only after the metrics are written.
        return packed, json.loads((folder.path / "metrics.json").read_text(encoding="utf-8")), []
    parts = Parts(folder=folder.path, batches=packed.batches)
    heard = _attribute(call, work, parts, progress)
    metrics, notices = metrics_of(work, parts)
    for notice in notices:
        progress.say(notice)
    folder.write_json("metrics.json", metrics)
    if call.save == "parquet":
        return parts, metrics, [*heard, *notices]
    shape = (len(work.sequences), work.sequences.alphabet.size, work.sequences.width)
    parts.pack(packed.path, shape, work.names, _described(work))
    parts.remove()
    return packed, metrics, [*heard, *notices]


def _attribute(call: AttributeCommand, work: Work, parts: Parts, progress: Progress) -> list[str]:
    """Ask what has not been asked yet. Gives the notices of the neighbour scores."""
    predictor, sequences = work.predictor, work.sequences
    done, heard = 0, list[str]()
    progress.start("attribute", len(work.methods) * len(sequences))
    with predictor.attached():
        service = NeighbourScores(predictor, memory=call.memory)
        for method in work.methods:
            for batch, rows in enumerate(parts.batches):
                if not parts.path(method.name, batch).exists():
                    _one(work, method, rows, batch, parts, service)
                done += rows.stop - rows.start
                progress.advance(done, method.name)
                for notice in service.notices[len(heard) :]:
                    progress.say(notice)
                    heard.append(notice)
    return heard


def _one(work: Work, method: Method, rows: slice, batch: int, parts: Parts, service: NeighbourScores) -> None:
    predictor, which = work.predictor, np.arange(rows.start, rows.stop)
    explained = replace(
        work.explained, weights=work.explained.weights[rows], names=work.explained.names[rows.start : rows.stop]
    )
    started, forwards, gradients = time.monotonic(), predictor.forwards, predictor.gradients
    found = attribute(predictor, work.sequences.take(which), explained, method, work.settings, service)
    costs = Costs(
        seconds=time.monotonic() - started,
        forwards=predictor.forwards - forwards,
        gradients=predictor.gradients - gradients,
    )
    parts.write(method.name, batch, found, costs)


def _described(work: Work) -> dict[str, NDArray[Any]]:
    """What stands beside the attributions, so that they can be read without the data file."""
    sequences = work.sequences
    return {
        "ids": np.array(sequences.ids),
        "lengths": sequences.lengths,
        "letters": sequences.letters.view("S1"),
        "alphabet": np.array(list(sequences.alphabet.letters)),
        "explained": np.array(work.explained.names),
        "explained_value": work.values,
    }


def _drawn(work: Work, found: Parts | Packed, records: tuple[int, ...]) -> list[Drawn]:
    sequences = work.sequences
    wanted = {name for pattern in work.regions for name in sequences.regions.named(pattern)}
    values = {method: found.records(method.name, records) for method in work.methods}
    drawn = []
    for number, record in enumerate(records):
        length = int(sequences.lengths[record])
        rows = [
            (method.name, method.importance == "present", each[number][:, :length]) for method, each in values.items()
        ]
        drawn.append(
            Drawn(
                title=sequences.ids[record],
                name=work.explained.names[record],
                quantity=work.explained.quantity,
                value=float(work.values[record]),
                tokens=sequences.tokens[record, :length],
                alphabet=sequences.alphabet,
                rows=tuple(rows),
                regions=tuple(region for region in sequences.regions.of(record) if region.name in wanted),
            )
        )
    return drawn
