"""``seqrobust attack`` without its command line: model and data in, a folder of results out."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from seqrobust.analysis.outcomes import ReportInput, write_report
from seqrobust.errors import DataError
from seqrobust.models.predictor import Predictor
from seqrobust.models.source import ModelSource
from seqrobust.pipeline.attack_stage import (
    AttackOutcome,
    AttackSettings,
    attack_problem,
    rule_files,
    run_attack,
    settings_fingerprint,
)
from seqrobust.pipeline.data_stage import data_summary
from seqrobust.pipeline.inputs import DataSource, input_fingerprint, open_inputs, split_names
from seqrobust.pipeline.run_folder import RunFolder
from seqrobust.progress import Progress
from seqrobust.sequences import SequenceSet, Targets, encode_targets

__all__ = ["AttackCommand", "DataSource", "attack_command"]


@dataclass(frozen=True, kw_only=True)
class AttackCommand:
    """Everything a call of ``seqrobust attack`` says."""

    model: ModelSource
    data: DataSource
    settings: AttackSettings
    out: Path
    seed: int = 0
    device: str = "auto"
    batch_size: int | None = None
    memory: int | None = None
    resume: bool = False
    overwrite: bool = False
    report: bool = True
    command: str = ""


def attack_command(call: AttackCommand, progress: Progress) -> AttackOutcome:
    """Attack, and leave ``results.parquet``, ``adversarial.fa``, ``metrics.json``, ``manifest.json`` and
    ``report.html`` in the folder.

    Raises InputError for a model, file, threat or goal that cannot be used, before anything is written.
    """
    predictor, sequences, targets = prepared(call, progress)
    settings = resolved_names(call.settings, sequences)
    problem = attack_problem(predictor, sequences, targets, settings, seed=call.seed)
    folder = RunFolder(
        call.out,
        command=call.command,
        config=asdict(call) | {"settings": asdict(settings)},
        inputs=[*call.model.files, *call.data.files, *rule_files(settings.allow, settings.constraints)],
        fingerprint=fingerprint(call, settings),
        resume=call.resume,
        overwrite=call.overwrite,
    )
    outcome = run_attack(problem, settings, folder, progress=progress, memory=call.memory)
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


def prepared(call: AttackCommand, progress: Progress) -> tuple[Predictor, SequenceSet, Targets | None]:
    """The model, tried on the records; the records; and their targets, None where they have none.

    Raises InputError for a model or file that cannot be used.
    """
    inputs = open_inputs(
        call.model, call.data, progress, device=call.device, batch_size=call.batch_size, deed="attacked"
    )
    predictor, sequences = inputs.predictor, inputs.sequences
    try:
        return predictor, sequences, _targets(predictor, sequences, progress)
    except DataError as error:
        if inputs.card is None and call.model.labels is None and predictor.task != "regression":
            error.fix = "name what the model's outputs mean, in their order: --labels NAME,NAME,..."
        raise


def _targets(predictor: Predictor, sequences: SequenceSet, progress: Progress) -> Targets | None:
    if sequences.targets is None:
        progress.say("the records have no targets: the clean prediction stands for the truth")
        return None
    return encode_targets(sequences.targets, predictor.task, predictor.labels)


def resolved_names(settings: AttackSettings, sequences: SequenceSet) -> AttackSettings:
    """Region names split at commas, unless a name holds them itself."""
    known = set(sequences.regions.names)
    return AttackSettings(
        **{
            **asdict(settings),
            "protect": split_names(settings.protect, known),
            "only": split_names(settings.only, known),
        }
    )


def fingerprint(call: AttackCommand, settings: AttackSettings) -> dict[str, Any]:
    """What of a call decides its results."""
    return {**input_fingerprint(call.model, call.data), "seed": call.seed, **settings_fingerprint(settings)}
