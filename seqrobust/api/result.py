"""What an analysis gives back in Python: tables, numbers, a picture, a page; saved to a folder when one wants to."""

from __future__ import annotations

import shutil
import weakref
from dataclasses import dataclass
from html import escape
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Generic

import pandas as pd
from matplotlib.figure import Figure

from seqrobust.analysis.audit.outcome import Audit
from seqrobust.analysis.audit.run import with_doubts
from seqrobust.analysis.audit.shown import with_audit
from seqrobust.analysis.room import FindingsT, Room
from seqrobust.errors import ConfigError
from seqrobust.files import plain, write_json
from seqrobust.report.html import render, write_page
from seqrobust.report.sections import Page
from seqrobust.run.independent import with_section, with_units
from seqrobust.run.manifest import versions
from seqrobust.sequences import SequenceSet

_WRITTEN = ".written"
"""Marks a scratch folder that holds the files of the findings."""


class Scratch:
    """A temporary folder that is there as long as somebody holds on to it."""

    def __init__(self) -> None:
        self.path = Path(mkdtemp(prefix="seqrobust-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


@dataclass(frozen=True, kw_only=True, eq=False)
class Result(Generic[FindingsT]):
    """What an analysis found.

    Attributes:
        findings: as the analysis gives them.
        room: the analysis.
        notices: what should be known of model and records.
        scratch: where large findings lie until the result is forgotten.
        audit: which invariants were checked, and what came of them.
        records: that it is about; None of an analysis that counts its independent units itself.
    """

    findings: FindingsT
    room: Room[Any, Any, Any, FindingsT]
    notices: tuple[str, ...]
    scratch: Scratch
    audit: Audit
    records: SequenceSet | None = None

    @property
    def metrics(self) -> dict[str, Any]:
        """What ``metrics.json`` of the command holds."""
        found = with_units(with_doubts(self.findings.plain(), self.audit), self.records)
        held: dict[str, Any] = plain(found)
        return held

    @property
    def table(self) -> pd.DataFrame:
        """What the table of the command holds. Raises ConfigError for an analysis without one."""
        for name in ("table", "results"):
            if isinstance(table := getattr(self.findings, name, None), pd.DataFrame):
                return table
        raise ConfigError(f"{self.room.name} has no table of results", fix="see metrics, or save(folder)")

    @property
    def page(self) -> Page:
        """Sections of texts, tables and pictures."""
        return with_section(with_audit(self.room.page(self.findings), self.audit), self.records)

    def plot(self) -> Figure:
        """The picture that says most. Raises ConfigError for an analysis that has none of its own."""
        if self.room.figure is None:
            raise ConfigError(f"{self.room.name} has no single picture", fix="look at the page: save(folder)")
        return self.room.figure(self.findings)

    def save(self, folder: str | Path) -> Path:
        """Leave tables, ``metrics.json`` and the page in a folder; gives the folder.

        Raises ConfigError for a folder that holds the run of a command.
        """
        place = Path(folder)
        if (place / "manifest.json").exists():
            raise ConfigError("the folder holds a run already", where=str(place), fix="choose another folder")
        place.mkdir(parents=True, exist_ok=True)
        # Some findings stay on disk while they are computed, and are packed where they lie; so they are written once.
        scratch = self.scratch.path
        if not (scratch / _WRITTEN).exists():
            self.findings.write(scratch)
            (scratch / _WRITTEN).touch()
        shutil.copytree(scratch, place, ignore=shutil.ignore_patterns("parts", _WRITTEN), dirs_exist_ok=True)
        write_json(place / "metrics.json", self.metrics)
        said = {"versions": versions(), "notices": list(self.notices), "audit": self.audit.plain()}
        write_page(self.page, place / self.room.page_file, said)
        return place

    def _repr_html_(self) -> str:
        """The page, for a notebook: in a frame of its own, so that its style touches nothing else."""
        return f'<iframe srcdoc="{escape(render(self.page))}" style="width:100%;height:640px;border:0"></iframe>'
