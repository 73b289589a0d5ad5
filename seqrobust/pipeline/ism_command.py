"""``seqrobust ism`` without its command line: model and data in, a saturation map and its pictures out."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from seqrobust.analysis.saturation import Block, Scan, count_candidates, cut_blocks, output_names, saturate
from seqrobust.analysis.saturation_metrics import SaturationSummary
from seqrobust.errors import ConfigError
from seqrobust.models.predictor import Predictor
from seqrobust.models.source import ModelSource
from seqrobust.neighbours import NeighbourScores
from seqrobust.pipeline.inputs import DataSource, input_fingerprint, open_inputs, split_names
from seqrobust.pipeline.ism_files import PARTS, GrowingMap, SaturationMap, open_map, write_parquet
from seqrobust.pipeline.ism_picture import Drawing, draw_map
from seqrobust.progress import Progress
from seqrobust.run.folder import RunFolder, plain
from seqrobust.sequences import SequenceSet

Save = Literal["npz", "parquet", "both"]

_LEFTOVERS = (*PARTS, "ism.npz", "ism.parquet", "ism.png", "metrics.json")
_FIRST = 4
"""Records that are drawn where none is named."""


@dataclass(frozen=True, kw_only=True)
class IsmCommand:
    """Everything a call of ``seqrobust ism`` says.

    Attributes:
        model, data: what is asked, about what.
        out: folder to write to.
        scan: which positions are looked at.
        save: the files that hold the map.
        draw: whether to draw it.
        picture: ids of the records drawn; the first four where there are none.
        output: name of the output drawn; None for what the model predicts.
        memory: bytes that scoring may take; None for a share of what is free.
        device, batch_size, resume, overwrite, command: as for an attack.
    """

    model: ModelSource
    data: DataSource
    out: Path
    scan: Scan = field(default_factory=Scan)
    save: Save = "npz"
    draw: bool = True
    picture: tuple[str, ...] = ()
    output: str | None = None
    memory: int | None = None
    device: str = "auto"
    batch_size: int | None = None
    resume: bool = False
    overwrite: bool = False
    command: str = ""

    def __post_init__(self) -> None:
        if self.save not in get_args(Save):
            raise ConfigError(
                "unknown value", expected=", ".join(get_args(Save)), found=repr(self.save), where="--save"
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Work:
    """What is to be scored: (N, L) ``scanned`` positions of the records, cut into blocks."""

    predictor: Predictor
    sequences: SequenceSet
    scanned: NDArray[np.bool_]
    blocks: list[Block]
    outputs: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Of the map."""
        return len(self.sequences), self.sequences.alphabet.size, self.sequences.width, len(self.outputs)


def ism_command(call: IsmCommand, progress: Progress) -> dict[str, Any]:
    """Score every substitution, and leave ``ism.npz`` or ``ism.parquet``, ``metrics.json``, ``manifest.json`` and
    ``ism.png`` in the folder. Gives what ``metrics.json`` holds.

    Raises InputError for a model, file, region or picture that cannot be had, before anything is written.
    """
    inputs = open_inputs(
        call.model, call.data, progress, device=call.device, batch_size=call.batch_size, deed="scanned"
    )
    sequences = inputs.sequences
    scan = _resolved(call.scan, sequences)
    work = _work(inputs.predictor, sequences, scan)
    drawing = _drawing(call, work) if call.draw else None
    unknown = _say_what_is_skipped(work, scan, progress)
    folder = RunFolder(
        call.out,
        command=call.command,
        config=asdict(replace(call, scan=scan)),
        inputs=[*call.model.files, *call.data.files],
        fingerprint={**input_fingerprint(call.model, call.data), **asdict(scan)},
        resume=call.resume,
        overwrite=call.overwrite,
        leftovers=_LEFTOVERS,
    )
    found, metrics, notices = _scored(call, work, folder, progress, {"skipped_unknown": unknown})
    if call.save != "npz":
        progress.start("table", 1)
        write_parquet(folder.path / "ism.parquet", found, work.blocks, sequences, work.outputs)
        progress.advance(1)
    if drawing is not None:
        draw_map(folder.path / "ism.png", drawing, found)
    folder.finish(
        device=str(work.predictor.device),
        policies={"unknown": work.predictor.unknown, "padding": "zeros", "outputs": work.predictor.scale},
        notices=[*work.predictor.notices, *notices],
    )
    return metrics


def _resolved(scan: Scan, sequences: SequenceSet) -> Scan:
    """Region names split at commas, unless a name holds them itself."""
    known = set(sequences.regions.names)
    protect, only = split_names(scan.protect, known), split_names(scan.only, known)
    if both := set(protect) & set(only):
        raise ConfigError("a region is both protected and the only one to scan", found=", ".join(sorted(both)))
    return replace(scan, protect=protect, only=only)


