"""MART: robust training that heeds which clean records are predicted badly (Wang et al. 2020).

With p the probabilities at the clean and q those at the adversarial sequence, y the true class,

    -log q_y - log(1 - max over j != y of q_j)  +  weight * KL(p || q) * (1 - p_y)

A single logit is read as two classes. The adversary climbs the task's loss.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.nn import functional

from seqrobust.models import SequenceModel
from seqrobust.tasks import TaskValue
from seqrobust.training.data import Batch, Labelled
from seqrobust.training.objectives.robust import Robust
from seqrobust.training.objectives.search import worst_case
from seqrobust.training.settings import AdversarialSettings, Steps, Weight


@dataclass(frozen=True, kw_only=True)
class MartSettings(AdversarialSettings):
    """Settings of :class:`Mart`: inner steps, and the weight of the divergence."""

    own_loss = True

    objective: Literal["mart"] = "mart"
    steps: Steps = 1
    weight: Weight = 1.0

    def suits(self, task: TaskValue) -> bool:
        """Only where a record is of one class."""
        return task.exclusive

    def made(self, train: Labelled, **parts: Any) -> Mart:
        """See :class:`~seqrobust.training.settings.AdversarialSettings`."""
        return Mart(settings=self, **parts)


@dataclass(frozen=True, kw_only=True)
class Mart(Robust):
    """A boosted cross-entropy at adversarial sequences, and a divergence weighed by the clean error."""

    settings: MartSettings

    def losses(self, model: SequenceModel, batch: Batch, epoch: int) -> Tensor:
        """See :class:`~seqrobust.training.objectives.base.Objective`."""
        share = self.settings.share_of_budget(epoch)
        found = worst_case(self, model, batch, steps=self.settings.steps, share=share)
        clean, attacked = self.side_by_side(model, batch, batch.tokens, found)
        return mart_loss(clean, attacked, batch.targets, self.settings.weight)


def mart_loss(clean: Tensor, attacked: Tensor, targets: Tensor, weight: float) -> Tensor:
    """(B,) losses of logits (B, classes), or (B, 1) of a binary task, and targets (B,)."""
    before, after = (functional.log_softmax(_two_classes(logits), 1) for logits in (clean, attacked))
    true = targets.long()[:, None]
    rival = after.scatter(1, true, -torch.inf).argmax(1, keepdim=True)
    # The logarithm of 1 - q, as that of all other classes' sum: exact also where q is near 1.
    boosted = -after.gather(1, true)[:, 0] - after.scatter(1, rival, -torch.inf).logsumexp(1)
    divergence = (before.exp() * (before - after)).sum(1)
    return boosted + weight * divergence * (1 - before.gather(1, true)[:, 0].exp())


def _two_classes(logits: Tensor) -> Tensor:
    return torch.cat([torch.zeros_like(logits), logits], 1) if logits.shape[1] == 1 else logits
