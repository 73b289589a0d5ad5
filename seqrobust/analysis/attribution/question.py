"""A batch of records, and the one function of their one-hot input that every method asks about."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import get_args

import torch
from torch import Tensor

from seqrobust.analysis.attribution.baselines import Baseline, baselines
from seqrobust.errors import ConfigError, ModelError
from seqrobust.models.gradients import slope, told
from seqrobust.models.predictor import Predictor
from seqrobust.neighbours import NeighbourScores
from seqrobust.sequences import SequenceSet


@dataclass(frozen=True, kw_only=True)
class AttributionSettings:
    """What methods are told.

    Attributes:
        output: name of what is explained; None for what :func:`~.explained.explain` chooses.
        baseline: what integrated gradients, DeepLIFT and occlusion compare a record with.
        shuffles: of each record, for the ``shuffled`` baseline.
        steps: points of the path of integrated gradients.
        draws: noisy copies of a record that SmoothGrad averages over.
        noise: standard deviation of that noise, where a letter is 1 and its absence 0.
        window: positions that occlusion takes away together.
        seed: of shuffles and noise.
    """

    output: str | None = None
    baseline: Baseline = "uniform"
    shuffles: int = 10
    steps: int = 50
    draws: int = 25
    noise: float = 0.15
    window: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if self.baseline not in get_args(Baseline):
            known = ", ".join(get_args(Baseline))
            raise ConfigError("unknown baseline", expected=known, found=repr(self.baseline), where="--baseline")
        for name in ("shuffles", "steps", "draws", "window"):
            if getattr(self, name) < 1:
                raise ConfigError(
                    "a number is too small", expected="1 or more", found=str(getattr(self, name)), where=name
                )
        if not 0 < self.noise < float("inf"):
            raise ConfigError("noise has a size", expected="more than 0", found=str(self.noise), where="noise")


@dataclass(frozen=True, kw_only=True, eq=False)
class Question:
    """M records, and what is asked about them.

    Attributes:
        predictor: attached and checked.
        sequences: the records, at the width of the longest.
        weights: (M, outputs) on the device; see :class:`~.explained.Explained`.
        settings: what methods are told.
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
