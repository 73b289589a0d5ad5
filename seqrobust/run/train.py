"""Training as a stage: a model from a config, a checkpoint that describes itself, and how well it predicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from seqrobust.analysis.results import MOST_OUTPUTS
from seqrobust.files import plain, replacing
from seqrobust.measures import best_threshold
from seqrobust.models import ModelCard, Predictor, SequenceModel, build_model, load_checkpoint, save_checkpoint
from seqrobust.progress import Progress
from seqrobust.run.config import RunConfig
from seqrobust.run.folder import RunFolder
from seqrobust.run.manifest import versions
from seqrobust.sequences import SequenceSet, Targets
from seqrobust.sequences.data_config import Data
from seqrobust.sequences.marks import content_mark
from seqrobust.tasks import task_of
from seqrobust.training import (
    AdversarialSettings,
    Labelled,
    Trained,
    TrainingSettings,
    check_fit,
    fit,
    prediction_metrics,
)
from seqrobust.training.baselines import baselines, no_better

OUTPUTS = ("model.ckpt", "checkpoints/*.ckpt", "history.csv", "results.parquet", "tensorboard", "report.html")
"""Patterns of the files of a training."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainOutcome:
    """A trained model and how it did.

    Attributes:
        model, card: as the checkpoint holds them.
        history: a row per epoch.
        metrics: ``best_epoch``, ``monitor``, ``selection`` (the rule in words), ``seconds_per_epoch``, ``parameters``,
            and ``valid`` and ``test`` metrics.
        predictions: a row per record of the ``valid`` and ``test`` splits.
    """

    model: SequenceModel
    card: ModelCard
    history: pd.DataFrame
    metrics: dict[str, Any]
    predictions: pd.DataFrame


def train_stage(config: RunConfig, data: Data, folder: RunFolder, *, resume: bool, progress: Progress) -> TrainOutcome:
    """Train, and leave ``model.ckpt``, ``history.csv``, ``metrics.json``, ``results.parquet`` and ``tensorboard/``.

    A stage that was finished before is read back on resume, one that was interrupted goes on from its last epoch.
    """
    done = folder.path / "model.ckpt"
    if resume and done.exists() and (folder.path / "history.csv").exists():
        model, card = load_checkpoint(done)
        history = pd.read_csv(folder.path / "history.csv")
        metrics = dict(card.provenance["metrics"])
        return TrainOutcome(
            model=model,
            card=card,
            history=history,
            metrics=metrics,
            predictions=pd.read_parquet(folder.path / "results.parquet"),
        )
    trained = _trained(config, data, folder, resume=resume, progress=progress)
    metrics, table = _evaluated(config, data, trained)
    card = _card(config, data, trained.model, metrics)
    with replacing(folder.path / "results.parquet") as temporary:
        table.to_parquet(temporary, index=False)
    folder.write_json("metrics.json", metrics)
    # Last, for its presence is what says that the stage is finished.
    save_checkpoint(done, trained.model, card)
    return TrainOutcome(model=trained.model, card=card, history=trained.history, metrics=metrics, predictions=table)


def _trained(config: RunConfig, data: Data, folder: RunFolder, *, resume: bool, progress: Progress) -> Trained:
    parts = {name: Labelled(sequences=part, targets=targets) for name, part, targets in _splits(data)}
    settings, adversarial = training_settings(config)
    progress.start("train", settings.epochs)
    return fit(
        untrained(config, data),
        parts["train"],
        parts["valid"],
        settings=settings,
        adversarial=adversarial,
        unknown=config.model.unknown,
        seed=config.seed,
        out=folder.path,
        resume=resume,
        progress=partial(_tell, progress),
        say=progress.say,
    )


def check_training(config: RunConfig, data: Data) -> None:
    """Raise now what training would raise when the data are read: records, objective or settings that do not fit."""
    parts = {name: Labelled(sequences=part, targets=targets) for name, part, targets in _splits(data)}
    settings, adversarial = training_settings(config)
    check_fit(
        untrained(config, data),
        parts["train"],
        parts["valid"],
        settings=settings,
        adversarial=adversarial,
        unknown=config.model.unknown,
    )


def untrained(config: RunConfig, data: Data) -> SequenceModel:
    """The config's model with random weights that its seed decides. Raises ConfigError for one that cannot be built."""
    with torch.random.fork_rng():
        torch.manual_seed(config.seed)
        return build_model(
            config.model.architecture,
            alphabet_size=data.sequences.alphabet.size,
            outputs=data.targets.outputs,
            input_length=data.sequences.width,
            **config.model.hyperparameters,
        )


def _splits(data: Data) -> list[tuple[str, SequenceSet, Targets]]:
    return [(name, *data.in_split(name)) for name in ("train", "valid")]


def _tell(progress: Progress, done: float, row: Mapping[str, float]) -> None:
    shown = [
        f"{name} {value:.3f}"
        for name, value in row.items()
        if name.startswith("valid") and "loss" not in name and value == value
    ]
    progress.advance(done, ", ".join(shown))


def training_settings(config: RunConfig) -> tuple[TrainingSettings, AdversarialSettings | None]:
    """What the config says about training, with the config's device."""
    values = asdict(config.training)
    values.pop("adversarial")
    if values["accelerator"] == "auto" and config.device != "auto":
        kind, _, number = config.device.partition(":")
        values["accelerator"] = "cpu" if kind == "cpu" else "gpu"
        # Lightning reads "1" as one device, and "1," as device number 1.
        if number and values["devices"] in ("auto", 1):
            values["devices"] = f"{number},"
    return TrainingSettings(**values), config.training.adversarial


