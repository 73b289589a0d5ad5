"""The scan: every substitution scored block by block, each kept as it is finished, then summed up."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from seqrobust.analysis.asked import Opening
from seqrobust.analysis.ism.drawing import Drawing
from seqrobust.analysis.ism.findings import IsmFindings
from seqrobust.analysis.ism.settings import IsmSettings
from seqrobust.analysis.ism.storage import MapStore
from seqrobust.analysis.ism.summary import SaturationSummary
from seqrobust.analysis.room import Work
from seqrobust.analysis.saturation import Block, count_candidates, cut_blocks, output_names, saturate
from seqrobust.analysis.subject import Subject
from seqrobust.errors import ConfigError
from seqrobust.models.predictor import Predictor
from seqrobust.neighbours import NeighbourScores
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.data_source import split_names

_FIRST = 4
"""Records that are drawn where none is named."""


@dataclass(frozen=True, kw_only=True, eq=False)
class IsmReady:
    """What is scanned.

    Attributes:
        name: of the model.
        predictor, sequences: the model and the N records.
        settings: with region names and ids resolved.
        scanned: (N, L) positions where letters are put.
        blocks: of the map, in order.
        outputs: names of the model's outputs.
        drawing: what is drawn; None for nothing.
    """

    name: str
    predictor: Predictor
    sequences: SequenceSet
    settings: IsmSettings
    scanned: NDArray[np.bool_]
    blocks: tuple[Block, ...]
    outputs: tuple[str, ...]
    drawing: Drawing | None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(N, K, L, outputs) of the map."""
        return len(self.sequences), self.sequences.alphabet.size, self.sequences.width, len(self.outputs)

    @property
    def skipped(self) -> int:
        """Positions that would be scanned, were their letter known."""
        return int((self.settings.scan.places(self.sequences) & ~self.scanned).sum())


def prepare(subject: Subject, settings: IsmSettings, opening: Opening) -> IsmReady:
    """See :class:`~seqrobust.analysis.room.Room`. Raises InputError for a region or picture that cannot be had."""
    predictor, sequences = subject.predictor, subject.sequences
    settings = _resolved(settings, sequences)
    if settings.max_records is not None and settings.max_records < len(sequences):
        chosen = np.random.default_rng(opening.seed).permutation(len(sequences))[: settings.max_records]
        sequences = sequences.take(np.sort(chosen))
    scanned = settings.scan.positions(sequences)
    outputs = output_names(predictor)
    return IsmReady(
        name=subject.name,
        predictor=predictor,
        sequences=sequences,
        settings=settings,
        scanned=scanned,
        blocks=tuple(cut_blocks(scanned, sequences.alphabet.size, len(outputs))),
        outputs=outputs,
        drawing=_drawing(settings, predictor, sequences, outputs) if settings.draw else None,
    )


def _resolved(settings: IsmSettings, sequences: SequenceSet) -> IsmSettings:
    """Names split at commas, unless a name holds them itself."""
    known = set(sequences.regions.names)
    protect, only = split_names(settings.protect, known), split_names(settings.only, known)
    if both := set(protect) & set(only):
        raise ConfigError("a region is both protected and the only one to scan", found=", ".join(sorted(both)))
    picture = split_names(settings.picture, set(sequences.ids))
    return replace(settings, protect=protect, only=only, picture=picture)


def _drawing(settings: IsmSettings, predictor: Predictor, sequences: SequenceSet, outputs: tuple[str, ...]) -> Drawing:
    """What will be drawn. Raises ConfigError for an id or an output there is none of."""
    ids = sequences.ids
    rows = {name: row for row, name in enumerate(ids)} if settings.picture else {}
    for name in settings.picture:
        if name not in rows:
            known = ", ".join(ids[:10]) + (" ..." if len(ids) > 10 else "")
            raise ConfigError("no record has that id", expected=known, found=repr(name), where="--picture")
    if settings.output is not None and settings.output not in outputs:
        known = ", ".join(outputs[:20])
        raise ConfigError("no output has that name", expected=known, found=repr(settings.output), where="--output")
    return Drawing(
        sequences=sequences,
        task=predictor.task,
        outputs=outputs,
        records=tuple(rows[name] for name in settings.picture) or tuple(range(min(_FIRST, len(ids)))),
        output=None if settings.output is None else outputs.index(settings.output),
    )


def study(ready: IsmReady, work: Work) -> IsmFindings:
    """Score every substitution; blocks that an interrupted run left behind are not scored again.

    Raises ModelError where an output is not finite, OSError where the disk cannot hold the map.
    """
    skipped = ready.skipped
    _notice_what_is_skipped(ready, skipped, work)
    store = MapStore(work.folder, ready.shape)
    store.keep_whole(ready.blocks, work.notice)
    if not store.is_packed:
        _score(ready, store, work)
    return IsmFindings(
        name=ready.name,
        sequences=ready.sequences,
        outputs=ready.outputs,
        blocks=ready.blocks,
        save=ready.settings.save,
        drawing=ready.drawing,
        store=store,
        metrics=_metrics(ready, store, skipped),
    )


def _notice_what_is_skipped(ready: IsmReady, skipped: int, work: Work) -> None:
    if skipped:
        hold = "position holds an unknown letter and is" if skipped == 1 else "positions hold unknown letters and are"
        work.notice(f"{skipped:,} {hold} skipped (NaN in the map); --unknown-too puts each letter there")
    if not ready.scanned.any():
        work.notice("no position is scanned: the whole map is NaN")


def _score(ready: IsmReady, store: MapStore, work: Work) -> None:
    """Score the blocks that are not done yet."""
    counts = [count_candidates(ready.sequences, ready.scanned, block) for block in ready.blocks]
    before, earlier = sum(counts[: store.done]), store.seconds
    remaining, reached = ready.blocks[store.done :], before
    work.progress.start("ism", sum(counts))
    work.progress.advance(reached)
    with ready.predictor.attached():
        service = NeighbourScores(ready.predictor, memory=work.memory)
        started = time.monotonic()
        for scored in saturate(ready.predictor, ready.sequences, ready.scanned, remaining, service):
            store.write(scored)
            seconds = time.monotonic() - started
            reached += counts[store.done]
            store.note(scored, earlier + seconds)
            work.progress.advance(reached, f"{(reached - before) / max(seconds, 1e-9):,.0f} candidates/s")
            for notice in service.notices:
                work.notice(notice)


def _metrics(ready: IsmReady, store: MapStore, skipped: int) -> dict[str, Any]:
    """What ``metrics.json`` holds; the map is read once, block by block."""
    task = ready.predictor.task
    summary = SaturationSummary(sequences=ready.sequences, task=task, outputs=ready.outputs)
    for scored in store.opened().read(ready.blocks):
        summary.add(scored)
    seconds = store.seconds
    return {
        "task": task,
        "alphabet": ready.sequences.alphabet.name,
        **summary.metrics(),
        "skipped_unknown": skipped,
        "seconds": round(seconds, 3),
        "candidates_per_second": summary.candidates / seconds if seconds > 0 else None,
    }
