"""What every analysis is made of, so that one runner answers them all.

An analysis is a folder ``analysis/NAME`` with four doors: ``settings.py`` (what it can be told), ``study.py`` (the
science: what is checked, then what is computed), ``findings.py`` (what was found, as frozen values), ``page.py`` (how
it is shown); ``invariants.py`` says what of it is checked at the end of every run. Its ``__init__`` binds them as a
:class:`Room`. Reading files, opening the folder of results, resuming,
writing and reporting are not its affair: :func:`seqrobust.run.answer.answer` does them, in one order for all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from matplotlib.figure import Figure

from seqrobust.analysis.asked import Opening
from seqrobust.analysis.audit.outcome import Outcome
from seqrobust.models.predictor import Predictor
from seqrobust.progress import Progress
from seqrobust.report.sections import Page

SubjectT = TypeVar("SubjectT")
SettingsT = TypeVar("SettingsT")
ReadyT = TypeVar("ReadyT", bound="Ready")
FindingsT = TypeVar("FindingsT", bound="Findings")


class Ready(Protocol):
    """What is to be studied, checked as far as it can be before any work begins."""

    @property
    def settings(self) -> Any:
        """The settings with names resolved: with the files that were read, what decides the results."""

    @property
    def predictor(self) -> Predictor | None:
        """The model whose device, policies and notices the manifest states; None where no model is asked."""


class Findings(Protocol):
    """What a study found."""

    def plain(self) -> dict[str, Any]:
        """What ``metrics.json`` holds: plain data under documented keys."""

    def write(self, folder: Path) -> None:
        """Leave tables, sequences and pictures in the folder of results."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """Where a study works.

    Attributes:
        folder: of results; a study may keep finished pieces in :attr:`parts`, which an interrupted run finds again.
        progress: hears how far it is, and notices.
        memory: bytes that scoring neighbours may take; None for a share of what is free.
        seed: of every random choice.
        notices: what should be noted in the manifest beside the model's own notices; studies add to it.
        part: name of a folder within :attr:`parts`, where a study consists of several.
    """

    folder: Path
    progress: Progress
    memory: int | None = None
    seed: int = 0
    notices: list[str] = field(default_factory=list)
    part: str = ""

    @property
    def parts(self) -> Path:
        """Folder of finished pieces, made where it is not there."""
        place = self.folder / "parts" / self.part
        place.mkdir(parents=True, exist_ok=True)
        return place

    def notice(self, text: str) -> None:
        """Say something, and note it in the manifest; nothing twice."""
        if text not in self.notices:
            self.notices.append(text)
            self.progress.say(text)


ATTACKED = (f"parts/part-{5 * '[0-9]'}.parquet", "results.parquet", "adversarial.fa")
"""What attacking leaves: finished shards, the table, the sequences that reached their goal."""


@dataclass(frozen=True, kw_only=True)
class Room(Generic[SubjectT, SettingsT, ReadyT, FindingsT]):
    """One analysis.

    Attributes:
        name: of the analysis, its command and its section of a config.
        action: what is done to a record, such as ``attacked``.
        prepare: from subject and settings to what is studied. Raises InputError for whatever cannot be used; nothing
            has been written by then.
        study: computes, keeping pieces under :attr:`Work.parts`.
        invariants: what of the findings is checked by code that did not make them; see
            :mod:`seqrobust.analysis.audit`.
        page: shows findings, on a terminal and as HTML alike.
        doubted: the findings with their claims refused, for those reasons; None where they make none.
        page_file: name of the HTML page.
        figure: draws the picture that says most, for Python; None where none does.
        outputs: patterns of the files that a study and its findings leave beside ``metrics.json`` and the page,
            finished pieces under ``parts`` included: what a run that starts anew takes the place of.
    """

    name: str
    action: str
    prepare: Callable[[SubjectT, SettingsT, Opening], ReadyT]
    study: Callable[[ReadyT, Work], FindingsT]
    invariants: Callable[[SubjectT, ReadyT, FindingsT], Iterable[Outcome]]
    page: Callable[[FindingsT], Page]
    doubted: Callable[[FindingsT, Sequence[str]], FindingsT] | None = None
    page_file: str = "report.html"
    figure: Callable[[FindingsT], Figure] | None = None
    outputs: tuple[str, ...] = ()


Metrics = Mapping[str, Any]
