"""What commands that attack share: model and data opened, names resolved."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from seqrobust.attacks.settings import resolved
from seqrobust.errors import LabelError
from seqrobust.models.predictor import Predictor
from seqrobust.models.source import ModelSource
from seqrobust.pipeline.attack_stage import (
    AttackSettings,
    settings_fingerprint,
)
from seqrobust.pipeline.inputs import DataSource, input_fingerprint, open_inputs
from seqrobust.progress import Progress
from seqrobust.sequences import SequenceSet, Targets, encode_targets
from seqrobust.sequences.targets import NAME_THE_OUTPUTS

__all__ = ["AttackCommand", "DataSource"]


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
    except LabelError as error:
        if inputs.card is None and call.model.labels is None and predictor.task != "regression":
            error.fix = NAME_THE_OUTPUTS
        raise


def _targets(predictor: Predictor, sequences: SequenceSet, progress: Progress) -> Targets | None:
    if sequences.targets is None:
        progress.say("the records have no targets: the clean prediction stands for the truth")
        return None
    return encode_targets(sequences.targets, predictor.task, predictor.labels)


def resolved_names(settings: AttackSettings, sequences: SequenceSet) -> AttackSettings:
    """Region names split at commas, unless a name holds them itself."""
    return resolved(settings, sequences)


def fingerprint(call: AttackCommand, settings: AttackSettings) -> dict[str, Any]:
    """What of a call decides its results."""
    return {**input_fingerprint(call.model, call.data), "seed": call.seed, **settings_fingerprint(settings)}
