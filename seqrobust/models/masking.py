"""Layers that padding cannot reach.

Records of different lengths share a batch behind zero columns. A convolution's bias and a batch norm turn those zeros
into numbers that would leak into the record's last positions and its pooled features; so after every such layer the
columns behind a record's end are set back, and statistics are taken over real positions only. Where all records fill
the batch, ``valid`` is None and nothing is masked.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


def valid_positions(lengths: Tensor | None, width: int) -> Tensor | None:
    """(N, W) bool, True before a record's end; None where every record has full width."""
    if lengths is None or bool((lengths >= width).all()):
        return None
    return torch.arange(width, device=lengths.device) < lengths[:, None]


def zero_padding(features: Tensor, valid: Tensor | None) -> Tensor:
    """(N, C, W) features with zeros behind each record's end."""
    return features if valid is None else features * valid[:, None, :]


class MaskedBatchNorm(nn.BatchNorm1d):
    """Batch norm whose training statistics leave padding out; parameters and buffers are those of ``BatchNorm1d``."""

    def forward(self, features: Tensor, valid: Tensor | None = None) -> Tensor:
        """Normalise (N, C, W) features."""
        if valid is None or not self.training:
            return super().forward(features)
        normal = super().forward(features.transpose(1, 2)[valid])
        # Zeros like the result, not the input: in mixed precision they may differ.
        spread = normal.new_zeros(features.shape[0], features.shape[2], features.shape[1])
        spread[valid] = normal
        return spread.transpose(1, 2)


def max_pool(features: Tensor, valid: Tensor | None, size: int) -> tuple[Tensor, Tensor | None]:
    """Maxima of windows of ``size``, the last one cut short if it must be, and what of them is real."""
    if size == 1:
        return features, valid
    if valid is None:
        return functional.max_pool1d(features, size, ceil_mode=True), None
    pooled = functional.max_pool1d(features.masked_fill(~valid[:, None, :], -torch.inf), size, ceil_mode=True)
    windows = functional.max_pool1d(valid[:, None, :].float(), size, ceil_mode=True)[:, 0] > 0
    return pooled.masked_fill(~windows[:, None, :], 0), windows


def global_features(features: Tensor, valid: Tensor | None) -> Tensor:
    """(N, 2C) maximum and mean over the positions of each record."""
    if valid is None:
        return torch.cat([features.amax(2), features.mean(2)], dim=1)
    highest = features.masked_fill(~valid[:, None, :], -torch.inf).amax(2)
    mean = zero_padding(features, valid).sum(2) / valid.sum(1, keepdim=True)
    return torch.cat([highest, mean], dim=1)


def reversed_within(steps: Tensor, lengths: Tensor | None) -> Tensor:
    """(N, W, C) steps in reverse order within each record's own length, padding left behind it. Its own inverse."""
    if lengths is None:
        return steps.flip(1)
    width = steps.shape[1]
    place = torch.arange(width, device=steps.device)
    source = torch.where(place < lengths[:, None], lengths[:, None] - 1 - place, place)
    return steps.gather(1, source[:, :, None].expand_as(steps))
