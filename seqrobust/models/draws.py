"""The answers of a random module: means over draws that are the same whenever a record is asked about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from seqrobust.models.bare import BareModel, by_length
from seqrobust.models.expectation import each_alone, sample_seed, seeded

_FRESH = 1 << 40
"""Added to a seed for draws that no search has seen."""


@dataclass(kw_only=True, eq=False)
class Draws:
    """See :class:`~seqrobust.models.predictor.Predictor` for samples, seed and stochastic.

    Attributes:
        alone: whether each record can be drawn for as if it stood alone in its batch.
    """

    bare: BareModel
    device: torch.device
    samples: int | None
    seed: int
    stochastic: bool = False
    alone: bool = False

    @property
    def count(self) -> int:
        """Evaluations of the module that an answer is the mean of."""
        return self.samples if self.stochastic and self.samples is not None else 1

    def mean(self, encoded: Tensor, lengths: Tensor) -> Tensor:
        """(M, outputs) logits of (M, K, L) input, averaged over the draws of a random module."""
        drawn = [self.one(encoded, lengths, sample) for sample in range(self.count)]
        return torch.stack(drawn).mean(0) if len(drawn) > 1 else drawn[0]

    def one(self, encoded: Tensor, lengths: Tensor, sample: int) -> Tensor:
        """Logits of one draw: of a random module, unless fresh ones are wanted, the same whenever it is asked for."""
        if self.samples is None or not self.stochastic:
            return self.bare.logits(encoded, lengths)
        if not self.alone:
            with seeded(self.device, sample_seed(self.seed, sample)):
                return self.bare.logits(encoded, lengths)

        def drawn(part: Tensor) -> Tensor:
            self.bare.rows += len(part) * (2 if self.bare.average_strands else 1)
            with seeded(self.device, sample_seed(self.seed, sample)):
                return each_alone(self.bare.function(1, part.shape[2]), part)

        logits = by_length(drawn, encoded, lengths)
        self.bare.check(logits)
        return logits

    @contextmanager
    def others(self, number: int = 0) -> Iterator[None]:
        """Within it draws are others than outside, and others for every ``number``."""
        seed = self.seed
        self.seed = seed + _FRESH * (number + 1)
        try:
            yield
        finally:
            self.seed = seed
