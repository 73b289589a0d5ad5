"""Every motif put into every record, every region shuffled away, each with its control; the outputs before and after.

Marginalisation and ablation as tangermeme does them (Schreiber 2025): the effect of an edit averaged over backgrounds.
Beside it stands that of a control, so that an effect of letters' composition, or of any change, is not taken for one
of the motif.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch

from seqrobust.alphabet import Alphabet
from seqrobust.analysis.asked import Opening
from seqrobust.analysis.motifs.edits import Codes, Edited, ablated, inserted
from seqrobust.analysis.motifs.findings import MotifsFindings
from seqrobust.analysis.motifs.settings import MotifsSettings
from seqrobust.analysis.room import Work
from seqrobust.analysis.saturation import output_names
from seqrobust.analysis.subject import Subject
from seqrobust.attacks.streams import RecordStreams
from seqrobust.errors import ConfigError, DataError
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.data_source import split_names
from seqrobust.sequences.simulation.motifs import parse_pattern

Columns = tuple[Codes, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class MotifsReady:
    """What is put in and taken out.

    Attributes:
        name: of the model.
        predictor, sequences: the model and the N records.
        settings: with region names resolved.
        motifs: by name, the codes that each column accepts.
    """

    name: str
    predictor: Predictor
    sequences: SequenceSet
    settings: MotifsSettings
    motifs: dict[str, Columns]


def prepare(subject: Subject, settings: MotifsSettings, opening: Opening) -> MotifsReady:
    """See :class:`~seqrobust.analysis.room.Room`. Raises InputError for a motif or region that cannot be had."""
    sequences = subject.sequences
    if settings.max_records is not None and settings.max_records < len(sequences):
        chosen = np.random.default_rng(opening.seed).permutation(len(sequences))[: settings.max_records]
        sequences = sequences.take(np.sort(chosen))
    known = set(sequences.regions.names)
    settings = replace(settings, ablate=split_names(settings.ablate, known))
    motifs = dict(_motif(text, sequences.alphabet) for text in settings.motifs)
    if len(motifs) < len(settings.motifs):
        raise ConfigError("two motifs have one name", fix="name them: --motif NAME=PATTERN")
    for name in settings.ablate:
        sequences.regions.named(name)
    for name, columns in motifs.items():
        if not any(_start(settings, columns, int(length)) is not None for length in sequences.lengths):
            raise DataError(f"the motif {name} fits into no record", fix="choose another place with --at")
    return MotifsReady(
        name=subject.name, predictor=subject.predictor, sequences=sequences, settings=settings, motifs=motifs
    )


def _motif(text: str, alphabet: Alphabet) -> tuple[str, Columns]:
    name, _, pattern = text.rpartition("=")
    columns = parse_pattern(pattern, alphabet)
    codes = tuple(np.array([alphabet.letters.index(letter) for letter in one], np.uint8) for one in columns)
    return name or pattern, codes


def _start(settings: MotifsSettings, columns: Columns, length: int) -> int | None:
    """Where the motif's first letter goes in a record; None where it does not fit."""
    start = (length - len(columns)) // 2 if settings.at is None else settings.at - 1
    return start if start >= 0 and start + len(columns) <= length else None


def study(ready: MotifsReady, work: Work) -> MotifsFindings:
    """Score every record before and after. Raises ModelError where an output is not finite."""
    names = [*(("insertion", name) for name in ready.motifs), *(("ablation", name) for name in ready.settings.ablate)]
    work.progress.start("motifs", len(names) * len(ready.sequences))
    tables, done = [], 0
    with ready.predictor.attached():
        for kind, name in names:
            for row in range(len(ready.sequences)):
                edits = list(_edits(ready, kind, name, row, work.seed))
                if edits:
                    tables.append(_scored(ready, kind, name, row, edits))
                done += 1
                work.progress.advance(done, name)
    if not tables:
        raise DataError("no record has a place for what is put in or taken out")
    table = pd.concat(tables, ignore_index=True)
    _notices(table, work)
    return MotifsFindings(
        name=ready.name,
        sequences=ready.sequences,
        task=ready.predictor.task,
        outputs=output_names(ready.predictor),
        shuffled=ready.settings.shuffled,
        table=table,
    )


def _edits(ready: MotifsReady, kind: str, name: str, row: int, seed: int) -> Iterator[Edited]:
    """The draws of one record."""
    sequences, settings, letters = ready.sequences, ready.settings, ready.sequences.alphabet.size
    record = sequences.tokens[row, : sequences.lengths[row]]
    uniform = RecordStreams(seed, [sequences.ids[row]], f"motifs {kind} {name}").uniforms(1)
    rng = np.random.default_rng(int(float(uniform[0, 0]) * 2**53))
    if kind == "insertion":
        columns = ready.motifs[name]
        start = _start(settings, columns, len(record))
        for _ in range(settings.draws if start is not None else 0):
            yield inserted(record, columns, start or 0, letters, rng, shuffled=settings.shuffled)
        return
    wanted = set(sequences.regions.named(name))
    for region in sequences.regions.of(row):
        for _ in range(settings.draws if region.name in wanted else 0):
            yield ablated(record, region.start, region.end, letters, rng)


def _scored(ready: MotifsReady, kind: str, name: str, row: int, edits: list[Edited]) -> pd.DataFrame:
    """A row per output: the mean over draws."""
    predictor, blank = ready.predictor, edits[0].before
    rows = [part if part is not None else blank for edit in edits for part in edit]
    logits = predictor.logits(torch.from_numpy(np.stack(rows)).to(predictor.device)).double().cpu().numpy()
    before, after, control = logits.reshape(len(edits), 3, -1).transpose(1, 0, 2)
    control[[edit.control is None for edit in edits]] = np.nan
    same = float(np.mean([bool((edit.before == edit.after).all()) for edit in edits]))
    table: pd.DataFrame = pd.DataFrame(
        {
            "id": ready.sequences.ids[row],
            "edit": kind,
            "name": name,
            "output": output_names(predictor),
            "before": before.mean(0),
            "after": after.mean(0),
            "change": (after - before).mean(0),
            "control_change": (control - before).mean(0),
            "unchanged": same,
        }
    )
    return table


def _notices(table: pd.DataFrame, work: Work) -> None:
    for (kind, name), part in table.groupby(["edit", "name"], sort=False):
        share = float(part.unchanged.mean())
        if share > 0:
            work.notice(f"{kind} of {name}: {100 * share:.0f} % of the draws give back the sequence as it was")
        if part.control_change.isna().any():
            work.notice(f"{kind} of {name}: some records have no room for a control beside the region")
