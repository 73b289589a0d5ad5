"""Members and non-members of an audit, and the population beside them, read from their files for a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import torch

from seqrobust.analysis.asked import Opening
from seqrobust.analysis.subject import known_targets, spread_rows
from seqrobust.errors import DataError, InputError, LabelError
from seqrobust.models import ModelCard, Predictor
from seqrobust.models.opening import open_predictor
from seqrobust.models.source import ModelSource
from seqrobust.sequences import SequenceSet, Targets, encode_targets
from seqrobust.sequences.data_config import load_data
from seqrobust.sequences.data_source import DataSource
from seqrobust.sequences.readers import read_sequences
from seqrobust.sequences.readings import Readings
from seqrobust.sequences.targets import NAME_THE_OUTPUTS
from seqrobust.tasks import task_of
from seqrobust.training.config import RecipeConfig
from seqrobust.training.data import Labelled

_SPLIT_BY = ("task", "seed", "data")
"""Sections of a config that decide which record is in which split."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sides:
    """A model, and the records of either side.

    Attributes:
        name: of the model, for titles.
        predictor: checked on some of the records.
        members, nonmembers: records that it was, and was not, trained on.
        targets: what is true of them, members first.
        population: further records that it was not trained on, on neither side; None where there are none.
        card: a checkpoint's own description.
        steps_before: whether a step stands before the module, or both strands are averaged.
        notices: what should be known of how the records were read.
    """

    name: str
    predictor: Predictor
    members: SequenceSet
    nonmembers: SequenceSet
    targets: Targets
    population: Labelled | None = None
    card: ModelCard | None = None
    steps_before: bool = False
    notices: tuple[str, ...] = ()


