"""Attributions: which letters a prediction rests on, by many methods, and whether they are where biology says.

One number per record is explained (:func:`explain`), every method answers for the same function of the one-hot input
that attacks see, and gives float32 (N, K, L). What each method's values mean is tabled in
:mod:`~seqrobust.analysis.attribution.methods`.
"""

from seqrobust.analysis.attribution.agreement import rank_correlations
from seqrobust.analysis.attribution.baselines import Baseline, baselines, dinucleotide_shuffle
from seqrobust.analysis.attribution.compute import Attribution, applicable, attribute, position_importance
from seqrobust.analysis.attribution.deeplift import multipliers
from seqrobust.analysis.attribution.explained import Explained, explain
from seqrobust.analysis.attribution.found import Found
from seqrobust.analysis.attribution.methods import METHODS, USUAL, Method, methods_named
from seqrobust.analysis.attribution.question import AttributionSettings, Question
from seqrobust.analysis.attribution.summary import AttributionSummary
from seqrobust.analysis.attribution.truth import Agreement, Truth, compare, truth_metrics

__all__ = [
    "METHODS",
    "USUAL",
    "Agreement",
    "Attribution",
    "AttributionSettings",
    "AttributionSummary",
    "Baseline",
    "Explained",
    "Found",
    "Method",
    "Question",
    "Truth",
    "applicable",
    "attribute",
    "baselines",
    "compare",
    "dinucleotide_shuffle",
    "explain",
    "methods_named",
    "multipliers",
    "position_importance",
    "rank_correlations",
    "truth_metrics",
]
