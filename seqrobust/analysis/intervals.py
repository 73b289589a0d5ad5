"""Intervals of proportions, with the numbers they rest on."""

from __future__ import annotations

from typing import TypeAlias

from scipy.stats import binomtest

Interval: TypeAlias = list[float] | None


def proportion(hits: int, n: int) -> float | None:
    """Share of hits; None of nothing."""
    return hits / n if n else None


def wilson(hits: int, n: int) -> Interval:
    """95 % Wilson score interval of a proportion (Wilson 1927); None of nothing.

    >>> [round(bound, 4) for bound in wilson(0, 10)]
    [0.0, 0.2775]
    """
    if not n:
        return None
    interval = binomtest(hits, n).proportion_ci(method="wilson")
    return [float(interval.low), float(interval.high)]
