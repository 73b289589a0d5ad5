"""What has merely moved: windows and hits of clean sequences, known again behind insertions and deletions.

Where letters come and go, all behind them stand elsewhere; a restriction site there is neither gained nor lost. Origins
say which clean letter each letter of a candidate is. A window is intact if its letters are those of a clean window,
unchanged and with nothing between them. A hit of a window that is not intact is a clean hit if the letters at its ends
are those at the ends of that hit; ends are the first and the last column of a motif that do not accept every letter.
So a clean hit is at most one hit of the candidate, and a spacer within a site may change like any other letters.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from seqrobust.threats.constraints.scanning import Scan
from seqrobust.threats.constraints.windows import any_within, changed_windows


def touched_windows(tokens: Tensor, clean: Tensor, origins: Tensor | None, width: int) -> tuple[Tensor, Tensor]:
    """(F,) int64 rows and (F,) int64 starts of the windows of candidates that are not intact.

    Args:
        tokens: (M, L') uint8 candidates.
        clean: (M, L) uint8 clean tokens of each.
        origins: (M, L') int64, see :class:`~seqrobust.threats.constraints.base.BoundConstraint`; None where L' is L and
            all letters are in their places.
        width: w of the windows; there is none where it exceeds L'.
    """
    if width > tokens.shape[1]:
        none = torch.zeros(0, dtype=torch.int64, device=tokens.device)
        return none, none
    if origins is None:
        return changed_windows(tokens, clean, width)
    rows, starts = torch.nonzero(_touched(tokens, clean, origins, width), as_tuple=True)
    return rows, starts


def intact_sum(values: Tensor, tokens: Tensor, clean: Tensor, origins: Tensor, width: int) -> Tensor:
    """(M,) sums of (M, L) values of clean windows, by their starts, over those that are intact in the candidates."""
    if width > tokens.shape[1]:
        return values.new_zeros(len(tokens), dtype=torch.int64)
    intact = ~_touched(tokens, clean, origins, width)
    there = values.gather(1, origins[:, : intact.shape[1]].clamp(min=0))
    return (there * intact).sum(1)


def clean_starts(origins: Tensor | None, rows: Tensor, starts: Tensor, ends: Tensor, width: int) -> Tensor:
    """(H,) int64 starts of the clean windows that windows of candidates are, if they are; -1 where they are not.

    Args:
        origins: (M, L') as above.
        rows, starts: (H,) of the windows.
        ends: (H, 2) int64 columns of the window that must be the same columns of the clean one.
        width: w of the windows.
    """
    if origins is None:
        return starts
    first, last = (origins[rows, starts + ends[:, side]] for side in (0, 1))
    start = first - ends[:, 0]
    same = (first >= 0) & (last - first == ends[:, 1] - ends[:, 0]) & (start >= 0)
    return torch.where(same, start, -1)


def ends_of(scan: Scan) -> tuple[int, int]:
    """The first and the last column of a motif that tell letters apart; all of it where there is none."""
    telling = np.flatnonzero((scan.scores != scan.scores[:, :1]).any(1))
    return (int(telling[0]), int(telling[-1])) if len(telling) else (0, scan.width - 1)


def _touched(tokens: Tensor, clean: Tensor, origins: Tensor, width: int) -> Tensor:
    """(M, L' - w + 1) bool."""
    changed = (origins < 0) | (tokens != clean.gather(1, origins.clamp(min=0)))
    touched = any_within(changed, width)
    if width > 1:
        touched |= any_within(origins[:, 1:] != origins[:, :-1] + 1, width - 1)
    return touched
