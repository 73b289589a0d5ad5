from .findings import CompareFindings
from .room import COMPARE
from .study import CompareReady, prepare, study

__all__ = ["COMPARE", "CompareFindings", "CompareReady", "prepare", "study"]
