"""Attributions made of gradients, as functions of the model's input that can be differentiated once more.

Each gives one number per position, never negative: how much that position matters to what the model says of the record.
An attack on explanations looks at where the model is said to look, and so does a reader of them; that what speaks for
one of two classes speaks against the other is no change of an explanation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

import torch
from torch import Tensor

Gradients: TypeAlias = Callable[[Tensor], Tensor]
"""From points (M, K, L) to the gradients (M, K, L) there of what the model says of each record; once at a place."""

Profile: TypeAlias = Callable[[Tensor, Gradients], Tensor]
"""From points (M, K, L) and gradients to importances (M, L)."""

STEPS = 4
"""Points on the path of integrated gradients, for an attack asks for thousands of explanations. On a convolutional and
a recurrent splice model they correlate by 0.999 on average with those of fifty points, by which all is judged."""


def saliency(points: Tensor, gradients: Gradients) -> Tensor:
    """(M, L) the largest absolute derivative among a position's letters (Simonyan et al. 2014, arXiv:1312.6034)."""
    return gradients(points).abs().amax(1)


def saliency_corrected(points: Tensor, gradients: Gradients) -> Tensor:
    """(M, L) the same after taking away the mean over the letters of each position.

    That mean points off the simplex, where no sequence is and the model was never trained (Majdandzic et al. 2023,
    "Correcting gradient-based interpretations of deep neural networks for genomics", Genome Biology 24:109).
    """
    return _centred(gradients(points)).abs().amax(1)


def input_x_gradient(points: Tensor, gradients: Gradients) -> Tensor:
    """(M, L) the absolute derivative by the letter that stands there (Shrikumar et al. 2016, arXiv:1605.01713)."""
    return (points * gradients(points)).sum(1).abs()


def input_x_gradient_corrected(points: Tensor, gradients: Gradients) -> Tensor:
    """(M, L) the same of the corrected gradient; see :func:`saliency_corrected`."""
    return (points * _centred(gradients(points))).sum(1).abs()


def integrated_gradients(points: Tensor, gradients: Gradients) -> Tensor:
    """(M, L) gradients averaged on the line from columns of 1 / K to the input, times the way.

    Sundararajan, Taly & Yan (2017, "Axiomatic attribution for deep networks", equation 1), by the midpoint rule with
    :data:`STEPS` points.
    """
    way = points - (points.sum(1, keepdim=True) / points.shape[1]).expand_as(points)
    shares = [(step + 0.5) / STEPS for step in range(STEPS)]
    total = torch.stack([gradients(points - (1 - share) * way) for share in shares]).mean(0)
    return (way * total).sum(1).abs()


def _centred(values: Tensor) -> Tensor:
    return values - values.mean(1, keepdim=True)


PROFILES: Mapping[str, Profile] = {
    "saliency": saliency,
    "saliency_corrected": saliency_corrected,
    "input_x_gradient": input_x_gradient,
    "input_x_gradient_corrected": input_x_gradient_corrected,
    "integrated_gradients": integrated_gradients,
}
"""By name, the same as in :mod:`seqrobust.analysis.attribution`."""
