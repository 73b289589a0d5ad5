"""Every record through the model once: what it answers, and how that compares with the truth where it is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from seqrobust.analysis.asked import Opening
from seqrobust.analysis.predict.findings import PredictFindings
from seqrobust.analysis.predict.settings import VALIDATION, PredictSettings
from seqrobust.analysis.room import Work
from seqrobust.analysis.subject import Subject
from seqrobust.errors import ConfigError
from seqrobust.models import ModelCard
from seqrobust.models.predictor import Predictor
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.tasks import task_of
from seqrobust.training import prediction_metrics


@dataclass(frozen=True, kw_only=True, eq=False)
class PredictReady:
    """What is answered.

    Attributes:
        name: of the model.
        predictor, sequences, targets: the model, the N records, and what is true of them, where that is known.
        settings: as they were given.
        threshold: probability from which on the second of two classes is called; None for other tasks.
        best: the threshold that was best on the validation records of training; None where nobody knows.
    """

    name: str
    predictor: Predictor
    sequences: SequenceSet
    targets: Targets | None
    settings: PredictSettings
    threshold: float | None
    best: float | None


def prepare(subject: Subject, settings: PredictSettings, opening: Opening) -> PredictReady:
    """See :class:`~seqrobust.analysis.room.Room`. Raises ConfigError for a threshold that cannot be had."""
    best, two_sided = _kept(subject.card), task_of(subject.predictor.task).two_sided
    if settings.threshold is not None and not two_sided:
        raise ConfigError(
            "a threshold is for two classes", found=f"task {subject.predictor.task}", fix="leave --threshold out"
        )
    if settings.threshold == VALIDATION and best is None:
        raise ConfigError(
            "nobody kept a threshold",
            expected="a checkpoint of a binary model that was trained with one",
            fix="train it anew, or give a number",
            where="--threshold",
        )
    chosen = best if settings.threshold == VALIDATION else float(settings.threshold or 0.5)
    return PredictReady(
        name=subject.name,
        predictor=subject.predictor,
        sequences=subject.sequences,
        targets=subject.targets,
        settings=settings,
        threshold=chosen if two_sided else None,
        best=best if two_sided else None,
    )


def _kept(card: ModelCard | None) -> float | None:
    value = None if card is None else card.provenance.get("threshold")
    return float(value) if isinstance(value, int | float) and 0 < value < 1 else None


def study(ready: PredictReady, work: Work) -> PredictFindings:
    """Ask the model about every record."""
    work.progress.start("predict", 1)
    with ready.predictor.attached():
        logits = ready.predictor.logits(torch.tensor(ready.sequences.tokens)).float().cpu()
    metrics: dict[str, Any] = {"task": ready.predictor.task, "n": len(ready.sequences)}
    shifted = logits if ready.threshold is None else logits - math.log(ready.threshold / (1 - ready.threshold))
    if ready.threshold is not None:
        metrics |= {"threshold": ready.threshold, "threshold_of_validation": ready.best}
    if ready.targets is not None:
        metrics |= prediction_metrics(ready.targets, shifted.numpy())
    return PredictFindings(
        name=ready.name, table=_table(ready, logits, shifted), metrics=metrics, sequences=ready.sequences
    )


def _table(ready: PredictReady, logits: torch.Tensor, shifted: torch.Tensor) -> pd.DataFrame:
    """``id``, ``split`` and ``target`` where known, ``prediction``, ``probability_NAME`` and ``output_NAME``."""
    task, labels = task_of(ready.predictor.task), ready.predictor.labels or ()
    names = list(task.output_names(labels))
    columns: dict[str, Any] = {"id": ready.sequences.ids}
    if ready.sequences.splits is not None:
        columns["split"] = ready.sequences.splits
    columns |= _truth(ready)
    if task.measured:
        several = len(names) > 1
        columns |= {f"prediction:{name}" if several else "prediction": logits[:, at] for at, name in enumerate(names)}
        return _plain(columns)
    columns["prediction"] = task.answers(shifted, labels)
    probabilities = task.probabilities(logits)
    columns |= {f"probability_{name}": probabilities[:, at] for at, name in enumerate(names)}
    return _plain(columns | {f"output_{name}": logits[:, at] for at, name in enumerate(names)})


def _truth(ready: PredictReady) -> dict[str, Any]:
    if ready.targets is None:
        return {}
    values, labels = ready.targets.values, ready.targets.labels
    if task_of(ready.targets.task).measured:
        several = len(labels) > 1
        return {f"target:{name}" if several else "target": values[:, at] for at, name in enumerate(labels)}
    return {"target": _named(values, labels)}


def _named(values: NDArray[Any], labels: tuple[str, ...]) -> list[str]:
    if values.ndim == 1:
        return [labels[int(value)] for value in values]
    return [";".join(labels[at] for at in np.flatnonzero(row)) for row in values]


def _plain(columns: dict[str, Any]) -> pd.DataFrame:
    made = {name: one.numpy() if isinstance(one, torch.Tensor) else one for name, one in columns.items()}
    table: pd.DataFrame = pd.DataFrame(made)
    return table
