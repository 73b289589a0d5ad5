"""Tasks in which a record is of one class: binary, by a single logit, and classification, by a logit per class."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from seqrobust.tasks.base import TaskValue
from seqrobust.tasks.logits import binary_loss, label_divergence, lead_over, sign_margins
from seqrobust.tasks.names import Task


class _Exclusive(TaskValue):
    """What both have in common."""

    exclusive = True
    fewest_labels = 2

    @abstractmethod
    def class_logits(self, logits: Tensor) -> Tensor:
        """See :class:`TaskValue`."""

    def predictions(self, logits: Tensor) -> Tensor:
        """The class that leads."""
        return self.class_logits(logits).argmax(1)

    def margin(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Logit of the target less the best other one."""
        own, others = self._own_and_others(logits, targets)
        return lead_over(own, others.max(1).values)

    def lead(self, logits: Tensor) -> Tensor:
        """Of the best class over the second."""
        best = self.class_logits(logits).topk(2, dim=1).values
        return best[:, 0] - best[:, 1]

    def answers(self, logits: Tensor, labels: Sequence[str]) -> list[str]:
        """The class that leads; those that tie for the lead joined by ``=``."""
        scores = self.class_logits(logits)
        leads = (scores == scores.amax(1, keepdim=True)).cpu()
        return ["=".join(labels[i] for i in torch.nonzero(row).flatten().tolist()) for row in leads]

    def answer_name(self, prediction: Tensor, labels: Sequence[str]) -> str:
        """The class's name."""
        return labels[int(prediction)]

    def rivals(self, logits: Tensor, targets: Tensor) -> Tensor:
        """By how much each other class leads over the target."""
        own, others = self._own_and_others(logits, targets)
        return (others - own[:, None]).masked_fill(_is_own(targets, others), -torch.inf)

    def rival_sizes(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The larger of the two logits."""
        own, others = self._own_and_others(logits, targets)
        return torch.maximum(own.abs()[:, None], others.masked_fill(_is_own(targets, others), 0).abs())

    def margin_size(self, logits: Tensor, targets: Tensor) -> Tensor:
        """The larger of the target's logit and the best other one."""
        own, others = self._own_and_others(logits, targets)
        return torch.maximum(own.abs(), others.max(1).values.abs())[:, None]

    def _own_and_others(self, logits: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """(M,) logits of the targets, and (M, C) of the other classes, minus infinity at the target."""
        scores = self.class_logits(logits)
        own = _is_own(targets, scores)
        return scores[own], scores.masked_fill(own, -torch.inf)


class Binary(_Exclusive):
    """One logit z, which reads (0, z): that of the second of two classes."""

    name: ClassVar[Task] = "binary"
    two_sided = True
    most_labels = 2
    most_columns = 2
    quantity = "the logit of the class"

    def output_names(self, labels: Sequence[str]) -> tuple[str, ...]:
        """The second class."""
        return tuple(labels[1:])

    def outputs(self, labels: int) -> int:
        """One."""
        return 1

    @property
    def most_outputs(self) -> float:
        """One."""
        return 1

    def default_labels(self, outputs: int) -> tuple[str, ...]:
        """0 and 1."""
        return ("0", "1")

    def joined(self, matrix: Tensor) -> Tensor:
        """The difference of a pair of logits."""
        return matrix[:, 1:] - matrix[:, :1] if matrix.shape[1] == 2 else matrix

    def class_logits(self, logits: Tensor) -> Tensor:
        """(M, 2): 0, and the logit."""
        return torch.cat([torch.zeros_like(logits), logits], dim=1)

    def output_weights(self, weights: Tensor) -> Tensor:
        """That of the second class: the first has no output."""
        return weights[:, 1:]

    def margins(self, logits: Tensor, wanted: Tensor) -> Tensor:
        """(B, 1) over 0."""
        return sign_margins(logits, wanted)

    def log_loss(self, logits: Tensor, wanted: Tensor, weights: Tensor | None, smoothing: float) -> Tensor:
        """Of the logit."""
        return binary_loss(logits[:, 0], wanted.float(), weights, smoothing)

    def divergence(self, before: Tensor, after: Tensor) -> Tensor:
        """Of the two classes."""
        return label_divergence(before, after).mean(1)


class Classification(_Exclusive):
    """A logit per class."""

    name: ClassVar[Task] = "classification"
    softmax = True
    quantity = "the class's logit less the mean of the others"

    def class_logits(self, logits: Tensor) -> Tensor:
        """The logits."""
        return logits

    def probabilities(self, logits: Tensor) -> Tensor:
        """Of classes."""
        return logits.softmax(-1)

    def centred(self, logits: Tensor) -> Tensor:
        """Less each record's mean."""
        return logits - logits.mean(1, keepdim=True)

    def contrast(self, chosen: Tensor, outputs: int) -> Tensor:
        """The class less the mean of the others."""
        weights = super().contrast(chosen, outputs)
        return weights - (1 - weights) / (outputs - 1)

    def margins(self, logits: Tensor, wanted: Tensor) -> Tensor:
        """(B, C) over every other class."""
        true = wanted[:, None]
        return (logits.gather(1, true) - logits).scatter(1, true, torch.inf)

    def log_loss(self, logits: Tensor, wanted: Tensor, weights: Tensor | None, smoothing: float) -> Tensor:
        """Of the classes."""
        weight = None if weights is None else weights.to(logits.device)
        return functional.cross_entropy(logits, wanted, weight=weight, label_smoothing=smoothing, reduction="none")

    def divergence(self, before: Tensor, after: Tensor) -> Tensor:
        """Of the classes."""
        log_p, log_q = functional.log_softmax(before, 1), functional.log_softmax(after, 1)
        return (log_p.exp() * (log_p - log_q)).sum(1)


def _is_own(targets: Tensor, scores: Tensor) -> Tensor:
    return functional.one_hot(targets, scores.shape[1]).bool()
