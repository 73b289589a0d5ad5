"""Can an explanation be trusted? What becomes of it under edits that keep the prediction and under edits that flip it.

Explanations are attacked as predictions are: the same searches, threats and driver, with two goals of their own
(:mod:`~seqrobust.analysis.stability.goals`) on a model whose outputs hold its explanation
(:mod:`~seqrobust.analysis.stability.explained`).
"""

from seqrobust.analysis.stability.between import between_records
from seqrobust.analysis.stability.explained import ExplainedPredictor, Layout
from seqrobust.analysis.stability.explaining import importances
from seqrobust.analysis.stability.goals import ChangeExplanation, KeepExplanation
from seqrobust.analysis.stability.measures import MEASURES, Likeness, likeness
from seqrobust.analysis.stability.profiles import PROFILES
from seqrobust.analysis.stability.sanity import sanity_metrics, sanity_summary
from seqrobust.analysis.stability.seeds import Told, agreement
from seqrobust.analysis.stability.settings import USUAL, StabilitySettings, explained_problem
from seqrobust.analysis.stability.study import Step, Study, explanation_stability, stability_metrics
from seqrobust.analysis.stability.verdicts import verdicts

__all__ = [
    "MEASURES",
    "PROFILES",
    "USUAL",
    "ChangeExplanation",
    "ExplainedPredictor",
    "KeepExplanation",
    "Layout",
    "Likeness",
    "StabilitySettings",
    "Step",
    "Study",
    "Told",
    "agreement",
    "between_records",
    "explained_problem",
    "explanation_stability",
    "importances",
    "likeness",
    "sanity_metrics",
    "sanity_summary",
    "stability_metrics",
    "verdicts",
]
