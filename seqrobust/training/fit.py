"""Train a model with Lightning, silently, so that a run that was killed goes on as if it had not been."""

from __future__ import annotations

import logging
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytorch_lightning as lightning
import torch
from lightning_fabric.utilities.exceptions import MisconfigurationException
from lightning_fabric.utilities.warnings import PossibleUserWarning
from pytorch_lightning.loggers import TensorBoardLogger

from seqrobust.errors import ConfigError, DataError
from seqrobust.models import SequenceModel
from seqrobust.sequences.encoding import Unknown
from seqrobust.tasks import task_of
from seqrobust.training.callbacks import Checkpoint, EpochProgress, History, Patience
from seqrobust.training.data import Labelled, RecordDataModule
from seqrobust.training.losses import regression_scale
from seqrobust.training.module import RobustModule
from seqrobust.training.objectives import Replay, make_objective
from seqrobust.training.objectives.ordinary import Ordinary
from seqrobust.training.resuming import resumable
from seqrobust.training.saving import WholeCheckpoints
from seqrobust.training.selection import Selection, selection
from seqrobust.training.settings import AdversarialSettings, TrainingSettings


@dataclass(frozen=True, kw_only=True, eq=False)
class Trained:
    """What came of training.

    Attributes:
        model: with the selected weights, on the CPU, in evaluation mode.
        history: a row per epoch: ``epoch``, ``seconds`` of training alone, losses and scores.
        best_epoch: the epoch whose weights were selected, counted from 1.
        monitor: the score they were selected by; None for the last weights.
        rule: that in words, with the reason.
        seconds_per_epoch: median over epochs, validation left out.
    """

    model: SequenceModel
    history: pd.DataFrame
    best_epoch: int
    monitor: str | None
    rule: str
    seconds_per_epoch: float

    @property
    def robust_overfitting(self) -> float | None:
        """How far robust validation accuracy (R2) fell from its best epoch to the last; None without an adversary.

        Robust scores often fall while clean ones still rise (Rice, Wong & Kolter 2020).
        """
        for name in ("valid_robust_accuracy", "valid_robust_r2"):
            if name in self.history:
                return float(self.history[name].max() - self.history[name].iloc[-1])
        return None


def fit(
    model: SequenceModel,
    train: Labelled,
    valid: Labelled,
    *,
    settings: TrainingSettings,
    adversarial: AdversarialSettings | None = None,
    unknown: Unknown = "zeros",
    seed: int = 0,
    out: Path,
    resume: bool = False,
    progress: EpochProgress | None = None,
    say: Callable[[str], None] | None = None,
) -> Trained:
    """Train a model.

    Args:
        model: its weights are changed in place.
        train, valid: records with targets of one task.
        settings, adversarial: how, and against whom.
        unknown: how unknown letters are encoded.
        seed: of shuffling and dropout.
        out: folder for ``history.csv``, ``checkpoints/`` and ``tensorboard/``.
        resume: go on from the last finished epoch in ``out``, if there is one.
        progress: called as training goes on.
        say: called with what the user should know, such as that training overfitted to one-step adversaries.

    The global random state of torch is as before afterwards.

    Raises DataError for records that cannot be trained on, ConfigError for settings that do not fit them, and
    SeqRobustError where the loss is not finite.
    """
    objective, chosen = check_fit(model, train, valid, settings=settings, adversarial=adversarial, unknown=unknown)
    if task_of(train.targets.task).measured:
        mean, spread = regression_scale(train.targets)
        model.set_output_scale(torch.from_numpy(mean), torch.from_numpy(spread))
    # Lightning trains a module in the mode it is in, and a model that was loaded or trained before is in evaluation.
    module = RobustModule(
        model.train(),
        task=train.targets.task,
        classes=len(train.targets.labels),
        validated=len(valid.targets),
        objective=objective,
        settings=settings,
        seed=seed,
        say=say,
    )
    threat = adversarial.threat() if adversarial else None
    data = RecordDataModule(train, valid, batch_size=settings.batch_size, seed=seed, threat=threat)
    history = History(out / "history.csv", progress)
    for notice in chosen.notices:
        (say or _unheard)(notice)
    best, callbacks = _callbacks(chosen, settings, history, out / "checkpoints")
    checkpoint = _start(out / "checkpoints" / "last.ckpt", module, resume=resume)
    # Devices are named, for torch warns where it finds several by itself.
    with _quiet(), _compiled(model, settings.compile), torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        trainer = _trainer(settings, callbacks, out)
        _check_devices(objective, trainer)
        with _interruptible():
            trainer.fit(module, data, ckpt_path=checkpoint, weights_only=True)
    if not trainer.is_global_zero:
        # The other processes of distributed training have done their part; what follows is written by the first.
        raise SystemExit(0)
    return _selected(model, history, best, chosen)


def check_fit(
    model: SequenceModel,
    train: Labelled,
    valid: Labelled,
    *,
    settings: TrainingSettings,
    adversarial: AdversarialSettings | None = None,
    unknown: Unknown = "zeros",
) -> tuple[Ordinary, Selection]:
    """The objective and the rule that chooses weights, without training anything; arguments as of :func:`fit`.

    Raises DataError for records that cannot be trained on, and ConfigError for settings that do not fit them.
    """
    _check_records(model, train, valid)
    objective = make_objective(train, unknown, settings, adversarial)
    if settings.reverse_complement:
        _ = train.sequences.alphabet.complement_table
    return objective, selection(settings, adversarial, train.targets, valid.targets)


def _start(last: Path, module: RobustModule, *, resume: bool) -> Path | None:
    """The checkpoint to go on from. Should a new run end before its first epoch does, resuming it must not find another
    run's weights, so those are removed."""
    if not resume:
        last.unlink(missing_ok=True)
    return resumable(last, module)


