"""Questions about models and records in memory, by the same rooms that the commands use."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from seqrobust.analysis.asked import Opening
from seqrobust.analysis.room import Room, Work
from seqrobust.api.result import Result
from seqrobust.api.subjects import Model, Records, subject_of
from seqrobust.api.threats import Substitutions, Threat
from seqrobust.errors import ConfigError
from seqrobust.options import names_of
from seqrobust.progress import Progress, Silent
from seqrobust.run.registry import ANALYSES
from seqrobust.sequences import Task


def ask(
    analysis: str,
    model: Model,
    given: Records,
    threat: Threat | int | str | None = None,
    *,
    alphabet: str | None = None,
    task: Task | None = None,
    labels: Sequence[str] | None = None,
    others: Mapping[str, Model] | None = None,
    name: str = "model",
    seed: int = 0,
    memory: int | None = None,
    progress: Progress | bool = False,
    **settings: Any,
) -> Result[Any]:
    """Ask one analysis about a model and records in memory; no folder is needed.

    Args:
        analysis: its name, such as ``attack``.
        model: a wrapped model, what names one, or a module: with ``task``, and ``alphabet`` where it cannot be guessed.
        given: records, texts, one-hot (N, K, L), or a file.
        threat: what an adversary may do; a number or text is a budget of substitutions.
        alphabet, task, labels: of a module that is not wrapped yet.
        others: further models by name, for analyses that compare with them.
        name: of the model, for titles.
        seed: of every random choice.
        memory: bytes that scoring neighbours may take.
        progress: True for a bar, or an object of :class:`seqrobust.progress.Progress`.
        settings: whatever else the analysis can be told, by the names of its settings class.

    Raises InputError for whatever cannot be used.
    """
    row = ANALYSES[analysis]
    kind = row.load("settings")
    stated = _stated(threat, {one.name for one in fields(kind)}, settings)
    told = kind(**_known(stated, {one.name for one in fields(kind)}, analysis))
    listening = progress if not isinstance(progress, bool) else _bar() if progress else Silent()
    subject = subject_of(model, given, alphabet=alphabet, task=task, labels=labels, name=name)
    further = {
        other: subject_of(one, given, alphabet=alphabet, task=task, labels=labels, name=other)
        for other, one in (others or {}).items()
    }
    subject = replace(subject, others=further)
    room: Room[Any, Any, Any, Any] = row.load("room")
    opening = Opening(seed=seed, device=str(subject.predictor.device), memory=memory, progress=listening)
    ready = room.prepare(subject, told, opening)
    with TemporaryDirectory(prefix="seqrobust-") as folder:
        work = Work(folder=Path(folder), progress=listening, memory=memory, seed=seed)
        findings = room.study(ready, work)
    notices = dict.fromkeys([*subject.predictor.notices, *work.notices])
    return Result(findings=findings, room=room, notices=tuple(notices))


def _stated(threat: Threat | int | str | None, known: set[str], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with those of the threat, which an analysis without an adversary refuses."""
    if threat is None:
        return dict(settings)
    stated = threat if isinstance(threat, Threat) else Substitutions(threat)
    given = {name: value for name, value in stated.settings().items() if name in known}
    if "budget" not in known:
        raise ConfigError("this analysis knows no adversary", found="a threat", fix="leave the threat out")
    return {**given, **settings}


def _known(settings: dict[str, Any], known: set[str], analysis: str) -> dict[str, Any]:
    """The settings. Raises ConfigError for a name that the analysis does not know."""
    for name in settings:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise ConfigError(
                f"{analysis} has no such setting",
                expected=", ".join(sorted(known)),
                found=name,
                fix=f"did you mean {near[0]}?" if near else None,
            )
    return {name: _listed(name, value) for name, value in settings.items()}


def _listed(name: str, value: Any) -> Any:
    """A list as the settings keep it; one name of an attack is a list of one."""
    if name == "attacks" and isinstance(value, str):
        return names_of(value)
    return tuple(value) if isinstance(value, list) else value


def _bar() -> Progress:
    from seqrobust.api.bars import Bars

    return Bars()
