"""A batch of records, and the one function of their one-hot input that every method asks about."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from seqrobust.analysis.attribution.baseline import baselines
from seqrobust.analysis.attribution.settings import AttributionSettings
from seqrobust.errors import ModelError
from seqrobust.models.gradients import slope, told
from seqrobust.models.predictor import Predictor
from seqrobust.neighbours import NeighbourScores
from seqrobust.sequences import SequenceSet


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """M records, and what is asked about them.

    Attributes:
        predictor: attached and checked.
        sequences: the records, at the width of the longest.
        weights: (M, outputs) on the device; see :class:`~.explained.Explained`.
        settings: how methods attribute.
        service: neighbour scores of the same predictor.
    """

    predictor: Predictor
    sequences: SequenceSet
    weights: Tensor
    settings: AttributionSettings = field(default_factory=AttributionSettings)
    service: NeighbourScores

    @cached_property
    def tokens(self) -> Tensor:
        """(M, L) on the device."""
        return torch.tensor(self.sequences.tokens, device=self.predictor.device)

    @cached_property
    def lengths(self) -> Tensor:
        """(M,)."""
        return self.predictor.lengths(self.tokens)

    @cached_property
    def encoded(self) -> Tensor:
        """(M, K, L) one-hot."""
        return self.predictor.encode(self.tokens)

    @cached_property
    def known(self) -> Tensor:
        """(M, 1, L) bool: where a known letter stands."""
        return (self.tokens < self.predictor.alphabet.size)[:, None, :]

    @cached_property
    def present(self) -> Tensor:
        """(M, K, L) bool: the letters that stand there."""
        letters = torch.arange(self.predictor.alphabet.size, device=self.tokens.device)
        return self.tokens[:, None, :] == letters[None, :, None]

    @cached_property
    def baselines(self) -> Tensor:
        """(B, M, K, L)."""
        told_to = self.settings
        return baselines(
            self.encoded,
            self.tokens,
            told_to.baseline,
            alphabet=self.predictor.alphabet,
            shuffles=told_to.shuffles,
            seed=told_to.seed,
            ids=self.sequences.ids,
        )

    def value(self, points: Tensor, weights: Tensor, lengths: Tensor) -> Tensor:
        """(m,) numbers explained at (m, K, L) points, with the weights (m, outputs) and lengths (m,) of their records;
        gradients flow through it. Raises ModelError for a module that fails."""
        with told():
            return (self.predictor.differentiable(points, lengths) * weights).sum(1)

    def gradient(self, points: Tensor) -> Tensor:
        """(M, K, L) gradient of the number at points of all records. Raises ModelError where it is not finite."""
        with torch.enable_grad():
            inputs = points.detach().clone().requires_grad_(True)
            value = self.value(inputs, self.weights, self.lengths).sum()
            with told():
                return finite(slope(value, inputs))


def finite(found: Tensor) -> Tensor:
    """The tensor itself. Raises ModelError where it is not finite."""
    if not bool(found.isfinite().all()):
        row = int(torch.nonzero(~found.isfinite())[0, 0])
        raise ModelError("the model's gradient is not finite", found=f"in row {row + 1} of a batch")
    return found
