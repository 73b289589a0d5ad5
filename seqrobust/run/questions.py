"""What a run asks of the model it trained, beside the attack; the sections are in
:mod:`~seqrobust.run.question_settings`.

Each is the command of that name, asked about the checkpoint and the records of a split, which are written beside it: so
the same call can be typed by hand afterwards, and a section added to the config of a finished run is answered by
``--resume`` without training anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from seqrobust.analysis.asked import Audit
from seqrobust.analysis.attribution import AttributionSettings
from seqrobust.analysis.privacy import PRIVACY, PrivacySettings
from seqrobust.analysis.stability import StabilitySettings
from seqrobust.models.source import ModelSource
from seqrobust.pipeline.attack_stage import AttackSettings
from seqrobust.pipeline.attribute_command import AttributeCommand, attribute_command
from seqrobust.pipeline.inputs import DataSource
from seqrobust.pipeline.probe_command import ProbeCommand, probe_command
from seqrobust.pipeline.stability_command import StabilityCommand, stability_command
from seqrobust.progress import Progress
from seqrobust.run.answer import answer
from seqrobust.run.question_settings import (
    AttributeConfig,
    PrivacyConfig,
    ProbeConfig,
    Question,
    StabilityConfig,
)
from seqrobust.run.settings import RunSettings
from seqrobust.sequences.data_config import Data
from seqrobust.sequences.data_source import FileReading
from seqrobust.sequences.readers import Columns
from seqrobust.sequences.writing import write_sequences


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
            found[name] = _audited(question, _written(data, "train", asked.out), source, common, asked.seed, progress)
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


def _audited(
    question: PrivacyConfig,
    members: DataSource,
    nonmembers: DataSource,
    common: dict[str, Any],
    seed: int,
    progress: Progress,
) -> dict[str, Any]:
    audit = Audit(
        model=common.pop("model"),
        members=members.path,
        nonmembers=nonmembers.path,
        reading=FileReading(columns=members.columns),
    )
    settings = PrivacySettings(**{one.name: getattr(question, one.name) for one in fields(PrivacySettings)})
    return answer(PRIVACY, audit, settings, RunSettings(**common, seed=seed), progress).metrics


def _answer(
    question: AttributeConfig | ProbeConfig | StabilityConfig, common: dict[str, Any], seed: int, progress: Progress
) -> dict[str, Any]:
    if isinstance(question, AttributeConfig):
        settings = AttributionSettings(output=question.output, baseline=question.baseline, seed=seed)
        call = AttributeCommand(
            **common,
            settings=settings,
            methods=question.methods,
            regions=question.regions,
            protect=question.protect,
            max_records=question.max_records,
        )
        return attribute_command(call, progress)
    threat = AttackSettings(**{name: getattr(question, name) for name in asdict(AttackSettings())})
    if isinstance(question, ProbeConfig):
        probe = ProbeCommand(
            **common,
            settings=threat,
            functional=question.functional,
            motifs=question.motifs,
            write=question.write,
            seed=seed,
        )
        return probe_command(probe, progress).metrics
    studied = StabilitySettings(
        methods=question.methods, functional=question.functional, attribution=AttributionSettings(seed=seed)
    )
    return stability_command(StabilityCommand(**common, threat=threat, settings=studied, seed=seed), progress)
