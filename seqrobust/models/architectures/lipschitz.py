"""How far layers can carry a small change, and how many substitutions that leaves harmless.

A network of layers with l2 Lipschitz constants has at most their product (Szegedy et al. 2014). Maxima over windows
that do not overlap, and dropout in evaluation, have constant 1; maximum and mean over positions beside one another have
the square root of 2, which a record of one letter reaches. A substitution changes two entries of the one-hot input by
1, so k of them move it by sqrt(2 k) (Tsuzuku, Sato & Sugiyama 2018, "Lipschitz-margin training", for the margin).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from seqrobust.errors import ConfigError, ModelError
from seqrobust.models.architectures.activations import STEEPEST
from seqrobust.sequences.targets import Task
from seqrobust.tasks import task_of

GLOBAL_FEATURES = math.sqrt(2)
"""The Lipschitz constant of maximum and mean over positions, beside one another."""
_ROUNDING = 64
"""Units in the last place of the two leading logits that a forward pass may be off."""


def check_one_lipschitz(activation: nn.Module) -> None:
    """Raises ConfigError for an activation that can widen differences."""
    if STEEPEST[type(activation)] > 1:
        raise ConfigError(
            "the activation is steeper than 1, which a 1-Lipschitz model cannot have",
            expected="relu, group_sort",
            found=type(activation).__name__,
            where="model.activation",
            fix="choose another activation, or set lipschitz: false",
        )


def certified_substitutions(logits: Tensor, bound: float, task: Task) -> Tensor:
    """How many substitutions, wherever and to whatever letters, cannot change each record's predicted class.

    Args:
        logits: (N, outputs) of real sequences.
        bound: the model's l2 Lipschitz constant, such as ``lipschitz_bound``; infinite where none is known, which
            certifies nothing.
        task: a classification of any kind; for multilabel no label may change.

    Returns:
        (N,) int64; the largest int64 where no number of substitutions does. Ties count as changes. The difference of
        two logits has sqrt(2) times the constant of all of them. Of each lead a few units in the last place of the
        logits are taken off for rounding in the forward pass: an allowance, where the rest is proof.

    Raises ConfigError for a regression, which has no class; ModelError for logits that do not fit the task or are not
    finite, and for a bound that is negative or not a number.

    >>> certified_substitutions(torch.tensor([[4.5, 0.0]]), 1.0, "classification").tolist()
    [5]
    """
    _check(logits, bound, task)
    values, allowed = logits.double(), _ROUNDING * torch.finfo(logits.dtype).eps
    lead = size = task_of(task).lead(values)
    widest = float(bound)
    if task_of(task).softmax:
        size, widest = values.topk(2, dim=1).values.abs().sum(1), math.sqrt(2) * bound
    safe = (lead - allowed * size).clamp(min=0)
    reach = torch.where(safe > 0, safe / widest, 0.0)
    # Strictly fewer than move the input by the whole reach.
    counts = torch.ceil(reach.square() / 2) - 1
    most = torch.iinfo(torch.int64).max
    # As a float it is rounded up, out of what an int64 can hold.
    return torch.where(counts < float(most), counts.clamp(min=0, max=2**62).long(), most)


def _check(logits: Tensor, bound: float, task: Task) -> None:
    value = task_of(task)
    if value.measured:
        raise ConfigError("a regression has no class that could change", where="task")
    if not bound >= 0:
        raise ModelError(
            "a Lipschitz bound says by how much outputs can change",
            expected="a number of 0 or more",
            found=str(bound),
            fix="find it anew in evaluation mode; weights that are not finite have none",
        )
    least = value.fewest_outputs
    if logits.dim() != 2 or not logits.is_floating_point() or not least <= logits.shape[1] <= value.most_outputs:
        raise ModelError(
            f"the logits do not fit a {task} task",
            expected="(N, 1) numbers" if value.two_sided else f"(N, {least} or more) numbers",
            found=f"{tuple(logits.shape)} {logits.dtype}",
        )
    if not bool(logits.isfinite().all()):
        raise ModelError(
            "a logit is not finite, and has no lead to certify",
            where=f"record number {int((~logits.isfinite()).any(1).int().argmax()) + 1}",
        )
