"""Records of any length in the middle, or at an end, of an input of fixed length."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from seqrobust.models.adapters.form import Side


def padded(encoded: Tensor, lengths: Tensor, size: int, side: Side) -> Tensor:
    """(M, K, size) of (M, K, L) records with zeros behind each one's end, none longer than ``size``.

    Args:
        encoded, lengths: the records, and (M,) letters of each.
        size: of the result.
        side: where zeros go: behind, before, or both, of an odd number one more behind.

    >>> padded(torch.ones(1, 1, 2), torch.tensor([2]), 5, "both").tolist()
    [[[0.0, 1.0, 1.0, 0.0, 0.0]]]
    """
    wide = nn.functional.pad(encoded, (0, size - encoded.shape[2]))
    if side == "right":
        return wide
    before = (size - lengths.to(encoded.device)) // (1 if side == "left" else 2)
    source = (torch.arange(size, device=encoded.device) - before[:, None]) % size
    return wide.gather(2, source[:, None, :].expand_as(wide))
