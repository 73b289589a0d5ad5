"""Reliance: how much of the movable decision lies where biology says nothing, with a null distribution.

Let g_i be the effect of the best single edit at position i (:mod:`seqrobust.analysis.probe.effects`), F the functional
and B the other editable positions of a record, s = min(|F|, |B|), and T_k(S) the expected sum of the k largest effects
in a set of s positions drawn at random from S. To first order T_k is what an adversary with k edits gains there: the
closed form of the substitution threat with exact single effects in place of a gradient. A record's reliance is

    T_k(B) / (T_k(B) + T_k(F))

0 where only functional positions move the decision, 1 where only others do, 1/2 where a position's function makes no
difference. Both sets are of one size, so a long background does not win by its length. The expectation is exact: the
value ranked j-th (from 0) of n counts with weight s/n P(H < k), H hypergeometric, the number of the j larger ones among
the other s - 1 positions drawn. The score is the mean over records, free of the scale of the logits.

The null: region labels turned round each record as on a circle, by the same share of its length in all records, every
turn once. Lengths, number and spacing of regions stay, and so does whatever all records have in common by position;
what is lost is that the labels lie where function is. Toroidal shifts: Lotwick & Silverman 1982 (JRSS B 44:406);
circular permutation of genomic regions: Gel et al. 2016 (Bioinformatics 32:289). The p value is the share of all turns,
the real placement counted, whose score is as high: exact where the placement of regions has nothing to do with the
model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom

from seqrobust.analysis.probe.effects import Effects
from seqrobust.analysis.probe.places import Places
from seqrobust.sequences import SequenceSet
from seqrobust.statistics import Units, count_units, mean_interval, units_of

TURNS = 500
"""Turns at most, that of nothing among them."""
_ROUNDING = 1e-9


@dataclass(frozen=True, kw_only=True)
class Reliance:
    """A score and what it is to be judged by.

    Attributes:
        score: mean over ``n`` records; None of none.
        ci: 95 %, over independent units; None of too few, or where all are alike.
        p_value: share of turned placements that score as high: small where the model reads the background instead.
        p_value_below: share that score as low: small where the model reads the functional positions.
        null_mean, null_interval: mean and 95 % range of the scores of turned placements.
        n: records with both kinds of positions and any effect.
        n_units: independent units among them.
        turns: placements, the real one counted: no p-value of both sides can be below 2 of so many.
    """

    score: float | None
    ci: list[float] | None
    p_value: float | None
    p_value_below: float | None
    null_mean: float | None
    null_interval: list[float] | None
    n: int
    n_units: int = 0
    turns: int = 0

    def described(self) -> dict[str, Any]:
        """For ``metrics.json``; ``relative`` is the score over that of the mean placement.

        ``p_two_sided`` is the smaller tail doubled, ``least`` the smallest that can come out.
        """
        relative = self.score / self.null_mean if self.score is not None and self.null_mean else None
        doubled = (
            None if self.p_value is None or self.p_value_below is None else 2 * min(self.p_value, self.p_value_below)
        )
        two_sided = None if doubled is None else min(doubled, 1.0)
        least = min(2 / self.turns, 1.0) if self.turns else None
        return asdict(self) | {"relative": relative, "p_two_sided": two_sided, "least": least}


@dataclass(frozen=True, kw_only=True, eq=False)
class Shares:
    """(N, T) reliance of each record under each turn, the real placement first; NaN where undefined."""

    values: NDArray[np.float64]
    units: Units = None

    @property
    def null(self) -> NDArray[np.float64]:
        """(T,) scores over all records, of which the first is the real one."""
        return _means(self.values)

    def of(self, records: NDArray[np.bool_], *, seed: int = 0) -> Reliance:
        """The score over some of the records."""
        kept = records & np.isfinite(self.values[:, 0])
        values = self.values[kept]
        if not len(values):
            return Reliance(
                score=None, ci=None, p_value=None, p_value_below=None, null_mean=None, null_interval=None, n=0
            )
        null = _means(values)
        return Reliance(
            score=float(null[0]),
            ci=mean_interval(values[:, 0], units_of(self.units, kept), (0, 1)),
            p_value=float((null >= null[0] - _ROUNDING).mean()),
            p_value_below=float((null <= null[0] + _ROUNDING).mean()),
            null_mean=float(null.mean()),
            null_interval=[float(end) for end in np.quantile(null, [0.025, 0.975])],
            n=len(values),
            n_units=count_units(len(values), units_of(self.units, kept)),
            turns=len(null),
        )


def _means(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """(T,) over the records for which the score is defined; 1/2, no preference, where it is for none."""
    known = np.isfinite(values)
    count = known.sum(0)
    total = np.where(known, values, 0).sum(0)
    means: NDArray[np.float64] = np.where(count > 0, total / np.maximum(count, 1), 0.5)
    return means


def reliance_shares(
    effects: Effects, places: Places, sequences: SequenceSet, edits: int, *, region: Sequence[str] = ()
) -> Shares:
    """Every record's share, under the real placement and under every turn of it.

    Args:
        effects, places: of those records.
        sequences: gives lengths and regions.
        edits: k.
        region: names of regions whose positions stand for the functional ones; all of them by default. The background
            is what lies outside every functional region in either case.
    """
    inside = places.covered if not region else sequences.regions.cover(region, places.covered.shape)
    lengths = sequences.lengths
    turns = min(int(lengths.max()), TURNS)
    values = np.full((len(sequences), turns), np.nan)
    for row in np.flatnonzero(effects.usable & places.editable.any(1) & inside.any(1)).tolist():
        length = int(lengths[row])
        columns = (np.arange(length) - (np.arange(turns) * length // turns)[:, None]) % length
        own, all_own = inside[row, :length][columns], places.covered[row, :length][columns]
        known = np.isfinite(effects.effect[row, :length])
        values[row] = _shares(np.where(known, effects.effect[row, :length], 0), own & known, ~all_own & known, edits)
    return Shares(values=values, units=sequences.units)


def _shares(
    effect: NDArray[np.float64], inside: NDArray[np.bool_], outside: NDArray[np.bool_], edits: int
) -> NDArray[np.float64]:
    """(T,) shares of one record with (L,) effects and (T, L) two kinds of positions."""
    order = np.argsort(-effect, kind="stable")
    ordered = effect[order]
    size = np.minimum(inside.sum(1), outside.sum(1))
    functional, background = (largest(ordered, part[:, order], size, edits) for part in (inside, outside))
    total = functional + background
    with np.errstate(invalid="ignore"):
        result: NDArray[np.float64] = np.where(total > 0, background / np.where(total > 0, total, 1), np.nan)
    return result


def largest(
    ordered: NDArray[np.float64], member: NDArray[np.bool_], size: NDArray[np.int64], edits: int
) -> NDArray[np.float64]:
    """(T,) the expected sum of the k largest values in random subsets.

    Args:
        ordered: (L,) values, the largest first.
        member: (T, L) the set each subset is drawn from, in that order.
        size: (T,) of the subsets.
        edits: k.

    >>> largest(np.array([3.0, 2.0, 1.0]), np.ones((1, 3), bool), np.array([2]), 1).round(6).tolist()
    [2.666667]
    """
    total = np.zeros(len(member))
    count = member.sum(1)
    for n, s in set(zip(count.tolist(), size.tolist(), strict=True)):
        rows = np.flatnonzero((count == n) & (size == s))
        if s:
            rank = member[rows].cumsum(1) - 1
            weight = _weights(n, s, edits)[np.maximum(rank, 0)] * member[rows]
            total[rows] = weight @ ordered
    return total


@lru_cache(maxsize=4096)
def _weights(n: int, size: int, edits: int) -> NDArray[np.float64]:
    """(n,) chance that the value of each rank is drawn and is among the k largest drawn."""
    if n == 1:
        return np.ones(1)
    above = np.arange(n)
    return np.asarray(size / n * hypergeom.cdf(edits - 1, n - 1, above, size - 1), np.float64)
