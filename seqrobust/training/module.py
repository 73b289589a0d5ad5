"""The Lightning module: a step minimises an objective; validation scores clean and, against an adversary, robust."""

from __future__ import annotations

from typing import Any

import pytorch_lightning as lightning
import torch
from torch import Tensor
from torchmetrics import MeanMetric, Metric, R2Score

from seqrobust.errors import SeqRobustError
from seqrobust.models import SequenceModel
from seqrobust.sequences import Task, one_hot
from seqrobust.training.data import Batch, with_reverse_complements
from seqrobust.training.objectives import Adversarial, Ordinary, worst_case
from seqrobust.training.settings import TrainingSettings


class RobustModule(lightning.LightningModule):
    """Trains a model by an objective.

    Args:
        model: what is trained.
        task: of its outputs.
        objective: what a step minimises; an adversarial one is also the attack that validation measures against.
        settings: optimiser and schedule.
        seed: of dropout.

    Logs ``train_loss``, ``valid_loss``, and ``valid_accuracy`` or ``valid_r2``; where the objective is adversarial also
    ``valid_robust_...``, and ``valid_both_...``, the mean of the two scores.
    """

    def __init__(
        self, model: SequenceModel, *, task: Task, objective: Ordinary, settings: TrainingSettings, seed: int
    ) -> None:
        super().__init__()
        self.model = model
        self.objective = objective
        self._task: Task = task
        self._settings = settings
        self._seed = seed
        self._losses: list[Tensor] = []
        self.valid_score = _new_score(task)
        self.valid_robust_score = _new_score(task)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """One step's loss. Dropout depends on seed, device and step alone, so that a resumed run repeats it."""
        _seed_device(self.device, self._seed * 1_000_003 + self.global_step + (self.global_rank << 40))
        if self._settings.reverse_complement:
            chosen = torch.rand(len(batch.tokens), device=batch.tokens.device) < 0.5
            batch = with_reverse_complements(batch, chosen, self.objective.alphabet)
        loss = self.objective.losses(self.model, batch, self.current_epoch).mean()
        # Looking at a loss makes a GPU wait for it; all of them are looked at once an epoch.
        self._losses.append(loss.detach())
        self.log("train_loss", loss, on_step=False, on_epoch=True, batch_size=len(batch.tokens), sync_dist=True)
        return loss

    def on_train_epoch_end(self) -> None:
        """Raises SeqRobustError where a loss was not finite: nothing after it means anything."""
        losses, self._losses = torch.stack(self._losses), []
        # Of all processes together: one that stopped alone would leave the others waiting for it.
        if not self.trainer.strategy.reduce_boolean_decision(bool(losses.isfinite().all())):
            raise SeqRobustError(
                f"the training loss was not finite in epoch {self.current_epoch + 1}\n"
                "  what to do: lower training.learning_rate, or set training.gradient_clip"
            )

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Loss and score of a batch, clean and robust."""
        self._validate("valid", self.valid_score, batch)
        if isinstance(self.objective, Adversarial):
            steps = self.objective.settings.validation_steps
            found = worst_case(self.objective, self.model, batch, steps=steps)
            self._validate("valid_robust", self.valid_robust_score, batch._replace(tokens=found))

    def _validate(self, name: str, score: Metric, batch: Batch) -> None:
        encoded = one_hot(batch.tokens, self.objective.alphabet, self.objective.unknown)
        logits = self.model(encoded, batch.lengths)
        loss = self.objective.loss(logits, batch.targets).mean()
        self.log(f"{name}_loss", loss, batch_size=len(batch.tokens), sync_dist=True)
        if self._task == "regression":
            # R2 is the same in any unit; sums of squares far from zero would lose it to rounding.
            mean, spread = self.model.output_mean, self.model.output_std
            score.update((logits.float() - mean) / spread, (batch.targets - mean) / spread)
            self.log(f"{name}_r2", score, metric_attribute=f"{name}_score")
        else:
            score.update(_right(self._task, logits, batch.targets).float())
            self.log(f"{name}_accuracy", score, metric_attribute=f"{name}_score")

    def on_validation_epoch_end(self) -> None:
        """The mean of clean and robust score, by which weights may be selected."""
        if isinstance(self.objective, Adversarial):
            name = "r2" if self._task == "regression" else "accuracy"
            both = (self.valid_score.compute() + self.valid_robust_score.compute()) / 2
            self.log(f"valid_both_{name}", both)

    def configure_optimizers(self) -> Any:
        """AdamW and the schedule."""
        settings = self._settings
        optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
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
    return R2Score() if task == "regression" else MeanMetric()


def _right(task: Task, logits: Tensor, targets: Tensor) -> Tensor:
    """(B,) bool, every label of a record for multilabel."""
    if task == "classification":
        return logits.argmax(1) == targets
    if task == "binary":
        return (logits[:, 0] > 0) == (targets > 0)
    return ((logits > 0) == (targets > 0)).all(1)
