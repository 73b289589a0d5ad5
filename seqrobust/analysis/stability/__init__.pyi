from .between import between_records
from .explained import ExplainedPredictor, Layout
from .explaining import importances
from .findings import StabilityFindings
from .goals import ChangeExplanation, KeepExplanation
from .measures import MEASURES, Similarity, similarity
from .problems import explained_problem
from .profiles import PROFILES
from .ready import StabilityReady
from .room import STABILITY
from .sanity import sanity_metrics, sanity_summary
from .seeds import Answers, agreement
from .settings import USUAL, StabilitySettings
from .steps import Step, Study, explanation_stability, stability_metrics
from .verdict import Verdict, verdicts

__all__ = [
    "MEASURES",
    "PROFILES",
    "STABILITY",
    "USUAL",
    "Answers",
    "ChangeExplanation",
    "ExplainedPredictor",
    "KeepExplanation",
    "Layout",
    "Similarity",
    "StabilityFindings",
    "StabilityReady",
    "StabilitySettings",
    "Step",
    "Study",
    "Verdict",
    "agreement",
    "between_records",
    "explained_problem",
    "explanation_stability",
    "importances",
    "sanity_metrics",
    "sanity_summary",
    "similarity",
    "stability_metrics",
    "verdicts",
]
