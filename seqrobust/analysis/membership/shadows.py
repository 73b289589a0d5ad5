"""Shadow models: trained like the audited one, each on its own half of the records, so that it is known who was in.

Together (:mod:`~seqrobust.analysis.membership.stacked`) or one after another: the batches and the draws of
augmentation are the same, and without dropout so are the models, within rounding. Which is faster depends on the batch
and on the model (``benchmarks/shadow_speed.md``): of the time one after another, 16 CNNs at once took 0.52, 0.63, 0.91
and 1.11 on one core at batches of 8, 16, 32 and 64 records, GRUs 0.33, 0.38, 0.54 and 0.66, and 0.84 at 128. On a GPU
this was not measured; there the starting of operations weighs more, so models are stacked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from seqrobust.analysis.membership.shadow_job import Job, Records, number_for
from seqrobust.analysis.membership.stacked import Stack, why_not_stacked
from seqrobust.errors import ConfigError, DataError, SeqRobustError
from seqrobust.models import SequenceModel
from seqrobust.sequences.encoding import Unknown
from seqrobust.tasks import task_of
from seqrobust.training.data import Labelled
from seqrobust.training.losses import record_loss, regression_scale
from seqrobust.training.objectives import Ordinary, Replay, Robust, make_objective
from seqrobust.training.settings import AdversarialSettings, TrainingSettings

Way: TypeAlias = Literal["auto", "stacked", "serial"]
STACKED_UP_TO, RECURRENT_UP_TO = 32, 128
"""Records of a batch up to which stacking pays on a CPU, of models without and with recurrent layers."""
AT_ONCE = 16
"""Models that are stacked together; more take more memory."""


@dataclass(frozen=True, kw_only=True, eq=False)
class ShadowModels:
    """Trained shadow models.

    Attributes:
        models: on the CPU, in evaluation mode, with the weights of the last epoch.
        inside: (models, records) who trained on what.
        way: how they were trained.
        reason: why so, in words.
    """

    models: tuple[SequenceModel, ...]
    inside: NDArray[np.bool_]
    way: Literal["stacked", "serial"]
    reason: str


def train_shadows(
    build: Callable[[], SequenceModel],
    pool: Labelled,
    inside: NDArray[np.bool_],
    *,
    settings: TrainingSettings,
    adversarial: AdversarialSettings | None = None,
    last: int | None = None,
    unknown: Unknown = "zeros",
    seed: int = 0,
    way: Way = "auto",
    device: str = "cpu",
    progress: Callable[[int, int], None] | None = None,
) -> ShadowModels:
    """Train shadow models.

    Args:
        build: makes one, with random weights from torch's current generator.
        pool: the records that models train on halves of.
        inside: (M, N) which model trains on which, as :func:`~seqrobust.analysis.membership.assign_records` draws it.
        settings: optimiser, schedule, loss and augmentation, as the audited model was trained with. Of the rest
            nothing is read: shadow models have no validation records, so the last weights count; they train in 32
            bits, on one device.
        adversarial: the objective, where it is not the ordinary one; such models are trained one after another. Without
            validation nobody watches for catastrophic overfitting.
        last: the epoch, counted from 1, after which to stop, the schedule running as if it went on: that of the audited
            model's weights, where training kept the best ones. None for the end.
        unknown: how unknown letters are encoded.
        seed: of weights, order, augmentation and dropout.
        way: ``stacked``, ``serial``, or ``auto``, which stacks where that is faster and possible.
        device: where to train.
        progress: called with epochs done and epochs in all, a model's epoch counted by itself.

    Class weights and the scale of regression values are those of the whole pool, alike for all models. The global
    random state of torch is as before afterwards.

    Raises DataError for an assignment that does not fit, ConfigError where stacking was asked for and cannot be done
    and for an adversary that does not fit, SeqRobustError where a loss is not finite.
    """
    _check(pool, inside)
    place = torch.device(device)
    models = [_built(build, pool, seed, number) for number in range(len(inside))]
    job = Job(
        settings=settings,
        records=Records.of(pool, adversarial.threat() if adversarial is not None else None, place),
        loss=record_loss(pool.targets, settings),
        unknown=unknown,
        seed=seed,
        inside=inside,
        last=settings.epochs if last is None else last,
    )
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        chosen, reason = _chosen_way(way, models[0].to(place), job, place, adversarial)
        size = AT_ONCE if chosen == "stacked" else 1
        done, total = 0, len(models) * len(job.epochs)
        for start in range(0, len(models), size):
            group = list(range(start, min(start + size, len(models))))
            trained = [models[number].to(place).train() for number in group]
            # An objective may remember what it found, so each model has one of its own.
            epochs = (
                _train_stacked(trained, group, job)
                if chosen == "stacked"
                else _train_one(trained[0], group[0], job, make_objective(pool, unknown, settings, adversarial))
            )
            for _ in epochs:
                done += len(group)
                if progress is not None:
                    progress(done, total)
            for model in trained:
                model.cpu().eval()
    return ShadowModels(models=tuple(models), inside=inside, way=chosen, reason=reason)


def _train_stacked(models: list[SequenceModel], numbers: list[int], job: Job) -> Iterator[None]:
    """Train together; yields after each epoch."""
    stack, settings = Stack(models), job.settings
    optimizer, schedule = job.optimiser(stack.parameters)
    for epoch in job.epochs:
        seen = []
        for step, rows in job.epoch(epoch):
            tokens, targets = job.batches(rows, numbers, epoch, step)
            encoded = job.encoded(tokens.flatten(0, 1)).reshape(*tokens.shape[:2], -1, tokens.shape[2])
            losses = stack.losses(encoded, targets, job.loss)
            if settings.gradient_clip is not None:
                stack.clip(settings.gradient_clip)
            _step(optimizer, schedule)
            seen.append(losses)
        _check_finite(torch.stack(seen).sum(0), numbers, epoch)
        yield
    stack.unstack()


def _train_one(model: SequenceModel, number: int, job: Job, objective: Ordinary) -> Iterator[None]:
    """Train a single model; yields after each epoch."""
    settings = job.settings
    if isinstance(objective, Replay):
        objective.memory.to(job.records.columns.tokens.device)
    optimizer, schedule = job.optimiser(list(model.parameters()))
    for epoch in job.epochs:
        seen = []
        for step, rows in job.epoch(epoch):
            batch = job.batch(rows[number], number, epoch, step)
            if isinstance(objective, Robust):
                batch = objective.with_budgets_drawn(batch)
            loss = objective.losses(model, batch, epoch).mean()
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            objective.after_backward()
            if settings.gradient_clip is not None:
                torch.nn.utils.clip_grad_norm_(model.parameters(), settings.gradient_clip)
            _step(optimizer, schedule)
            seen.append(loss.detach())
        _check_finite(torch.stack(seen).sum()[None], [number], epoch)
        yield


def _step(optimizer: torch.optim.Optimizer, schedule: Any) -> None:
    optimizer.step()
    if schedule is not None:
        schedule.step()


def _chosen_way(
    way: Way, model: SequenceModel, job: Job, device: torch.device, adversarial: AdversarialSettings | None
) -> tuple[Literal["stacked", "serial"], str]:
    if way == "serial":
        return "serial", "as asked"
    size = job.settings.batch_size
    recurrent = any(isinstance(part, nn.RNNBase) for part in model.modules())
    most = RECURRENT_UP_TO if recurrent else STACKED_UP_TO
    if way == "auto" and device.type == "cpu" and size > most:
        return "serial", f"batches of {size} records are trained faster one model after another on a CPU"
    obstacle = _obstacle(model.train(), job) if adversarial is None else "an adversary searches for each by itself"
    if obstacle is None:
        return "stacked", "as asked" if way == "stacked" else f"batches of {size} records are small"
    if way == "stacked":
        raise ConfigError("these models cannot be trained together", found=obstacle, fix="train them serially")
    return "serial", f"these models cannot be trained together: {obstacle}"


def _obstacle(model: SequenceModel, job: Job) -> str | None:
    if job.records.ragged:
        return "records differ in length, and a stack has no padding"
    some = job.batch(np.arange(2), 0, 0, 0)
    return why_not_stacked(model, job.encoded(some.tokens), some.targets, job.loss)


def _built(build: Callable[[], SequenceModel], pool: Labelled, seed: int, number: int) -> SequenceModel:
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        torch.manual_seed(number_for(seed, number, -1))
        model = build()
    if len(model.output_mean) != pool.targets.outputs:
        raise ConfigError(
            "the model's outputs do not fit the targets",
            expected=str(pool.targets.outputs),
            found=str(len(model.output_mean)),
        )
    if task_of(pool.targets.task).measured:
        mean, spread = regression_scale(pool.targets)
        model.set_output_scale(torch.from_numpy(mean), torch.from_numpy(spread))
    return model


def _check(pool: Labelled, inside: NDArray[np.bool_]) -> None:
    if inside.ndim != 2 or inside.shape[1] != len(pool.sequences) or (inside.sum(1) < 2).any():
        raise DataError(
            "who trains on what does not fit the records",
            expected=f"(models, {len(pool.sequences)}), two records or more for each model",
            found=str(inside.shape),
        )


def _check_finite(losses: Tensor, numbers: list[int], epoch: int) -> None:
    bad = (~losses.isfinite()).nonzero().flatten().tolist()
    if bad:
        raise SeqRobustError(
            f"the loss of shadow model {numbers[bad[0]] + 1} was not finite in epoch {epoch + 1}\n"
            "  what to do: lower training.learning_rate, or set training.gradient_clip"
        )
