"""What a run asks of the model it trained, beside the attack; the sections are in
:mod:`~seqrobust.run.question_settings`.

Each is the command of that name, asked about the checkpoint and the records of a split, which are written beside it: so
the same call can be typed by hand afterwards, and a section added to the config of a finished run is answered by
``--resume`` without training anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from seqrobust.analysis.asked import Audit
from seqrobust.models.source import ModelSource
from seqrobust.progress import Progress
from seqrobust.run.answer import Answer, answer
from seqrobust.run.place_words import KeyWords, in_config
from seqrobust.run.question_settings import PrivacyConfig, Question
from seqrobust.run.records import written_split
from seqrobust.run.registry import ANALYSES
from seqrobust.run.settings import RunSettings
from seqrobust.sequences.data_config import Data
from seqrobust.sequences.data_source import FileReading


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Where questions are asked and how: folder and checkpoint of the run, and what every command is told."""

    out: Path
    model: Path
    seed: int
    device: str
    command: str


def check_questions(questions: Mapping[str, Question], data: Data) -> None:
    """Raise now what a question would raise after an hour of training: an empty split, a region that is not there."""
    for question in questions.values():
        regions = data.in_split(question.split)[0].regions
        for name in question.regions_named:
            regions.named(name)


def answered(questions: Mapping[str, Question], data: Data, asked: Asked, progress: Progress) -> dict[str, Answer[Any]]:
    """Ask every question, each in a folder of its name. Gives the answers by that name."""
    return {name: _answer(name, question, data, asked, progress) for name, question in questions.items()}


def _answer(name: str, question: Question, data: Data, asked: Asked, progress: Progress) -> Answer[Any]:
    place = asked.out / name
    run = RunSettings(
        out=place,
        seed=asked.seed,
        device=asked.device,
        command=asked.command,
        resume=(place / "manifest.json").exists(),
    )
    model, records = ModelSource(model=str(asked.model)), written_split(data, question.split, asked.out)
    row = ANALYSES[name]
    kind = row.load("settings")
    about: Any
    if isinstance(question, PrivacyConfig):
        members = written_split(data, "train", asked.out)
        reading = FileReading(columns=members.columns)
        about = Audit(model=model, members=members.path, nonmembers=records.path, reading=reading)
    else:
        about = row.load("asked")(model=model, data=records)
    with in_config(name, kind) as keys:
        return answer(row.load("room"), about, kind(**_values(kind, question)), run, KeyWords(progress, keys))


def _values(kind: Any, section: Question) -> dict[str, Any]:
    """The settings of an analysis in a section of a config, which holds more."""
    return {field.name: getattr(section, field.name) for field in fields(kind)}
