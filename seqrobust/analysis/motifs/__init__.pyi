from .findings import MotifsFindings
from .room import MOTIFS
from .settings import MotifsSettings
from .study import MotifsReady, prepare, study

__all__ = [
    "MOTIFS",
    "MotifsFindings",
    "MotifsReady",
    "MotifsSettings",
    "prepare",
    "study",
]
