from .agreement import rank_correlations
from .baseline import baselines, dinucleotide_shuffle
from .compute import Attribution, applicable, attribute, position_importance
from .deeplift import multipliers
from .explained import Explained, explain
from .found import Found
from .methods import METHODS, Method, methods_named
from .question import Question
from .settings import USUAL, AttributionSettings, Baseline, MethodSettings
from .summary import AttributionSummary
from .truth import Agreement, Truth, compare, truth_metrics

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
    "MethodSettings",
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
