"""Models and data as a user names them, before anything is read. Loads nothing heavy: options are made of these."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from seqrobust.errors import ConfigError
from seqrobust.models.source import ModelSource, Reading, named_source
from seqrobust.options import DATA, MODEL, Option
from seqrobust.progress import Progress, Silent
from seqrobust.sequences.data_source import DataSource, FileReading

if TYPE_CHECKING:
    from seqrobust.analysis.sides import Sides
    from seqrobust.analysis.subject import Subject

SIDES = "Members and non-members"
"""Panel of the files of an audit."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Opening:
    """How models are opened: where they run, how many records at a time, and who hears what is noticed.

    Attributes:
        seed: of a random model's draws and of every random choice.
        device, batch_size: where and how many at a time; None for as many as suit the device.
        memory: bytes that scoring neighbours may take; None for a share of what is free.
        progress: hears notices.
    """

    seed: int = 0
    device: str = "auto"
    batch_size: int | None = None
    memory: int | None = None
    progress: Progress = field(default_factory=Silent)


@dataclass(frozen=True, kw_only=True)
class ModelOnData:
    """A model and a file of records, as a user names them.

    Attributes:
        model, data: the model and the records.
    """

    model: ModelSource
    data: DataSource

    @property
    def name(self) -> str:
        """What a folder of results is called after: model and data."""
        return f"{self.model.name}-{self.data.path.name.split('.')[0]}"

    def open(self, opening: Opening, *, action: str) -> Subject:
        """The model, tried on the records, with their targets.

        Args:
            opening: device, batch size, seed, and who hears notices.
            action: what is done to every record, such as ``attacked``, for a notice about splits.

        Raises InputError for a model or file that cannot be used.
        """
        from seqrobust.analysis.subject import Once

        once = replace(opening, progress=Once(opening.progress))

        def another(text: str) -> Subject:
            said = Reading(alphabet=self.model.alphabet, task=self.model.task, labels=self.model.labels)
            name, source = named_source(text, said)
            return replace(self._one(source, once, action), name=name)

        return replace(self._one(self.model, once, action), another=another)

    def _one(self, model: ModelSource, opening: Opening, action: str) -> Subject:
        from seqrobust.analysis.subject import open_subject

        return open_subject(model, self.data, opening, action=action)


@dataclass(frozen=True, kw_only=True)
class ModelOnSequences(ModelOnData):
    """A model and a file of records whose targets, if they have any, are not looked at."""

    def _one(self, model: ModelSource, opening: Opening, action: str) -> Subject:
        from seqrobust.analysis.subject import open_unlabelled

        return open_unlabelled(model, self.data, opening, action=action)


@dataclass(frozen=True, kw_only=True)
class ModelOnAnyData(ModelOnData):
    """A model and a file of records with their targets, if they have any; nothing stands for those that are missing."""

    def _one(self, model: ModelSource, opening: Opening, action: str) -> Subject:
        from seqrobust.analysis.subject import open_unlabelled, with_targets

        return with_targets(open_unlabelled(model, self.data, opening, action=action), model, opening)


