from .attacking import Found, Study, find, found_before, random_edits
from .background import Background, fit_background
from .defending.purification import Denoise, RandomLetters
from .density import Density, Embedding
from .detection import paired_auroc, threshold
from .findings import UncertaintyFindings
from .goals import Disagreement, Unnoticed
from .measures import confidence, logit_variance, mutual_information, predictive_entropy
from .members import AsMember, Mean, Panel, SideBySide, dropout_members, predictor_of
from .room import UNCERTAINTY
from .scoring import detectors, measured
from .selective import RiskCoverage, risk_coverage
from .settings import UncertaintySettings
from .study import UncertaintyReady, prepare, study

__all__ = [
    "UNCERTAINTY",
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
    "UncertaintyFindings",
    "UncertaintyReady",
    "UncertaintySettings",
    "Unnoticed",
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
    "prepare",
    "random_edits",
    "risk_coverage",
    "study",
    "threshold",
]
