"""Uncertainty: of ensembles and dropout, as a goal, as a detector, as a reason to abstain; and purification."""

from seqrobust.analysis.uncertainty.background import Background, fit_background
from seqrobust.analysis.uncertainty.density import Density, Embedding
from seqrobust.analysis.uncertainty.detection import auroc, paired_auroc, threshold
from seqrobust.analysis.uncertainty.goals import Disagreement, Unnoticed
from seqrobust.analysis.uncertainty.measures import (
    confidence,
    logit_variance,
    mutual_information,
    predictive_entropy,
)
from seqrobust.analysis.uncertainty.members import (
    AsMember,
    Mean,
    Panel,
    SideBySide,
    dropout_members,
    predictor_of,
)
from seqrobust.analysis.uncertainty.purification import Denoise, RandomLetters
from seqrobust.analysis.uncertainty.selective import RiskCoverage, risk_coverage
from seqrobust.analysis.uncertainty.study import Found, Study, detectors, find, found_before, measured, random_edits

__all__ = [
    "AsMember",
    "Background",
    "Denoise",
    "Density",
    "Disagreement",
    "Embedding",
    "Found",
    "Mean",
    "Panel",
    "RandomLetters",
    "RiskCoverage",
    "SideBySide",
    "Study",
    "Unnoticed",
    "auroc",
    "confidence",
    "detectors",
    "dropout_members",
    "find",
    "fit_background",
    "found_before",
    "logit_variance",
    "measured",
    "mutual_information",
    "paired_auroc",
    "predictive_entropy",
    "predictor_of",
    "random_edits",
    "risk_coverage",
    "threshold",
]
