"""What an analysis is about: a checked model, its records, and what is true of them; opened from files or as given."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from seqrobust.analysis.asked import Opening
from seqrobust.analysis.letter_orders import other_order
from seqrobust.errors import LabelError
from seqrobust.models import ModelCard
from seqrobust.models.opening import open_predictor
from seqrobust.models.predictor import Predictor
from seqrobust.models.source import ModelSource
from seqrobust.progress import Progress
from seqrobust.sequences import SequenceSet, Targets, encode_targets
from seqrobust.sequences.data_source import DataSource
from seqrobust.sequences.paired_columns import unnamed
from seqrobust.sequences.patterns import with_patterns
from seqrobust.sequences.readers import read_sequences
from seqrobust.sequences.targets import NAME_THE_OUTPUTS
from seqrobust.tasks import task_of

_ASKED = 5000
"""Records of which each is asked whether the model has an answer for it at all."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A model and the records it is asked about.

    Attributes:
        name: of the model, for titles.
        predictor: checked on some of the records.
        sequences: the records.
        targets: what is true of them; None where nobody knows, and the clean prediction stands for the truth.
        card: a checkpoint's own description.
        source: what names the model, as the user wrote it.
        everyone: all records that the data come with, of whatever split; None where those are ``sequences``.
        another: opens a further model on the same records, by the text that names it (``NAME=MODEL`` or ``MODEL``);
            gives its name too. None where everything is in memory already.
        others: further models that are in memory already, by name.
    """

    name: str
    predictor: Predictor
    sequences: SequenceSet
    targets: Targets | None
    card: ModelCard | None = None
    source: str = ""
    everyone: SequenceSet | None = None
    another: Callable[[str], Subject] | None = None
    others: Mapping[str, Subject] = field(default_factory=dict)


def open_subject(model: ModelSource, data: DataSource, opening: Opening, *, action: str) -> Subject:
    """One model on one file; see :meth:`seqrobust.analysis.asked.ModelOnData.open`."""
    subject = open_unlabelled(model, data, opening, action=action)
    if subject.sequences.targets is None:
        opening.progress.say(
            "the records have no targets: the clean prediction stands for the truth "
            "(if a column of the table holds them, --target-column names it)"
        )
        return subject
    return with_targets(subject, model, opening)


def with_targets(subject: Subject, model: ModelSource, opening: Opening) -> Subject:
    """The subject with what its records' targets say, as it is where they have none.

    Raises DataError for targets that are not of the model's task, LabelError for those it does not know.
    """
    predictor = subject.predictor
    if subject.sequences.targets is None:
        return subject
    columns, labels = list(map(str, subject.sequences.targets.columns)), predictor.labels or ()
    if len(columns) > 1 and unnamed(labels, predictor.task) and not set(labels) <= set(columns):
        opening.progress.say(f"the model's outputs have no names: taken to be {', '.join(columns)}, in this order")
    try:
        targets = encode_targets(subject.sequences.targets, predictor.task, predictor.labels)
    except LabelError as error:
        if subject.card is None and model.labels is None and not task_of(predictor.task).measured:
            error.fix = NAME_THE_OUTPUTS
        raise
    if subject.card is None and (notice := other_order(predictor, subject.sequences, targets)) is not None:
        predictor.notices.append(notice)
        opening.progress.say(notice)
    return replace(subject, targets=targets)


def open_unlabelled(model: ModelSource, data: DataSource, opening: Opening, *, action: str) -> Subject:
    """One model on one file, for an analysis that asks for no truth: targets are not looked at."""
    predictor, card = open_predictor(
        replace(model, seed=opening.seed),
        alphabet=model.known_alphabet,
        device=opening.device,
        batch_size=opening.batch_size,
    )
    sequences = everyone = _read(data, predictor, card, opening.progress)
    if data.split is not None:
        sequences = sequences.in_split(data.split)
    elif sequences.splits is not None and len(names := sorted(set(sequences.splits.tolist()))) > 1:
        opening.progress.say(f"all splits are {action} ({', '.join(names)}); --split test for one of them")
    if (seen := _trained_on(sequences)) is not None and card is not None:
        opening.progress.say(seen)
    predictor.check(torch.tensor(sequences.tokens[spread_rows(len(sequences))]))
    answered = with_answers(predictor, sequences)
    for notice in predictor.notices:
        opening.progress.say(notice)
    return Subject(
        name=model.name,
        predictor=predictor,
        sequences=answered,
        targets=None,
        card=card,
        source=model.model,
        everyone=everyone,
    )


def with_answers(predictor: Predictor, sequences: SequenceSet) -> SequenceSet:
    """The records for which the model's output is a number; the others are named among its notices.

    All of a file of moderate size are asked; of a larger one those that the model was tried on. Nothing counts.

    Where no record is left they all stay, for whoever asks to be told of the model.
    """
    count = len(sequences)
    rows = np.arange(count) if count <= _ASKED else spread_rows(count)
    before = predictor.forwards, predictor.rows_sent
    with predictor.attached(), predictor.tolerant():
        gone = predictor.lost(predictor.logits(torch.tensor(sequences.tokens[rows]))).cpu().numpy()
        if gone.any() and len(rows) < count:
            rows = np.arange(count)
            gone = predictor.lost(predictor.logits(torch.tensor(sequences.tokens))).cpu().numpy()
    predictor.forwards, predictor.rows_sent = before
    if not gone.any() or gone.all():
        return sequences
    names = [sequences.ids[row] for row in rows[gone][:5].tolist()]
    predictor.tell(
        f"{int(gone.sum())} of {count} records are left out, for the model's output is no number there: "
        f"{', '.join(names)}{' ...' if gone.sum() > len(names) else ''}"
    )
    return sequences.take(rows[~gone])


def _trained_on(sequences: SequenceSet) -> str | None:
    """What to say of records of the split that models are trained on; None where there are none."""
    if sequences.splits is None or not (count := int((sequences.splits == "train").sum())):
        return None
    many = "1 record is" if count == 1 else f"{count} records are"
    return (
        f"{many} of the split train: if the model was trained on them, what is found of them need not hold for others "
        "(--split test)"
    )


def _read(data: DataSource, predictor: Predictor, card: ModelCard | None, progress: Progress) -> SequenceSet:
    loaded = read_sequences(
        data.path,
        alphabet=predictor.alphabet,
        format=data.format,
        columns=data.columns,
        genome=data.genome,
        variants=data.variants,
        annotation=data.annotation,
        where=data.where,
        max_length=data.max_length or (card.provenance.get("max_length") if card else None),
        known_targets=known_targets(predictor, card),
    )
    for notice in loaded.notices:
        progress.say(notice)
    return with_patterns(loaded.sequences, data.patterns) if data.patterns else loaded.sequences


def known_targets(predictor: Predictor, card: ModelCard | None) -> list[tuple[str, ...]]:
    """What the columns of the targets may be called: as in training, or as the model's outputs.

    Names of classes are values of a column and no names of it; those of values and of several labels are both.
    """
    known = []
    if card is not None:
        config: Any = card.provenance
        for section in ("config", "data"):
            config = config.get(section) if isinstance(config, Mapping) else None
        asked = config.get("target") if isinstance(config, Mapping) else None
        for named in (card.provenance.get("targets"), [asked] if isinstance(asked, str) else asked):
            known += [tuple(map(str, named))] if isinstance(named, list | tuple) and named else []
    if not task_of(predictor.task).exclusive and predictor.labels:
        known.append(predictor.labels)
    return known


def spread_rows(count: int) -> NDArray[np.int64]:
    """Up to 64 rows from all over a set: the first records of a file are often of one class."""
    return np.unique(np.linspace(0, count - 1, min(count, 64)).astype(np.int64))


class Once:
    """Progress that says nothing twice: the data are read once for every model."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._said: set[str] = set()

    def start(self, stage: str, total: float) -> None:
        """See :class:`~seqrobust.progress.Progress`."""
        self._progress.start(stage, total)

    def advance(self, done: float, text: str = "") -> None:
        """See :class:`~seqrobust.progress.Progress`."""
        self._progress.advance(done, text)

    def say(self, text: str) -> None:
        """See :class:`~seqrobust.progress.Progress`."""
        if text not in self._said:
            self._said.add(text)
            self._progress.say(text)
