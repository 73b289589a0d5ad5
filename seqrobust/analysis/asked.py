"""Models and data as a user names them, before anything is read. Loads nothing heavy: options are made of these."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from seqrobust.models.source import ModelSource, named_source
from seqrobust.progress import Progress, Silent
from seqrobust.sequences.data_source import DataSource

if TYPE_CHECKING:
    from seqrobust.analysis.subject import Subject


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
        from seqrobust.analysis.subject import Once, open_subject

        once = replace(opening, progress=Once(opening.progress))

        def another(text: str) -> Subject:
            name, source = named_source(text, like=self.model)
            return replace(open_subject(source, self.data, once, action=action), name=name)

        return replace(open_subject(self.model, self.data, once, action=action), another=another)


@dataclass(frozen=True, kw_only=True)
class ModelOnSequences(ModelOnData):
    """A model and a file of records whose targets are not asked for: what they hold is not compared with outputs."""

    def open(self, opening: Opening, *, action: str) -> Subject:
        """The model, tried on the records; see :meth:`ModelOnData.open`."""
        from seqrobust.analysis.subject import open_unlabelled

        return open_unlabelled(self.model, self.data, opening, action=action)
