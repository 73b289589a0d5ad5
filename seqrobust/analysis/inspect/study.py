"""The inspection: gates and states of recurrent layers, differences by layer beside those of random edits, and how far
the network is linear on the way from a sequence to its adversarial one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from seqrobust.analysis.asked import Opening
from seqrobust.analysis.earlier import AttackRun
from seqrobust.analysis.inspect.drawn import Drawn, drawn_record
from seqrobust.analysis.inspect.edited import NEEDED, attacked_now, pairs_of
from seqrobust.analysis.inspect.findings import InspectFindings
from seqrobust.analysis.inspect.gates import recurrent_layers, unseen_cells
from seqrobust.analysis.inspect.inspecting import Found, check_inspectable, inspect_activations, inspect_ways
from seqrobust.analysis.inspect.linearity import Way, precise
from seqrobust.analysis.inspect.pairs import Pairs
from seqrobust.analysis.inspect.settings import InspectSettings
from seqrobust.analysis.inspect.summary import inspect_metrics
from seqrobust.analysis.pieces import kept
from seqrobust.analysis.room import Work
from seqrobust.analysis.subject import Subject
from seqrobust.attacks import Problem
from seqrobust.attacks.settings import resolved
from seqrobust.attacks.stating import attack_problem, goal_of
from seqrobust.errors import ConfigError
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.data_source import split_names
from seqrobust.tasks import task_of

_TOGETHER = 1 << 21
"""Letters of all versions of a batch's records, times the letters of the alphabet."""
_WAYS = 16
"""Records whose ways are followed together."""
_FIRST = 2
"""Records that are drawn at most, and the first ones where none is named."""


@dataclass(frozen=True, kw_only=True, eq=False)
class InspectReady:
    """What is inspected.

    Attributes:
        name, predictor: of the model; the model.
        sequences: the records.
        settings: names resolved, and with the threat of the earlier attack where there is one.
        source: the sequences of an earlier attack beside their records, or the attack to be made.
        drawn: ids of the records to draw; empty for the first ones.
        output: the value of a regression that is looked at.
    """

    name: str
    predictor: Predictor
    sequences: SequenceSet
    settings: InspectSettings
    source: Pairs | Problem
    drawn: tuple[str, ...]
    output: int

    @property
    def clusters(self) -> dict[str, int] | None:
        """Number of each record's cluster, by id; None where records are independent."""
        units = self.sequences.units
        return None if units is None else dict(zip(self.sequences.ids, units.tolist(), strict=True))


def prepare(subject: Subject, settings: InspectSettings, opening: Opening) -> InspectReady:
    """See :class:`~seqrobust.analysis.room.Room`.

    Raises InputError for a model, threat, earlier attack or picture that cannot be used.
    """
    predictor, sequences, targets = subject.predictor, subject.sequences, subject.targets
    check_inspectable(predictor)
    earlier = None if settings.folder is None else AttackRun.read(settings.folder, NEEDED)
    settings = resolved(settings if earlier is None else earlier.with_threat(settings), sequences)
    drawn = _drawn_ids(settings, sequences)
    output = 0
    if task_of(predictor.task).measured and settings.output is not None:
        output = int(getattr(goal_of(settings, predictor, sequences, targets), "output", 0))
    source: Pairs | Problem
    if earlier is None:
        source = attack_problem(predictor, sequences, targets, settings, seed=opening.seed)
    else:
        source = pairs_of(earlier.table, sequences, settings, opening.progress.say, seed=opening.seed)
    return InspectReady(
        name=subject.name,
        predictor=predictor,
        sequences=sequences,
        settings=settings,
        source=source,
        drawn=drawn,
        output=output,
    )


def _drawn_ids(settings: InspectSettings, sequences: SequenceSet) -> tuple[str, ...]:
    """Raises ConfigError for an id there is none of."""
    wanted = split_names(settings.picture, set(sequences.ids))
    for name in wanted:
        if name not in sequences.ids:
            known = ", ".join(sequences.ids[:10]) + (" ..." if len(sequences) > 10 else "")
            raise ConfigError("no record has that id", expected=known, found=repr(name), where="--picture")
    return wanted


def study(ready: InspectReady, work: Work) -> InspectFindings:
    """Inspect every record; what an interrupted run has finished is read instead."""
    predictor, pairs, found = ready.predictor, _pairs(ready, work), Found()
    shown = _shown(ready, pairs, work)
    _activations(predictor, pairs, found, work)
    ways = _ways(ready, pairs, shown, found, work)
    for notice in _notices(predictor, found):
        work.notice(notice)
    table = pd.DataFrame(found.rows)
    return InspectFindings(
        name=ready.name,
        metrics=_metrics(ready, table, found),
        table=table,
        drawn=_drawn(predictor, pairs, shown, ways, work) if ready.settings.draw else None,
    )


