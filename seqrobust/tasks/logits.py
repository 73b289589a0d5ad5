"""Arithmetic of single logits that several tasks share."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def lead_over(one: Tensor, other: Tensor) -> Tensor:
    """By how much one logit exceeds another: 0 for two infinities of one sign, whose difference would be NaN."""
    return torch.where((one == other) & one.isinf(), torch.zeros_like(one), one - other)


def sign_margins(logits: Tensor, wanted: Tensor) -> Tensor:
    """(B, T) of targets 0 or 1, (B,) or (B, T): how far each logit is on its target's side of 0."""
    return (2 * wanted.reshape(logits.shape).to(logits.dtype) - 1) * logits


def binary_loss(logits: Tensor, wanted: Tensor, weights: Tensor | None, smoothing: float) -> Tensor:
    """Cross-entropy of each logit with a target 0 or 1 of the same shape; weights (2,) or (2, T) of 0 and 1."""
    smooth = wanted * (1 - smoothing) + smoothing / 2
    loss = functional.binary_cross_entropy_with_logits(logits, smooth, reduction="none")
    if weights is None:
        return loss
    weights = weights.to(logits.device)
    return loss * torch.where(wanted > 0.5, weights[1], weights[0])


def label_divergence(before: Tensor, after: Tensor) -> Tensor:
    """Kullback-Leibler divergence of the two states of each logit."""
    yes = functional.logsigmoid(before) - functional.logsigmoid(after)
    no = functional.logsigmoid(-before) - functional.logsigmoid(-after)
    share = torch.sigmoid(before)
    return share * yes + (1 - share) * no
