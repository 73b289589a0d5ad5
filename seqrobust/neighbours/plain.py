"""Scores of edited sequences by plain forward passes: right for every model, and the measure of every faster way."""

from __future__ import annotations

import torch
from torch import Tensor

from seqrobust.models.predictor import Predictor
from seqrobust.neighbours.edits import Edits, apply_edits

_LETTERS_AT_ONCE = 1 << 26
"""Candidates are written out in pieces of so many letters, to bound memory when there are millions of them."""


class PlainScores:
    """Answers for one predictor."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor

    def logits(self, base: Tensor, edits: Edits) -> Tensor:
        """(M, outputs) of M edited sequences of (N, L) base tokens, exact."""
        batch = self._predictor.batch_size
        piece = max(_LETTERS_AT_ONCE // max(base.shape[1], 1) // batch, 1) * batch
        rows = torch.arange(len(edits.record), device=base.device)
        starts = range(0, len(rows), piece)
        parts = [self._predictor.logits(apply_edits(base, edits.take(rows[i : i + piece]))) for i in starts]
        return torch.cat(parts) if parts else torch.zeros(0, self._predictor.outputs, device=base.device)
