"""How unsure several models are, and how much of it is that they differ.

The entropy of the members' mean prediction is the sum of what each is unsure of by itself (aleatoric: their mean
entropy) and of what they disagree about (epistemic: the mutual information of answer and member; Houlsby et al. 2011,
"BALD", section 2; Depeweg et al. 2018). All in nats. A regression has the variance of the members' values instead, in
the target's units squared.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from seqrobust.errors import ModelError
from seqrobust.sequences.targets import Task
from seqrobust.tasks import task_of

TINY = 1e-15
"""Nats, or units squared, under which logarithms of uncertainties are cut off."""

NOTHING = -1e6
"""Logarithm of a probability of 0, such as that of a masked class: minus infinity would turn 0 ln 0, which is 0, and
its gradient into NaN."""


def log_probabilities(logits: Tensor, task: Task) -> Tensor:
    """(..., T, S) float64 log-probabilities of S states of T independent answers, of (..., outputs) logits.

    Classes are one answer; a binary one has two states; of several labels each is an answer of two states. Raises
    ModelError for a class at plus infinity, which leaves the others no share.
    """
    values = logits.double()
    value = task_of(task)
    if value.softmax and bool((values == torch.inf).any()):
        raise ModelError(
            "a class has an infinite logit, of which no probability follows", fix="let the model give finite logits"
        )
    if value.softmax:
        return values.log_softmax(-1)[..., None, :].clamp(min=NOTHING)
    return torch.stack([functional.logsigmoid(-values), functional.logsigmoid(values)], dim=-1).clamp(min=NOTHING)


def mean_log_probabilities(members: Tensor, task: Task) -> Tensor:
    """(N, T, S) logarithm of the mean probability over (M, N, outputs) logits."""
    return log_probabilities(members, task).logsumexp(0) - math.log(len(members))


def predictive_entropy(members: Tensor, task: Task) -> Tensor:
    """(N,) nats, summed over labels, of the mean prediction of (M, N, outputs) logits."""
    return _entropy(mean_log_probabilities(members, task))


def mutual_information(members: Tensor, task: Task) -> Tensor:
    """(N,) nats by which the entropy of the mean exceeds the mean entropy of (M, N, outputs) logits.

    Taken as the mean divergence of a member from the mean, which is the same and does not cancel.
    """
    each = log_probabilities(members, task)
    mean = mean_log_probabilities(members, task)
    return (each.exp() * (each - mean)).sum((-1, -2)).mean(0).clamp(min=0)


def logit_variance(members: Tensor) -> Tensor:
    """(N,) variance over members, of the population of members, averaged over the outputs of (M, N, outputs)."""
    return members.double().var(0, correction=0).mean(-1)


def confidence(members: Tensor, task: Task) -> Tensor:
    """(N,) largest mean probability; of several labels, the product over them."""
    return mean_log_probabilities(members, task).amax(-1).sum(-1).exp()


# As scores, large where a record is suspicious. On a logarithmic scale, for where models are sure all of these are
# nearly flat, and a search that climbs them would see no slope; their order is the same.


def confidence_score(members: Tensor, task: Task) -> Tensor:
    """(N,) ln(-ln confidence)."""
    return (-mean_log_probabilities(members, task).amax(-1).sum(-1)).clamp(min=TINY).log()


def entropy_score(members: Tensor, task: Task) -> Tensor:
    """(N,) ln of the predictive entropy."""
    return predictive_entropy(members, task).clamp(min=TINY).log()


def disagreement_score(members: Tensor, task: Task) -> Tensor:
    """(N,) ln of the mutual information; for a regression, of the variance."""
    differ = logit_variance(members) if task_of(task).measured else mutual_information(members, task)
    return differ.clamp(min=TINY).log()


def _entropy(logs: Tensor) -> Tensor:
    return (-(logs.exp() * logs).sum((-1, -2))).clamp(min=0)
