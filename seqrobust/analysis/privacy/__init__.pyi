from .findings import PrivacyFindings
from .room import PRIVACY
from .settings import ATTACKS, LABEL_ONLY, SHADOWS, THRESHOLDS, WITH_SHADOWS, PrivacySettings
from .study import prepare, study

__all__ = [
    "ATTACKS",
    "LABEL_ONLY",
    "PRIVACY",
    "SHADOWS",
    "THRESHOLDS",
    "WITH_SHADOWS",
    "PrivacyFindings",
    "PrivacySettings",
    "prepare",
    "study",
]
