"""An earlier attack, read from its folder: the table, the task, its settings, and whether its targets were known.

Analyses that look at sequences found before read them here, so that a folder is understood in one way. The settings
stand in ``manifest.json``, task and targets in ``metrics.json``; a bare table is enough where those are absent.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd

from seqrobust.attacks.settings import AttackSettings
from seqrobust.errors import DataError
from seqrobust.files import is_file
from seqrobust.sequences import TASKS, Task
from seqrobust.tasks import task_of

Settings = TypeVar("Settings", bound=AttackSettings)

EDITED = ("id", "budget", "adversarial_sequence")
"""Columns without which no edited sequence can be told."""

_THREAT = ("protect", "only", "allow", "constraints", "moves")
"""Settings that say what the adversary might reach, apart from how many edits."""
_KNOWN = tuple(one.name for one in fields(AttackSettings))
_SECTIONS = ("attack", "settings", "evaluate")
"""Where a manifest's config keeps the settings of an attack."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AttackRun:
    """What an earlier attack left behind.

    Attributes:
        path: of the table.
        table: a row per record and budget; see :func:`seqrobust.analysis.results.results_table`.
        task: of its model.
        labelled: whether targets were known, rather than clean predictions standing for them.
        settings: what its manifest says of the attack, by name; empty where it says nothing.
        files: all that was read.
    """

    path: Path
    table: pd.DataFrame
    task: Task
    labelled: bool
    settings: Mapping[str, Any]
    files: tuple[Path, ...]

    @classmethod
    def read(cls, folder: Path, needed: Sequence[str] = EDITED) -> AttackRun:
        """Read an attack.

        Args:
            folder: of an attack or a run, or the table itself.
            needed: columns that the table must have.

        Raises DataError where there is no table, or one without those columns.
        """
        files = files_of(folder)
        path = files[0]
        try:
            table = pd.read_parquet(path)
        except (OSError, ValueError) as error:
            found = (str(error).splitlines() or [type(error).__name__])[0][:160]
            raise DataError("the table of results cannot be read", found=found, where=str(path)) from None
        if missing := [name for name in needed if name not in table]:
            raise DataError(
                "the table holds no attack's results",
                expected=", ".join(needed),
                found="no " + ", ".join(missing),
                where=str(path),
            )
        metrics = _json(path.parent / "metrics.json")
        metrics = _mapping(metrics.get("attack", metrics))
        return cls(
            path=path,
            table=table,
            task=_task(metrics, table),
            labelled=_labelled(metrics, table),
            settings=_settings(_mapping(_json(path.parent / "manifest.json").get("config"))),
            files=files,
        )

    def with_threat(self, settings: Settings) -> Settings:
        """Settings with the threat that this attack had, as far as its manifest says.

        Raises ConfigError for a threat that cannot be: the manifest was edited by hand.
        """
        named = {name: self.settings[name] for name in _THREAT if self.settings.get(name) is not None}
        own: dict[str, Any] = {
            name: _listed(value) if isinstance(getattr(settings, name), tuple) else value
            for name, value in named.items()
        }
        return replace(settings, **own)

    def other_threat(self, settings: AttackSettings) -> list[str]:
        """Settings of the threat in which this attack differs from others, in words."""
        own = self.with_threat(settings)
        pairs = [(name, getattr(own, name), getattr(settings, name)) for name in _THREAT]
        return [f"{name} {_text(one)} there, {_text(other)} here" for name, one, other in pairs if one != other]


def files_of(folder: Path) -> tuple[Path, ...]:
    """Files of an attack that are read, the table first. Raises DataError where there is no table."""
    table = folder / "results.parquet" if folder.is_dir() else folder
    if not is_file(table):
        raise DataError(
            "the folder holds no attack",
            expected="results.parquet, as seqrobust attack writes it",
            where=str(folder),
            fix="give the folder of seqrobust attack or run, or its results.parquet",
        )
    beside = (table.parent / name for name in ("manifest.json", "metrics.json"))
    return (table, *(file for file in beside if file.is_file()))


def _json(path: Path) -> dict[str, Any]:
    """What a file holds; nothing where it cannot be read: a table is enough."""
    try:
        return _mapping(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of the attack in a manifest's config, which earlier versions kept one level deeper or by another
    name.
    """
    for section in (_mapping(config.get(name)) for name in _SECTIONS):
        own = {key: value for key, value in section.items() if key in _KNOWN}
        if found := own or (_settings(section) if section else {}):
            return found
    return {}


def _task(metrics: Mapping[str, Any], table: pd.DataFrame) -> Task:
    """Only tables of regressions hold scores of random edits."""
    named = metrics.get("task")
    for task in TASKS:
        if named == task:
            return task
    return "regression" if "random_score" in table else "classification"


def _labelled(metrics: Mapping[str, Any], table: pd.DataFrame) -> bool:
    if task_of(_task(metrics, table)).measured:
        return "target" in table and bool(table["target"].notna().all())
    return "clean_accuracy" not in metrics or metrics["clean_accuracy"] is not None


def _listed(value: Any) -> tuple[str, ...]:
    """Several names, of which a config may give a single one as text."""
    return (value,) if isinstance(value, str) else tuple(map(str, value))


def _text(value: Any) -> str:
    return ", ".join(map(str, value)) or "none" if isinstance(value, (list, tuple)) else str(value)
