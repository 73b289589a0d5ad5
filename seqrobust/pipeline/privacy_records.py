"""Members, non-members and population of an audit, read from their files."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from seqrobust.errors import DataError, LabelError
from seqrobust.models import ModelCard, Predictor
from seqrobust.pipeline.inputs import DataSource
from seqrobust.pipeline.privacy_recipe import splits_as_trained
from seqrobust.sequences import SequenceSet, Targets, encode_targets
from seqrobust.sequences.readers import read_sequences
from seqrobust.sequences.readings import Readings
from seqrobust.sequences.targets import NAME_THE_OUTPUTS


@dataclass(frozen=True, kw_only=True, eq=False)
class Reading:
    """How records are read for a model.

    Attributes:
        predictor, card: the model, and what its checkpoint says of it.
        labels_named: whether the user said what its outputs mean.
        said: notices, which reading adds to.
    """

    predictor: Predictor
    card: ModelCard | None
    labels_named: bool
    said: list[str]

    def sides(self, members: DataSource, nonmembers: DataSource) -> tuple[SequenceSet, SequenceSet]:
        """Members and non-members. Raises DataError where there are none of one kind, or a record is both."""
        trained = splits_as_trained(members, self.card, self.said) if members.path == nonmembers.path else None
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
            annotation=source.annotation,
            where=source.where,
            max_length=source.max_length or longest,
        )
        self.said.extend(notice for notice in loaded.notices if notice not in self.said)
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
                "the records have no targets, and membership shows in how well the true one is answered",
                expected="a target column",
                where=str(source.path),
                fix="name it with --target-column",
            )
        task = self.predictor.task
        try:
            return encode_targets(records.targets, task, self.predictor.labels)
        except LabelError as error:
            if self.card is None and not self.labels_named and task != "regression":
                error.fix = NAME_THE_OUTPUTS
            raise error.at(str(source.path)) from None


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
    known = [side.readings for side in sides if side.readings is not None]
    if not known:
        return None
    rows = [row for side in sides for row in (side.readings.of_record if side.readings else ((),) * len(side))]
    return Readings.of(rows, [name for readings in known for name in readings.features])


def _check_apart(members: SequenceSet, nonmembers: SequenceSet) -> None:
    """A record of one name and the same letters on both sides is one record; copies of other names are told later."""
    known = set(zip(members.ids, members.texts, strict=True))
    shared = [name for name, text in zip(nonmembers.ids, nonmembers.texts, strict=True) if (name, text) in known]
    if shared:
        raise DataError(
            "members and non-members overlap",
            expected="no record on both sides",
            found=f"{shared[0]!r}" + (f" and {len(shared) - 1} more" if len(shared) > 1 else ""),
            fix="give as non-members records that the model was not trained on",
        )