def _evaluated(config: RunConfig, data: Data, trained: Trained) -> tuple[dict[str, Any], pd.DataFrame]:
    predictor = Predictor(
        trained.model,
        alphabet=data.sequences.alphabet,
        task=data.targets.task,
        labels=data.targets.labels,
        unknown=config.model.unknown,
        input_length=trained.model.input_length,
        device=config.device,
        scale="logits",
    )
    metrics: dict[str, Any] = {
        "best_epoch": trained.best_epoch,
        "epochs": len(trained.history),
        "monitor": trained.monitor,
        "selection": trained.rule,
        "seconds_per_epoch": trained.seconds_per_epoch,
        "parameters": sum(weight.numel() for weight in trained.model.parameters()),
    }
    tables = []
    assert data.sequences.splits is not None
    for name in ("valid", "test"):
        if name not in data.sequences.splits:
            continue
        sequences, targets = data.in_split(name)
        with predictor.attached():
            logits = predictor.logits(torch.tensor(sequences.tokens)).cpu()
        metrics[name] = prediction_metrics(targets, logits.numpy())
        if name == "valid" and task_of(targets.task).two_sided:
            metrics["threshold"] = best_threshold(targets.values > 0, logits[:, 0].numpy())
        tables.append(prediction_table(name, sequences, targets, logits))
    if "test" in metrics:
        _beside_baselines(config, data, metrics)
    return metrics, pd.concat(tables, ignore_index=True)


def _beside_baselines(config: RunConfig, data: Data, metrics: dict[str, Any]) -> None:
    """Add ``baselines`` of the test records, and what is to be said where the model does not beat them."""

    def labelled(name: str) -> Labelled:
        sequences, targets = data.in_split(name)
        return Labelled(sequences=sequences, targets=targets)

    metrics["baselines"] = baselines(labelled("train"), labelled("valid"), labelled("test"), seed=config.seed)
    if (said := no_better(metrics["test"], metrics["baselines"])) is not None:
        metrics["test"]["cautions"] = [*metrics["test"].get("cautions", ()), said]


def prediction_table(split: str, sequences: SequenceSet, targets: Targets, logits: torch.Tensor) -> pd.DataFrame:
    """``id, split, target, prediction, score, output_NAME``; for regression a column of each per value where there are
    several. The score is the true answer's lead, negative where it is wrong; outputs are the logits as they came, of
    the positive class, or of every class or label."""
    table: dict[str, Any] = {"id": sequences.ids, "split": split}
    task = task_of(targets.task)
    if task.measured:
        several = len(targets.labels) > 1
        for number, name in enumerate(targets.labels):
            behind = f":{name}" if several else ""
            table[f"target{behind}"] = targets.values[:, number]
            table[f"prediction{behind}"] = logits[:, number].numpy()
        values: pd.DataFrame = pd.DataFrame(table)
        return values
    truth = torch.tensor(targets.values)
    table["target"] = names_of(targets.values, targets.labels)
    table["prediction"] = task.answers(logits, targets.labels)
    table["score"] = task.margin(logits, truth).numpy()
    outputs = task_of(targets.task).output_names(targets.labels)
    if len(outputs) <= MOST_OUTPUTS:
        table |= {f"output_{name}": logits[:, one].numpy() for one, name in enumerate(outputs)}
    named: pd.DataFrame = pd.DataFrame(table)
    return named


def names_of(values: NDArray[Any], labels: tuple[str, ...]) -> list[str]:
    """Class names of indices (N,), or names joined by semicolons of a label matrix (N, T)."""
    if values.ndim == 1:
        return [labels[int(value)] for value in values]
    return [";".join(labels[int(i)] for i in np.flatnonzero(row)) for row in values]


def target_spread(targets: Targets) -> dict[str, float]:
    """Standard deviation of each value of a regression; nothing for other tasks. The unit of a shift ever after."""
    if not task_of(targets.task).measured:
        return {}
    return dict(zip(targets.labels, targets.values.std(0, dtype=np.float64).tolist(), strict=True))


def target_range(targets: Targets) -> dict[str, list[float]]:
    """Smallest and largest of each value of a regression; nothing for other tasks."""
    if not task_of(targets.task).measured:
        return {}
    ends = [[float(values.min()), float(values.max())] for values in targets.values.T]
    return dict(zip(targets.labels, ends, strict=True))


def _card(config: RunConfig, data: Data, model: SequenceModel, metrics: Mapping[str, Any]) -> ModelCard:
    return ModelCard(
        alphabet=data.sequences.alphabet,
        task=data.targets.task,
        labels=data.targets.labels,
        architecture=model.architecture,
        hyperparameters=model.hyperparameters,
        input_length=model.input_length,
        unknown=config.model.unknown,
        provenance=plain(
            {
                "name": config.name,
                "seed": config.seed,
                "max_length": config.data.max_length,
                "training": asdict(config.training),
                "config": config.model_dump(mode="json"),
                "versions": versions(),
                "metrics": metrics,
                "targets": [] if data.sequences.targets is None else list(map(str, data.sequences.targets.columns)),
                "threshold": metrics.get("threshold"),
                "target_spread": target_spread(data.in_split("train")[1]),
                "target_range": target_range(data.in_split("train")[1]),
                "records": {name: content_mark(*data.in_split(name)) for name in ("valid", "test") if name in metrics},
            }
        ),
    )
