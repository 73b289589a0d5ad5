"""What is to be attributed, checked before a method is asked: records, methods that apply, and the truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.analysis.asked import Opening
from seqrobust.analysis.attribute.settings import AttributeSettings
from seqrobust.analysis.attribution import (
    AttributionSettings,
    Explained,
    Method,
    Truth,
    applicable,
    explain,
    methods_named,
)
from seqrobust.analysis.subject import Subject
from seqrobust.errors import ConfigError
from seqrobust.models.predictor import Predictor
from seqrobust.progress import Progress
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.data_source import split_names

_FIRST = 4
"""Records that are drawn where none is named."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AttributeReady:
    """What is to be explained, how, and what it is compared with.

    Attributes:
        name: of the model.
        predictor: the model.
        settings: with region names and ids resolved.
        sequences: the N records.
        explained: which number of each record's outputs.
        values: (N,) that number.
        methods: those that apply.
        left_out: the others' names, and why they do not.
        attribution: how methods attribute.
        regions: names of the functional regions; none where nothing is annotated.
        truth: where function is annotated.
        drawn: rows of the records drawn.
    """

    name: str
    predictor: Predictor
    settings: AttributeSettings
    sequences: SequenceSet
    explained: Explained
    values: NDArray[np.float32]
    methods: tuple[Method, ...]
    left_out: dict[str, str]
    attribution: AttributionSettings
    regions: tuple[str, ...]
    truth: Truth | None
    drawn: tuple[int, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the methods that apply."""
        return tuple(method.name for method in self.methods)


def prepare(subject: Subject, settings: AttributeSettings, opening: Opening) -> AttributeReady:
    """See :class:`~seqrobust.analysis.room.Room`.

    Raises InputError for a region, record, output or method that cannot be had.
    """
    predictor, sequences = subject.predictor, subject.sequences
    settings = _resolved(settings, sequences)
    attribution = settings.attribution(opening.seed)
    if settings.max_records is not None and settings.max_records < len(sequences):
        chosen = np.random.default_rng(opening.seed).permutation(len(sequences))[: settings.max_records]
        sequences = sequences.take(np.sort(chosen))
    truth, regions = _truth(settings, sequences, opening.progress)
    with predictor.attached():
        logits = predictor.logits(torch.tensor(sequences.tokens, device=predictor.device))
        explained = explain(predictor, logits, settings.output, settings.quantity)
        values = explained.of(logits).float().cpu().numpy()
        wanted = methods_named(settings.methods)
        methods, left_out = applicable(predictor, sequences, explained, wanted, attribution)
    for name, reason in left_out.items():
        opening.progress.say(f"{name} is left out: {reason}")
    return AttributeReady(
        name=subject.name,
        predictor=predictor,
        settings=settings,
        sequences=sequences,
        explained=explained,
        values=values,
        methods=methods,
        left_out=left_out,
        attribution=attribution,
        regions=regions,
        truth=truth,
        drawn=_drawn_rows(settings.picture, sequences.ids) if settings.draw else (),
    )


def _resolved(settings: AttributeSettings, sequences: SequenceSet) -> AttributeSettings:
    """Region names split at commas, unless a name holds them itself."""
    known = set(sequences.regions.names)
    regions, protect = split_names(settings.regions, known), split_names(settings.protect, known)
    if both := set(protect) & set(regions):
        raise ConfigError("a region is both functional and left out", found=", ".join(sorted(both)))
    return replace(settings, regions=regions, protect=protect)


def _truth(
    settings: AttributeSettings, sequences: SequenceSet, progress: Progress
) -> tuple[Truth | None, tuple[str, ...]]:
    """The truth, and the names it is of."""
    regions = settings.regions or tuple(name for name in sequences.regions.names if name not in settings.protect)
    if not regions:
        progress.say("the records have no regions, so attributions are not compared with annotation")
        return None, ()
    truth = Truth.of(sequences, regions, settings.protect)
    comparable = int((truth.functional.any(1) & truth.background.any(1)).sum())
    if not comparable:
        progress.say(
            "no record has both functional and other positions, so there is nothing to compare: --regions names the "
            f"functional ones of {', '.join(regions[:8])}"
        )
    elif not settings.regions and len(regions) > 1:
        progress.say(f"all regions count as functional ({', '.join(regions[:8])}); --regions for some of them")
    return truth, regions


def _drawn_rows(named: tuple[str, ...], ids: Sequence[str]) -> tuple[int, ...]:
    """Rows of the records drawn. Raises ConfigError for an id that no record has."""
    wanted = split_names(named, set(ids))
    rows = {name: row for row, name in enumerate(ids)} if wanted else {}
    for name in wanted:
        if name not in rows:
            known = ", ".join(ids[:10]) + (" ..." if len(ids) > 10 else "")
            raise ConfigError("no record has that id", expected=known, found=repr(name), where="--picture")
    return tuple(rows[name] for name in wanted) or tuple(range(min(_FIRST, len(ids))))
