"""Intervals and tests: one home for what every number of the package may claim.

Each takes the units that are independent (:mod:`seqrobust.statistics.units`), and gives None for an interval where
there is none to be had: fewer than :data:`LEAST` units, or values that are all alike. ``benchmarks/calibration.md``
says, by simulation, how often each interval covers the truth and each test raises a false alarm.
"""

from __future__ import annotations

from seqrobust.statistics.areas import area_ends, auroc, auroc_interval
from seqrobust.statistics.jackknife import jackknife_interval
from seqrobust.statistics.means import difference_interval, group_difference, mean_interval, mean_of, ratio_interval
from seqrobust.statistics.multiple import holm
from seqrobust.statistics.paired import Exchange, Paired, mcnemar, paired, sign_flips
from seqrobust.statistics.shares import Interval, clopper_pearson, proportion, share_difference, share_interval, wilson
from seqrobust.statistics.units import FEW, LEAST, Units, count_units, unit_numbers, units_of

__all__ = [
    "FEW",
    "LEAST",
    "Exchange",
    "Interval",
    "Paired",
    "Units",
    "area_ends",
    "auroc",
    "auroc_interval",
    "clopper_pearson",
    "count_units",
    "difference_interval",
    "group_difference",
    "holm",
    "jackknife_interval",
    "mcnemar",
    "mean_interval",
    "mean_of",
    "paired",
    "proportion",
    "ratio_interval",
    "share_difference",
    "share_interval",
    "sign_flips",
    "unit_numbers",
    "units_of",
    "wilson",
]
