"""Windows that an edit touches: everything outside them is as it was in the clean sequence, and need not be read again.

Motif hits and k-mers are about windows of a fixed width. A candidate with few edits differs from its clean sequence
in few of them, so those are found first, for all candidates at once, and only those are looked up.
"""

from __future__ import annotations

import torch
from torch import Tensor


def changed_windows(tokens: Tensor, clean: Tensor, width: int) -> tuple[Tensor, Tensor]:
    """The windows that hold a changed letter.

    Args:
        tokens: (M, L) uint8 candidates.
        clean: (M, L) uint8 clean tokens of each.
        width: w, at most L.

    Returns:
        (F,) int64 rows and (F,) int64 starts of windows that lie within the L columns.
    """
    rows, starts = torch.nonzero(any_within(tokens != clean, width), as_tuple=True)
    return rows, starts


def any_within(marks: Tensor, width: int) -> Tensor:
    """(M, L - w + 1) bool: whether any of the w columns from each on is marked, of (M, L) bool."""
    reach = 1
    # Doubling: a window of 2w holds what its two halves hold, and they may overlap.
    while reach < width:
        shift = min(reach, width - reach)
        marks = marks[:, :-shift] | marks[:, shift:]
        reach += shift
    return marks


def word_codes(tokens: Tensor, width: int, base: int) -> Tensor:
    """(M, L - w + 1) the w letters from each column on as one number, first letter most significant.

    Args:
        tokens: (M, L) uint8, each below ``base``.
        width: w, at most L.
        base: how many tokens there are; base ** w stays below 2 ** 31.
    """
    # Small codes are kept small: these passes are bound by memory.
    letters = tokens.to(torch.int16 if base**width < 1 << 15 else torch.int32)
    count = letters.shape[1] - width + 1
    codes = letters[:, :count].clone()
    for place in range(1, width):
        codes.mul_(base).add_(letters[:, place : place + count])
    return codes
