"""What commands that question a model share: the model opened, a data file read, the one tried on the other."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.models import ModelCard
from seqrobust.models.opening import open_predictor
from seqrobust.models.predictor import Predictor
from seqrobust.models.source import ModelSource
from seqrobust.progress import Progress
from seqrobust.sequences import SequenceSet
from seqrobust.sequences.data_source import DataSource as DataSource
from seqrobust.sequences.data_source import split_names as split_names
from seqrobust.sequences.patterns import with_patterns
from seqrobust.sequences.readers import read_sequences


@dataclass(frozen=True, kw_only=True, eq=False)
class Inputs:
    """A predictor, checked on records from all over the file, and the records; ``card`` is a checkpoint's own."""

    predictor: Predictor
    sequences: SequenceSet
    card: ModelCard | None


def open_inputs(
    model: ModelSource, data: DataSource, progress: Progress, *, device: str, batch_size: int | None, deed: str
) -> Inputs:
    """Open the model, read the records, and try the one on the other.

    Args:
        model, data: what the user named.
        progress: hears the notices of either.
        device, batch_size: where and how many at a time; None for as many as suit the device.
        deed: what is done to every record, such as ``attacked``, for a notice about splits.

    Raises InputError for a model or file that cannot be used.
    """
    predictor, card = open_predictor(model, alphabet=model.known_alphabet, device=device, batch_size=batch_size)
    loaded = read_sequences(
        data.path,
        alphabet=predictor.alphabet,
        format=data.format,
        columns=data.columns,
        genome=data.genome,
        annotation=data.annotation,
        where=data.where,
        max_length=data.max_length or (card.provenance.get("max_length") if card else None),
    )
    sequences = with_patterns(loaded.sequences, data.patterns) if data.patterns else loaded.sequences
    for notice in loaded.notices:
        progress.say(notice)
    if data.split is not None:
        sequences = sequences.in_split(data.split)
    elif sequences.splits is not None and len(names := sorted(set(sequences.splits.tolist()))) > 1:
        progress.say(f"all splits are {deed} ({', '.join(names)}); --split test for one of them")
    predictor.check(torch.tensor(sequences.tokens[_spread_rows(len(sequences))]))
    for notice in predictor.notices:
        progress.say(notice)
    return Inputs(predictor=predictor, sequences=sequences, card=card)


def _spread_rows(count: int) -> NDArray[np.int64]:
    """Up to 64 rows from all over a set: the first records of a file are often of one class."""
    return np.unique(np.linspace(0, count - 1, min(count, 64)).astype(np.int64))


def input_fingerprint(model: ModelSource, data: DataSource) -> dict[str, Any]:
    """What of the choice of model and records decides the results; files' contents are compared apart from it."""
    return {
        "model": model.model,
        "alphabet": model.alphabet,
        "task": model.task,
        "labels": model.labels,
        "outputs": model.outputs,
        "unknown": model.unknown,
        "input_length": model.input_length,
        "samples": model.samples,
        "one_by_one": model.one_by_one,
        "average_strands": model.average_strands,
        "preprocess": model.preprocess,
        "backward": model.backward,
        "format": data.format,
        "columns": asdict(data.columns),
        "where": data.where,
        "patterns": data.patterns,
        "max_length": data.max_length,
        "split": data.split,
        # Runs from before there was a choice go on.
        **({} if model.weights_prefix is None else {"weights_prefix": model.weights_prefix}),
    }
