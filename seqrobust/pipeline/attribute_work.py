"""What ``seqrobust attribute`` is told, and what follows from it before a method is asked."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.analysis.attribution import (
    USUAL,
    AttributionSettings,
    Explained,
    Method,
    Truth,
    applicable,
    explain,
    methods_named,
)
from seqrobust.errors import ConfigError
from seqrobust.models.predictor import Predictor
from seqrobust.models.source import ModelSource
from seqrobust.pipeline.inputs import DataSource, Inputs, input_fingerprint, open_inputs, split_names
from seqrobust.progress import Progress
from seqrobust.sequences import SequenceSet

Save = Literal["npz", "parquet", "both"]

_FIRST = 4
"""Records that are drawn where none is named."""


@dataclass(frozen=True, kw_only=True)
class AttributeCommand:
    """Everything a call of ``seqrobust attribute`` says.

    Attributes:
        model, data: what is asked, about what.
        out: folder to write to.
        methods: names of methods; ``all`` for every one.
        settings: what methods are told.
        regions: names of the functional regions, the truth; all regions of the file where there are none.
        protect: names of regions that are left out of the comparison with the truth.
        max_records: explain only so many records, drawn at random by the settings' seed.
        save: the files that hold the attributions.
        draw: whether to draw them.
        picture: ids of the records drawn; the first four where there are none.
        memory: bytes that the scoring of neighbours may take; None for a share of what is free.
        device, batch_size, resume, overwrite, command: as for an attack.
    """

    model: ModelSource
    data: DataSource
    out: Path
    methods: tuple[str, ...] = USUAL
    settings: AttributionSettings = field(default_factory=AttributionSettings)
    regions: tuple[str, ...] = ()
    protect: tuple[str, ...] = ()
    max_records: int | None = None
    save: Save = "npz"
    draw: bool = True
    picture: tuple[str, ...] = ()
    memory: int | None = None
    device: str = "auto"
    batch_size: int | None = None
    resume: bool = False
    overwrite: bool = False
    command: str = ""

    def __post_init__(self) -> None:
        methods_named(self.methods)
        if self.save not in get_args(Save):
            raise ConfigError(
                "unknown value", expected=", ".join(get_args(Save)), found=repr(self.save), where="--save"
            )
        if self.max_records is not None and self.max_records < 1:
            raise ConfigError("there must be a record", found=str(self.max_records), where="--max-records")


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """What is to be explained, how, and what it is compared with."""

    predictor: Predictor
    sequences: SequenceSet
    explained: Explained
    values: NDArray[np.float32]
    methods: tuple[Method, ...]
    left_out: dict[str, str]
    settings: AttributionSettings
    regions: tuple[str, ...]
    truth: Truth | None

    @property
    def names(self) -> tuple[str, ...]:
        """Of the methods that apply."""
        return tuple(method.name for method in self.methods)


def fingerprint(call: AttributeCommand) -> dict[str, Any]:
    """What decides the results."""
    said = {"methods": call.methods, "regions": call.regions, "protect": call.protect, "max_records": call.max_records}
    return {**input_fingerprint(call.model, call.data), **asdict(call.settings), **said}


def _resolved(call: AttributeCommand, sequences: SequenceSet) -> AttributeCommand:
    """Region names split at commas, unless a name holds them itself."""
    known = set(sequences.regions.names)
    regions, protect = split_names(call.regions, known), split_names(call.protect, known)
    if both := set(protect) & set(regions):
        raise ConfigError("a region is both functional and left out", found=", ".join(sorted(both)))
    return replace(call, regions=regions, protect=protect)


def open_work(call: AttributeCommand, progress: Progress) -> tuple[AttributeCommand, Work]:
    """Open model and data, and find out what applies; the call comes back with its region names resolved.

    Raises InputError for what cannot be used.
    """
    inputs = open_inputs(
        call.model, call.data, progress, device=call.device, batch_size=call.batch_size, deed="explained"
    )
    call = _resolved(call, inputs.sequences)
    return call, _work(call, inputs, progress)


def _work(call: AttributeCommand, inputs: Inputs, progress: Progress) -> Work:
    predictor, sequences = inputs.predictor, inputs.sequences
    if call.max_records is not None and call.max_records < len(sequences):
        chosen = np.random.default_rng(call.settings.seed).permutation(len(sequences))[: call.max_records]
        sequences = sequences.take(np.sort(chosen))
    truth, regions = _truth(call, sequences, progress)
    with predictor.attached():
        logits = predictor.logits(torch.tensor(sequences.tokens, device=predictor.device))
        explained = explain(predictor, logits, call.settings.output)
        values = explained.of(logits).float().cpu().numpy()
        wanted = methods_named(call.methods)
        methods, left_out = applicable(predictor, sequences, explained, wanted, call.settings)
    for name, reason in left_out.items():
        progress.say(f"{name} is left out: {reason}")
    return Work(
        predictor=predictor,
        sequences=sequences,
        explained=explained,
        values=values,
        methods=methods,
        left_out=left_out,
        settings=call.settings,
        regions=regions,
        truth=truth,
    )


def _truth(call: AttributeCommand, sequences: SequenceSet, progress: Progress) -> tuple[Truth | None, tuple[str, ...]]:
    """The truth, and the names it is of."""
    regions = call.regions or tuple(name for name in sequences.regions.names if name not in call.protect)
    if not regions:
        progress.say("the records have no regions, so attributions are not compared with annotation")
        return None, ()
    truth = Truth.of(sequences, regions, call.protect)
    comparable = int((truth.functional.any(1) & truth.background.any(1)).sum())
    if not comparable:
        progress.say(
            "no record has both functional and other positions, so there is nothing to compare: --regions names the "
            f"functional ones of {', '.join(regions[:8])}"
        )
    elif not call.regions and len(regions) > 1:
        progress.say(f"all regions count as functional ({', '.join(regions[:8])}); --regions for some of them")
    return truth, regions


def drawn_rows(call: AttributeCommand, sequences: SequenceSet) -> tuple[int, ...]:
    """Rows of the records drawn. Raises ConfigError for an id that there is none of."""
    ids = sequences.ids
    wanted = split_names(call.picture, set(ids))
    rows = {name: row for row, name in enumerate(ids)} if wanted else {}
    for name in wanted:
        if name not in rows:
            known = ", ".join(ids[:10]) + (" ..." if len(ids) > 10 else "")
            raise ConfigError("no record has that id", expected=known, found=repr(name), where="--picture")
    return tuple(rows[name] for name in wanted) or tuple(range(min(_FIRST, len(ids))))