def _pairs(ready: InspectReady, work: Work) -> Pairs:
    if isinstance(ready.source, Pairs):
        return ready.source
    results = attacked_now(ready.source, ready.settings, work)
    return pairs_of(results, ready.sequences, ready.settings, work.notice, seed=work.seed)


def _shown(ready: InspectReady, pairs: Pairs, work: Work) -> list[int]:
    """Rows of the records that are drawn."""
    if missed := [name for name in ready.drawn if name not in pairs.ids]:
        work.notice(f"not drawn, for no adversarial sequence was found for them: {', '.join(missed[:5])}")
    named = [pairs.ids.index(name) for name in ready.drawn if name in pairs.ids]
    return (named or list(range(len(pairs))))[:_FIRST]


def _activations(predictor: Predictor, pairs: Pairs, found: Found, work: Work) -> None:
    """Layers and gates, a piece per batch."""
    cells = max(pairs.clean.shape[1] * predictor.alphabet.size * (len(pairs.random) + 2), 1)
    # Layers are watched while one batch goes through them: all versions of a record stand in it together. A piece is
    # named by its size too, for a run may go on with other batches.
    fits = predictor.batch_size // (len(pairs.random) + 2)
    size = int(np.clip(min(_TOGETHER // cells, fits), 1, 64))
    work.progress.start("inspect", len(pairs))
    done = 0
    with predictor.attached():
        for number, batch in enumerate(pairs.batches(size)):

            def inspected(batch: Pairs = batch) -> dict[str, Any]:
                piece = Found()
                inspect_activations(predictor, batch, piece)
                return piece.plain()

            found.extend(kept(work.parts / f"layers-{size:02d}-{number:05d}.json", inspected, work.progress.say))
            done += len(batch)
            work.progress.advance(done)


def _ways(ready: InspectReady, pairs: Pairs, shown: list[int], found: Found, work: Work) -> dict[str, Way]:
    """The ways to the adversarial sequences of a sample of records, of which those that are drawn are given, by id."""
    others = [row for row in np.random.default_rng(work.seed).permutation(len(pairs)) if row not in shown]
    rows = np.sort(np.array([*shown, *others][: ready.settings.ways], np.int64))
    ways: dict[str, Way] = {}
    if not len(rows):
        return ways
    twin = cache(lambda: precise(ready.predictor, pairs.clean[:1, : int(pairs.lengths[0])]))
    drawn = {pairs.ids[row] for row in shown}
    work.progress.start("linearity", len(rows))
    done = 0
    for number, batch in enumerate(pairs.take(rows).batches(_WAYS)):
        piece = kept(
            work.parts / f"linearity-{number:05d}.json", _followed(twin, batch, drawn, ready.output), work.progress.say
        )
        found.extend(piece["found"])
        ways |= {name: Way.of(values) for name, values in piece["ways"].items()}
        done += len(batch)
        work.progress.advance(done)
    return ways


def _followed(
    twin: Callable[[], Predictor], batch: Pairs, drawn: set[str], output: int
) -> Callable[[], dict[str, Any]]:
    """What makes a piece: measures of all ways of a batch, and the ways that are drawn."""

    def make() -> dict[str, Any]:
        piece, predictor = Found(), twin()
        with predictor.attached():
            ways = inspect_ways(predictor, batch, piece, output=output)["adversarial"]
        named = zip(batch.ids, ways, strict=True)
        return {"found": piece.plain(), "ways": {name: way.plain() for name, way in named if name in drawn}}

    return make


def _drawn(predictor: Predictor, pairs: Pairs, shown: list[int], ways: dict[str, Way], work: Work) -> tuple[Drawn, ...]:
    work.progress.start("picture", 1)
    records = [pairs.take([row]) for row in shown]
    drawn = tuple(drawn_record(predictor, record, ways.get(record.ids[0])) for record in records)
    work.progress.advance(1)
    return drawn


def _notices(predictor: Predictor, found: Found) -> list[str]:
    notices = []
    if cells := unseen_cells(predictor.module):
        notices.append(f"recurrent cells are called by the model's own loop, and not traced: {', '.join(cells[:5])}")
    if found.left_out:
        names = ", ".join(sorted(found.left_out)[:8])
        notices.append(f"layers whose outputs do not hold one row a record are not compared: {names}")
    if found.reasons:
        notices.append(
            "the network is not piecewise linear as far as can be seen: the way to the adversarial sequence is sampled "
            f"at 257 points instead of followed exactly ({found.reasons[0]})"
        )
    return notices


def _metrics(ready: InspectReady, table: pd.DataFrame, found: Found) -> dict[str, Any]:
    settings = ready.settings
    return {
        "task": ready.predictor.task,
        "source": "attack" if settings.folder is None else str(settings.folder),
        "attacks": list(settings.attacks) if settings.folder is None else None,
        "random_draws": settings.random_draws,
        "recurrent_layers": list(recurrent_layers(ready.predictor.module)),
        **inspect_metrics(table, found.layers, ready.clusters),
    }
