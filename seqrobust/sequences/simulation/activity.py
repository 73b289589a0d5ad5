"""A regression value read off the planted motifs: contributions, interactions, noise.

    activity = base + Σ effect(motif) · affinity(instance) + Σ effect(pair, if both stand, near enough) + noise

The affinity of an instance is its log-odds against the background as a share of the best possible one, so a motif at
its consensus contributes its whole effect and each mismatch takes some away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from seqrobust.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Interaction:
    """What two motifs add to the activity together.

    Attributes:
        motifs: their names.
        effect: the addition, once per record.
        within: most letters between them, or None for any distance.
    """

    motifs: tuple[str, str]
    effect: float
    within: int | None = None


@dataclass(frozen=True, kw_only=True)
class Activity:
    """How planted motifs make a value.

    Attributes:
        effects: motif name to contribution; motifs left out contribute nothing.
        interactions: contributions of pairs.
        base: the value of a record without motifs.
        noise: standard deviation of the normal noise added to each record.
        threshold: a record whose noise-free value lies above counts as positive, in grammars of a single class.
    """

    effects: Mapping[str, float]
    interactions: tuple[Interaction, ...] = field(default=())
    base: float = 0.0
    noise: float = 0.0
    threshold: float = 0.0

    def __post_init__(self) -> None:
        if not self.noise >= 0:
            raise ConfigError(
                "noise is a standard deviation", expected="0 or more", found=str(self.noise), where="activity"
            )

    def motifs(self) -> list[str]:
        """Every motif it speaks of."""
        return [*self.effects, *(name for pair in self.interactions for name in pair.motifs)]

    def exact(
        self,
        names: Sequence[str],
        starts: NDArray[np.int64],
        widths: NDArray[np.int64],
        affinities: NDArray[np.float64],
    ) -> NDArray[np.float64]:
        """(R,) noise-free values of R records with the same M placements.

        Args:
            names: M motif names.
            starts: (R, M) where each stands, negative where it was not placed.
            widths: (M,) letters of each.
            affinities: (R, M).
        """
        placed = starts >= 0
        effects = np.array([self.effects.get(name, 0.0) for name in names])
        values: NDArray[np.float64] = self.base + (placed * affinities * effects).sum(1)
        for interaction in self.interactions:
            values += interaction.effect * _together(interaction, names, starts, widths)
        return values


def _together(
    interaction: Interaction, names: Sequence[str], starts: NDArray[np.int64], widths: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """(R,): True where both motifs of the pair stand, near enough."""
    found = np.zeros(len(starts), bool)
    for i, first in enumerate(names):
        for j, second in enumerate(names):
            if i == j or (first, second) != interaction.motifs:
                continue
            left, right = np.minimum(starts[:, i], starts[:, j]), np.maximum(starts[:, i], starts[:, j])
            between = right - left - np.where(starts[:, i] < starts[:, j], widths[i], widths[j])
            found |= (left >= 0) & (interaction.within is None or between <= interaction.within)
    return found