@dataclass(frozen=True, kw_only=True)
class ModelsOnData:
    """Several models and one file of records.

    Attributes:
        models: texts that name them, ``NAME=MODEL`` or ``MODEL``.
        weights: ``NAME=FILE`` for factories.
        reading: what is said about all of them.
        data: the records.

    Raises ConfigError for fewer than two models, two of one name, a name that cannot be a folder's, and weights of no
    model.
    """

    models: Annotated[
        tuple[str, ...],
        Option(
            flag="--model",
            help="Repeat: a checkpoint, package.module:factory or file.py:factory.",
            panel=MODEL,
            metavar="[NAME=]MODEL",
            repeat=True,
        ),
    ]
    weights: Annotated[
        tuple[str, ...],
        Option(help="Weights for a factory's module.", panel=MODEL, metavar="NAME=FILE", repeat=True),
    ] = ()
    reading: Reading = field(default_factory=Reading)
    data: DataSource

    def __post_init__(self) -> None:
        names = [name for name, _ in self.named]
        if len(names) < 2:
            raise ConfigError("a comparison needs two models", found=", ".join(names) or "none", where="--model")
        if twice := {name for name in names if names.count(name) > 1}:
            fix = "name them: --model NAME=CHECKPOINT"
            raise ConfigError("two models have one name", found=", ".join(sorted(twice)), where="--model", fix=fix)
        for name in names:
            if not re.fullmatch(r"\w[\w.-]*", name):
                known = "letters, digits, _, . and -"
                raise ConfigError("a model's name becomes a folder", expected=known, found=repr(name), where="--model")
        if self.reading.weights_prefix is not None and not self.weights:
            expected = "--weights NAME=FILE beside it"
            raise ConfigError("a prefix of no weights", expected=expected, where="--weights-prefix")
        if stray := {text.partition("=")[0] for text in self.weights} - set(names):
            found = ", ".join(sorted(stray))
            raise ConfigError("weights for no model", expected=", ".join(names), found=found, where="--weights")

    @property
    def named(self) -> list[tuple[str, ModelSource]]:
        """The models by name, in their order."""
        files = {name: Path(file) for name, _, file in (text.partition("=") for text in self.weights)}
        found = [named_source(text, self.reading) for text in self.models]
        prefix = self.reading.weights_prefix
        return [
            (name, replace(source, weights=files.get(name), weights_prefix=prefix if name in files else None))
            for name, source in found
        ]

    @property
    def files(self) -> list[Path]:
        """Files of the models."""
        return [file for _, source in self.named for file in source.files]

    @property
    def name(self) -> str:
        """What a folder of results is called after."""
        return f"{'-'.join(name for name, _ in self.named)}-{self.data.path.name.split('.')[0]}"

    def open(self, opening: Opening, *, action: str) -> list[Subject]:
        """Every model, tried on the records. Raises InputError for a model or file that cannot be used."""
        from seqrobust.analysis.subject import Once, open_subject

        once = replace(opening, progress=Once(opening.progress))
        return [replace(open_subject(source, self.data, once, action=action), name=name) for name, source in self.named]


@dataclass(frozen=True, kw_only=True)
class Audit:
    """A model, records that it was trained on, and records that it was not.

    Attributes:
        model: what is audited.
        members, nonmembers: files of records that it was, and was not, trained on.
        data: one file with both instead, of which ``member_split`` and ``nonmember_split`` are the sides.
        population: file of further records that it was not trained on, with which RMIA compares; None for the
            non-members.
        reading, max_length: how all these files are read.

    Raises ConfigError for files that do not make two sides, or make one and the same.
    """

    model: ModelSource
    members: Annotated[Path | None, Option(help="Records it was trained on.", panel=SIDES)] = None
    nonmembers: Annotated[Path | None, Option(help="Records it was not trained on.", panel=SIDES)] = None
    data: Annotated[Path | None, Option(help="One file with both, told by split.", panel=SIDES)] = None
    member_split: Annotated[str, Option(help="Of --data.", panel=SIDES)] = "train"
    nonmember_split: Annotated[str, Option(help="Of --data.", panel=SIDES)] = "test"
    population: Annotated[
        Path | None,
        Option(help="Further records that it was not trained on, for RMIA; else the non-members.", panel=SIDES),
    ] = None
    reading: FileReading = field(default_factory=FileReading)
    max_length: Annotated[int | None, Option(help="Cut records to this length.", panel=DATA, least=1)] = None

    def __post_init__(self) -> None:
        members, nonmembers = self.sides
        if members == nonmembers:
            raise ConfigError(
                "members and non-members are the same records",
                found=f"{members.path}, split {members.split or 'all'}",
                fix="name two files, or two splits of one",
            )

    @property
    def sides(self) -> tuple[DataSource, DataSource]:
        """Members and non-members. Raises ConfigError where the files named are neither two nor one with both."""
        if self.data is not None and self.members is None and self.nonmembers is None:
            return self._source(self.data, self.member_split), self._source(self.data, self.nonmember_split)
        if self.data is None and self.members is not None and self.nonmembers is not None:
            return self._source(self.members), self._source(self.nonmembers)
        named = {"--members": self.members, "--nonmembers": self.nonmembers, "--data": self.data}
        raise ConfigError(
            "an audit compares members with non-members",
            expected="--members FILE --nonmembers FILE, or --data FILE",
            found=", ".join(name for name, path in named.items() if path is not None) or "neither",
        )

    def _source(self, path: Path, split: str | None = None) -> DataSource:
        return self.reading.source(path, split=split, max_length=self.max_length)

    @property
    def name(self) -> str:
        """What a folder of results is called after: model and members."""
        return f"{self.model.name}-{self.sides[0].path.name.split('.')[0]}"

    def open(self, opening: Opening, *, action: str) -> Sides:
        """The model, tried on the records of either side. Raises InputError for a model or file that cannot be used."""
        from seqrobust.analysis.sides import open_sides

        population = None if self.population is None else self._source(self.population)
        return open_sides(self.model, *self.sides, population, opening)