def _check_devices(objective: object, trainer: lightning.Trainer) -> None:
    if isinstance(objective, Replay) and trainer.world_size > 1:
        raise ConfigError(
            "remembered adversaries are kept on one device",
            expected="devices: 1, num_nodes: 1",
            found=f"{trainer.world_size} processes",
            where="training.devices",
            fix="train on one device, or use objective: adversarial",
        )


def _unheard(_: str) -> None:
    """Where nobody listens."""


def _callbacks(
    chosen: Selection, settings: TrainingSettings, history: History, folder: Path
) -> tuple[Checkpoint, list[lightning.Callback]]:
    """The keeper of the best weights, and all that listen to training."""
    best = Checkpoint(folder, "best", chosen.monitor, chosen.mode, among_equals=chosen.among_equals)
    newest = Checkpoint(folder, "last")
    if chosen.monitor is None:
        return best, [history, newest]
    callbacks: list[lightning.Callback] = [history, best, newest]
    if settings.patience is not None:
        callbacks.append(Patience(chosen.monitor, epochs=settings.patience, mode=chosen.mode))
    return best, callbacks


def _check_records(model: SequenceModel, train: Labelled, valid: Labelled) -> None:
    outputs = len(model.output_mean)
    if outputs != train.targets.outputs:
        raise ConfigError(
            "the model's outputs do not fit the targets", expected=str(train.targets.outputs), found=str(outputs)
        )
    if train.targets.labels != valid.targets.labels:
        raise DataError(
            "training and validation records have other labels",
            expected=", ".join(train.targets.labels),
            found=", ".join(valid.targets.labels),
        )
    if len(train.sequences) < 2:
        raise DataError("training takes two records or more", found=str(len(train.sequences)))
    if not len(valid.sequences):
        raise DataError("there is no record to validate on")
    measured = task_of(train.targets.task).measured
    if measured and len(valid.sequences) < 2:
        raise DataError("R2 takes two validation records or more", found=str(len(valid.sequences)))
    if measured and not valid.targets.values.std(0).any():
        raise DataError(
            "R2 takes validation targets that differ", found=f"{len(valid.sequences)} that are all the same"
        )


def _trainer(settings: TrainingSettings, callbacks: list[lightning.Callback], out: Path) -> lightning.Trainer:
    try:
        # What Lightning would do instead on a CPU is refused rather than done.
        warnings.filterwarnings("error", message=".*AMP with fp16 is not supported on CPU.*")
        return lightning.Trainer(
            # Else a cluster's checkpoints go to, and come from, whatever folder the command was given in.
            default_root_dir=out,
            max_epochs=settings.epochs,
            accelerator=settings.accelerator,
            devices=settings.devices,
            num_nodes=settings.num_nodes,
            precision=settings.precision,  # type: ignore[arg-type]
            gradient_clip_val=settings.gradient_clip,
            callbacks=callbacks,
            plugins=[WholeCheckpoints()],
            # Without version numbers, an interrupted run goes on in the same folder.
            logger=TensorBoardLogger(out, name="", version="tensorboard"),
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            # Validation attacks need gradients, which inference mode forbids for good.
            inference_mode=False,
        )
    except (UserWarning, TypeError, ValueError, RuntimeError, MisconfigurationException) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError("Lightning cannot train with these settings", found=reason, where="training") from None


def _selected(model: SequenceModel, history: History, best: Checkpoint, chosen: Selection) -> Trained:
    rows = history.table()
    epoch = len(rows)
    if chosen.monitor is not None and best.best_model_path:
        content: dict[str, Any] = torch.load(best.best_model_path, map_location="cpu", weights_only=True)
        weights = {k.removeprefix("model."): v for k, v in content["state_dict"].items() if k.startswith("model.")}
        model.load_state_dict(weights)
        epoch = int(content["epoch"]) + 1
    if not len(rows):
        raise DataError("training ended before its first epoch did")
    return Trained(
        model=model.cpu().eval(),
        history=rows,
        best_epoch=epoch,
        monitor=chosen.monitor,
        rule=chosen.rule,
        seconds_per_epoch=float(rows["seconds"].median()),
    )


@contextmanager
def _compiled(model: SequenceModel, wanted: bool) -> Iterator[None]:
    """The model called through torch.compile, and as it was afterwards. Its weights and their names stay its own."""
    if wanted:
        model.compile()
    try:
        yield
    finally:
        # What ``Module.compile`` sets, and has no way to take back.
        model._compiled_call_impl = None


@contextmanager
def _interruptible() -> Iterator[None]:
    """Ctrl+C as everywhere else: Lightning turns it into a SystemExit and ignores every later one."""
    main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit:
        raise KeyboardInterrupt from None
    finally:
        if main:
            signal.signal(signal.SIGINT, handler)


@contextmanager
def _quiet() -> Iterator[None]:
    """Lightning's advice about workers and loggers, and its banners, held back; errors come through."""
    loggers = [
        logging.getLogger(name)
        for name in ("pytorch_lightning", "lightning_fabric", "lightning.pytorch", "lightning.fabric")
    ]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", category=PossibleUserWarning)
            warnings.filterwarnings("ignore", message=".*Checkpoint directory.*exists and is not empty.*")
            warnings.filterwarnings("ignore", message=".*isinstance\\(treespec, LeafSpec\\).*")
            warnings.filterwarnings("ignore", message=".*The `srun` command is available.*")
            # In 16 bits the first steps are skipped until the loss's scale fits; the schedule then seems to lead.
            warnings.filterwarnings("ignore", message=".*`lr_scheduler.step\\(\\)` before `optimizer.step\\(\\)`.*")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