def _work(predictor: Predictor, sequences: SequenceSet, scan: Scan) -> _Work:
    scanned = scan.positions(sequences)
    outputs = output_names(predictor)
    blocks = cut_blocks(scanned, sequences.alphabet.size, len(outputs))
    return _Work(predictor=predictor, sequences=sequences, scanned=scanned, blocks=blocks, outputs=outputs)


def _drawing(call: IsmCommand, work: _Work) -> Drawing:
    """What will be drawn. Raises ConfigError for an id or an output there is none of."""
    ids = work.sequences.ids
    wanted = split_names(call.picture, set(ids))
    rows = {name: row for row, name in enumerate(ids)} if wanted else {}
    for name in wanted:
        if name not in rows:
            known = ", ".join(ids[:10]) + (" ..." if len(ids) > 10 else "")
            raise ConfigError("no record has that id", expected=known, found=repr(name), where="--picture")
    if call.output is not None and call.output not in work.outputs:
        known = ", ".join(work.outputs[:20])
        raise ConfigError("no output has that name", expected=known, found=repr(call.output), where="--output")
    return Drawing(
        sequences=work.sequences,
        task=work.predictor.task,
        outputs=work.outputs,
        records=tuple(rows[name] for name in wanted) or tuple(range(min(_FIRST, len(ids)))),
        output=None if call.output is None else work.outputs.index(call.output),
    )


def _say_what_is_skipped(work: _Work, scan: Scan, progress: Progress) -> int:
    """Positions that would be scanned, were their letter known."""
    skipped = int((scan.places(work.sequences) & ~work.scanned).sum())
    if skipped:
        hold = "position holds an unknown letter and is" if skipped == 1 else "positions hold unknown letters and are"
        progress.say(f"{skipped:,} {hold} skipped (NaN in the map); --unknown-too puts each letter there")
    if not work.scanned.any():
        progress.say("no position is scanned: the whole map is NaN")
    return skipped


def _scored(
    call: IsmCommand, work: _Work, folder: RunFolder, progress: Progress, more: dict[str, Any]
) -> tuple[SaturationMap, dict[str, Any], list[str]]:
    """The map, from this run or an earlier one; ``metrics.json`` and, unless only Parquet is kept, ``ism.npz``."""
    packed = folder.path / "ism.npz"
    if packed.exists():
        # It is packed only after the metrics are written.
        return open_map(packed), json.loads((folder.path / "metrics.json").read_text(encoding="utf-8")), []
    growing = GrowingMap(folder.path, work.shape)
    notices = _score(call, work, growing, progress)
    found = growing.finished()
    metrics = _metrics(work, found, growing.seconds, more)
    folder.write_json("metrics.json", metrics)
    if call.save != "parquet":
        growing.pack(packed, _described(work))
        growing.remove()
        found = open_map(packed)
    return found, metrics, notices


def _score(call: IsmCommand, work: _Work, growing: GrowingMap, progress: Progress) -> list[str]:
    """Score the blocks that are not done yet. Gives the notices of the neighbour scores."""
    counts = [count_candidates(work.sequences, work.scanned, block) for block in work.blocks]
    before, earlier = sum(counts[: growing.done]), growing.seconds
    remaining = work.blocks[growing.done :]
    reached, heard = before, list[str]()
    progress.start("ism", sum(counts))
    progress.advance(reached)
    with work.predictor.attached():
        service = NeighbourScores(work.predictor, memory=call.memory)
        started = time.monotonic()
        for scored in saturate(work.predictor, work.sequences, work.scanned, remaining, service):
            growing.write(scored)
            seconds = time.monotonic() - started
            reached += counts[growing.done]
            growing.note(growing.done + 1, earlier + seconds)
            progress.advance(reached, f"{(reached - before) / max(seconds, 1e-9):,.0f} candidates/s")
            for notice in service.notices[len(heard) :]:
                progress.say(notice)
                heard.append(notice)
    return heard


def _metrics(work: _Work, found: SaturationMap, seconds: float, more: dict[str, Any]) -> dict[str, Any]:
    predictor = work.predictor
    summary = SaturationSummary(sequences=work.sequences, task=predictor.task, outputs=work.outputs)
    for scored in found.read(work.blocks):
        summary.add(scored)
    metrics = {"task": predictor.task, "alphabet": work.sequences.alphabet.name, **summary.metrics(), **more}
    rate = summary.candidates / seconds if seconds > 0 else None
    said: dict[str, Any] = plain({**metrics, "seconds": round(seconds, 3), "candidates_per_second": rate})
    return said


def _described(work: _Work) -> dict[str, NDArray[Any]]:
    """What stands beside the map in ``ism.npz``, so that it can be read without the data file."""
    sequences = work.sequences
    return {
        "ids": np.array(sequences.ids),
        "lengths": sequences.lengths,
        "letters": sequences.letters.view("S1"),
        "alphabet": np.array(list(sequences.alphabet.letters)),
        "outputs": np.array(work.outputs),
    }
