"""95 % intervals of the measures, made so that they have a width however few records there are.

They speak of other records like these, as many of each class: how common the classes are is taken as given. Resampling
records would give the perfect score of three positives an interval of no width, so none of these does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from seqrobust.measures.points import Counts, matthews, matthews_of, recalls, several
from seqrobust.statistics.shares import wilson_of

Ends = list[float] | None

_Z = 1.959963984540054
_DRAWS = 2000
_CELLS = 1 << 24
"""Values drawn at once, at most; a larger table has no interval."""
LEAST_POSITIVES = 5
"""Below this many positives the interval of an average precision covers less than it says."""


def share_ends(share: float | None, n: int) -> Ends:
    """Wilson's score interval of a share of n (Wilson 1927); the share need not be a count over n. None of nothing.

    >>> [round(end, 4) for end in share_ends(0.0, 10)]
    [0.0, 0.2775]
    """
    if share is None or n < 1:
        return None
    return wilson_of(share, n, _Z)


def balanced_ends(confusion: Counts) -> Ends:
    """Of the mean recall: each class's Wilson interval, put together by their squares (MOVER; Zou & Donner 2008)."""
    rates, sizes = recalls(confusion), confusion.sum(1)
    known = [(float(rate), int(size)) for rate, size in zip(rates, sizes, strict=True) if size > 0]
    if not several(confusion):
        return None
    ends = [share_ends(rate, size) or [0.0, 1.0] for rate, size in known]
    mean = sum(rate for rate, _ in known) / len(known)
    below = math.sqrt(sum((rate - low) ** 2 for (rate, _), (low, _) in zip(known, ends, strict=True))) / len(known)
    above = math.sqrt(sum((high - rate) ** 2 for (rate, _), (_, high) in zip(known, ends, strict=True))) / len(known)
    return [max(0.0, mean - below), min(1.0, mean + above)]


def matthews_ends(confusion: Counts, *, seed: int = 0) -> Ends:
    """Of Matthews' coefficient: tables drawn from what each true class's answers leave likely, with one record added
    over the answers (Jeffreys for two), as Toetsch & Hoffmann (2021) do; widened to hold the coefficient itself.

    None where the coefficient is, and for a table of very many classes.
    """
    found, classes = matthews(confusion), len(confusion)
    if found is None or _DRAWS * classes * classes > _CELLS:
        return None
    rng = np.random.default_rng(seed)
    drawn = np.zeros((_DRAWS, classes, classes))
    for name in np.flatnonzero(confusion.sum(1)):
        row = confusion[name]
        # One record in all over the answers: what is added must not outweigh what was seen.
        drawn[:, name] = rng.dirichlet(row + 1 / classes, _DRAWS) * row.sum()
    low, high = np.quantile(matthews_of(drawn), [0.025, 0.975])
    return [min(float(low), found), max(float(high), found)]


def precision_ends(found: float | None, positives: int) -> Ends:
    """Of an average precision: Wilson's interval with the positives as trials, the score form of the binomial interval
    of Boyd, Eng & Page (2013). None of fewer than :data:`LEAST_POSITIVES` positives.
    """
    return None if positives < LEAST_POSITIVES else share_ends(found, positives)


def mean_ends(ends: Sequence[Ends]) -> Ends:
    """Of a mean of measures that hang together: the mean of either end, as if they moved as one. None where one is
    missing."""
    known = [one for one in ends if one is not None]
    if not known or len(known) < len(ends):
        return None
    return [sum(one[0] for one in known) / len(known), sum(one[1] for one in known) / len(known)]
