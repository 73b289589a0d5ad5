"""How well attributions find the positions that are known to matter.

Within each record, positions are ranked by absolute importance, and the ranking is compared with annotation: positions
of functional regions against the other positions that could have been edited. Rankings of different records are never
mixed, for their scales differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from seqrobust.sequences import SequenceSet
from seqrobust.statistics import Units, mean_interval, mean_of, units_of

Floats = NDArray[np.float64]

MOST_REGIONS = 50
"""Region names that are measured apart, the most frequent ones."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Truth:
    """Where function is annotated.

    Attributes:
        functional: (N, L) bool, known positions of functional regions.
        background: (N, L) bool, the positions they are compared with.
        apart: the same as ``functional`` for each region name by itself.
    """

    functional: NDArray[np.bool_]
    background: NDArray[np.bool_]
    apart: dict[str, NDArray[np.bool_]]

    @classmethod
    def of(cls, sequences: SequenceSet, regions: Sequence[str], protect: Sequence[str] = ()) -> Truth:
        """From region names.

        Args:
            sequences: N records.
            regions: names of functional regions, ``*`` for any run of characters.
            protect: names of regions that are left out of the comparison altogether.

        Raises ThreatError for an unknown name.
        """
        shape = (len(sequences), sequences.width)
        editable = sequences.tokens < sequences.alphabet.size
        if protect:
            editable = editable & ~sequences.regions.cover(protect, shape)
        functional = sequences.regions.cover(regions, shape) & editable
        names = list(dict.fromkeys(name for pattern in regions for name in sequences.regions.named(pattern)))
        counts = np.bincount(sequences.regions.name, minlength=len(sequences.regions.names))
        index = {name: code for code, name in enumerate(sequences.regions.names)}
        often = sorted(names, key=lambda name: -int(counts[index[name]]))[:MOST_REGIONS]
        apart = {name: sequences.regions.cover([name], shape) & editable for name in names if name in often}
        return cls(functional=functional, background=editable & ~functional, apart=apart)


class Agreement(NamedTuple):
    """How one method's importances agree with annotation, per record; NaN where a record has not both kinds.

    Attributes:
        auroc: (N,) probability that a functional position outranks another one.
        precision: (N,) average precision.
        base_rate: (N,) share of functional positions.
        mass: (N,) share of the sum of absolute importances that lies in functional regions; by chance the base rate.
        chance_precision: (N,) average precision that a random ranking has on average; see :func:`chance_precision`.
    """

    auroc: Floats
    precision: Floats
    base_rate: Floats
    mass: Floats
    chance_precision: Floats


def compare(importance: NDArray[np.float32], functional: NDArray[np.bool_], background: NDArray[np.bool_]) -> Agreement:
    """Compare (N, L) importances with annotation, (N, L) functional positions and (N, L) others."""
    rows = [
        _one(np.abs(values[kept]).astype(np.float64), inside[kept])
        for values, inside, kept in zip(importance, functional, functional | background, strict=True)
    ]
    return Agreement(*np.array(rows, np.float64).reshape(len(rows), len(Agreement._fields)).T)


def _one(strength: Floats, inside: NDArray[np.bool_]) -> tuple[float, ...]:
    if not inside.any() or inside.all():
        return (np.nan,) * len(Agreement._fields)
    total = float(strength.sum())
    mass = float(strength[inside].sum()) / total if total > 0 else np.nan
    chance = chance_precision(len(inside), int(inside.sum()))
    return auroc(strength, inside), average_precision(strength, inside), float(inside.mean()), mass, chance


def auroc(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Area under the ROC curve, ties counting half: the Mann-Whitney statistic (Hanley & McNeil 1982).

    Both kinds must be there.

    >>> auroc(np.array([3.0, 1.0, 2.0, 1.0]), np.array([True, True, False, False]))
    0.625
    """
    n = int(positive.sum())
    ranks = float(rankdata(scores)[positive].sum())
    return (ranks - n * (n + 1) / 2) / (n * (len(scores) - n))


def average_precision(scores: Floats, positive: NDArray[np.bool_]) -> float:
    """Sum over thresholds of precision times the recall gained there; equal scores share a threshold.

    There must be a positive.

    >>> average_precision(np.array([3.0, 1.0, 2.0, 1.0]), np.array([True, True, False, False]))
    0.75
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
    hits = np.cumsum(positive[order])[ends]
    gained = np.diff(hits, prepend=0)
    return float((gained * hits / (ends + 1)).sum() / hits[-1])


def chance_precision(positions: int, positive: int) -> float:
    """Average precision that a random ranking has on average, over all orders of at least two positions.

    With H the harmonic number of the n positions and r positives among them it is H/n + (r - 1)/(n - 1) (1 - H/n)
    (Bestgen 2015, "Exact expected average precision of the random baseline for system evaluation", Prague Bulletin of
    Mathematical Linguistics 103): more than the base rate, and the more so the fewer positions there are.

    >>> chance_precision(2, 1), round(chance_precision(60, 10), 3)
    (0.75, 0.219)
    """
    share = float((1 / np.arange(1, positions + 1)).sum()) / positions
    return share + (positive - 1) / (positions - 1) * (1 - share)


def truth_metrics(
    agreement: Agreement, records: NDArray[np.bool_] | None = None, units: Units = None
) -> dict[str, Any]:
    """The keys of ``metrics.json`` that say how a method agrees with annotation, over some records or all."""
    auroc_, precision, rate, mass, chance = agreement if records is None else (part[records] for part in agreement)
    units = units if records is None else units_of(units, records)
    return {
        "records": int(np.isfinite(auroc_).sum()),
        "region_auroc": mean_of(auroc_),
        "region_auroc_ci": mean_interval(auroc_, units, (0, 1)),
        "region_aupr": mean_of(precision),
        "region_aupr_ci": mean_interval(precision, units, (0, 1)),
        "mass_in_regions": mean_of(mass),
        "mass_in_regions_ci": mean_interval(mass, units, (0, 1)),
        "random": {"region_auroc": 0.5, "region_aupr": mean_of(chance), "mass_in_regions": mean_of(rate)},
    }
