from .findings import EvaluateFindings
from .room import EVALUATE
from .settings import EvaluateSettings
from .study import EvaluateReady, prepare, study

__all__ = ["EVALUATE", "EvaluateFindings", "EvaluateReady", "EvaluateSettings", "prepare", "study"]
