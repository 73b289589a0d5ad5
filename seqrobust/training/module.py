"""The Lightning module: a step minimises an objective; validation scores clean and, against an adversary, robust."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from typing import Any

import pytorch_lightning as lightning
import torch
from torch import Tensor
from torchmetrics import MeanMetric, Metric, R2Score

from seqrobust.errors import SeqRobustError
from seqrobust.models import SequenceModel
from seqrobust.sequences import Task
from seqrobust.tasks import task_of
from seqrobust.training.augmentation import evolved
from seqrobust.training.data import Batch, with_reverse_complements
from seqrobust.training.guard import STEPS, Guard
from seqrobust.training.objectives import Ordinary, Replay, Robust, worst_cases
from seqrobust.training.scores import BalancedAccuracy, rankings_of
from seqrobust.training.settings import TrainingSettings


class RobustModule(lightning.LightningModule):
    """Trains a model by an objective.

    Args:
        model: what is trained.
        task: of its outputs.
        classes: how many classes, labels or values there are.
        validated: how many records validation has.
        objective: what a step minimises; a robust one's threat is also what validation measures against.
        settings: optimiser and schedule.
        seed: of dropout.
        say: called with what the user should know.

    Logs ``train_loss``, ``valid_loss``, and ``valid_accuracy`` or ``valid_r2``; where the objective is robust also
    ``valid_robust_...``, and ``valid_both_...``, the mean of the two scores; where training takes one step
    ``valid_one_step_...``. Of classes and labels also ``valid_balanced_accuracy`` (with ``valid_robust_...`` and
    ``valid_both_...``), ``valid_auroc``, ``valid_average_precision`` and ``valid_mcc``.
    """

    def __init__(
        self,
        model: SequenceModel,
        *,
        task: Task,
        classes: int,
        validated: int,
        objective: Ordinary,
        settings: TrainingSettings,
        seed: int,
        say: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.objective = objective
        # Registered, so that it is saved with the weights and moved with them.
        self.memory = objective.memory if isinstance(objective, Replay) else None
        self._task: Task = task
        self._settings = settings
        self._seed = seed
        self._say = say or (lambda _: None)
        self._losses: list[Tensor] = []
        self._sizes: list[int] = []
        self.valid_loss = MeanMetric(nan_strategy="disable")
        self.valid_robust_loss = MeanMetric(nan_strategy="disable")
        self.valid_score = _new_score(task)
        self.valid_robust_score = _new_score(task)
        told = not task_of(task).measured
        self.valid_balanced = BalancedAccuracy(task, classes) if told else None
        self.valid_robust_balanced = BalancedAccuracy(task, classes) if told else None
        self._rankings = rankings_of(task, classes, validated)
        one_step = isinstance(objective, Robust) and objective.settings.one_step
        self._guard = Guard() if isinstance(objective, Robust) and one_step and objective.settings.guard else None
        self.valid_one_step_score = _new_score(task) if one_step else None
        self._validated = 0

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One step's loss. Dropout depends on seed, device and step alone, so that a resumed run repeats it."""
        _seed_device(self.device, self._seed * 1_000_003 + self.global_step + (self.global_rank << 40))
        epoch, settings = self.current_epoch, self._settings
        if settings.reverse_complement:
            chosen = torch.rand(len(batch.tokens), device=batch.tokens.device) < 0.5
            batch = with_reverse_complements(batch, chosen, self.objective.alphabet)
        if settings.augment == "evolution" and epoch < math.ceil(settings.augment_until * settings.epochs):
            batch = evolved(batch, self.objective.alphabet)
        if isinstance(self.objective, Robust):
            batch = self.objective.with_budgets_drawn(batch)
        loss = self.objective.losses(self.model, batch, epoch).mean()
        # Looking at a loss makes a GPU wait for it, and logging one takes time; all are looked at once an epoch.
        self._losses.append(loss.detach())
        self._sizes.append(len(batch.tokens))
        return loss

    def on_after_backward(self) -> None:
        """The objective's turn, once gradients are there."""
        self.objective.after_backward()

    def on_train_epoch_end(self) -> None:
        """Raises SeqRobustError where a loss was not finite: nothing after it means anything."""
        losses, self._losses, self._sizes = torch.stack(self._losses), [], []
        # Of all processes together: one that stopped alone would leave the others waiting for it.
        if not self.trainer.strategy.reduce_boolean_decision(bool(losses.isfinite().all())):
            raise SeqRobustError(
                f"the training loss was not finite in epoch {self.current_epoch + 1}\n"
                "  what to do: lower training.learning_rate, or set training.gradient_clip"
            )

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Loss and score of a batch, clean and robust."""
        logits = self._validate("valid", self.valid_score, self.valid_loss, batch)
        self._balance("valid", self.valid_balanced, logits, batch)
        if self._rankings is not None:
            self._rankings.update(logits, batch.targets)
        self._validated += len(batch.tokens)
        if isinstance(self.objective, Robust):
            found = worst_cases(self.objective, self.model, batch, steps=self.objective.settings.validation_steps)
            logits = self._validate(
                "valid_robust", self.valid_robust_score, self.valid_robust_loss, batch._replace(tokens=found[-1])
            )
            self._balance("valid_robust", self.valid_robust_balanced, logits, batch)
            if self.valid_one_step_score is not None:
                # The attack's first step is the one that training takes.
                self._score("valid_one_step", self.valid_one_step_score, batch._replace(tokens=found[0]))

    def _validate(self, name: str, score: Metric, loss: Metric, batch: Batch) -> Tensor:
        logits = self._score(name, score, batch)
        # Lightning's own mean over devices is wrong where their shares differ: it rounds the mean share down.
        loss.update(self.objective.loss(logits, batch.targets).float())
        self.log(f"{name}_loss", loss, metric_attribute=f"{name}_loss")
        return logits

    def _balance(self, name: str, score: BalancedAccuracy | None, logits: Tensor, batch: Batch) -> None:
        if score is not None:
            score.update(logits, batch.targets)
            self.log(f"{name}_balanced_accuracy", score, metric_attribute=f"{name}_balanced")

    def _score(self, name: str, score: Metric, batch: Batch) -> Tensor:
        """Count a batch in, and give its logits."""
        logits: Tensor = self.model(self.objective.encoded(batch.tokens), batch.lengths)
        if task_of(self._task).measured:
            # R2 is the same in any unit; sums of squares far from zero would lose it to rounding.
            mean, spread = self.model.output_mean, self.model.output_std
            score.update((logits.float() - mean) / spread, (batch.targets - mean) / spread)
        else:
            score.update(_right(self._task, logits, batch.targets).float())
        self.log(f"{name}_{self._measure}", score, metric_attribute=f"{name}_score")
        return logits

    @property
    def _measure(self) -> str:
        return task_of(self._task).score

    def on_validation_epoch_end(self) -> None:
        """The epoch's mean losses and scores, and whether training overfits to one step."""
        # Validation ends an epoch, and what is logged later no callback sees any more.
        losses = torch.stack(self._losses)
        sizes = torch.tensor(self._sizes, device=losses.device)
        self.log("train_loss", (losses * sizes).sum() / sizes.sum(), sync_dist=True)
        if self._rankings is not None:
            self.log_dict({f"valid_{name}": value for name, value in self._rankings.compute().items()})
            self._rankings.reset()
        if not isinstance(self.objective, Robust):
            return
        if self.valid_balanced is not None and self.valid_robust_balanced is not None:
            both = (self.valid_balanced.compute() + self.valid_robust_balanced.compute()) / 2
            self.log("valid_both_balanced_accuracy", both)
        robust = self.valid_robust_score.compute()
        self.log(f"valid_both_{self._measure}", (self.valid_score.compute() + robust) / 2)
        validated, self._validated = self._validated * self.trainer.world_size, 0
        if self._guard is not None and self.valid_one_step_score is not None:
            one_step = float(self.valid_one_step_score.compute())
            if self._guard.hears(one_step, float(robust), validated):
                self._raise_steps()
                self._say(
                    f"epoch {self.current_epoch + 1}: training overfitted to one-step adversaries (validation "
                    f"{self._measure} {one_step:.2f} under one step, {float(robust):.2f} under "
                    f"{self.objective.settings.validation_steps}); from now on it takes {STEPS} steps"
                )

    def _raise_steps(self) -> None:
        assert isinstance(self.objective, Robust)
        self.objective = replace(self.objective, settings=self.objective.settings.with_steps(STEPS))

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """What the guard heard goes with the weights."""
        if self._guard is not None:
            checkpoint["guard"] = asdict(self._guard)

    def on_load_checkpoint(self, checkpoint: Mapping[str, Any]) -> None:
        """What the guard had heard, and done."""
        if self._guard is not None and "guard" in checkpoint:
            self._guard = Guard(**checkpoint["guard"])
            if self._guard.spoken:
                self._raise_steps()

    def configure_optimizers(self) -> Any:
        """AdamW and the schedule."""
        settings = self._settings
        optimizer = torch.optim.AdamW(
            self.model.parameters(),
            lr=settings.learning_rate,
            weight_decay=settings.weight_decay,
            # One pass over each weight instead of a dozen. Lightning clips no gradients for it in mixed precision.
            fused=self.device.type in ("cpu", "cuda") and settings.precision.startswith("32"),
        )
        if settings.schedule == "constant":
            return optimizer
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler: Any
        if settings.schedule == "one_cycle":
            scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.learning_rate, total_steps=steps)
        else:
            scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}


def _seed_device(device: torch.device, seed: int) -> None:
    """Seed what a step on this device draws from; seeding every kind of device takes 0.15 ms, on a CPU for nothing."""
    if device.type == "cpu":
        torch.default_generator.manual_seed(seed)
    else:
        torch.manual_seed(seed)


def _new_score(task: Task) -> Metric:
    return R2Score() if task_of(task).measured else MeanMetric()


def _right(task: Task, logits: Tensor, targets: Tensor) -> Tensor:
    """(B,) bool, every label of a record; of ties see :meth:`~seqrobust.tasks.base.TaskValue.margin`."""
    value = task_of(task)
    return value.right(logits, targets.long() if value.exclusive else targets)
