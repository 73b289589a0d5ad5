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

from seqrobust.errors import ConfigError
from seqrobust.models.activations import STEEPEST
from seqrobust.models.spectral import CappedBatchNorm, operator_norm
from seqrobust.sequences.targets import Task

GLOBAL_FEATURES = math.sqrt(2)
"""The Lipschitz constant of maximum and mean over positions, beside one another."""


def layer_constant(layer: nn.Module) -> float:
    """The l2 Lipschitz constant of a layer in evaluation mode, or an upper bound of it; infinite for unknown layers."""
    if isinstance(layer, nn.Sequential):
        return math.prod(layer_constant(part) for part in layer)
    if isinstance(layer, (nn.Conv1d, nn.Linear)):
        with torch.no_grad():
            return float(operator_norm(layer.weight.double()))
    if isinstance(layer, nn.BatchNorm1d):
        return _norm_constant(layer)
    if isinstance(layer, (nn.Dropout, nn.Identity)):
        return 1.0
    return STEEPEST.get(type(layer), math.inf)


def _norm_constant(layer: nn.BatchNorm1d) -> float:
    if layer.running_var is None:
        return math.inf
    gain = layer.weight.detach().double().abs() / (layer.running_var.double() + layer.eps).sqrt()
    if isinstance(layer, CappedBatchNorm):
        gain = gain * layer.share().double()
    return float(gain.detach().max())


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
        bound: the model's l2 Lipschitz constant, such as ``lipschitz_bound``.
        task: a classification of any kind; for multilabel no label may change.

    Returns:
        (N,) int64; at most what real arithmetic proves, for rounding in the forward pass is left out. The difference of
        two logits has sqrt(2) times the constant of all of them.

    Raises ConfigError for a regression, which has no class.

    >>> certified_substitutions(torch.tensor([[4.5, 0.0]]), 1.0, "classification").tolist()
    [5]
    """
    if task == "regression":
        raise ConfigError("a regression has no class that could change", where="task")
    if task == "classification":
        highest = logits.double().topk(2, dim=1).values
        reach = (highest[:, 0] - highest[:, 1]) / (math.sqrt(2) * bound)
    else:
        reach = logits.double().abs().amin(1) / bound
    # Strictly fewer than move the input by the whole reach.
    return (torch.ceil(reach.square() / 2) - 1).clamp(min=0).long()
