"""The task of several labels, each of which a record has or has not: a logit per label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from seqrobust.tasks.base import TaskValue
from seqrobust.tasks.logits import binary_loss, label_divergence, sign_margins
from seqrobust.tasks.names import Task


class Multilabel(TaskValue):
    """A record is right where every label is."""

    name: ClassVar[Task] = "multilabel"
    independent = True
    quantity = "the logit of the label"

    def predictions(self, logits: Tensor) -> Tensor:
        """The labels whose logit is positive."""
        return (logits > 0).float()

    def margin(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The smallest signed logit over the labels."""
        return (logits * (2 * targets - 1)).min(1).values

    def lead(self, logits: Tensor) -> Tensor:
        """Of the label that is closest to changing."""
        return logits.abs().amin(1)

    def answers(self, logits: Tensor, labels: Sequence[str]) -> list[str]:
        """The labels that are named, joined by semicolons; one at a logit of 0 stands as ``name=not name``."""
        return [
            ";".join(f"{name}=not {name}" if z == 0 else name for name, z in zip(labels, row, strict=True) if z >= 0)
            for row in logits.tolist()
        ]

    def answer_name(self, prediction: Tensor, labels: Sequence[str]) -> str:
        """The names of the labels that are there."""
        present = [label for label, positive in zip(labels, prediction.tolist(), strict=True) if positive]
        return ", ".join(present) or "none of the labels"

    def rivals(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Each label's way to being wrong."""
        return logits * (1 - 2 * targets)

    def rival_sizes(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Each logit's."""
        return logits.abs()

    def margin_size(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Each logit's."""
        return logits.abs()

    def margins(self, logits: Tensor, wanted: Tensor) -> Tensor:
        """(B, T) over 0."""
        return sign_margins(logits, wanted)

    def log_loss(self, logits: Tensor, wanted: Tensor, weights: Tensor | None, smoothing: float) -> Tensor:
        """The mean over labels."""
        return binary_loss(logits, wanted, weights, smoothing).mean(1)

    def divergence(self, before: Tensor, after: Tensor) -> Tensor:
        """The mean over labels."""
        return label_divergence(before, after).mean(1)
