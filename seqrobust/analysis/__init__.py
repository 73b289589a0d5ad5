"""Analyses: what an attack's results amount to."""

from seqrobust.analysis.intervals import proportion, wilson
from seqrobust.analysis.results import COLUMNS, results_table
from seqrobust.analysis.robustness import attack_metrics

__all__ = ["COLUMNS", "attack_metrics", "proportion", "results_table", "wilson"]
