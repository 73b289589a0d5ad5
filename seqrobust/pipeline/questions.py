"""What a run asks of the model it trained, beside the attack; the sections are in
:mod:`~seqrobust.pipeline.question_settings`.

Each is the command of that name, asked about the checkpoint and the records of a split, which are written beside it: so
the same call can be typed by hand afterwards, and a section added to the config of a finished run is answered by
``--resume`` without training anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from seqrobust.analysis.asked import ModelOnData, ModelOnSequences
from seqrobust.analysis.attribute import ATTRIBUTE, AttributeSettings
from seqrobust.analysis.stability import STABILITY, StabilitySettings
from seqrobust.models.source import ModelSource
from seqrobust.pipeline.attack_stage import AttackSettings
from seqrobust.pipeline.data_stage import Data
from seqrobust.pipeline.inputs import DataSource
from seqrobust.pipeline.privacy_command import PrivacyCommand, privacy_command
from seqrobust.pipeline.privacy_settings import PrivacySettings
from seqrobust.pipeline.probe_command import ProbeCommand, probe_command
from seqrobust.pipeline.question_settings import (
    AttributeConfig,
    PrivacyConfig,
    ProbeConfig,
    Question,
    StabilityConfig,
)
from seqrobust.progress import Progress
from seqrobust.run.answer import answer
from seqrobust.run.settings import RunSettings
from seqrobust.sequences.readers import Columns
from seqrobust.sequences.writing import write_sequences

Settings = TypeVar("Settings")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Where questions are asked and how: folder and checkpoint of the run, and what every command is told."""

    out: Path
    model: Path
    seed: int
    device: str
    overwrite: bool
    command: str


def check_questions(questions: Mapping[str, Question], data: Data) -> None:
    """Raise now what a question would raise after an hour of training: an empty split, a region that is not there."""
    for question in questions.values():
        regions = data.in_split(question.split)[0].regions
        for name in question.regions_named:
            regions.named(name)


def answered(questions: Mapping[str, Question], data: Data, asked: Asked, progress: Progress) -> dict[str, Any]:
    """Ask every question, each in a folder of its name. Gives ``metrics.json`` of each by that name."""
    found = {}
    for name, question in questions.items():
        source = _written(data, question.split, asked.out)
        place = asked.out / name
        common: dict[str, Any] = {
            "model": ModelSource(model=str(asked.model)),
            "out": place,
            "device": asked.device,
            "command": asked.command,
            "resume": (place / "manifest.json").exists() and not asked.overwrite,
            "overwrite": asked.overwrite,
        }
        if isinstance(question, PrivacyConfig):
            own = {field.name: getattr(question, field.name) for field in fields(PrivacySettings)}
            members = _written(data, "train", asked.out)
            audit = PrivacyCommand(**common, **own, members=members, nonmembers=source, seed=asked.seed)
            found[name] = privacy_command(audit, progress)
        else:
            found[name] = _answer(question, {**common, "data": source}, asked.seed, progress)
    return found


def _written(data: Data, split: str, out: Path) -> DataSource:
    """The records of a split in a file of their own, and how it is read."""
    sequences, _ = data.in_split(split)
    path = out / f"records-{split}.tsv.gz"
    write_sequences(sequences, path)
    assert sequences.targets is not None
    targets = tuple(map(str, sequences.targets.columns))
    return DataSource(path=path, columns=Columns(targets=targets))


def _answer(
    question: AttributeConfig | ProbeConfig | StabilityConfig, common: dict[str, Any], seed: int, progress: Progress
) -> dict[str, Any]:
    run = RunSettings(seed=seed, **{name: common[name] for name in ("out", "device", "command", "resume", "overwrite")})
    if isinstance(question, AttributeConfig):
        asked = ModelOnSequences(model=common["model"], data=common["data"])
        return answer(ATTRIBUTE, asked, _settings(AttributeSettings, question), run, progress).metrics
    if isinstance(question, StabilityConfig):
        both = ModelOnData(model=common["model"], data=common["data"])
        return answer(STABILITY, both, _settings(StabilitySettings, question), run, progress).metrics
    threat = AttackSettings(**{name: getattr(question, name) for name in asdict(AttackSettings())})
    probe = ProbeCommand(
        **common,
        settings=threat,
        functional=question.functional,
        motifs=question.motifs,
        write=question.write,
        seed=seed,
    )
    return probe_command(probe, progress).metrics


def _settings(kind: type[Settings], section: Any) -> Settings:
    """The settings of an analysis from a section of a config, which holds more."""
    return kind(**{field.name: getattr(section, field.name) for field in fields(kind)})  # type: ignore[arg-type]
