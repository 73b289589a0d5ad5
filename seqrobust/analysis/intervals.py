"""Where intervals used to be: they are in :mod:`seqrobust.statistics` now, under these names."""

from __future__ import annotations

from seqrobust.statistics import Interval, mean_of, proportion, wilson

__all__ = ["Interval", "mean_of", "proportion", "wilson"]
