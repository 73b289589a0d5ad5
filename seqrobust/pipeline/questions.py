"""What a run asks of the model it trained, beside the attack: ``attribute``, ``probe`` and ``stability`` in a config.

Each is the command of that name, asked about the checkpoint and the records of a split, which are written beside it: so
the same call can be typed by hand afterwards, and a section added to the config of a finished run is answered by
``--resume`` without training anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import ConfigDict

from seqrobust.analysis.attribution import USUAL, AttributionSettings, Baseline, methods_named
from seqrobust.analysis.stability import USUAL as USUAL_STABILITY
from seqrobust.analysis.stability import StabilitySettings
from seqrobust.pipeline.attack_stage import AttackSettings
from seqrobust.pipeline.attribute_command import AttributeCommand, attribute_command
from seqrobust.pipeline.data_stage import Data
from seqrobust.pipeline.inputs import DataSource
from seqrobust.pipeline.model_stage import ModelSource
from seqrobust.pipeline.probe_command import ProbeCommand, probe_command
from seqrobust.pipeline.progress import Progress
from seqrobust.pipeline.stability_command import StabilityCommand, stability_command
from seqrobust.sequences.readers import Columns
from seqrobust.sequences.writing import write_sequences

_STRICT = ConfigDict(extra="forbid", coerce_numbers_to_str=True)


@dataclass(frozen=True, kw_only=True)
class AttributeConfig:
    """Which letters predictions rest on; see :class:`~seqrobust.pipeline.attribute_command.AttributeCommand`."""

    __pydantic_config__ = _STRICT

    split: str = "test"
    max_records: int | None = None
    methods: tuple[str, ...] = USUAL
    regions: tuple[str, ...] = ()
    protect: tuple[str, ...] = ()
    output: str | None = None
    baseline: Baseline = "uniform"

    def __post_init__(self) -> None:
        methods_named(self.methods)

    @property
    def regions_named(self) -> tuple[str, ...]:
        """Names that the records must have."""
        return (*self.regions, *self.protect)


@dataclass(frozen=True, kw_only=True)
class ProbeConfig(AttackSettings):
    """Whether the model is right for the right reason; see :class:`~seqrobust.pipeline.probe_command.ProbeCommand`."""

    __pydantic_config__ = _STRICT

    budget: str | int = "1..3"
    split: str = "test"
    functional: tuple[str, ...] = ()
    motifs: tuple[Path, ...] = ()
    write: tuple[str, ...] = ()

    @property
    def regions_named(self) -> tuple[str, ...]:
        """Names that the records must have."""
        return (*self.functional, *self.protect, *self.only)


@dataclass(frozen=True, kw_only=True)
class StabilityConfig(AttackSettings):
    """Whether explanations hold; see :class:`~seqrobust.pipeline.stability_command.StabilityCommand`."""

    __pydantic_config__ = _STRICT

    budget: str | int = "1,3,5"
    max_records: int | None = 100
    split: str = "test"
    methods: tuple[str, ...] = USUAL_STABILITY
    functional: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        StabilitySettings(methods=self.methods)

    @property
    def regions_named(self) -> tuple[str, ...]:
        """Names that the records must have."""
        return (*self.functional, *self.protect, *self.only)


Question = AttributeConfig | ProbeConfig | StabilityConfig


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
            "data": source,
            "out": place,
            "device": asked.device,
            "command": asked.command,
            "resume": (place / "manifest.json").exists() and not asked.overwrite,
            "overwrite": asked.overwrite,
        }
        found[name] = _answer(question, common, asked.seed, progress)
    return found


def _written(data: Data, split: str, out: Path) -> DataSource:
    """The records of a split in a file of their own, and how it is read."""
    sequences, _ = data.in_split(split)
    path = out / f"records-{split}.tsv.gz"
    write_sequences(sequences, path)
    assert sequences.targets is not None
    targets = tuple(map(str, sequences.targets.columns))
    return DataSource(path=path, columns=Columns(targets=targets))


def _answer(question: Question, common: dict[str, Any], seed: int, progress: Progress) -> dict[str, Any]:
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