def open_sides(
    model: ModelSource,
    members: DataSource,
    nonmembers: DataSource,
    population: DataSource | None,
    opening: Opening,
) -> Sides:
    """Open the model, read both kinds of records, and try the one on the other.

    Raises InputError for what cannot be used: records without targets, none of one kind, or the same on both sides.
    """
    predictor, card = open_predictor(
        replace(model, seed=opening.seed),
        alphabet=model.known_alphabet,
        device=opening.device,
        batch_size=opening.batch_size,
    )
    reader = _Reader(predictor=predictor, card=card, labels_named=model.labels is not None)
    both = reader.sides(members, nonmembers)
    sequences = together(*both)
    predictor.check(torch.tensor(sequences.tokens[spread_rows(len(sequences))]))
    encoded = [reader.targets(*side) for side in zip(both, (members, nonmembers), strict=True)]
    return Sides(
        name=model.name,
        predictor=predictor,
        members=both[0],
        nonmembers=both[1],
        targets=replace(encoded[0], values=np.concatenate([part.values for part in encoded])),
        population=None if population is None else reader.population(population, both),
        card=card,
        steps_before=bool(model.average_strands or model.preprocess),
        notices=tuple(reader.notices),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Reader:
    """How records are read for a model.

    Attributes:
        predictor, card: the model, and what its checkpoint says of it.
        labels_named: whether the user said what its outputs mean.
        notices: what should be known; reading adds to them.
    """

    predictor: Predictor
    card: ModelCard | None
    labels_named: bool
    notices: list[str] = field(default_factory=list)

    def sides(self, members: DataSource, nonmembers: DataSource) -> tuple[SequenceSet, SequenceSet]:
        """Members and non-members. Raises DataError where there are none of one kind, or a record is both."""
        trained = splits_as_trained(members, self.card, self.notices) if members.path == nonmembers.path else None
        both = (
            self.records(members, "members", trained),
            self.records(nonmembers, "non-members", trained),
        )
        _check_apart(*both)
        return both

    def records(self, source: DataSource, kind: str, splits: dict[str, str] | None = None) -> SequenceSet:
        """The source's records in its split; ``splits`` by id count before the file's own."""
        longest = self.card.provenance.get("max_length") if self.card else None
        loaded = read_sequences(
            source.path,
            alphabet=self.predictor.alphabet,
            format=source.format,
            columns=source.columns,
            genome=source.genome,
            variants=source.variants,
            annotation=source.annotation,
            where=source.where,
            max_length=source.max_length or longest,
            known_targets=known_targets(self.predictor, self.card),
        )
        self.notices.extend(notice for notice in loaded.notices if notice not in self.notices)
        records = loaded.sequences
        if splits is not None:
            named = np.asarray([splits.get(name, "") for name in records.ids], dtype=np.str_)
            records = replace(records, splits=named)
        records = records if source.split is None else records.in_split(source.split)
        if not len(records):
            raise DataError(f"there are no {kind}", expected="a record or more", where=str(source.path))
        return records

    def targets(self, records: SequenceSet, source: DataSource) -> Targets:
        """What is true of records. Raises DataError where that is not known, or is no label of the model."""
        if records.targets is None:
            raise DataError(
                "the records have no targets, and membership shows in how well the true one is predicted",
                expected="a target column",
                where=str(source.path),
                fix="name it with --target-column",
            )
        task = self.predictor.task
        try:
            return encode_targets(records.targets, task, self.predictor.labels)
        except LabelError as error:
            if self.card is None and not self.labels_named and not task_of(task).measured:
                error.fix = NAME_THE_OUTPUTS
            raise error.at(str(source.path)) from None

    def population(self, source: DataSource, sides: Sequence[SequenceSet]) -> Labelled:
        """The population's records, without those that are members or non-members."""
        records = self.records(source, "population records")
        known = {text for side in sides for text in side.texts}
        fresh = np.array([text not in known for text in records.texts])
        if not fresh.all():
            self.notices.append(f"{int((~fresh).sum()):,} population records are members or non-members, and left out")
        if not fresh.any():
            raise DataError("no population is left", expected="records on neither side", where=str(source.path))
        kept = records.take(fresh)
        return Labelled(sequences=kept, targets=self.targets(kept, source))


def together(members: SequenceSet, nonmembers: SequenceSet) -> SequenceSet:
    """Letters and regions of both, without names: a member and a non-member may share one."""
    sides = (members, nonmembers)
    return SequenceSet.from_texts(
        [text for side in sides for text in side.texts],
        members.alphabet,
        regions=[side.regions.of(record) for side in sides for record in range(len(side))],
        readings=_all_readings(sides),
    )


def _all_readings(sides: tuple[SequenceSet, ...]) -> Readings | None:
    """Coding sequences of both sides; None where neither has any."""
    known = [side.readings for side in sides if side.readings is not None]
    if not known:
        return None
    rows = [row for side in sides for row in (side.readings.of_record if side.readings else ((),) * len(side))]
    return Readings.of(rows, [name for readings in known for name in readings.features])


def _check_apart(members: SequenceSet, nonmembers: SequenceSet) -> None:
    """A record of one name and the same letters on both sides is one record; copies of other names are found later."""
    known = set(zip(members.ids, members.texts, strict=True))
    shared = [name for name, text in zip(nonmembers.ids, nonmembers.texts, strict=True) if (name, text) in known]
    if shared:
        raise DataError(
            "members and non-members overlap",
            expected="no record on both sides",
            found=f"{shared[0]!r}" + (f" and {len(shared) - 1} more" if len(shared) > 1 else ""),
            fix="give as non-members records that the model was not trained on",
        )


def splits_as_trained(data: DataSource, card: ModelCard | None, notices: list[str]) -> dict[str, str] | None:
    """Id to split as the checkpoint's training drew them, where that file is the one it was trained on; else None.

    A file's training split may hold records that were set aside for validation: those are neither members nor records
    that the model has no part of. What should be known is added to ``notices``.
    """
    config = _config_of(card)
    if config is None or config.data.path is None or data.split is None:
        return None
    if not data.path.exists() or config.data.path.resolve() != data.path.resolve():
        notices.append(
            "this is not the file that the checkpoint names: records that its training set aside for validation, if "
            "they are among the members given, were not trained on"
        )
        return None
    try:
        made = load_data(config.data, config.task, config.seed)
    except InputError:
        return None
    assert made.sequences.splits is not None
    splits = dict(zip(made.sequences.ids, made.sequences.splits.tolist(), strict=True))
    aside = sum(name == "valid" for name in splits.values())
    notices.append(f"splits are those of the checkpoint's training; {aside:,} validation records are on neither side")
    return splits


def _config_of(card: ModelCard | None) -> RecipeConfig | None:
    """Task, seed and records of the training, where the checkpoint states them."""
    if card is None:
        return None
    try:
        # What a later version knows of models and training is no matter here.
        stated = {name: value for name, value in card.provenance["config"].items() if name in _SPLIT_BY}
        return RecipeConfig.model_validate(stated)
    except (AttributeError, KeyError, TypeError, ValueError, InputError):
        return None
