"""Options that belong together, and what the pipeline is told by them; each option is declared once, in ``options``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from seqrobust_cli import options as take
from seqrobust_cli.options import checked_task, choice, command_line
from seqrobust_cli.texts import names_of, parse_where, patterns_of

if TYPE_CHECKING:
    from seqrobust.models.source import ModelSource
    from seqrobust.sequences.data_source import DataSource
    from seqrobust.sequences.readers import Columns


@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """What the user says about a model, or about every one of several."""

    task: take.TaskName = None
    alphabet: take.AlphabetName = None
    labels: take.Labels = None
    outputs: take.Outputs = "auto"
    unknown: take.UnknownOption = None
    input_length: take.InputLength = None
    samples: take.Samples = 10
    one_by_one: take.OneByOne = False
    average_strands: take.AverageStrands = False
    preprocess: take.Preprocess = None
    backward: take.Backward = None
    weights_prefix: take.WeightsPrefix = None

    def said(self, *, seed: int = 0) -> dict[str, Any]:
        """Checked, as keywords of :class:`~seqrobust.pipeline.model_stage.ModelSource`; the seed is of its draws."""
        return {
            "alphabet": self.alphabet,
            "task": checked_task(self.task),
            "labels": names_of(self.labels) if self.labels else None,
            "unknown": choice("--unknown", self.unknown, ("zeros", "uniform")),
            "input_length": self.input_length,
            "outputs": choice("--outputs", self.outputs, ("auto", "logits", "probabilities")),
            "samples": self.samples,
            "seed": seed,
            "one_by_one": self.one_by_one,
            "average_strands": self.average_strands,
            "preprocess": self.preprocess,
            "backward": self.backward,
            "weights_prefix": self.weights_prefix,
        }

    def source(self, model: str, weights: Path | None, *, seed: int = 0) -> ModelSource:
        """The model of that name."""
        from seqrobust.errors import ConfigError
        from seqrobust.models.source import ModelSource

        if self.weights_prefix is not None and weights is None:
            raise ConfigError(
                "a prefix of no weights",
                expected="--weights FILE beside it",
                found=f"--weights-prefix {self.weights_prefix!r}",
                where="--weights-prefix",
            )
        return ModelSource(model=model, weights=weights, **self.said(seed=seed))


@dataclass(frozen=True, kw_only=True)
class ColumnOptions:
    """Which column of a file holds what, and which rows are kept."""

    id_column: take.IdColumn = None
    sequence_column: take.SequenceColumn = None
    target_column: take.TargetColumn = None
    no_targets: take.NoTargets = False
    group_column: take.GroupColumn = None
    split_column: take.SplitColumn = None
    regions_column: take.RegionsColumn = None
    genome: take.Genome = None
    annotation: take.Annotation = None
    where: take.WhereOption = None

    @property
    def columns(self) -> Columns:
        """The columns."""
        from seqrobust.sequences.readers import Columns

        return Columns(
            id=self.id_column,
            sequence=self.sequence_column,
            targets=tuple(self.target_column or ()),
            group=self.group_column,
            split=self.split_column,
            regions=self.regions_column,
            unlabelled=self.no_targets,
        )

    @property
    def kept(self) -> dict[str, list[str]]:
        """Accepted values by column."""
        return parse_where(self.where or [])

    def source(
        self, data: Path, format: str | None, pattern: list[str] | None, split: str | None, max_length: int | None
    ) -> DataSource:
        """The records of that file."""
        from seqrobust.sequences.data_source import DataSource

        return DataSource(
            path=data,
            format=format,
            columns=self.columns,
            genome=self.genome,
            annotation=self.annotation,
            where=self.kept,
            patterns=patterns_of(pattern or []),
            max_length=max_length,
            split=split,
        )


@dataclass(frozen=True, kw_only=True)
class SampleOptions:
    """Which of a file's records are attacked."""

    split: take.Split = None
    max_length: take.MaxLength = None
    max_records: take.MaxRecords = None


@dataclass(frozen=True, kw_only=True)
class ThreatOptions:
    """What an adversary may do."""

    budget: take.BudgetOption = "1..5"
    protect: take.Protect = None
    only: take.Only = None
    pattern: take.PatternOption = None
    allow: take.Allow = "any"
    moves: take.Moves = "substitutions"
    constraint: take.ConstraintOption = None


@dataclass(frozen=True, kw_only=True)
class GoalOptions:
    """What an adversary wants."""

    goal: take.GoalOption = "auto"
    target_label: take.TargetLabel = None
    delta: take.Delta = None
    output: take.OutputName = None
    random_draws: take.RandomDraws = 10


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """Where it is computed, and where the results go."""

    device: take.Device = "auto"
    batch_size: take.BatchSize = None
    memory: take.Memory = None
    out: take.Out = None
    resume: take.Resume = False
    overwrite: take.Overwrite = False

    def call(self, name: str, data: Path) -> dict[str, Any]:
        """As keywords of a command of the pipeline. Without a folder, one under ``runs`` is named so, and after the
        data."""
        from seqrobust.memory import parse_memory

        return {
            "device": self.device,
            "batch_size": self.batch_size,
            "memory": None if self.memory is None else parse_memory(self.memory),
            "out": self.out or Path("runs") / f"{name}-{data.name.split('.')[0]}",
            "resume": self.resume,
            "overwrite": self.overwrite,
            "command": command_line(),
        }


def stem(model: str) -> str:
    """What a folder is called after a model: its file, or its factory."""
    return Path(model.rpartition(":")[2] or model).stem
