"""What is checked of a training at the end of it: its table, its numbers, and the checkpoint as it lies on the disk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from seqrobust.analysis.audit.numbers import equal_numbers, metrics_sound
from seqrobust.analysis.audit.outcome import Audit, Outcome, faults_of, not_checked
from seqrobust.models import ModelCard, SequenceModel, load_checkpoint
from seqrobust.models.expectation import differ, rounding_share
from seqrobust.models.predictor import Predictor
from seqrobust.run.train import TrainOutcome, prediction_table
from seqrobust.sequences.data_config import Data

_SAMPLE = 12
_OTHERS = 5
"""Records of other classes from which on one answer for all is no accident of a small split."""


def training_audit(trained: TrainOutcome, data: Data, checkpoint: Path, device: str) -> Audit:
    """The outcomes of one training.

    Args:
        trained: what it gave.
        data: what it was given.
        checkpoint: the file that it left.
        device: where the checkpoint is asked.
    """
    return Audit(outcomes=tuple(_outcomes(trained, data, checkpoint, device)))


def _outcomes(trained: TrainOutcome, data: Data, checkpoint: Path, device: str) -> Iterator[Outcome]:
    yield _records(trained, data)
    yield _accuracies(trained)
    yield _checkpoint_again(trained, data, checkpoint, device)
    yield _answers(trained)
    yield from metrics_sound(trained.metrics)


def _records(trained: TrainOutcome, data: Data) -> Outcome:
    """Splits make up the records, and those that are scored have a row for each of theirs."""
    name, what = "records in and out", "records by split, against all of them and against rows of predictions"
    sequences, table = data.sequences, trained.predictions
    assert sequences.splits is not None
    counts = Counter(sequences.splits.tolist())
    faults = []
    for split in dict.fromkeys(table["split"]):
        expected = data.in_split(split)[0].ids
        if table.loc[table["split"] == split, "id"].astype(str).tolist() != list(expected):
            faults.append(f"rows of split {split} are not its {len(expected)} records")
    outcome = faults_of(name, what, len(sequences), faults)
    return outcome if faults else Outcome(name=name, checked=what, rows=len(sequences), more=dict(counts))


def _accuracies(trained: TrainOutcome) -> Outcome:
    """Accuracy, or squared error, of each split, counted again from its rows."""
    faults, table = [], trained.predictions
    for split in dict.fromkeys(table["split"]):
        rows, said = table[table["split"] == split], trained.metrics[split]
        if "accuracy" in said:
            again = float(np.mean([a == b for a, b in zip(rows["target"], rows["prediction"], strict=True)]))
            faults += _apart(split, "accuracy", said["accuracy"], again)
        else:
            faults += _apart(split, "mse", said["mse"], _squared_error(rows))
    return faults_of("metrics against the table", "metrics.json, counted again from the rows", len(table), faults)


def _squared_error(rows: pd.DataFrame) -> float:
    """Mean over a split's rows and its values."""
    names = [str(name) for name in rows if str(name).partition(":")[0] == "target"]
    truth, guess = (rows[columns].to_numpy(np.float64) for columns in (names, [_its(name) for name in names]))
    gaps = truth - guess
    return float((gaps[np.isfinite(gaps)] ** 2).mean())


def _its(target: str) -> str:
    return f"prediction{target.removeprefix('target')}"


def _apart(split: str, key: str, said: float, again: float) -> list[str]:
    near = abs(said - again) <= 1e-5 * max(abs(said), abs(again), 1e-12)
    return [] if near else [f"{key} of {split} is {said:.6g} and by the rows {again:.6g}"]


def _checkpoint_again(trained: TrainOutcome, data: Data, checkpoint: Path, device: str) -> Outcome:
    """The file, read back, says of some records what the table says of them."""
    name, what = "the checkpoint read back", "forward passes of model.ckpt over records' texts against the table"
    model, card = load_checkpoint(checkpoint)
    split = str(trained.predictions["split"].iloc[-1])
    rows = trained.predictions[trained.predictions["split"] == split].reset_index(drop=True)
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _SAMPLE)).astype(np.int64))
    sequences, targets = data.in_split(split)
    some = sequences.take(chosen)
    predictor = _predictor(model, card, device)
    with predictor.attached():
        logits, twice = (predictor.logits(torch.tensor(some.tokens)).cpu() for _ in range(2))
    if differ(logits, twice):
        return not_checked(name, what, "the model is random: asked again, it gives another answer")
    again = prediction_table(split, some, targets.take(chosen), logits)
    share = 10 * rounding_share(model, predictor.device)
    columns = [column for column in again if column == "score" or str(column).startswith("prediction")]
    numbers = [column for column in columns if pd.api.types.is_numeric_dtype(again[column])]
    outcome = equal_numbers(name, what, rows.loc[chosen, numbers].to_numpy(), again[numbers].to_numpy(), share)
    return Outcome(**{**vars(outcome), "rows": len(chosen), "forwards": len(chosen)})


def _predictor(model: SequenceModel, card: ModelCard, device: str) -> Predictor:
    return Predictor(
        model,
        alphabet=card.alphabet,
        task=card.task,
        labels=card.labels,
        unknown=card.unknown,
        input_length=card.input_length,
        device=device,
        scale="logits",
    )


def _answers(trained: TrainOutcome) -> Outcome:
    """The model does not say the same of all records of a split, where those are of several classes."""
    name, what = "answers differ", "predictions of the last split"
    table = trained.predictions
    rows = table[table["split"] == table["split"].iloc[-1]]
    if "prediction" not in rows or len(set(rows["prediction"])) != 1 or len(rows) < 2:
        return Outcome(name=name, checked=what, rows=len(rows))
    said = rows["prediction"].iloc[0]
    others = int((rows["target"] != said).sum())
    if others < _OTHERS:
        return Outcome(name=name, checked=what, rows=len(rows))
    found = f"the model says {said} of all {len(rows)} records, of which {others} are something else"
    return Outcome(name=name, checked=what, rows=len(rows), verdict="doubtful", found=found)
