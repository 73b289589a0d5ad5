"""What an attack's scores are worth: ROC, its area, and true-positive rates at small false-positive rates.

An attack matters where it is sure: one that finds a few members for certain is worse than one that guesses a little
better than a coin, though its area under the ROC may be smaller (Carlini et al. 2022). Scores that are equal cannot be
told apart: a threshold takes all of them or none, and no point is drawn between.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, rankdata

from seqrobust.analysis.membership.given import as_scores
from seqrobust.analysis.membership.scores import Floats
from seqrobust.errors import DataError
from seqrobust.statistics import auroc_interval, clopper_pearson


@dataclass(frozen=True, kw_only=True, eq=False)
class Roc:
    """Points of an ROC, from calling no record a member to calling all.

    Attributes:
        thresholds: (P,) falling, the first infinite: records at or above are called members.
        false, true: (P,) counts of non-members and of members called so.
        nonmembers, members: how many there are.
    """

    thresholds: Floats
    false: Floats
    true: Floats
    nonmembers: int
    members: int

    @property
    def fpr(self) -> Floats:
        """(P,) false-positive rates."""
        return self.false / self.nonmembers

    @property
    def tpr(self) -> Floats:
        """(P,) true-positive rates."""
        return self.true / self.members


def roc(members: ArrayLike, nonmembers: ArrayLike) -> Roc:
    """The ROC of members' (n,) and non-members' (m,) scores, large for members.

    Raises DataError where either are missing or a score is not a number; infinite ones are in order.
    """
    held, others = check_scores(members, nonmembers)
    values = np.unique(np.concatenate([held, others]))[::-1]

    def above(scores: Floats) -> Floats:
        counts = len(scores) - np.searchsorted(np.sort(scores), values, side="left")
        return np.concatenate([[0.0], counts.astype(np.float64)])

    return Roc(
        thresholds=np.concatenate([[np.inf], values]),
        false=above(others),
        true=above(held),
        nonmembers=len(others),
        members=len(held),
    )


@dataclass(frozen=True, kw_only=True)
class RateAt:
    """The true-positive rate at a false-positive rate.

    Attributes:
        wanted: the false-positive rate that may not be exceeded.
        tpr: the largest true-positive rate of a threshold that keeps to it; None where it was refused.
        interval: 95 % of the rate at the false-positive rate itself: that of the members above the threshold
            (Clopper & Pearson 1934), and what the threshold might have been, which is read from few non-members.
        by_chance: what an attack finds that knows nothing: with k false positives allowed of m non-members
            (k + 1) / (m + 1), for the threshold is just below the next one.
        threshold: from which score on; infinite where not even the largest score keeps to the rate, and not a number,
            which no score reaches, where that is infinite itself.
        false_positives: non-members there.
        refused: why there is no number.
        needed: non-members from which on there is one.
    """

    wanted: float
    tpr: float | None
    interval: list[float] | None
    by_chance: float | None
    threshold: float | None
    false_positives: int | None
    refused: str | None
    needed: int


def tpr_at_fpr(curve: Roc, wanted: float) -> RateAt:
    """The true-positive rate at a false-positive rate, without interpolation.

    Refused where a single false positive would exceed the rate: whatever came out then, it would be the rate at none.
    Raises DataError for a rate that is not between 0 and 1.
    """
    if not 0 < wanted < 1:
        raise DataError("a false-positive rate", expected="above 0, below 1", found=str(wanted))
    needed = math.ceil(1 / wanted - 1e-9)
    if curve.nonmembers < needed:
        reason = (
            f"{curve.nonmembers} non-members cannot show a false-positive rate of {100 * wanted:g} %: "
            f"{needed:,} or more are needed"
        )
        return RateAt(
            wanted=wanted,
            tpr=None,
            interval=None,
            by_chance=None,
            threshold=None,
            false_positives=None,
            refused=reason,
            needed=needed,
        )
    allowed = math.floor(wanted * curve.nonmembers + 1e-9)
    # The last point that keeps to it; points are in order of both counts.
    at = int(np.searchsorted(curve.false, allowed, side="right")) - 1
    hits = int(curve.true[at])
    return RateAt(
        wanted=wanted,
        tpr=hits / curve.members,
        interval=_rate_interval(curve, wanted, hits),
        by_chance=(allowed + 1) / (curve.nonmembers + 1),
        threshold=float(curve.thresholds[at]) if at or curve.thresholds[1] < math.inf else math.nan,
        false_positives=int(curve.false[at]),
        refused=None,
        needed=needed,
    )


def _rate_interval(curve: Roc, wanted: float, hits: int) -> list[float]:
    """Both errors of a rate at a threshold that non-members decide, put together as independent ones.

    Above the threshold of the population lie Binomial(m, wanted) of m non-members, so that it is between two of their
    scores; distances from the estimate add up by their squares on either side (MOVER: Zou & Donner 2008).
    """
    value = hits / curve.members
    low, high = clopper_pearson(hits, curve.members)
    least, most = (int(binom.ppf(tail, curve.nonmembers, wanted)) for tail in (0.025, 0.975))
    strict = 0.0 if least == 0 else curve.true[np.searchsorted(curve.false, least, side="left")] / curve.members
    # Where the threshold may be below all non-members, all members may be above it.
    last = int(np.searchsorted(curve.false, most + 1, side="left"))
    loose = curve.true[last] / curve.members if last < len(curve.true) else 1.0
    below = math.hypot(value - low, max(value - float(strict), 0.0))
    above = math.hypot(high - value, max(float(loose) - value, 0.0))
    return [max(value - below, 0.0), min(value + above, 1.0)]


@dataclass(frozen=True, kw_only=True)
class Area:
    """The area under an ROC: its value, standard error, and 95 % interval; None of fewer than five units of a kind."""

    auc: float
    error: float
    interval: list[float] | None


def auc(
    members: ArrayLike, nonmembers: ArrayLike, clusters: tuple[NDArray[np.int64], NDArray[np.int64]] | None = None
) -> Area:
    """The chance that a member scores above a non-member, ties half, with its interval.

    The standard error is that of DeLong, DeLong & Clarke-Pearson (1988), by mid-ranks (Sun & Xu 2014); the interval is
    :func:`seqrobust.statistics.auroc_interval`, which holds at few records and at perfect separation too.

    Args:
        members, nonmembers: (n,) and (m,) scores, large for members.
        clusters: (n,) and (m,) numbers of records that are answered alike, such as of one family: the error is then
            that of Obuchowski (1997), and certainty that of as many clusters.

    Raises DataError as :func:`roc`.
    """
    held, others = check_scores(members, nonmembers)
    n, m = len(held), len(others)
    together = rankdata(np.concatenate([held, others]))
    # Of each record, the share of the other kind that it beats.
    of_members = (together[:n] - rankdata(held)) / m
    of_nonmembers = 1 - (together[n:] - rankdata(others)) / n
    value = float(of_members.mean())
    units = (np.arange(n), np.arange(n, n + m)) if clusters is None else clusters
    count = int(max(units[0].max(), units[1].max())) + 1
    sums = [
        np.bincount(unit, part - value, minlength=count) / len(part)
        for unit, part in zip(units, (of_members, of_nonmembers), strict=True)
    ]
    variance = sum(_variance_of_sum(part[np.unique(unit)]) for unit, part in zip(units, sums, strict=True))
    if clusters is not None:
        # What clusters with records of both kinds have in common.
        known = len(np.union1d(*units))
        variance += 2 * known / max(known - 1, 1) * float((sums[0] * sums[1]).sum())
    error = math.sqrt(max(variance, 0.0))
    return Area(
        auc=value,
        error=error,
        interval=auroc_interval(others, held, (None, None) if clusters is None else clusters[::-1]),
    )


def _variance_of_sum(parts: Floats) -> float:
    """Of a sum of independent parts that are 0 on average; 0 of a single one."""
    return len(parts) / (len(parts) - 1) * float((parts**2).sum()) if len(parts) > 1 else 0.0


def balanced_accuracy(members: ArrayLike, nonmembers: ArrayLike, threshold: float) -> float:
    """Mean of the shares called rightly at a threshold that was chosen without these records.

    Twice it less 1 is the advantage: true- less false-positive rate (Yeom et al. 2018).
    """
    held, others = check_scores(members, nonmembers)
    if math.isnan(threshold):
        raise DataError("a threshold is a number", found=str(threshold))
    return float(((held >= threshold).mean() + (others < threshold).mean()) / 2)


def check_scores(members: ArrayLike, nonmembers: ArrayLike) -> tuple[Floats, Floats]:
    """Both as float64. Raises DataError where members or non-members are missing, or a score is not a number."""
    held, others = as_scores(members), as_scores(nonmembers)
    if not len(held) or not len(others):
        raise DataError("an attack is judged by members and non-members", found=f"{len(held)} and {len(others)}")
    return held, others
