"""Questions about models and records in memory, by the same rooms that the commands use."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from seqrobust.analysis.asked import Opening
from seqrobust.analysis.audit.run import audited
from seqrobust.analysis.clusters import near_copies
from seqrobust.analysis.room import Room, Work
from seqrobust.api.result import Result, Scratch
from seqrobust.api.subjects import Model, Records, subject_of
from seqrobust.api.threats import Substitutions, Threat
from seqrobust.errors import ConfigError
from seqrobust.options import names_of
from seqrobust.progress import Progress, Silent
from seqrobust.run.independent import records_of
from seqrobust.run.registry import ANALYSES, Row
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
    listening = listener(progress)
    unlabelled = row.asked.endswith(":ModelOnSequences")
    known: dict[str, Any] = {"alphabet": alphabet, "task": task, "labels": labels, "labelled": not unlabelled}
    subject = subject_of(model, given, name=name, **known)
    further = {other: subject_of(one, given, name=other, **known) for other, one in (others or {}).items()}
    device = str(subject.predictor.device)
    opening = Opening(seed=seed, device=device, memory=memory, progress=listening)
    return studied(row.load("room"), replace(subject, others=further), told(row, threat, settings), opening)


def studied(room: Room[Any, Any, Any, Any], subject: Any, settings: Any, opening: Opening) -> Result[Any]:
    """What a room says of a subject in memory; pieces that it keeps lie in a folder that goes with the result.

    Raises AuditError for results that cannot be.
    """
    ready = room.prepare(subject, settings, opening)
    scratch = Scratch()
    work = Work(folder=scratch.path, progress=opening.progress, memory=opening.memory, seed=opening.seed)
    records = records_of(subject, ready)
    if records is not None and (said := near_copies(records)) is not None:
        work.notice(said)
    findings, audit = audited(room, subject, ready, room.study(ready, work), work)
    notices = dict.fromkeys([*(ready.predictor.notices if ready.predictor else []), *work.notices])
    return Result(findings=findings, room=room, notices=tuple(notices), scratch=scratch, audit=audit, records=records)


def told(row: Row, threat: Threat | int | str | None, settings: Mapping[str, Any]) -> Any:
    """The settings of an analysis. Raises ConfigError for a name that it does not know."""
    kind = row.load("settings")
    types = {one.name: str(one.type) for one in fields(kind)}
    given = _known(_stated(threat, set(types), settings), set(types), row.name)
    return kind(**{name: _listed(name, value, types[name]) for name, value in given.items()})


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
    return dict(settings)


def _listed(name: str, value: Any, kind: str) -> Any:
    """A list as the settings keep it; a text where a list is kept is a list of one, or of names with commas."""
    if isinstance(value, str) and "tuple[str, ...]" in kind:
        return names_of(value) if name in ("attacks", "methods") else (value,)
    return tuple(value) if isinstance(value, list) else value


def listener(progress: Progress | bool) -> Progress:
    """Who hears how far it is: a bar for True, nobody for False."""
    if not isinstance(progress, bool):
        return progress
    if not progress:
        return Silent()
    from seqrobust.api.bars import Bars

    return Bars()
