"""``seqrobust attack`` without its command line: model and data in, a folder of results out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seqrobust.errors import ConfigError, DataError
from seqrobust.models.predictor import Predictor
from seqrobust.pipeline.attack_stage import (
    AttackOutcome,
    AttackSettings,
    attack_problem,
    letter_tables,
    run_attack,
    settings_fingerprint,
)
from seqrobust.pipeline.data_stage import data_summary
from seqrobust.pipeline.model_stage import ModelSource, open_predictor
from seqrobust.pipeline.progress import Progress
from seqrobust.pipeline.report import ReportInput, write_report
from seqrobust.pipeline.run_folder import RunFolder
from seqrobust.sequences import SequenceSet, Targets, encode_targets
from seqrobust.sequences.patterns import with_patterns
from seqrobust.sequences.readers import Columns, read_sequences


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """A data file and how to read it; see :func:`seqrobust.sequences.readers.read_sequences`."""

    path: Path
    format: str | None = None
    columns: Columns = field(default_factory=Columns)
    genome: Path | None = None
    annotation: Path | None = None
    where: dict[str, list[str]] = field(default_factory=dict)
    patterns: dict[str, str] = field(default_factory=dict)
    max_length: int | None = None
    split: str | None = None

    @property
    def files(self) -> list[Path]:
        """Files that are read."""
        return [path for path in (self.path, self.genome, self.annotation) if path is not None and path.is_file()]


@dataclass(frozen=True, kw_only=True)
class AttackCommand:
    """Everything a call of ``seqrobust attack`` says."""

    model: ModelSource
    data: DataSource
    settings: AttackSettings
    out: Path
    seed: int = 0
    device: str = "auto"
    batch_size: int = 256
    resume: bool = False
    overwrite: bool = False
    report: bool = True
    command: str = ""


def attack_command(call: AttackCommand, progress: Progress) -> AttackOutcome:
    """Attack, and leave ``results.parquet``, ``adversarial.fa``, ``metrics.json``, ``manifest.json`` and
    ``report.html`` in the folder.

    Raises InputError for a model, file, threat or goal that cannot be used, before anything is written.
    """
    predictor, sequences, targets = _prepared(call, progress)
    settings = _resolved_names(call.settings, sequences)
    problem = attack_problem(predictor, sequences, targets, settings, seed=call.seed)
    folder = RunFolder(
        call.out,
        command=call.command,
        config=asdict(call) | {"settings": asdict(settings)},
        inputs=[*call.model.files, *call.data.files, *letter_tables(settings.allow)],
        fingerprint=_fingerprint(call, settings),
        resume=call.resume,
        overwrite=call.overwrite,
    )
    outcome = run_attack(problem, settings, folder, progress=progress)
    folder.finish(
        device=str(predictor.device),
        policies={"unknown": predictor.unknown, "padding": "zeros", "outputs": predictor.scale},
        notices=predictor.notices,
    )
    if call.report:
        write_report(
            ReportInput(
                title=f"Attack on {Path(call.model.model).name}",
                task=predictor.task,
                labels=predictor.labels or (),
                data_summary=data_summary(outcome.sequences),
                attack=outcome.metrics,
                results=outcome.results,
                sequences=outcome.sequences,
                protect=settings.protect,
                only=settings.only,
                letter_rule=settings.allow,
                manifest=folder.manifest,
            ),
            folder.path / "report.html",
        )
    return outcome


def _prepared(call: AttackCommand, progress: Progress) -> tuple[Predictor, SequenceSet, Targets | None]:
    source = call.data
    predictor, card = open_predictor(
        call.model, alphabet=call.model.known_alphabet, device=call.device, batch_size=call.batch_size
    )
    loaded = read_sequences(
        source.path,
        alphabet=predictor.alphabet,
        format=source.format,
        columns=source.columns,
        genome=source.genome,
        annotation=source.annotation,
        where=source.where,
        max_length=source.max_length or (card.provenance.get("max_length") if card else None),
    )
    sequences = with_patterns(loaded.sequences, source.patterns) if source.patterns else loaded.sequences
    for notice in loaded.notices:
        progress.say(notice)
    if source.split is not None:
        sequences = sequences.in_split(source.split)
    elif sequences.splits is not None and len(names := sorted(set(sequences.splits.tolist()))) > 1:
        progress.say(f"all splits are attacked ({', '.join(names)}); --split test for one of them")
    predictor.check(torch.tensor(sequences.tokens[_spread_rows(len(sequences))]))
    for notice in predictor.notices:
        progress.say(notice)
    try:
        return predictor, sequences, _targets(predictor, sequences, progress)
    except DataError as error:
        if card is None and call.model.labels is None and predictor.task != "regression":
            error.fix = "name what the model's outputs mean, in their order: --labels NAME,NAME,..."
        raise


def _spread_rows(count: int) -> np.ndarray:
    """Up to 64 rows from all over a set: the first records of a file are often of one class."""
    return np.unique(np.linspace(0, count - 1, min(count, 64)).astype(int))


def _targets(predictor: Predictor, sequences: SequenceSet, progress: Progress) -> Targets | None:
    if sequences.targets is None:
        progress.say("the records have no targets: the clean prediction stands for the truth")
        return None
    return encode_targets(sequences.targets, predictor.task, predictor.labels)


def _resolved_names(settings: AttackSettings, sequences: SequenceSet) -> AttackSettings:
    """Region names split at commas, unless a name holds them itself."""
    known = set(sequences.regions.names)
    return AttackSettings(
        **{
            **asdict(settings),
            "protect": split_names(settings.protect, known),
            "only": split_names(settings.only, known),
        }
    )


def split_names(values: tuple[str, ...], known: set[str]) -> tuple[str, ...]:
    """Names from comma-separated values; a value that is a known name as it stands is left whole.

    Raises ConfigError for a value without a name: an empty ``--only`` would quietly free the whole sequence.

    >>> split_names(("GT,AG", "BINDING[Fe, heme]"), {"GT", "AG", "BINDING[Fe, heme]"})
    ('GT', 'AG', 'BINDING[Fe, heme]')
    """
    names: list[str] = []
    for value in values:
        parts = [value] if value in known else [part.strip() for part in value.split(",") if part.strip()]
        if not parts:
            raise ConfigError("an option names no region", found=repr(value), fix="name one, or leave the option out")
        names += parts
    return tuple(dict.fromkeys(names))


def _fingerprint(call: AttackCommand, settings: AttackSettings) -> dict[str, Any]:
    source = call.data
    return {
        "model": call.model.model,
        "alphabet": call.model.alphabet,
        "task": call.model.task,
        "labels": call.model.labels,
        "outputs": call.model.outputs,
        "unknown": call.model.unknown,
        "input_length": call.model.input_length,
        "format": source.format,
        "columns": asdict(source.columns),
        "where": source.where,
        "patterns": source.patterns,
        "max_length": source.max_length,
        "split": source.split,
        "seed": call.seed,
        **settings_fingerprint(settings),
    }
